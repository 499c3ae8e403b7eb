package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.etcd.io/bbolt"
)

// A Finding is something that [Fsck] has to say, in words for a person.
type Finding struct {
	// Damage tells what must be mended from what only should be known.
	Damage bool
	What   string
	Hint   string // what to do, or ""
}

// Checks are what [Fsck] cannot know by itself. Each may be nil.
type Checks struct {
	Header  func([]byte) error // refuses a header that is damaged
	Records Sealer             // opens the records; nil checks only their frame
}

const hintMend = "keep a copy of the home; the other devices still sign, and this one must be set up again"

// Fsck checks the store at path and changes nothing: it needs no right to write,
// and does not look at who else may read the file. No findings means that it is
// sound, as far as the checks given can tell. The error says that the store
// could not be looked at: it wraps [fs.ErrNotExist] or [ErrInUse].
func Fsck(path string, checks Checks) ([]Finding, error) {
	var out []Finding
	damage := func(format string, args ...any) {
		out = append(out, Finding{Damage: true, What: fmt.Sprintf(format, args...), Hint: hintMend})
	}
	rep, err := fsckPages(path)
	if err != nil {
		return nil, fmt.Errorf("boltstore: fsck: %w", err)
	}
	for _, what := range rep.notes {
		out = append(out, Finding{What: what, Hint: "normal after a power cut; else the disk may be failing"})
	}
	for _, what := range rep.damage {
		damage("%s", what)
	}
	if len(rep.damage) > 0 {
		return out, nil // bbolt must not see this file
	}

	db, _, err := openDB(path, true)
	if err != nil {
		return nil, fmt.Errorf("boltstore: fsck: %w", err)
	}
	tx, err := db.Begin(false)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("boltstore: fsck: %w", err), db.Close())
	}
	// bbolt's own opinion. It runs in a goroutine of bbolt's, where nothing
	// recovers from a panic; so only when the pages have passed our check
	// without a word.
	if len(rep.notes) == 0 {
		for err := range tx.Check() {
			damage("bbolt: %v", err)
		}
	}
	if err := guard(func() error { return fsckRecords(tx, checks, damage) }); err != nil {
		damage("%v", err)
	}
	return out, errors.Join(guard(tx.Rollback), guard(db.Close))
}

func fsckPages(path string) (rep pageReport, err error) {
	f, err := os.Open(path)
	if err != nil {
		return rep, err
	}
	defer f.Close()
	if err := lockFile(f, false, lockWait); err != nil {
		return rep, err
	}
	info, err := f.Stat()
	if err != nil {
		return rep, err
	}
	if !info.Mode().IsRegular() {
		return rep, fmt.Errorf("%s is not a file: %w", path, fs.ErrInvalid)
	}
	return checkPages(f, info.Size()), nil
}

func fsckRecords(tx *bbolt.Tx, checks Checks, damage func(string, ...any)) error {
	if _, err := format(tx); err != nil {
		return err
	}
	if checks.Header != nil {
		if err := checks.Header(tx.Bucket(plainBucket).Get(headerKey)); err != nil {
			damage("header: %v", err)
		}
	}
	if checks.Records == nil {
		return eachRecord(tx, func(string, string, []byte) error { return nil })
	}
	err := eachRecord(tx, func(bucket, key string, sealed []byte) error {
		val, err := openRecord(checks.Records, bucket, key, sealed)
		if err != nil {
			damage("%v", err)
		}
		clear(val)
		return nil
	})
	if err != nil {
		return err
	}
	return checkSum(tx, checks.Records)
}

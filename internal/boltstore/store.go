package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// lockWait is how long to wait for another process to let go of the file. It
// covers a daemon that is just stopping.
const lockWait = time.Second

// Limits of the plain area in bytes.
const (
	maxHeader = 4 << 10
	maxTries  = 64
)

var (
	// ErrInUse means that another process has the store open.
	ErrInUse = errors.New("another warifu daemon is running on this home")

	// ErrDamaged is wrapped when the file is not what was written.
	ErrDamaged = errors.New("the store is damaged")

	// ErrNewer is wrapped when the file was written by a later version.
	ErrNewer = errors.New("the store was written by a newer version of warifu")

	// ErrUnfit is wrapped when others may read the directory or the file.
	ErrUnfit = errors.New("others may read it")
)

var (
	errDetached = errors.New("boltstore: records are sealed: no keeper attached")
	errAttached = errors.New("boltstore: a keeper is attached already")
)

// A Sealer seals values under names. An error from Open means that the sealed
// value was not made by Seal under that name.
type Sealer interface {
	Seal(name string, plain []byte) ([]byte, error)
	Open(name string, sealed []byte) ([]byte, error)
}

// A Store is an open store. It satisfies journal.Journal once a [Sealer] is
// attached. It is safe for concurrent use.
type Store struct {
	db    *bbolt.DB
	notes []string

	mu     sync.RWMutex
	sealer Sealer
	failed error // why nothing can be done until the store is opened again
}

// Create makes a new store at path, with the keeper's header in it, and opens
// it. The directory is made with mode 0700 if it is missing. The error wraps
// [fs.ErrExist] if there is a file at path: it is never overwritten. A crash
// leaves either no store at path or a complete one.
func Create(path string, header []byte) (*Store, error) {
	if len(header) == 0 || len(header) > maxHeader {
		return nil, fmt.Errorf("boltstore: create: header of %d bytes, want 1 to %d", len(header), maxHeader)
	}
	dir := filepath.Dir(path)
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("boltstore: create: %w", err)
	}
	if err := checkPrivate(dir); err != nil {
		return nil, fmt.Errorf("boltstore: create: %w", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return nil, fmt.Errorf("boltstore: create %s: %w", path, err)
	}
	tmp, err := draft(path, header)
	if err == nil {
		err = publish(tmp, path)
	}
	if err != nil {
		return nil, fmt.Errorf("boltstore: create %s: %w", path, err)
	}
	return Open(path)
}

// makeDir makes dir, and what is missing above it, with mode 0700 and so that
// a power cut does not take it away again.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// draft writes a complete store under a temporary name beside path.
func draft(path string, header []byte) (tmp string, err error) {
	dir, pattern := filepath.Dir(path), "."+filepath.Base(path)+".new-"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		// Left by a crash. It was never a store: that takes its real name.
		if strings.HasPrefix(e.Name(), pattern) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return "", err
			}
		}
	}
	f, err := os.CreateTemp(dir, pattern+"*") // 0600
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	db, err := bbolt.Open(f.Name(), 0o600, &bbolt.Options{Timeout: lockWait})
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := migrate(tx, 0); err != nil {
			return err
		}
		return tx.Bucket(plainBucket).Put(headerKey, header)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// publish gives the draft its name, unless that is taken by now.
func publish(tmp, path string) error {
	err := os.Link(tmp, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		// Not every file system has hard links. Without them, two processes
		// that create the same store at once can have one of them lose.
		if _, statErr := os.Lstat(path); errors.Is(statErr, fs.ErrNotExist) {
			if err := os.Rename(tmp, path); err != nil {
				return errors.Join(err, os.Remove(tmp))
			}
			return syncDir(filepath.Dir(path))
		}
	}
	if err := errors.Join(err, os.Remove(tmp)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Open opens the store at path. The error wraps [fs.ErrNotExist], [ErrInUse],
// [ErrUnfit], [ErrDamaged] or [ErrNewer] where one of them is the cause; in all
// these cases the file is as it was.
func Open(path string) (*Store, error) {
	if err := checkHome(path); err != nil {
		return nil, fmt.Errorf("boltstore: open: %w", err)
	}
	db, rep, err := openDB(path, false)
	if err != nil {
		return nil, fmt.Errorf("boltstore: open %s: %w", path, err)
	}
	s := &Store{db: db, notes: rep.notes}
	if err := s.upgrade(); err != nil {
		return nil, errors.Join(fmt.Errorf("boltstore: open %s: %w", path, err), s.Close())
	}
	return s, nil
}

// CheckDir returns an error that wraps [ErrUnfit] if others than its owner may
// look into the directory dir, in which [Create] would then make no store.
func CheckDir(dir string) error { return checkPrivate(dir) }

// OpenToRead opens the store at path beside others that read it, and for nothing
// else: it needs no right to write, and whoever else may read the file does not
// matter. An error is as for [Open], but for [ErrUnfit]; a store of an older
// format is refused, for it would have to be changed.
func OpenToRead(path string) (*Store, error) {
	db, rep, err := openDB(path, true)
	if err != nil {
		return nil, fmt.Errorf("boltstore: open %s: %w", path, err)
	}
	s := &Store{db: db, notes: rep.notes}
	err = s.view(func(tx *bbolt.Tx) error {
		return s.guard(func() error {
			v, err := format(tx)
			if err == nil && v != uint32(len(migrations)) {
				err = fmt.Errorf("the store has format %d, and this version works with %d", v, len(migrations))
			}
			return err
		})
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("boltstore: open %s: %w", path, err), s.Close())
	}
	return s, nil
}

func checkHome(path string) error {
	if err := checkPrivate(filepath.Dir(path)); err != nil {
		return err
	}
	return checkPrivate(path)
}

// openDB gives the file to bbolt after having locked and checked it.
func openDB(path string, readOnly bool) (db *bbolt.DB, rep pageReport, err error) {
	opts := &bbolt.Options{
		Timeout:  lockWait,
		ReadOnly: readOnly,
		OpenFile: func(name string, flag int, perm os.FileMode) (*os.File, error) {
			// Never make a file here: what should exist and does not is an
			// error, not an empty store.
			f, err := os.OpenFile(name, flag&^os.O_CREATE, perm)
			if err != nil {
				return nil, err
			}
			if rep, err = checkFile(f, !readOnly); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			return f, nil
		},
	}
	err = guard(func() (err error) {
		db, err = bbolt.Open(path, 0o600, opts)
		return err
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		err = ErrInUse
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return db, rep, err
}

// checkFile checks the pages under the same lock that bbolt takes a moment
// later on the same open file. Without it, a daemon that is writing would look
// like damage.
func checkFile(f *os.File, exclusive bool) (rep pageReport, err error) {
	if err := lockFile(f, exclusive, lockWait); err != nil {
		return rep, err
	}
	info, err := f.Stat()
	if err != nil {
		return rep, err
	}
	rep = checkPages(f, info.Size())
	if len(rep.damage) > 0 {
		return rep, fmt.Errorf("%w: %s", ErrDamaged, rep.damage[0])
	}
	return rep, yieldLock(f)
}

// Notes returns what Open has to tell the person although the store works:
// that the last change before a power cut, or before a failure of the disk,
// may be lost.
func (s *Store) Notes() []string { return s.notes }

// Close waits for transactions to end and closes the file.
func (s *Store) Close() error {
	if err := guard(s.db.Close); err != nil {
		return fmt.Errorf("boltstore: close: %w", err)
	}
	return nil
}

// Header returns the keeper's header.
func (s *Store) Header() ([]byte, error) { return s.plain(headerKey) }

// Tries returns what SetTries stored last, or nil.
func (s *Store) Tries() ([]byte, error) { return s.plain(triesKey) }

// SetTries stores the count of wrong passphrases, durably. It needs no keeper.
func (s *Store) SetTries(b []byte) error {
	if len(b) > maxTries {
		return fmt.Errorf("boltstore: tries of %d bytes, want at most %d", len(b), maxTries)
	}
	return s.update(func(tx *bbolt.Tx) (bool, error) {
		return true, s.guard(func() error {
			p := tx.Bucket(plainBucket)
			if len(b) == 0 {
				return p.Delete(triesKey)
			}
			return p.Put(triesKey, b)
		})
	})
}

func (s *Store) plain(key []byte) (val []byte, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		return s.guard(func() error {
			if v := tx.Bucket(plainBucket).Get(key); v != nil {
				val = append([]byte{}, v...)
			}
			return nil
		})
	})
	return val, err
}

// Attach gives the store what opens its records, and checks the sealed sum
// over all of them. The error wraps [ErrDamaged] if they are not the records
// that were written, or if the sealer is not the one that sealed them.
func (s *Store) Attach(sealer Sealer) error {
	err := s.view(func(tx *bbolt.Tx) error {
		return s.guard(func() error { return checkSum(tx, sealer) })
	})
	if err != nil {
		return fmt.Errorf("boltstore: attach: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealer != nil {
		return errAttached
	}
	s.sealer = sealer
	return nil
}

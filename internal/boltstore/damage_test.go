package boltstore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/journal"
)

// rewrite changes a store with bbolt itself, as somebody could who has the file.
func rewrite(t *testing.T, path string, f func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(f), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func dropPlain(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("plain")) }

func setPlain(key string, val []byte) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("plain"))
		if val == nil {
			return b.Delete([]byte(key))
		}
		return b.Put([]byte(key), val)
	}
}

// populated makes a store with records in every shape that bbolt has: inline
// buckets, leaves, branches, overflow pages and free pages.
func populated(tb testing.TB, rng *rand.Rand) (path string, records map[string]string) {
	tb.Helper()
	path, s := create(tb)
	closeStore(tb, s)
	s = attached(tb, path)
	records = map[string]string{}
	for round := range 4 {
		err := s.Update(func(tx journal.Tx) error {
			for i := range 60 {
				key := fmt.Sprintf("%04x", rng.Uint32N(1<<16))
				val := strings.Repeat(string(rune('a'+i%26)), int(rng.Uint32N(300)))
				if i == 7 {
					val = strings.Repeat("long", 5000)
				}
				records["items/"+key] = val
				if err := tx.Put("items", key, []byte(val)); err != nil {
					return err
				}
			}
			name := fmt.Sprintf("n%d", round)
			records["device/"+name] = name
			return tx.Put("device", name, []byte(name))
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	closeStore(tb, s)
	return path, records
}

var errNoted = errors.New("open has something to tell")

// readAll reports damage as an error, and fails the test if a record is read
// that was never written.
func readAll(t *testing.T, path string, records map[string]string) error {
	t.Helper()
	s, err := boltstore.Open(path)
	if err != nil {
		return err
	}
	defer s.Close()
	if notes := s.Notes(); len(notes) > 0 {
		return errNoted
	}
	if err := s.Attach(newSealer(t, 1)); err != nil {
		return err
	}
	found := 0
	err = s.View(func(tx journal.Tx) error {
		for _, bucket := range []string{"items", "device"} {
			keys, err := tx.Keys(bucket)
			if err != nil {
				return err
			}
			found += len(keys)
		}
		for name, want := range records {
			bucket, key, _ := strings.Cut(name, "/")
			got, err := tx.Get(bucket, key)
			if err != nil {
				return err
			}
			if got == nil || string(got) != want {
				t.Errorf("record %s was not what was written, and nothing noticed", name)
			}
		}
		return nil
	})
	if err == nil && found != len(records) {
		t.Errorf("%d records, want %d, and nothing noticed", found, len(records))
	}
	return err
}

func copyTo(t *testing.T, dir string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, "store.db")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// private returns a new directory with mode 0700, which t.TempDir's is not.
func private(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	path, records := populated(t, rand.New(rand.NewChaCha8([32]byte{1})))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := private(t)
	refused := 0
	for size := 0; size < len(whole); size += 1021 {
		path := copyTo(t, dir, whole[:size])
		before := digest(t, path)
		err := readAll(t, path, records)
		if err == nil {
			continue // cut in the free space at the end
		}
		refused++
		if !errors.Is(err, boltstore.ErrDamaged) {
			t.Errorf("at %d bytes: %v", size, err)
		}
		if digest(t, path) != before {
			t.Errorf("at %d bytes: the file was changed", size)
		}
		findings, err := boltstore.Fsck(path, boltstore.Checks{Records: newSealer(t, 1)})
		if err != nil || !slices.ContainsFunc(findings, func(f boltstore.Finding) bool { return f.Damage }) {
			t.Errorf("fsck at %d bytes: %v, %v", size, findings, err)
		}
		if digest(t, path) != before {
			t.Errorf("at %d bytes: fsck changed the file", size)
		}
	}
	if refused < len(whole)/1021/2 {
		t.Errorf("only %d cuts were refused", refused)
	}
}

// TestBitFlips flips bits all over the file. Each is either noticed, or in a
// place that holds nothing. The header is the keeper's to check.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	path, records := populated(t, rand.New(rand.NewChaCha8([32]byte{2})))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	var places []int
	for at := 0; at < len(whole); at += page {
		head := 16 // every byte of a page's header
		if at < 2*page {
			head = 80 // and of a meta page
		}
		for i := range head {
			places = append(places, at+i)
		}
	}
	rng := rand.New(rand.NewChaCha8([32]byte{3}))
	for range 600 {
		places = append(places, rng.IntN(len(whole)))
	}
	dir := private(t)
	noticed := 0
	for _, at := range places {
		bit := byte(1) << rng.IntN(8)
		whole[at] ^= bit
		path := copyTo(t, dir, whole)
		whole[at] ^= bit
		err := readAll(t, path, records)
		if err != nil {
			noticed++
			if !errors.Is(err, boltstore.ErrDamaged) && !errors.Is(err, boltstore.ErrNewer) && err != errNoted {
				t.Errorf("bit %#x at %d: %v", bit, at, err)
			}
		}
		if t.Failed() {
			t.Fatalf("bit %#x at %d of %d", bit, at, len(whole))
		}
	}
	if noticed < len(places)/10 {
		t.Errorf("only %d of %d flips were noticed", noticed, len(places))
	}
}

func bucket(tx *bbolt.Tx, name string) *bbolt.Bucket { return tx.Bucket([]byte("r/" + name)) }

// TestForgery is somebody with the file, a copy of its past and no key.
func TestForgery(t *testing.T) {
	t.Parallel()
	var old []byte
	tests := []struct {
		name string
		do   func(*bbolt.Tx) error
		fsck string
	}{
		{"swapped-records", func(tx *bbolt.Tx) error {
			b := bucket(tx, "requests")
			x, y := clone(b.Get([]byte("a"))), clone(b.Get([]byte("b")))
			return errors.Join(b.Put([]byte("a"), y), b.Put([]byte("b"), x))
		}, "record requests/a"},
		{"record-in-another-bucket", func(tx *bbolt.Tx) error {
			return bucket(tx, "receipts").Put([]byte("a"), clone(bucket(tx, "requests").Get([]byte("a"))))
		}, "record receipts/a"},
		{"record-copied-to-a-new-key", func(tx *bbolt.Tx) error {
			b := bucket(tx, "requests")
			return b.Put([]byte("c"), clone(b.Get([]byte("a"))))
		}, "record requests/c"},
		{"record-put-back-to-an-older-value", func(tx *bbolt.Tx) error {
			return bucket(tx, "requests").Put([]byte("a"), old)
		}, "older value"},
		{"record-deleted", func(tx *bbolt.Tx) error {
			return bucket(tx, "requests").Delete([]byte("a"))
		}, "2 records, want 3"},
		{"bucket-deleted", func(tx *bbolt.Tx) error {
			return tx.DeleteBucket([]byte("r/receipts"))
		}, "2 records, want 3"},
		{"sum-deleted", setPlain("sum", nil), "3 records, want 0"},
		{"sum-emptied", setPlain("sum", []byte{}), "sum over the records"},
		{"foreign-bucket", func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("\x1b[2J"))
			return err
		}, "a bucket that nobody made"},
		{"foreign-key", func(tx *bbolt.Tx) error {
			return bucket(tx, "requests").Put([]byte("\x1b[2J"), []byte("x"))
		}, "a key that nobody wrote"},
	}

	path, s := create(t)
	closeStore(t, s)
	s = attached(t, path)
	put(t, s, "requests", "a", "first")
	closeStore(t, s)
	rewrite(t, path, func(tx *bbolt.Tx) error {
		old = clone(bucket(tx, "requests").Get([]byte("a")))
		return nil
	})
	s = attached(t, path)
	put(t, s, "requests", "a", "second")
	put(t, s, "requests", "b", "x")
	put(t, s, "receipts", "a", "y")
	closeStore(t, s)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := copyTo(t, private(t), whole)
			rewrite(t, path, tt.do)
			s, err := boltstore.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Attach(newSealer(t, 1)); !errors.Is(err, boltstore.ErrDamaged) {
				t.Errorf("attach: %v", err)
			}
			closeStore(t, s)
			findings, err := boltstore.Fsck(path, boltstore.Checks{Records: newSealer(t, 1)})
			if err != nil {
				t.Fatal(err)
			}
			said := fmt.Sprint(findings)
			if !strings.Contains(said, tt.fsck) {
				t.Errorf("fsck said %q, want %q", said, tt.fsck)
			}
			if strings.Contains(said, "\x1b") {
				t.Errorf("fsck quotes what it read: %q", said)
			}
		})
	}
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

// TestOneMetaDamaged: bbolt falls back to the other meta page, which is one
// transaction behind. That is legal after a power cut, and fsck tells.
func TestOneMetaDamaged(t *testing.T) {
	t.Parallel()
	path, records := populated(t, rand.New(rand.NewChaCha8([32]byte{4})))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	survived := 0
	for _, at := range []int{0, os.Getpagesize()} {
		b := clone(whole)
		clear(b[at : at+80])
		path := copyTo(t, private(t), b)
		// The page that is cleared may be the older one: nothing is lost then.
		s, err := boltstore.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Notes()) != 1 {
			t.Errorf("notes = %q", s.Notes())
		}
		if err := s.Attach(newSealer(t, 1)); err != nil {
			t.Fatal(err)
		}
		if got, err := get(s, "device", "n3"); err == nil && string(got) == records["device/n3"] {
			survived++
		}
		closeStore(t, s)
		findings, err := boltstore.Fsck(path, boltstore.Checks{Records: newSealer(t, 1)})
		if err != nil || len(findings) != 1 || findings[0].Damage || !strings.Contains(findings[0].What, "meta page") {
			t.Errorf("fsck: %v, %v", findings, err)
		}
	}
	if survived != 1 {
		t.Errorf("the last transaction survived in %d of 2 cases, want 1", survived)
	}
}

// TestFileChangedWhileOpen: bbolt panics or faults, the process does not die,
// and the store stops.
func TestFileChangedWhileOpen(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(path string) error
	}{
		{"overwritten", func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			size, err := f.Seek(0, 2)
			if err != nil {
				return err
			}
			from := int64(2 * os.Getpagesize())
			_, err = f.WriteAt([]byte(strings.Repeat("\xff", int(size-from))), from)
			return errors.Join(err, f.Close())
		}},
		{"cut-short", func(path string) error { return os.Truncate(path, int64(2*os.Getpagesize())) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path, _ := populated(t, rand.New(rand.NewChaCha8([32]byte{5})))
			s := attached(t, path)
			if err := tt.do(path); err != nil {
				t.Fatal(err)
			}
			if _, err := get(s, "items", "0000"); !errors.Is(err, boltstore.ErrDamaged) {
				t.Errorf("get: %v", err)
			}
			if _, err := get(s, "items", "0000"); err == nil || !strings.Contains(err.Error(), "stopped") {
				t.Errorf("get after the damage: %v", err)
			}
			err := s.Update(func(tx journal.Tx) error { return tx.Put("items", "0000", nil) })
			if err == nil || !strings.Contains(err.Error(), "stopped") {
				t.Errorf("update after the damage: %v", err)
			}
		})
	}
}

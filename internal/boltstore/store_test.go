package boltstore_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/journal/journaltest"
)

var _ journal.Journal = (*boltstore.Store)(nil)

// A sealer is what package keeper does, with another cipher.
type sealer struct{ aead cipher.AEAD }

func makeSealer(key byte) (sealer, error) {
	block, err := aes.NewCipher(bytes.Repeat([]byte{key}, 32))
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

func newSealer(tb testing.TB, key byte) sealer {
	tb.Helper()
	s, err := makeSealer(key)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func (s sealer) Seal(name string, plain []byte) ([]byte, error) {
	return s.aead.Seal(nil, nil, plain, []byte(name)), nil
}

func (s sealer) Open(name string, sealed []byte) ([]byte, error) {
	return s.aead.Open(nil, nil, sealed, []byte(name))
}

var header = []byte("a header")

func create(tb testing.TB) (path string, s *boltstore.Store) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "above", "home", "store.db")
	s, err := boltstore.Create(path, header)
	if err != nil {
		tb.Fatal(err)
	}
	return path, s
}

// attached opens the store at path with the usual sealer and closes it at the
// end of the test.
func attached(tb testing.TB, path string) *boltstore.Store {
	tb.Helper()
	s, err := boltstore.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	if err := s.Attach(newSealer(tb, 1)); err != nil {
		tb.Fatal(err)
	}
	return s
}

func put(tb testing.TB, s *boltstore.Store, bucket, key, val string) {
	tb.Helper()
	err := s.Update(func(tx journal.Tx) error { return tx.Put(bucket, key, []byte(val)) })
	if err != nil {
		tb.Fatal(err)
	}
}

func get(s *boltstore.Store, bucket, key string) (val []byte, err error) {
	err = s.View(func(tx journal.Tx) (err error) {
		val, err = tx.Get(bucket, key)
		return err
	})
	return val, err
}

func closeStore(tb testing.TB, s *boltstore.Store) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
}

func digest(tb testing.TB, path string) string {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

func TestConforms(t *testing.T) {
	t.Parallel()
	journaltest.Conform(t, func(t *testing.T) (journal.Journal, func() journal.Journal) {
		path, s := create(t)
		closeStore(t, s)
		s = attached(t, path)
		return s, func() journal.Journal {
			closeStore(t, s)
			return attached(t, path)
		}
	})
}

func TestCreate(t *testing.T) {
	t.Parallel()
	path, s := create(t)
	got, err := s.Header()
	if err != nil || !bytes.Equal(got, header) {
		t.Errorf("header = %q, %v", got, err)
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): fs.ModeDir | 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	closeStore(t, s)

	before := digest(t, path)
	if _, err := boltstore.Create(path, []byte("another")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a store: %v", err)
	}
	if digest(t, path) != before {
		t.Error("create changed the store that was there")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("files in the home: %v, %v", entries, err)
	}
	if _, err := boltstore.Create(filepath.Join(t.TempDir(), "x"), nil); err == nil {
		t.Error("create without a header was accepted")
	}
}

// TestCreateAfterCrash: what an interrupted create left is no store, and goes.
func TestCreateAfterCrash(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "store.db")
	if err := os.WriteFile(filepath.Join(dir, ".store.db.new-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := boltstore.Open(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open before the second create: %v", err)
	}
	s, err := boltstore.Create(path, header)
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("files in the home: %v, %v", entries, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(t *testing.T, path string)
		want error
	}{
		{"missing-file", func(t *testing.T, path string) { remove(t, path) }, fs.ErrNotExist},
		{"missing-directory", func(t *testing.T, path string) { remove(t, filepath.Dir(path)) }, fs.ErrNotExist},
		{"directory-open-to-group", func(t *testing.T, path string) { chmod(t, filepath.Dir(path), 0o750) }, boltstore.ErrUnfit},
		{"directory-open-to-others", func(t *testing.T, path string) { chmod(t, filepath.Dir(path), 0o701) }, boltstore.ErrUnfit},
		{"file-open-to-group", func(t *testing.T, path string) { chmod(t, path, 0o640) }, boltstore.ErrUnfit},
		{"empty-file", func(t *testing.T, path string) { write(t, path, nil) }, boltstore.ErrDamaged},
		{"text-file", func(t *testing.T, path string) { write(t, path, bytes.Repeat([]byte("text "), 9999)) }, boltstore.ErrDamaged},
		{"zeros", func(t *testing.T, path string) { write(t, path, make([]byte, 1<<16)) }, boltstore.ErrDamaged},
		{"another-bbolt-file", func(t *testing.T, path string) { rewrite(t, path, dropPlain) }, boltstore.ErrDamaged},
		{"no-format", func(t *testing.T, path string) { rewrite(t, path, setPlain("format", nil)) }, boltstore.ErrDamaged},
		{"format-zero", func(t *testing.T, path string) { rewrite(t, path, setPlain("format", []byte{0, 0, 0, 0})) }, boltstore.ErrDamaged},
		{"newer-format", func(t *testing.T, path string) { rewrite(t, path, setPlain("format", []byte{0, 0, 0, 2})) }, boltstore.ErrNewer},
		{"no-header", func(t *testing.T, path string) { rewrite(t, path, setPlain("header", nil)) }, boltstore.ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path, s := create(t)
			closeStore(t, s)
			tt.do(t, path)
			var before string
			if !errors.Is(tt.want, fs.ErrNotExist) {
				before = digest(t, path)
			}
			_, err := boltstore.Open(path)
			if !errors.Is(err, tt.want) {
				t.Fatalf("open: %v, want %v", err, tt.want)
			}
			if before == "" {
				if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
					t.Error("open made a file")
				}
			} else if digest(t, path) != before {
				t.Error("open changed the file")
			}
			if tt.want == boltstore.ErrUnfit && !strings.Contains(err.Error(), "chmod") {
				t.Errorf("no hint in %q", err)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	path, s := create(t)
	if _, err := boltstore.Open(path); !errors.Is(err, boltstore.ErrInUse) {
		t.Errorf("second open: %v", err)
	}
	if _, err := boltstore.Fsck(path, boltstore.Checks{}); !errors.Is(err, boltstore.ErrInUse) {
		t.Errorf("fsck of an open store: %v", err)
	}
	closeStore(t, s)
	closeStore(t, attached(t, path))
}

func TestDetached(t *testing.T) {
	t.Parallel()
	_, s := create(t)
	defer s.Close()
	nothing := func(journal.Tx) error { return nil }
	if s.View(nothing) == nil || s.Update(nothing) == nil {
		t.Error("records without a keeper")
	}
	if err := s.Attach(newSealer(t, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Attach(newSealer(t, 1)); err == nil {
		t.Error("second attach was accepted")
	}
	if err := errors.Join(s.View(nothing), s.Update(nothing)); err != nil {
		t.Error(err)
	}
}

func TestTriesNeedNoKeeper(t *testing.T) {
	t.Parallel()
	path, s := create(t)
	if b, err := s.Tries(); b != nil || err != nil {
		t.Errorf("tries of a new store = %q, %v", b, err)
	}
	if err := s.SetTries([]byte("three")); err != nil {
		t.Fatal(err)
	}
	if err := s.SetTries(make([]byte, 1000)); err == nil {
		t.Error("tries of 1000 bytes were accepted")
	}
	closeStore(t, s)
	s = attached(t, path)
	if b, err := s.Tries(); string(b) != "three" || err != nil {
		t.Errorf("tries = %q, %v", b, err)
	}
	if err := s.SetTries(nil); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Tries(); b != nil || err != nil {
		t.Errorf("cleared tries = %q, %v", b, err)
	}
}

func TestAttachWithAnotherKey(t *testing.T) {
	t.Parallel()
	path, s := create(t)
	closeStore(t, s)
	s = attached(t, path)
	put(t, s, "requests", "a", "x")
	closeStore(t, s)
	s, err := boltstore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Attach(newSealer(t, 2)); !errors.Is(err, boltstore.ErrDamaged) {
		t.Errorf("attach: %v", err)
	}
}

// TestNothingReadable looks for values in the file, and for names that it
// does promise to show.
func TestNothingReadable(t *testing.T) {
	t.Parallel()
	path, s := create(t)
	closeStore(t, s)
	s = attached(t, path)
	secret := make([]byte, 32)
	rand.Read(secret)
	err := s.Update(func(tx journal.Tx) error {
		return errors.Join(tx.Put("shares", "k", secret), tx.Put("requests", "k", []byte("pay the baker")))
	})
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range [][]byte{secret, secret[:8], []byte("baker")} {
		if bytes.Contains(file, plain) {
			t.Errorf("%q is readable in the file", plain)
		}
	}
	if !bytes.Contains(file, []byte("r/shares")) {
		t.Error("the test does not see the file that it thinks it sees")
	}
}

// TestFailedSync: the commit is there to be read, and nobody can say whether
// it is durable. Nothing is read and nothing is written from then on.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	path, s := create(t)
	closeStore(t, s)
	s = attached(t, path)
	put(t, s, "requests", "a", "x")
	cause := errors.New("no medium")
	err := s.CommitWith(func(commit func() error) error { return errors.Join(commit(), cause) })
	if !errors.Is(err, cause) {
		t.Fatalf("commit: %v", err)
	}
	nothing := func(journal.Tx) error {
		t.Error("a transaction ran")
		return nil
	}
	_, headerErr := s.Header()
	for i, err := range []error{s.View(nothing), s.Update(nothing), s.SetTries(nil), headerErr} {
		if !errors.Is(err, cause) || !strings.Contains(err.Error(), "opened again") {
			t.Errorf("call %d: %v", i, err)
		}
	}
	closeStore(t, s)
	if v, err := get(attached(t, path), "requests", "a"); string(v) != "x" || err != nil {
		t.Errorf("after opening it again: %q, %v", v, err)
	}
}

// TestFailedWrite: nothing of the commit is there, so the store goes on.
func TestFailedWrite(t *testing.T) {
	t.Parallel()
	path, s := create(t)
	closeStore(t, s)
	s = attached(t, path)
	put(t, s, "requests", "a", "x")
	cause := errors.New("no room")
	err := s.CommitWith(func(func() error) error { return cause })
	if !errors.Is(err, cause) {
		t.Fatalf("commit: %v", err)
	}
	put(t, s, "requests", "b", "y")
	if v, err := get(s, "requests", "a"); string(v) != "x" || err != nil {
		t.Errorf("after the failure: %q, %v", v, err)
	}
}

// TestPanicInCommit: bbolt gives up, the process does not, and a writer that
// waits behind is not left waiting.
func TestPanicInCommit(t *testing.T) {
	t.Parallel()
	path, s := create(t)
	closeStore(t, s)
	s = attached(t, path)
	waiting := make(chan error, 1)
	err := s.CommitWith(func(func() error) error {
		go func() { waiting <- s.Update(func(tx journal.Tx) error { return tx.Put("a", "b", nil) }) }()
		panic("page 7 \x1b[2J already freed")
	})
	if !errors.Is(err, boltstore.ErrDamaged) || !strings.Contains(err.Error(), "page 7") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("commit: %v", err)
	}
	if err := <-waiting; !errors.Is(err, boltstore.ErrDamaged) {
		t.Errorf("the writer behind: %v", err)
	}
}

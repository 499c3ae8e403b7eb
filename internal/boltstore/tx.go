package boltstore

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"go.etcd.io/bbolt"

	"github.com/warifu/warifu/journal"
)

var errOver = errors.New("boltstore: transaction is over")

// View implements journal.Journal.
func (s *Store) View(f func(journal.Tx) error) error {
	sealer, err := s.attached()
	if err != nil {
		return err
	}
	return s.view(func(tx *bbolt.Tx) error {
		t := &recordTx{store: s, tx: tx, sealer: sealer}
		defer t.end()
		return f(t)
	})
}

// Update implements journal.Journal. After an error of the disk the store is
// as it was before, and the next Update may succeed; if that cannot be said,
// the store refuses all further work.
func (s *Store) Update(f func(journal.Tx) error) error {
	sealer, err := s.attached()
	if err != nil {
		return err
	}
	return s.update(func(tx *bbolt.Tx) (changed bool, err error) {
		t := &recordTx{store: s, tx: tx, sealer: sealer}
		defer t.end()
		err = s.guard(func() (err error) {
			t.sum, err = loadSum(tx, sealer)
			return err
		})
		if err != nil {
			return false, err
		}
		defer t.sum.wipe()
		if err := f(t); err != nil || !t.changed {
			return false, err
		}
		return true, s.guard(func() error { return storeSum(tx, sealer, t.sum) })
	})
}

// A recordTx is one transaction on sealed records.
type recordTx struct {
	store  *Store
	tx     *bbolt.Tx
	sealer Sealer
	sum    *sum // nil in a View

	changed, over bool
}

func (t *recordTx) end() { t.over = true }

// Get implements journal.Tx.
func (t *recordTx) Get(bucket, key string) (val []byte, err error) {
	if t.over {
		return nil, errOver
	}
	if err := journal.CheckName(bucket, key); err != nil {
		return nil, err
	}
	err = t.store.guard(func() error {
		sealed := t.sealed(bucket, key)
		if sealed == nil {
			return nil
		}
		val, err = openRecord(t.sealer, bucket, key, sealed)
		return err
	})
	return val, err
}

// Put implements journal.Tx.
func (t *recordTx) Put(bucket, key string, val []byte) error {
	if err := t.writable(bucket, key); err != nil {
		return err
	}
	if err := journal.CheckValue(val); err != nil {
		return err
	}
	sealed, err := t.sealer.Seal(bucket+"/"+key, val)
	if err != nil {
		return fmt.Errorf("boltstore: seal %s/%s: %w", bucket, key, err)
	}
	t.changed = true
	return t.store.guard(func() error {
		b, err := t.tx.CreateBucketIfNotExists(recordBucket(bucket))
		if err != nil {
			return err
		}
		if old := b.Get([]byte(key)); old != nil {
			t.sum.remove(bucket, key, old)
		}
		t.sum.add(bucket, key, sealed)
		return b.Put([]byte(key), sealed)
	})
}

// Delete implements journal.Tx.
func (t *recordTx) Delete(bucket, key string) error {
	if err := t.writable(bucket, key); err != nil {
		return err
	}
	return t.store.guard(func() error {
		old := t.sealed(bucket, key)
		if old == nil {
			return nil
		}
		t.changed = true
		t.sum.remove(bucket, key, old)
		return t.tx.Bucket(recordBucket(bucket)).Delete([]byte(key))
	})
}

// Keys implements journal.Tx.
func (t *recordTx) Keys(bucket string) (keys []string, err error) {
	if t.over {
		return nil, errOver
	}
	if err := journal.CheckBucket(bucket); err != nil {
		return nil, err
	}
	err = t.store.guard(func() error {
		b := t.tx.Bucket(recordBucket(bucket))
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, _ []byte) error {
			if journal.CheckName(bucket, string(k)) != nil {
				return fmt.Errorf("boltstore: bucket %s: %w: a key that nobody wrote", bucket, ErrDamaged)
			}
			keys = append(keys, string(k))
			return nil
		})
	})
	return keys, err
}

func (t *recordTx) writable(bucket, key string) error {
	if t.over {
		return errOver
	}
	if t.sum == nil {
		return journal.ErrReadOnly
	}
	return journal.CheckName(bucket, key)
}

// sealed returns the stored bytes, which are valid until the next write.
func (t *recordTx) sealed(bucket, key string) []byte {
	b := t.tx.Bucket(recordBucket(bucket))
	if b == nil {
		return nil
	}
	return b.Get([]byte(key))
}

func openRecord(sealer Sealer, bucket, key string, sealed []byte) ([]byte, error) {
	val, err := sealer.Open(bucket+"/"+key, sealed)
	if err != nil {
		return nil, fmt.Errorf("boltstore: record %s/%s: %w: %w", bucket, key, ErrDamaged, err)
	}
	if val == nil {
		val = []byte{}
	}
	return val, nil
}

func (s *Store) attached() (Sealer, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.sealer == nil {
		return nil, errDetached
	}
	return s.sealer, nil
}

// view runs f in a read transaction. f guards its own calls to bbolt, so that
// a panic of the caller's function stays what it is.
func (s *Store) view(f func(*bbolt.Tx) error) error {
	if err := s.broken(); err != nil {
		return err
	}
	tx, err := s.db.Begin(false)
	if err != nil {
		return fmt.Errorf("boltstore: begin: %w", err)
	}
	defer guard(tx.Rollback)
	return f(tx)
}

// update runs f in the write transaction and commits it if f says that it
// changed something.
func (s *Store) update(f func(*bbolt.Tx) (changed bool, err error)) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return fmt.Errorf("boltstore: begin: %w", err)
	}
	// After a commit that went well this does nothing. After one that
	// panicked it lets go of bbolt's lock for those who wait behind us.
	defer guard(tx.Rollback)
	// Only now: the writer before us may have found the store broken.
	if err := s.broken(); err != nil {
		return err
	}
	changed, err := f(tx)
	if err != nil || !changed {
		return err
	}
	// What f left undone because of damage must not be committed, even if f
	// did not pass the error on.
	if err := s.broken(); err != nil {
		return err
	}
	return s.commit(tx.ID(), tx.Commit)
}

// commit makes transaction id durable with do. When bbolt fails before it has
// written the new meta page, the old state stands: the pages that it wrote
// belong to nobody. But once the new meta page is there, an error means that
// readers see what a power cut may take away again, and nobody may act on it.
func (s *Store) commit(id int, do func() error) error {
	err := s.guard(do)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("boltstore: commit: %w", full(err))
	if s.broken() == nil && s.lastCommit() >= id {
		s.fail(err)
	}
	return err
}

// full returns err so that it is what its text says: bbolt makes a text of why
// a file cannot grow.
func full(err error) error {
	for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if !errors.Is(err, no) && strings.HasSuffix(err.Error(), no.Error()) {
			return fullError{err, no}
		}
	}
	return err
}

type fullError struct {
	error
	no syscall.Errno
}

func (e fullError) Unwrap() []error { return []error{e.error, e.no} }

// lastCommit returns the number of the last transaction that readers see, or
// the highest number if that cannot be said.
func (s *Store) lastCommit() int {
	tx, err := s.db.Begin(false)
	if err != nil {
		return int(^uint(0) >> 1)
	}
	defer guard(tx.Rollback)
	return tx.ID()
}

// broken returns why the store can do no more, or nil.
func (s *Store) broken() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.failed
}

func (s *Store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = fmt.Errorf("boltstore: %w, after: %w", journal.ErrStopped, err)
	}
}

// guard is the function guard, and stops the store if bbolt panicked.
func (s *Store) guard(f func() error) error {
	err := guard(f)
	var p *panicError
	if errors.As(err, &p) {
		s.fail(err)
	}
	return err
}

// A panicError is what bbolt said when it found its file to be damaged.
type panicError struct{ text string }

func (e *panicError) Error() string { return "bbolt: " + e.text }
func (e *panicError) Unwrap() error { return ErrDamaged }

// guard is the edge between us and a library that panics when its file is not
// what it wrote, and that reads it through a memory map, where a file that was
// cut short faults. It wraps calls to bbolt only, never a caller's function.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			text := strings.Trim(strconv.QuoteToASCII(fmt.Sprint(r)), `"`)
			err = &panicError{text: text[:min(len(text), 200)]}
		}
	}()
	return f()
}

package boltstore

import (
	"io"

	"go.etcd.io/bbolt"
)

// CheckPages returns what the check of the pages says about a file.
func CheckPages(r io.ReaderAt, size int64) (damage, notes []string) {
	rep := checkPages(r, size)
	return rep.damage, rep.notes
}

// CommitWith commits an empty transaction as do says, which gets bbolt's own
// commit. It is how tests reach the failures of a disk that a size limit does
// not make.
func (s *Store) CommitWith(do func(commit func() error) error) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	defer func(tx *bbolt.Tx) { _ = tx.Rollback() }(tx)
	return s.commit(tx.ID(), func() error { return do(tx.Commit) })
}

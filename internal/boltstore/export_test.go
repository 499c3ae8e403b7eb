package boltstore

import "io"

// CheckPages returns what the check of the pages says about a file.
func CheckPages(r io.ReaderAt, size int64) (damage, notes []string) {
	rep := checkPages(r, size)
	return rep.damage, rep.notes
}

// Stop makes the store believe that a commit failed half-way.
func (s *Store) Stop(err error) { s.fail(err) }

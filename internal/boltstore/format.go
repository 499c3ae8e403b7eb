package boltstore

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// The names in the file. Buckets of records have a prefix that no bucket of
// ours has.
var (
	plainBucket = []byte("plain")
	formatKey   = []byte("format")
	headerKey   = []byte("header")
	triesKey    = []byte("tries")
	sumKey      = []byte("sum") // sealed, in the plain bucket because it is no record
)

const recordPrefix = "r/"

func recordBucket(name string) []byte { return append([]byte(recordPrefix), name...) }

// migrations[i] brings a file from format i to format i+1. Format 0 is an
// empty bbolt file. They run in one transaction, in order, and see no keeper:
// a change to what is sealed is not a matter of this list.
var migrations = []func(*bbolt.Tx) error{
	func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(plainBucket)
		return err
	},
}

func migrate(tx *bbolt.Tx, from uint32) error {
	for i, step := range migrations[from:] {
		if err := step(tx); err != nil {
			return fmt.Errorf("migrate to format %d: %w", int(from)+i+1, err)
		}
	}
	now := binary.BigEndian.AppendUint32(nil, uint32(len(migrations)))
	return tx.Bucket(plainBucket).Put(formatKey, now)
}

// format returns the version of the file, which is at least 1.
func format(tx *bbolt.Tx) (uint32, error) {
	p := tx.Bucket(plainBucket)
	if p == nil {
		return 0, fmt.Errorf("%w: not a store of warifu", ErrDamaged)
	}
	b := p.Get(formatKey)
	if len(b) != 4 {
		return 0, fmt.Errorf("%w: no format version", ErrDamaged)
	}
	v := binary.BigEndian.Uint32(b)
	switch {
	case v == 0:
		return 0, fmt.Errorf("%w: format version 0", ErrDamaged)
	case v > uint32(len(migrations)):
		return 0, fmt.Errorf("%w: format %d, this one knows %d", ErrNewer, v, len(migrations))
	case len(p.Get(headerKey)) == 0:
		return 0, fmt.Errorf("%w: no header", ErrDamaged)
	}
	return v, nil
}

// upgrade brings an older file to the current format. It writes only if it
// has to.
func (s *Store) upgrade() error {
	var v uint32
	err := s.view(func(tx *bbolt.Tx) error {
		return s.guard(func() (err error) {
			v, err = format(tx)
			return err
		})
	})
	if err != nil || v == uint32(len(migrations)) {
		return err
	}
	return s.update(func(tx *bbolt.Tx) (bool, error) {
		return true, s.guard(func() error { return migrate(tx, v) })
	})
}

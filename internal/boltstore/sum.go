package boltstore

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/wire"
)

const tagSum wire.Tag = "boltstore/sum"

// sumName is the name under which the sum is sealed. No record has it, for no
// bucket's name is empty.
const sumName = "/sum"

// A sum stands for the set of all sealed records: the exclusive or of a keyed
// hash of each, with their number, as in MSet-XOR-Hash (Clarke, Devadas, van
// Dijk, Gassend, Suh, "Incremental Multiset Hash Functions", ASIACRYPT 2003,
// section 4). It changes with one hash per record that changes. The scheme
// needs a key that is secret and sums that are not seen; both are sealed.
type sum struct {
	key   secret.Key
	xor   wire.Hash
	count uint64
}

// key, xor, count.
const sumSize = secret.Size + 32 + 8

func (s *sum) add(bucket, key string, sealed []byte) {
	s.mix(bucket, key, sealed)
	s.count++
}

func (s *sum) remove(bucket, key string, sealed []byte) {
	s.mix(bucket, key, sealed)
	s.count--
}

func (s *sum) mix(bucket, key string, sealed []byte) {
	err := s.key.Use(func(k *[secret.Size]byte) error {
		h := wire.Sum(tagSum, k[:], []byte(bucket), []byte(key), sealed)
		subtle.XORBytes(s.xor[:], s.xor[:], h[:])
		return nil
	})
	if err != nil {
		panic("boltstore: internal error: sum without a key")
	}
}

func (s *sum) wipe() { s.key.Wipe() }

// loadSum reads the sum. A store that has never been written to has none, and
// gets a key.
func loadSum(tx *bbolt.Tx, sealer Sealer) (*sum, error) {
	sealed := tx.Bucket(plainBucket).Get(sumKey)
	if sealed == nil {
		key, err := secret.New(rand.Reader)
		if err != nil {
			return nil, err
		}
		return &sum{key: key}, nil
	}
	b, err := sealer.Open(sumName, sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: sum over the records: %w", ErrDamaged, err)
	}
	defer clear(b)
	if len(b) != sumSize {
		return nil, fmt.Errorf("%w: sum over the records of %d bytes", ErrDamaged, len(b))
	}
	s := &sum{xor: wire.Hash(b[secret.Size:]), count: binary.BigEndian.Uint64(b[secret.Size+32:])}
	s.key = secret.Take((*[secret.Size]byte)(b))
	return s, nil
}

func storeSum(tx *bbolt.Tx, sealer Sealer, s *sum) error {
	b := make([]byte, 0, sumSize)
	defer func() { clear(b) }()
	err := s.key.Use(func(k *[secret.Size]byte) error {
		b = append(b, k[:]...)
		return nil
	})
	if err != nil {
		return err
	}
	b = append(b, s.xor[:]...)
	b = binary.BigEndian.AppendUint64(b, s.count)
	sealed, err := sealer.Seal(sumName, b)
	if err != nil {
		return fmt.Errorf("boltstore: seal sum: %w", err)
	}
	return tx.Bucket(plainBucket).Put(sumKey, sealed)
}

// checkSum compares the sum with the records that are there.
func checkSum(tx *bbolt.Tx, sealer Sealer) error {
	said, err := loadSum(tx, sealer)
	if err != nil {
		return err
	}
	defer said.wipe()
	found := sum{key: said.key}
	err = eachRecord(tx, func(bucket, key string, sealed []byte) error {
		found.add(bucket, key, sealed)
		return nil
	})
	if err != nil {
		return err
	}
	if found.count != said.count {
		return fmt.Errorf("%w: %d records, want %d", ErrDamaged, found.count, said.count)
	}
	if found.xor != said.xor {
		return fmt.Errorf("%w: a record was changed, or put back to an older value", ErrDamaged)
	}
	return nil
}

// eachRecord calls f with every record. The bytes are valid during the call.
func eachRecord(tx *bbolt.Tx, f func(bucket, key string, sealed []byte) error) error {
	return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
		if string(name) == string(plainBucket) {
			return nil
		}
		bucket, ok := strings.CutPrefix(string(name), recordPrefix)
		if !ok || journal.CheckBucket(bucket) != nil {
			return fmt.Errorf("%w: a bucket that nobody made", ErrDamaged)
		}
		return b.ForEach(func(k, sealed []byte) error {
			if journal.CheckName(bucket, string(k)) != nil {
				return fmt.Errorf("%w: bucket %s: a key that nobody wrote", ErrDamaged, bucket)
			}
			return f(bucket, string(k), sealed)
		})
	})
}

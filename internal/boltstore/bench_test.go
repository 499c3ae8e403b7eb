package boltstore_test

import (
	"fmt"
	"testing"

	"github.com/warifu/warifu/journal"
)

// BenchmarkUpdate is one small durable write into a store of 2000 records. The
// disk's sync is most of it.
func BenchmarkUpdate(b *testing.B) {
	path, s := create(b)
	closeStore(b, s)
	s = attached(b, path)
	fill(b, s)
	n := 0
	for b.Loop() {
		n++
		put(b, s, "items", fmt.Sprintf("%04d", n%2000), "small")
	}
}

// BenchmarkOpen checks every page and the sum over 2000 records of 1 KiB.
func BenchmarkOpen(b *testing.B) {
	path, s := create(b)
	closeStore(b, s)
	s = attached(b, path)
	fill(b, s)
	closeStore(b, s)
	for b.Loop() {
		closeStore(b, attached(b, path))
	}
}

func fill(b *testing.B, s interface {
	Update(func(journal.Tx) error) error
}) {
	b.Helper()
	err := s.Update(func(tx journal.Tx) error {
		for i := range 2000 {
			if err := tx.Put("items", fmt.Sprintf("%04d", i), make([]byte, 1024)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

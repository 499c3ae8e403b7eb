package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/warifu/warifu/internal/boltstore"
)

// FuzzPages changes a store and mends the sums of its meta pages, as somebody
// who wants bbolt to stumble would. What passes the check is then read by
// bbolt from end to end, in its own goroutines too: a panic there ends the
// process, and the fuzzer sees it.
func FuzzPages(f *testing.F) {
	path, _ := populated(f, rand.New(rand.NewChaCha8([32]byte{10})))
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	page := binary.NativeEndian.Uint32(whole[24:])
	f.Add(uint32(0), []byte{}, uint32(0), []byte{})
	f.Add(uint32(16+40), []byte{255}, page+16+40, []byte{255})               // high-water mark
	f.Add(uint32(16+16), []byte{3}, page+16+16, []byte{3})                   // root
	f.Add(2*page+8, []byte{1, 0}, 3*page+8, []byte{1, 0})                    // kind
	f.Add(4*page+10, []byte{255, 255}, 5*page+12, []byte{255, 255, 255, 15}) // count, overflow
	f.Add(6*page+16, []byte{1, 0, 0, 0, 255, 255, 255, 255}, 7*page+24, []byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, at1 uint32, b1 []byte, at2 uint32, b2 []byte) {
		b := bytes.Clone(whole)
		copy(b[int(at1)%len(b):], b1)
		copy(b[int(at2)%len(b):], b2)
		for _, at := range []uint32{0, page} {
			m := b[at+16 : at+16+64]
			h := fnv.New64a()
			h.Write(m[:56])
			binary.NativeEndian.PutUint64(m[56:], h.Sum64())
		}
		damage, notes := boltstore.CheckPages(bytes.NewReader(b), int64(len(b)))
		if len(damage) > 0 || len(notes) > 0 {
			return
		}
		path := filepath.Join(t.TempDir(), "x.db")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
		if err != nil {
			t.Fatalf("bbolt refuses what the check passed: %v", err)
		}
		err = db.View(func(tx *bbolt.Tx) error {
			for err := range tx.Check() {
				return err
			}
			return nil
		})
		if err != nil {
			t.Errorf("bbolt's check refuses what ours passed: %v", err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("r/new"))
			if err != nil {
				return err
			}
			return b.Put([]byte("k"), make([]byte, 5000))
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Errorf("write: %v", err)
		}
	})
}

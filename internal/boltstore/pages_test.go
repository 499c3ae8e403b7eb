package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/journal"
)

var order = binary.NativeEndian

// An image is a store's file with the places that a forger looks for, as
// offsets. The layout is described in pages.go.
type image struct {
	b        []byte
	page     int
	meta     int // newest meta, behind its page header
	freelist int
	root     int // a leaf whose elements are the buckets plain, r/device, r/items
	device   int // value of bucket device, which is inline
	items    int // value of bucket items
	branch   int // root page of bucket items
	leaf     int // first leaf of bucket items
}

func newImage(t *testing.T, whole []byte) *image {
	t.Helper()
	im := &image{b: bytes.Clone(whole), page: int(order.Uint32(whole[24:]))}
	im.meta = 16
	if other := im.page + 16; order.Uint64(whole[other+48:]) > order.Uint64(whole[16+48:]) {
		im.meta = other
	}
	im.freelist = im.at(im.meta + 32)
	im.root = im.at(im.meta + 16)
	im.device = im.value(im.root, 1)
	im.items = im.value(im.root, 2)
	im.branch = im.at(im.items)
	im.leaf = im.at(im.branch + 16 + 8)
	kinds := []uint16{order.Uint16(whole[im.root+8:]), order.Uint16(whole[im.branch+8:]), order.Uint16(whole[im.leaf+8:])}
	if kinds[0] != 2 || kinds[1] != 1 || kinds[2] != 2 || order.Uint64(whole[im.device:]) != 0 {
		t.Fatalf("the store does not have the shape that this test needs: %v", kinds)
	}
	return im
}

// at returns the offset of the page whose number is stored at off.
func (im *image) at(off int) int { return int(order.Uint64(im.b[off:])) * im.page }

// value returns the offset of the value of element i of a leaf.
func (im *image) value(leaf, i int) int {
	e := leaf + 16 + 16*i
	return e + int(order.Uint32(im.b[e+4:])) + int(order.Uint32(im.b[e+8:]))
}

// key returns the offset of the key of element i of a leaf.
func (im *image) key(leaf, i int) int {
	e := leaf + 16 + 16*i
	return e + int(order.Uint32(im.b[e+4:]))
}

func (im *image) id(off int) uint64 { return uint64(off / im.page) }

func (im *image) put16(off int, v uint16) { order.PutUint16(im.b[off:], v) }
func (im *image) put32(off int, v uint32) { order.PutUint32(im.b[off:], v) }
func (im *image) put64(off int, v uint64) { order.PutUint64(im.b[off:], v) }

// mend makes the sums of both meta pages right.
func (im *image) mend() {
	for _, at := range []int{16, im.page + 16} {
		h := fnv.New64a()
		h.Write(im.b[at : at+56])
		im.put64(at+56, h.Sum64())
	}
}

// TestForgedPages: each is something that bbolt would trip over, run in circles
// on, or allocate without end for.
func TestForgedPages(t *testing.T) {
	t.Parallel()
	path, _ := populated(t, rand.New(rand.NewChaCha8([32]byte{12})))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if damage, notes := boltstore.CheckPages(bytes.NewReader(whole), int64(len(whole))); len(damage)+len(notes) > 0 {
		t.Fatalf("a sound store: %q, %q", damage, notes)
	}
	tests := []struct {
		name string
		do   func(*image)
		want string
	}{
		{"high-water-mark-of-2^40-pages", func(im *image) { im.put64(im.meta+40, 1<<40) }, "cut short"},
		{"high-water-mark-of-3-pages", func(im *image) { im.put64(im.meta+40, 3) }, "high-water mark"},
		{"page-sizes-differ", func(im *image) { im.put32(im.page+16+8, 1024) }, "differ in the page size"},
		{"page-size-zero", func(im *image) { im.put32(16+8, 0); im.put32(im.page+16+8, 0) }, "both meta pages"},
		{"page-size-odd", func(im *image) { im.put32(16+8, 5000); im.put32(im.page+16+8, 5000) }, "both meta pages"},
		{"root-is-a-meta-page", func(im *image) { im.put64(im.meta+16, 1) }, "data on page 1"},
		{"root-beyond-the-end", func(im *image) { im.put64(im.meta+16, 1<<50) }, "data on page"},
		{"root-is-the-freelist", func(im *image) { im.put64(im.meta+16, im.id(im.freelist)) }, "used twice"},
		{"freelist-is-the-root", func(im *image) { im.put64(im.meta+32, im.id(im.root)) }, "is not a freelist"},
		{"no-freelist", func(im *image) { im.put64(im.meta+32, 1<<64-1) }, "freelist on page"},
		{"freelist-too-long", func(im *image) { im.put16(im.freelist+10, 60_000) }, "does not fit"},
		{"freelist-of-2^60", func(im *image) { im.put16(im.freelist+10, 0xFFFF); im.put64(im.freelist+16, 1<<60) }, "does not fit"},
		{"freelist-forgets-a-page", func(im *image) {
			im.put16(im.freelist+10, order.Uint16(im.b[im.freelist+10:])-1)
		}, "neither in use nor free"},
		{"page-free-twice", func(im *image) { copy(im.b[im.freelist+16:im.freelist+24], im.b[im.freelist+24:]) }, "is not free"},
		{"page-in-use-and-free", func(im *image) { im.put64(im.freelist+16, im.id(im.leaf)) }, "used twice"},
		{"meta-page-free", func(im *image) { im.put64(im.freelist+16, 1) }, "is not free"},
		{"free-page-beyond-the-end", func(im *image) { im.put64(im.freelist+16, 1<<40) }, "is not free"},
		{"branch-to-itself", func(im *image) { im.put64(im.branch+16+8, im.id(im.branch)) }, "used twice"},
		{"two-buckets-on-one-root", func(im *image) { im.put64(im.device, im.id(im.branch)) }, "used twice"},
		{"page-with-another-number", func(im *image) { im.put64(im.leaf, 9999) }, "number of another"},
		{"page-of-no-kind", func(im *image) { im.put16(im.leaf+8, 3) }, "no known kind"},
		{"meta-as-data", func(im *image) { im.put16(im.leaf+8, 4) }, "no known kind"},
		{"overflow-beyond-the-end", func(im *image) { im.put32(im.leaf+12, 1<<31) }, "too long"},
		{"overflow-a-little-beyond-the-end", func(im *image) { im.put32(im.leaf+12, uint32(order.Uint64(im.b[im.meta+40:]))) }, "too long"},
		{"overflow-onto-the-next", func(im *image) { im.put32(im.leaf+12, order.Uint32(im.b[im.leaf+12:])+1) }, "used twice"},
		{"leaf-count", func(im *image) { im.put16(im.leaf+10, 0xFFFF) }, "65535 records"},
		{"branch-count", func(im *image) { im.put16(im.branch+10, 0xFFFF) }, "65535 branches"},
		{"branch-empty", func(im *image) { im.put16(im.branch+10, 0) }, "0 branches"},
		{"key-outside", func(im *image) { im.put32(im.leaf+16+4, 1<<30) }, "record 0 is damaged"},
		{"key-size", func(im *image) { im.put32(im.leaf+16+8, 1<<32-1) }, "record 0 is damaged"},
		{"key-empty", func(im *image) { im.put32(im.leaf+16+8, 0) }, "record 0 is damaged"},
		{"value-size", func(im *image) { im.put32(im.leaf+16+12, 1<<32-1) }, "record 0 is damaged"},
		{"keys-out-of-order", func(im *image) { im.b[im.key(im.leaf, 1)] = 0 }, "record 1 is damaged"},
		{"key-twice", func(im *image) { copy(im.b[im.key(im.leaf, 1):], im.b[im.key(im.leaf, 0):im.key(im.leaf, 0)+4]) }, "record 1 is damaged"},
		{"key-of-the-next-page", func(im *image) {
			last := int(order.Uint16(im.b[im.leaf+10:])) - 1
			im.b[im.key(im.leaf, last)] = 0xFF
		}, "is damaged"},
		{"branch-key-outside", func(im *image) { im.put32(im.branch+16, 1<<30) }, "branch 0 is damaged"},
		{"branches-out-of-order", func(im *image) {
			e := im.branch + 32
			im.b[e+int(order.Uint32(im.b[e:]))] = 0
		}, "branch 1 is damaged"},
		{"record-as-bucket", func(im *image) { im.put32(im.leaf+16, 1) }, "record 0 is damaged"},
		{"bucket-as-record", func(im *image) { im.put32(im.root+16, 0) }, "record 0 is damaged"},
		{"unknown-flag", func(im *image) { im.put32(im.leaf+16, 2) }, "record 0 is damaged"},
		{"bucket-too-short", func(im *image) { im.put32(im.root+16+12, 15) }, "bucket of 15 bytes"},
		{"inline-bucket-too-short", func(im *image) { im.put32(im.root+16+12, 20) }, "inline bucket is damaged"},
		{"inline-bucket-as-branch", func(im *image) { im.put16(im.device+16+8, 1) }, "inline bucket is damaged"},
		{"inline-bucket-with-a-number", func(im *image) { im.put64(im.device+16, 5) }, "inline bucket is damaged"},
		{"inline-bucket-count", func(im *image) { im.put16(im.device+16+10, 999) }, "999 records"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			im := newImage(t, whole)
			tt.do(im)
			im.mend()
			damage, _ := boltstore.CheckPages(bytes.NewReader(im.b), int64(len(im.b)))
			if said := strings.Join(damage, "\n"); !strings.Contains(said, tt.want) {
				t.Errorf("check says %q, want %q", said, tt.want)
			}
			if len(damage) > 10 {
				t.Errorf("%d findings", len(damage))
			}
		})
	}
}

// TestMetaFrame: bbolt works with a damaged frame around a sound meta page,
// and its own check panics on it.
func TestMetaFrame(t *testing.T) {
	t.Parallel()
	path, records := populated(t, rand.New(rand.NewChaCha8([32]byte{14})))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 8, os.Getpagesize(), os.Getpagesize() + 8} {
		b := bytes.Clone(whole)
		b[at] ^= 0x20
		path := copyTo(t, private(t), b)
		if err := readAll(t, path, records); err != errNoted {
			t.Errorf("byte %d: %v", at, err)
		}
		findings, err := boltstore.Fsck(path, boltstore.Checks{Records: newSealer(t, 1)})
		if err != nil || len(findings) != 1 || findings[0].Damage || !strings.Contains(findings[0].What, "frame") {
			t.Errorf("byte %d: fsck: %v, %v", at, findings, err)
		}
	}
}

// TestNoWriteWithoutChange: an update that changes nothing costs nothing.
func TestNoWriteWithoutChange(t *testing.T) {
	t.Parallel()
	path, _ := populated(t, rand.New(rand.NewChaCha8([32]byte{13})))
	before := digest(t, path)
	s := attached(t, path)
	err := s.Update(func(tx journal.Tx) error {
		_, err := tx.Get("device", "n0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(func(tx journal.Tx) error { return tx.Delete("device", "none") }); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if digest(t, path) != before {
		t.Error("the file was written")
	}
}

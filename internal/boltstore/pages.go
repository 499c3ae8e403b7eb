package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
)

// The layout of a bbolt file, version 2, as in go.etcd.io/bbolt/internal/common.
// Numbers are in the byte order of the machine.
//
//	page:    id u64, flags u16, count u16, overflow u32, then elements
//	meta:    magic u32, version u32, page size u32, flags u32, root bucket
//	         (page u64, sequence u64), freelist page u64, high-water mark u64,
//	         transaction u64, FNV-1a of all that u64
//	branch:  per element: pos u32, key size u32, page u64
//	leaf:    per element: flags u32, pos u32, key size u32, value size u32
//	bucket:  root page u64 (0: the page follows inline), sequence u64
const (
	pageHeader  = 16
	metaSize    = 64
	branchElem  = 16
	leafElem    = 16
	bucketValue = 16

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf element

	metaMagic   = 0xED0CDAED
	metaVersion = 2

	minPageSize = 1 << 10
	maxPageSize = 1 << 24
	maxRun      = 64 << 20 // bytes of a page with its overflow
	maxDepth    = 32       // of branch pages; a store of ours has three or four

	maxDamage = 10 // findings, after which the rest is not worth a look
)

var order = binary.NativeEndian

// A pageReport says what is wrong with the structure of a file.
type pageReport struct {
	damage []string // the file must not be given to bbolt
	notes  []string // bbolt copes
}

type pageMeta struct {
	pageSize uint32
	root     uint64
	freelist uint64
	pages    uint64 // high-water mark
	txid     uint64
}

// checkPages checks every page that the newest valid meta page leads to, with
// memory and time bounded by the size of the file. What passes can be read by
// bbolt without a panic.
func checkPages(r io.ReaderAt, size int64) (rep pageReport) {
	if size == 0 {
		rep.damage = append(rep.damage, "the file is empty")
		return rep
	}
	m, note, err := readMeta(r, size)
	if err != nil {
		rep.damage = append(rep.damage, err.Error())
		return rep
	}
	if note == "" {
		note = metaFrames(r, m.pageSize)
	}
	if note != "" {
		rep.notes = append(rep.notes, note)
	}
	c := &pageChecker{r: r, meta: m, report: &rep}
	if have := uint64(size) / uint64(m.pageSize); m.pages > have {
		c.bad("the file is cut short: %d pages of %d", have, m.pages)
		return rep
	}
	if m.pages < 4 {
		c.bad("high-water mark of %d pages", m.pages)
		return rep
	}
	c.use = make([]use, m.pages)
	c.use[0], c.use[1] = reached, reached
	c.freelist()
	c.tree(m.root, nil, nil, true, 0)
	if len(rep.damage) == 0 {
		for id, u := range c.use {
			if u == unused {
				c.bad("page %d is neither in use nor free", id)
			}
		}
	}
	return rep
}

// readMeta finds the two meta pages as bbolt does, and takes the newer.
func readMeta(r io.ReaderAt, size int64) (m pageMeta, note string, err error) {
	m0, ok0 := metaAt(r, 0)
	if ok0 {
		m1, ok1 := metaAt(r, int64(m0.pageSize))
		switch {
		case !ok1:
			return m0, "one of the two meta pages is damaged; the last change before the damage may be lost", nil
		case m1.pageSize != m0.pageSize:
			return m, "", fmt.Errorf("meta pages differ in the page size")
		case m1.txid > m0.txid:
			return m1, "", nil
		}
		return m0, "", nil
	}
	for at := int64(minPageSize); at <= maxPageSize && at < size; at *= 2 {
		if m1, ok := metaAt(r, at); ok && int64(m1.pageSize) == at {
			return m1, "one of the two meta pages is damaged; the last change before the damage may be lost", nil
		}
	}
	return m, "", fmt.Errorf("both meta pages are damaged, or this is not a store")
}

// metaAt reads the meta page at an offset and reports whether it is valid.
func metaAt(r io.ReaderAt, at int64) (m pageMeta, ok bool) {
	var b [pageHeader + metaSize]byte
	if _, err := r.ReadAt(b[:], at); err != nil {
		return m, false
	}
	p := b[pageHeader:]
	h := fnv.New64a()
	h.Write(p[:metaSize-8])
	m = pageMeta{
		pageSize: order.Uint32(p[8:]),
		root:     order.Uint64(p[16:]),
		freelist: order.Uint64(p[32:]),
		pages:    order.Uint64(p[40:]),
		txid:     order.Uint64(p[48:]),
	}
	ok = order.Uint32(p) == metaMagic && order.Uint32(p[4:]) == metaVersion &&
		order.Uint64(p[metaSize-8:]) == h.Sum64() &&
		m.pageSize >= minPageSize && m.pageSize <= maxPageSize && m.pageSize&(m.pageSize-1) == 0
	return m, ok
}

// metaFrames checks what the sums of the meta pages do not cover, and bbolt
// reads in its own check only.
func metaFrames(r io.ReaderAt, pageSize uint32) (note string) {
	for id := range uint64(2) {
		var head [pageHeader]byte
		_, err := r.ReadAt(head[:], int64(id)*int64(pageSize))
		if err != nil || order.Uint64(head[:]) != id || order.Uint16(head[8:]) != flagMeta {
			return "the frame of a meta page is damaged; the page itself is whole"
		}
	}
	return ""
}

type use uint8

const (
	unused use = iota
	reached
	free
)

type pageChecker struct {
	r      io.ReaderAt
	meta   pageMeta
	use    []use
	report *pageReport
}

func (c *pageChecker) bad(format string, args ...any) {
	if len(c.report.damage) < maxDamage {
		c.report.damage = append(c.report.damage, fmt.Sprintf(format, args...))
	}
}

func (c *pageChecker) full() bool { return len(c.report.damage) >= maxDamage }

// page is a page with its overflow, or an inline bucket.
type page struct {
	id    uint64
	flags uint16
	count int
	body  []byte // with the header, so that positions count from its start
}

// load reads page id with its overflow, and claims it.
func (c *pageChecker) load(id uint64, what string) (p page, ok bool) {
	if id < 2 || id >= c.meta.pages {
		c.bad("%s on page %d of %d", what, id, c.meta.pages)
		return p, false
	}
	at := int64(id) * int64(c.meta.pageSize)
	var head [pageHeader]byte
	if _, err := c.r.ReadAt(head[:], at); err != nil {
		c.bad("page %d cannot be read: %v", id, err)
		return p, false
	}
	if order.Uint64(head[:]) != id {
		c.bad("page %d has the number of another", id)
		return p, false
	}
	n := uint64(order.Uint32(head[12:])) + 1
	if n > c.meta.pages-id || n*uint64(c.meta.pageSize) > maxRun {
		c.bad("page %d is too long", id)
		return p, false
	}
	for i := id; i < id+n; i++ {
		if c.use[i] != unused {
			c.bad("page %d is used twice", i)
			return p, false
		}
		c.use[i] = reached
	}
	p = page{
		id: id, flags: order.Uint16(head[8:]), count: int(order.Uint16(head[10:])),
		body: make([]byte, n*uint64(c.meta.pageSize)),
	}
	if _, err := c.r.ReadAt(p.body, at); err != nil {
		c.bad("page %d cannot be read: %v", id, err)
		return p, false
	}
	return p, true
}

// freelist claims every free page, so that the tree cannot use one.
func (c *pageChecker) freelist() {
	p, ok := c.load(c.meta.freelist, "freelist")
	if !ok {
		return
	}
	if p.flags != flagFreelist {
		c.bad("page %d is not a freelist", p.id)
		return
	}
	list, count := p.body[pageHeader:], uint64(p.count)
	if count == 0xFFFF {
		count, list = order.Uint64(list), list[8:]
	}
	if count > uint64(len(list))/8 {
		c.bad("freelist of %d pages does not fit", count)
		return
	}
	for ; count > 0 && !c.full(); count, list = count-1, list[8:] {
		id := order.Uint64(list)
		if id < 2 || id >= c.meta.pages || c.use[id] != unused {
			c.bad("freelist has page %d, which is not free", id)
			continue
		}
		c.use[id] = free
	}
}

// tree checks the pages below id, whose keys must be in [low, high); nil is no
// bound. top says that the values are buckets, else none is.
func (c *pageChecker) tree(id uint64, low, high []byte, top bool, depth int) {
	if c.full() {
		return
	}
	if depth > maxDepth {
		c.bad("page %d is too deep", id)
		return
	}
	p, ok := c.load(id, "data")
	if !ok {
		return
	}
	switch p.flags {
	case flagLeaf:
		c.leaf(p, low, high, top)
	case flagBranch:
		c.branch(p, low, high, top, depth)
	default:
		c.bad("page %d is of no known kind", id)
	}
}

func (c *pageChecker) branch(p page, low, high []byte, top bool, depth int) {
	if p.count == 0 || p.count > (len(p.body)-pageHeader)/branchElem {
		c.bad("page %d has %d branches", p.id, p.count)
		return
	}
	type child struct {
		key []byte
		id  uint64
	}
	children := make([]child, p.count)
	for i := range children {
		at := pageHeader + i*branchElem
		e := p.body[at : at+branchElem]
		key, ok := cut(p.body, at, order.Uint32(e), order.Uint32(e[4:]))
		if !ok || !inOrder(&low, high, key, i == 0) {
			c.bad("page %d: branch %d is damaged", p.id, i)
			return
		}
		children[i] = child{key, order.Uint64(e[8:])}
	}
	for i, ch := range children {
		next := high
		if i+1 < len(children) {
			next = children[i+1].key
		}
		c.tree(ch.id, ch.key, next, top, depth+1)
	}
}

func (c *pageChecker) leaf(p page, low, high []byte, top bool) {
	if p.count > (len(p.body)-pageHeader)/leafElem {
		c.bad("page %d has %d records", p.id, p.count)
		return
	}
	for i := range p.count {
		at := pageHeader + i*leafElem
		e := p.body[at : at+leafElem]
		flags, pos, ksize, vsize := order.Uint32(e), order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:])
		key, ok := cut(p.body, at, pos, ksize)
		if !ok || !inOrder(&low, high, key, i == 0) {
			c.bad("page %d: record %d is damaged", p.id, i)
			return
		}
		// pos+ksize does not wrap: cut has found it to be within the body.
		val, ok := cut(p.body, at, pos+ksize, vsize)
		if !ok || flags != 0 && flags != flagBucket || (flags == flagBucket) != top {
			c.bad("page %d: record %d is damaged", p.id, i)
			return
		}
		if top {
			c.bucket(p.id, val)
		}
	}
}

// bucket checks the bucket whose description is val.
func (c *pageChecker) bucket(in uint64, val []byte) {
	if len(val) < bucketValue {
		c.bad("page %d: bucket of %d bytes", in, len(val))
		return
	}
	if root := order.Uint64(val); root != 0 {
		c.tree(root, nil, nil, false, 0)
		return
	}
	inline := val[bucketValue:]
	if len(inline) < pageHeader || order.Uint16(inline[8:]) != flagLeaf || order.Uint64(inline) != 0 {
		c.bad("page %d: inline bucket is damaged", in)
		return
	}
	c.leaf(page{id: in, flags: flagLeaf, count: int(order.Uint16(inline[10:])), body: inline}, nil, nil, false)
}

// cut returns n bytes at position pos counted from base.
func cut(b []byte, base int, pos, n uint32) ([]byte, bool) {
	from := uint64(base) + uint64(pos)
	to := from + uint64(n)
	if to > uint64(len(b)) {
		return nil, false
	}
	return b[from:to], true
}

// inOrder reports whether key comes after *low (or is it, if first) and before
// high, and moves *low to key.
func inOrder(low *[]byte, high, key []byte, first bool) bool {
	if len(key) == 0 {
		return false
	}
	if cmp := bytes.Compare(key, *low); *low != nil && (cmp < 0 || cmp == 0 && !first) {
		return false
	}
	if high != nil && bytes.Compare(key, high) >= 0 {
		return false
	}
	*low = key
	return true
}

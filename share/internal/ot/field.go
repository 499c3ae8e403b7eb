package ot

import "encoding/binary"

// An element of GF(2^128) = GF(2)[x] / (x^128 + x^7 + x^2 + x + 1). Bit i of the
// 16 little-endian bytes is the coefficient of x^i.
type element struct{ lo, hi uint64 }

func elementOf(b []byte) element {
	return element{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
}

func (a element) put(b []byte) {
	binary.LittleEndian.PutUint64(b, a.lo)
	binary.LittleEndian.PutUint64(b[8:], a.hi)
}

func (a element) add(b element) element { return element{a.lo ^ b.lo, a.hi ^ b.hi} }

// and returns a if mask is all ones and 0 if it is 0.
func (a element) and(mask uint64) element { return element{a.lo & mask, a.hi & mask} }

// double returns a·x.
func (a element) double() element {
	carry := -(a.hi >> 63)
	return element{a.lo<<1 ^ carry&0x87, a.hi<<1 | a.lo>>63}
}

// mul returns a·b by shift and masked add, in constant time.
func (a element) mul(b element) element {
	var p element
	for i := range 64 {
		p = p.add(b.and(-(a.lo >> i & 1)))
		b = b.double()
	}
	for i := range 64 {
		p = p.add(b.and(-(a.hi >> i & 1)))
		b = b.double()
	}
	return p
}

// fold returns x_{m+1} + Σ χ_k·x_k for the m+1 blocks of a row.
func fold(row []byte, chi *[blocks]element) element {
	sum := elementOf(row[blocks*16:])
	for k := range blocks {
		sum = sum.add(chi[k].mul(elementOf(row[k*16:])))
	}
	return sum
}

// A matrix has one column of bits per transfer of the extension, one row per
// base transfer.
type matrix [Lambda][rowBytes]byte

// columns are the transposed first ξ columns of a matrix.
type columns [Xi][Lambda / 8]byte

// transpose turns the first ξ columns of m into rows, 64 by 64 bits at a time.
func transpose(out *columns, m *matrix) {
	var t [64]uint64
	for i := 0; i < Lambda; i += 64 {
		for j := 0; j < Xi; j += 64 {
			for r := range t {
				t[r] = binary.LittleEndian.Uint64(m[i+r][j/8:])
			}
			transpose64(&t)
			for r := range t {
				binary.LittleEndian.PutUint64(out[j+r][i/8:], t[r])
			}
		}
	}
	clear(t[:])
}

// transpose64 transposes a 64 by 64 bit matrix in place by swapping blocks of
// halving size (Warren, Hacker's Delight, section 7-3).
func transpose64(t *[64]uint64) {
	mask := uint64(0x00000000ffffffff)
	for d := 32; d != 0; d, mask = d/2, mask^mask<<(d/2) {
		for r := 0; r < 64; r = (r + d + 1) &^ d {
			x := (t[r]>>d ^ t[r+d]) & mask
			t[r] ^= x << d
			t[r+d] ^= x
		}
	}
}

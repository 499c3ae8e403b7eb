package ristretto

import (
	"errors"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// ErrIdentity says that a batch has a point that stands for the identity.
var ErrIdentity = errors.New("ristretto: the identity in a batch")

// EncodeDoubles returns the encodings of 2·p for every p of points. If one of
// them stands for the identity the error is [ErrIdentity]: the product of which
// all share the inverse is zero then, and every encoding of the batch would come
// out as zeros, which anybody could have foreseen. The square root of [Encode] is rational in
// the coordinates of half the point (Hamburg's observation, as curve25519-dalek
// uses it in double_and_compress_batch), and the inversions that remain are
// shared by Montgomery's trick.
func EncodeDoubles(points []edwards25519.Point) ([][Size]byte, error) {
	type half struct{ e, f, g, h, eg, fh field.Element }
	halves := make([]half, len(points))
	prefix := make([]field.Element, len(points)) // product of all eg·fh before
	defer func() { clear(halves); clear(prefix) }()
	var t, product field.Element
	product.One()
	for i := range points {
		x, y, z, xy := points[i].ExtendedCoordinates()
		s := &halves[i]
		var xx, yy, zz, dtt field.Element
		xx.Square(x)
		yy.Square(y)
		zz.Square(z)
		dtt.Square(xy)
		dtt.Multiply(&dtt, d)
		s.e.Multiply(x, t.Add(y, y))
		s.f.Add(&zz, &dtt)
		s.g.Add(&yy, &xx)
		s.h.Subtract(&zz, &dtt)
		s.eg.Multiply(&s.e, &s.g)
		s.fh.Multiply(&s.f, &s.h)
		prefix[i].Set(&product)
		product.Multiply(&product, t.Multiply(&s.eg, &s.fh))
	}
	if product.Equal(zero) == 1 {
		return nil, ErrIdentity
	}
	out := make([][Size]byte, len(points))
	var rest field.Element // inverse of the product up to and with i
	rest.Invert(&product)
	for i := len(points) - 1; i >= 0; i-- {
		s := &halves[i]
		var inv, zInv, tInv, negE, negG, ifs, e, g, h, magic field.Element
		inv.Multiply(&rest, &prefix[i])
		rest.Multiply(&rest, t.Multiply(&s.eg, &s.fh))
		zInv.Multiply(&s.eg, &inv)
		tInv.Multiply(&s.fh, &inv)
		rotate := t.Multiply(&s.eg, &zInv).IsNegative()
		negE.Negate(&s.e)
		ifs.Multiply(&s.f, sqrtM1)
		e.Select(&s.g, &s.e, rotate)
		g.Select(&negE, &s.g, rotate)
		h.Select(&ifs, &s.h, rotate)
		magic.Select(sqrtM1, invSqrtAMinusD, rotate)
		t.Multiply(&h, &e)
		negG.Negate(&g)
		g.Select(&negG, &g, t.Multiply(&t, &zInv).IsNegative())
		t.Multiply(&g, &tInv)
		t.Multiply(&t, &magic)
		t.Multiply(&t, h.Subtract(&h, &g))
		copy(out[i][:], t.Absolute(&t).Bytes())
	}
	return out, nil
}

// A Table holds multiples of one point: entry [i][k] is (k+1)·256^i times it.
type Table [32][8]edwards25519.Point

// NewTable computes the table of p.
func NewTable(p *edwards25519.Point) *Table {
	t := new(Table)
	var base edwards25519.Point
	base.Set(p)
	for i := range t {
		t[i][0].Set(&base)
		for k := 1; k < len(t[i]); k++ {
			t[i][k].Add(&t[i][k-1], &base)
		}
		for range 8 {
			base.Add(&base, &base)
		}
	}
	return t
}

// Mul sets out to s times the point of the table. It reads the whole row for
// every digit, so that no address depends on s.
func (t *Table) Mul(out *edwards25519.Point, s *edwards25519.Scalar) {
	digits := signedRadix16(s)
	defer clear(digits[:])
	var entry edwards25519.Point
	out.Set(edwards25519.NewIdentityPoint())
	for i := 1; i < 64; i += 2 {
		t.pick(&entry, i/2, digits[i])
		out.Add(out, &entry)
	}
	for range 4 {
		out.Double(out)
	}
	for i := 0; i < 64; i += 2 {
		t.pick(&entry, i/2, digits[i])
		out.Add(out, &entry)
	}
}

// pick sets p to digit·256^row times the point, for -8 <= digit <= 8.
func (t *Table) pick(p *edwards25519.Point, row int, digit int8) {
	sign := digit >> 7 // 0 or -1
	magnitude := uint8((digit ^ sign) - sign)
	p.Set(edwards25519.NewIdentityPoint())
	for k := range t[row] {
		p.Select(&t[row][k], p, equal(magnitude, uint8(k+1)))
	}
	var negative edwards25519.Point
	negative.Negate(p)
	p.Select(&negative, p, int(-sign))
}

// equal returns 1 if a and b are the same, else 0.
func equal(a, b uint8) int { return int((uint32(a^b) - 1) >> 31) }

// signedRadix16 writes s, which is below 2^253, as Σ digit[i]·16^i with digits
// from -8 to 8.
func signedRadix16(s *edwards25519.Scalar) (digits [64]int8) {
	b := s.Bytes()
	defer clear(b)
	for i, c := range b {
		digits[2*i] = int8(c & 15)
		digits[2*i+1] = int8(c >> 4)
	}
	for i := range 63 {
		carry := (digits[i] + 8) >> 4
		digits[i] -= carry << 4
		digits[i+1] += carry
	}
	return digits
}

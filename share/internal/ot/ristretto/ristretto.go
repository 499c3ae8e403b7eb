// Package ristretto is the prime-order group ristretto255 (RFC 9496) over
// filippo.io/edwards25519, reduced to what base oblivious transfer needs and
// with the two things that make a batch of 128 transfers fast: encoding many
// elements with one field inversion instead of one square root each, and
// multiplying one point by many scalars with a table.
//
// Elements are points of the Edwards curve that stand for a coset; only the
// encodings and [IsIdentity] are functions of the element. All functions take
// time that does not depend on values, but for the yes or no of [Decode] and
// [IsIdentity]. Tests compare with github.com/gtank/ristretto255.
package ristretto

import (
	"bytes"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// Size is the length in bytes of an encoded element.
const Size = 32

// Constants of RFC 9496, section 4.1, from their definitions. SqrtRatio returns
// the root that is even; the RFC wants the odd one of a·d - 1.
var (
	zero     = new(field.Element)
	one      = new(field.Element).One()
	minusOne = new(field.Element).Negate(one)

	d = func() *field.Element {
		num := new(field.Element).Mult32(minusOne, 121665)
		den := new(field.Element).Mult32(one, 121666)
		return num.Multiply(num, den.Invert(den))
	}()
	dMinusOne      = new(field.Element).Subtract(d, one)
	dMinusOneSq    = new(field.Element).Square(dMinusOne)
	oneMinusDSq    = new(field.Element).Subtract(one, new(field.Element).Square(d))
	sqrtM1         = sqrtRatio(minusOne, one)
	aMinusD        = new(field.Element).Subtract(minusOne, d)
	invSqrtAMinusD = sqrtRatio(one, aMinusD)
	sqrtADMinusOne = new(field.Element).Negate(sqrtRatio(aMinusD, one)) // a·d - 1 = a - d for a = -1
)

func sqrtRatio(u, v *field.Element) *field.Element {
	r, _ := new(field.Element).SqrtRatio(u, v)
	return r
}

// IsIdentity reports whether p stands for the neutral element.
func IsIdentity(p *edwards25519.Point) bool {
	x, y, _, _ := p.ExtendedCoordinates()
	return x.Equal(zero)|y.Equal(zero) == 1
}

// Decode sets p to the element encoded by b (RFC 9496, section 4.3.1) and
// reports whether b is the canonical encoding of one.
func Decode(p *edwards25519.Point, b []byte) bool {
	if len(b) != Size {
		return false
	}
	var s, ss, u1, u2, u2Sq, v, t, invSqrt, denX, denY, x, y field.Element
	s.SetBytes(b)
	if !bytes.Equal(s.Bytes(), b) || s.IsNegative() == 1 {
		return false
	}
	ss.Square(&s)
	u1.Subtract(one, &ss)
	u2.Add(one, &ss)
	u2Sq.Square(&u2)
	v.Square(&u1)
	v.Multiply(&v, d)
	v.Negate(&v)
	v.Subtract(&v, &u2Sq)
	_, wasSquare := invSqrt.SqrtRatio(one, t.Multiply(&v, &u2Sq))
	denX.Multiply(&invSqrt, &u2)
	denY.Multiply(&invSqrt, &denX)
	denY.Multiply(&denY, &v)
	x.Add(&s, &s)
	x.Multiply(&x, &denX)
	x.Absolute(&x)
	y.Multiply(&u1, &denY)
	t.Multiply(&x, &y)
	if wasSquare == 0 || t.IsNegative() == 1 || y.Equal(zero) == 1 {
		return false
	}
	_, err := p.SetExtendedCoordinates(&x, &y, one, &t)
	return err == nil
}

// Encode returns the encoding of p (RFC 9496, section 4.3.2).
func Encode(p *edwards25519.Point) (out [Size]byte) {
	x0, y0, z0, t0 := p.ExtendedCoordinates()
	var u1, u2, t, invSqrt, den1, den2, zInv, ix0, iy0, enchanted, x, y, negY, denInv field.Element
	u1.Add(z0, y0)
	u1.Multiply(&u1, t.Subtract(z0, y0))
	u2.Multiply(x0, y0)
	t.Square(&u2)
	invSqrt.SqrtRatio(one, t.Multiply(&t, &u1))
	den1.Multiply(&invSqrt, &u1)
	den2.Multiply(&invSqrt, &u2)
	zInv.Multiply(&den1, &den2)
	zInv.Multiply(&zInv, t0)
	ix0.Multiply(x0, sqrtM1)
	iy0.Multiply(y0, sqrtM1)
	enchanted.Multiply(&den1, invSqrtAMinusD)
	rotate := t.Multiply(t0, &zInv).IsNegative()
	x.Select(&iy0, x0, rotate)
	y.Select(&ix0, y0, rotate)
	denInv.Select(&enchanted, &den2, rotate)
	negY.Negate(&y)
	y.Select(&negY, &y, t.Multiply(&x, &zInv).IsNegative())
	t.Subtract(z0, &y)
	t.Multiply(&t, &denInv)
	copy(out[:], t.Absolute(&t).Bytes())
	return out
}

// Uniform sets p to the element that RFC 9496, section 4.3.4, derives from 64
// bytes. For uniform b it is uniform, and its discrete logarithm unknown.
func Uniform(p *edwards25519.Point, b *[64]byte) {
	var q edwards25519.Point
	mapToPoint(p, b[:32])
	mapToPoint(&q, b[32:])
	p.Add(p, &q)
}

// mapToPoint is the function MAP of RFC 9496, section 4.3.4.
func mapToPoint(p *edwards25519.Point, b []byte) {
	var t, r, u, v, s, sPrime, c, n, w0, w1, w2, w3, ss field.Element
	t.SetBytes(b) // ignores the top bit, as MAP does
	r.Square(&t)
	r.Multiply(&r, sqrtM1)
	u.Add(&r, one)
	u.Multiply(&u, oneMinusDSq)
	v.Multiply(&r, d)
	v.Subtract(minusOne, &v)
	v.Multiply(&v, sPrime.Add(&r, d))
	_, wasSquare := s.SqrtRatio(&u, &v)
	sPrime.Multiply(&s, &t)
	sPrime.Absolute(&sPrime)
	sPrime.Negate(&sPrime)
	s.Select(&s, &sPrime, wasSquare)
	c.Select(minusOne, &r, wasSquare)
	n.Subtract(&r, one)
	n.Multiply(&n, &c)
	n.Multiply(&n, dMinusOneSq)
	n.Subtract(&n, &v)
	ss.Square(&s)
	w0.Multiply(&s, &v)
	w0.Add(&w0, &w0)
	w1.Multiply(&n, sqrtADMinusOne)
	w2.Subtract(one, &ss)
	w3.Add(one, &ss)
	var x, y, z, xy field.Element
	x.Multiply(&w0, &w3)
	y.Multiply(&w2, &w1)
	z.Multiply(&w1, &w3)
	xy.Multiply(&w0, &w2)
	if _, err := p.SetExtendedCoordinates(&x, &y, &z, &xy); err != nil {
		panic("ristretto: internal error: MAP left the curve")
	}
}

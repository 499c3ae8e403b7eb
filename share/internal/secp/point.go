package secp

import (
	"errors"
	"math/bits"

	voi "gitlab.com/yawning/secp256k1-voi"
)

// PointSize is the length in bytes of an encoded point.
const PointSize = 33

var errPoint = errors.New("secp: not the compressed form of a point other than the identity")

// A Point is an element of the group. The zero value is the identity.
type Point struct {
	// Points are never changed once made, so that copies may share this.
	p *voi.Point
}

var identity = voi.NewIdentityPoint()

func (p Point) get() *voi.Point {
	if p.p == nil {
		return identity
	}
	return p.p
}

// Identity returns the neutral element.
func Identity() Point { return Point{} }

// Base returns the generator G.
func Base() Point { return Point{voi.NewGeneratorPoint()} }

// ParsePoint decodes the 33-byte compressed form of SEC 1, section 2.3.4. The
// identity, every other form, an x of p and above and an x off the curve are
// errors. It takes time that depends on whether b is valid.
func ParsePoint(b []byte) (Point, error) {
	if len(b) != PointSize {
		return Point{}, errPoint
	}
	p, err := new(voi.Point).SetCompressedBytes(b)
	if err != nil {
		return Point{}, errPoint
	}
	return Point{p}, nil
}

// Bytes returns the 33-byte compressed form of SEC 1, section 2.3.3. The
// identity has none: it is returned as 33 zero bytes, which [ParsePoint]
// refuses.
func (p Point) Bytes() (b [PointSize]byte) {
	copy(b[:], p.get().CompressedBytes())
	return b
}

// Add returns p + q.
func (p Point) Add(q Point) Point { return Point{new(voi.Point).Add(p.get(), q.get())} }

// Sub returns p - q.
func (p Point) Sub(q Point) Point { return Point{new(voi.Point).Subtract(p.get(), q.get())} }

// Neg returns -p.
func (p Point) Neg() Point { return Point{new(voi.Point).Negate(p.get())} }

// Equal reports whether p and q are the same point.
func (p Point) Equal(q Point) bool { return p.get().Equal(q.get()) == 1 }

// IsIdentity reports whether p is the neutral element.
func (p Point) IsIdentity() bool { return p.get().IsIdentity() == 1 }

// X returns the x coordinate of p modulo q, as ECDSA calls r, with the two facts
// that it loses: whether the coordinate was q or above, and whether y is odd. p
// must not be the identity, which has no coordinates: X returns zeros for it.
func (p Point) X() (x Scalar, overflow, odd bool) {
	b, err := p.get().XBytes()
	if err != nil {
		return Scalar{}, false, false
	}
	_, reduced := x.s.SetBytes((*[ScalarSize]byte)(b))
	return x, reduced == 1, p.get().IsYOdd() == 1
}

// BaseMul returns x·G in constant time.
func BaseMul(x Secret) Point { return Point{new(voi.Point).ScalarBaseMult(x.get())} }

// Mul returns x·p in constant time.
func Mul(x Secret, p Point) Point { return Point{new(voi.Point).ScalarMult(x.get(), p.get())} }

// BaseMulVartime returns x·G.
func BaseMulVartime(x Scalar) Point { return Point{new(voi.Point).ScalarBaseMult(&x.s)} }

// MulVartime returns x·p in time that depends on x. Small x, such as the slots
// of a polynomial evaluated by Horner's rule, cost a few point additions.
func MulVartime(x Scalar, p Point) Point {
	if n, ok := x.small(); ok {
		return Point{mulSmall(n, p.get())}
	}
	return MultiMulVartime([]Scalar{x}, []Point{p})
}

// MultiMulVartime returns the sum of x[i]·p[i] in time that depends on x. It
// panics if the lengths differ.
func MultiMulVartime(x []Scalar, p []Point) Point {
	scalars := make([]*voi.Scalar, len(x))
	for i := range x {
		scalars[i] = &x[i].s
	}
	points := make([]*voi.Point, len(p))
	for i := range p {
		points[i] = p[i].get()
	}
	return Point{new(voi.Point).MultiScalarMultVartime(scalars, points)}
}

// small returns x as a machine word if it is below 2^16.
func (x Scalar) small() (uint16, bool) {
	b := x.s.Bytes()
	for _, c := range b[:ScalarSize-2] {
		if c != 0 {
			return 0, false
		}
	}
	return uint16(b[ScalarSize-2])<<8 | uint16(b[ScalarSize-1]), true
}

func mulSmall(n uint16, p *voi.Point) *voi.Point {
	sum := voi.NewIdentityPoint()
	for i := bits.Len16(n) - 1; i >= 0; i-- {
		sum.Double(sum)
		if n>>i&1 == 1 {
			sum.Add(sum, p)
		}
	}
	return sum
}

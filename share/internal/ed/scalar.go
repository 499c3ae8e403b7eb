package ed

import (
	"encoding/binary"
	"errors"

	"filippo.io/edwards25519"
)

// ScalarSize is the length in bytes of an encoded scalar.
const ScalarSize = 32

// WideSize is the length in bytes of a string that is reduced modulo ℓ to give
// a scalar whose distance from uniform is below 2⁻²⁵⁶.
const WideSize = 64

var errScalar = errors.New("ed: not a canonical scalar")

// A Scalar is a public integer modulo ℓ. The zero value is 0.
type Scalar struct{ v edwards25519.Scalar }

// NewScalar returns n.
func NewScalar(n uint64) (s Scalar) {
	var b [ScalarSize]byte
	binary.LittleEndian.PutUint64(b[:], n)
	if _, err := s.v.SetCanonicalBytes(b[:]); err != nil {
		panic("ed: internal error: a 64-bit integer is not below ℓ")
	}
	return s
}

// ParseScalar decodes the [ScalarSize] little-endian bytes of an integer below ℓ. It
// refuses every other length and value.
func ParseScalar(b []byte) (s Scalar, err error) {
	if _, err := s.v.SetCanonicalBytes(b); err != nil {
		return Scalar{}, errScalar
	}
	return s, nil
}

// ScalarFromWide returns the little-endian integer b modulo ℓ, which is how
// RFC 9591 section 6.1 hashes to a scalar.
func ScalarFromWide(b *[WideSize]byte) (s Scalar) {
	setWide(&s.v, b)
	return s
}

// Bytes returns the encoding that [ParseScalar] accepts.
func (s Scalar) Bytes() [ScalarSize]byte { return [ScalarSize]byte(s.v.Bytes()) }

// Add returns s + t.
func (s Scalar) Add(t Scalar) (r Scalar) {
	r.v.Add(&s.v, &t.v)
	return r
}

// Sub returns s − t.
func (s Scalar) Sub(t Scalar) (r Scalar) {
	r.v.Subtract(&s.v, &t.v)
	return r
}

// Mul returns s·t.
func (s Scalar) Mul(t Scalar) (r Scalar) {
	r.v.Multiply(&s.v, &t.v)
	return r
}

// Neg returns −s.
func (s Scalar) Neg() (r Scalar) {
	r.v.Negate(&s.v)
	return r
}

// Inv returns 1/s, and 0 if s is 0: callers that cannot exclude 0 ask
// [Scalar.IsZero] first.
func (s Scalar) Inv() (r Scalar) {
	r.v.Invert(&s.v)
	return r
}

// IsZero reports whether s is 0.
func (s Scalar) IsZero() bool { return s.Equal(Scalar{}) }

// Equal reports whether s and t are the same integer.
func (s Scalar) Equal(t Scalar) bool { return s.v.Equal(&t.v) == 1 }

// small returns s as a machine word if it is below 2¹⁶.
func (s Scalar) small() (n uint16, ok bool) {
	n = binary.LittleEndian.Uint16(s.v.Bytes())
	return n, s.Equal(NewScalar(uint64(n)))
}

func setWide(v *edwards25519.Scalar, b *[WideSize]byte) {
	if _, err := v.SetUniformBytes(b[:]); err != nil {
		panic("ed: internal error: " + err.Error())
	}
}

package secp

import (
	"fmt"
	"io"

	voi "gitlab.com/yawning/secp256k1-voi"
)

// A Vector is a buffer of secret scalars, for loops in which one heap object
// per value would cost more than the arithmetic. Unlike [Secret] it is changed
// in place. Copies of the handle share the buffer. All operations run in time
// that depends only on lengths, and panic if the lengths of operands differ.
//
// Encoded vectors may be interleaved: element j is the 32 bytes at j·stride.
// Masks are bit strings, bit j of which is bit j%8 of byte j/8.
type Vector struct{ value func() []voi.Scalar }

// NewVector returns a vector of n zeros.
func NewVector(n int) Vector {
	s := make([]voi.Scalar, n)
	return Vector{func() []voi.Scalar { return s }}
}

func (v Vector) with(w Vector) (dst, src []voi.Scalar) {
	dst, src = v.value(), w.value()
	if len(dst) != len(src) {
		panic("secp: internal error: vectors of different lengths")
	}
	return dst, src
}

// bitOf returns bit j of mask.
func bitOf(mask []byte, j int) uint64 { return uint64(mask[j/8] >> (j % 8) & 1) }

// Reduce sets element j to the 32 big-endian bytes at b[j·stride:] modulo q.
func (v Vector) Reduce(b []byte, stride int) {
	s := v.value()
	for j := range s {
		s[j].SetBytes((*[ScalarSize]byte)(b[j*stride:]))
	}
}

// Parse decodes canonical elements, or says that one is not below q. The vector
// is unspecified after an error.
func (v Vector) Parse(b []byte, stride int) error {
	s := v.value()
	for j := range s {
		if _, err := s[j].SetCanonicalBytes((*[ScalarSize]byte)(b[j*stride:])); err != nil {
			return errScalarRange
		}
	}
	return nil
}

// Put encodes the elements into b.
func (v Vector) Put(b []byte, stride int) {
	s := v.value()
	for j := range s {
		copy(b[j*stride:j*stride+ScalarSize], s[j].Bytes())
	}
}

// Negate negates every element.
func (v Vector) Negate() {
	s := v.value()
	for j := range s {
		s[j].Negate(&s[j])
	}
}

// Sub subtracts w from v.
func (v Vector) Sub(w Vector) {
	dst, src := v.with(w)
	for j := range dst {
		dst[j].Subtract(&dst[j], &src[j])
	}
}

// AddEach adds x to every element.
func (v Vector) AddEach(x Secret) {
	s, y := v.value(), x.get()
	for j := range s {
		s[j].Add(&s[j], y)
	}
}

// AddScaled adds x·w to v.
func (v Vector) AddScaled(x Scalar, w Vector) {
	dst, src := v.with(w)
	var t voi.Scalar
	for j := range dst {
		dst[j].Add(&dst[j], t.Multiply(&x.s, &src[j]))
	}
	t.Zero()
}

// AddMasked adds element j of w to v if bit j of mask is set, without a branch.
func (v Vector) AddMasked(mask []byte, w Vector) {
	dst, src := v.with(w)
	var zero, t voi.Scalar
	for j := range dst {
		dst[j].Add(&dst[j], t.ConditionalSelect(&zero, &src[j], bitOf(mask, j)))
	}
	t.Zero()
}

// SubMaskedEach subtracts x from element j if bit j of mask is set, without a
// branch.
func (v Vector) SubMaskedEach(mask []byte, x Scalar) {
	s := v.value()
	var zero, t voi.Scalar
	for j := range s {
		s[j].Subtract(&s[j], t.ConditionalSelect(&zero, &x.s, bitOf(mask, j)))
	}
	t.Zero()
}

// Dot returns the sum of v[j]·w[j].
func (v Vector) Dot(w Vector) Secret {
	a, b := v.with(w)
	sum := new(voi.Scalar)
	var t voi.Scalar
	for j := range a {
		sum.Add(sum, t.Multiply(&a[j], &b[j]))
	}
	t.Zero()
	return hide(sum)
}

// SumMasked returns the sum of the elements whose bit in mask is set, without a
// branch.
func (v Vector) SumMasked(mask []byte) Secret {
	s := v.value()
	sum := new(voi.Scalar)
	var zero, t voi.Scalar
	for j := range s {
		sum.Add(sum, t.ConditionalSelect(&zero, &s[j], bitOf(mask, j)))
	}
	t.Zero()
	return hide(sum)
}

// Wipe sets every element to 0.
func (v Vector) Wipe() {
	if v.value == nil {
		return
	}
	s := v.value()
	for j := range s {
		s[j].Zero()
	}
}

// Format implements [fmt.Formatter] and prints a placeholder for every verb.
func (Vector) Format(f fmt.State, _ rune) { io.WriteString(f, "[secret]") }

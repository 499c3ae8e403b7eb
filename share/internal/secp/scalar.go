package secp

import (
	"errors"

	voi "gitlab.com/yawning/secp256k1-voi"
)

// ScalarSize is the length in bytes of an encoded scalar.
const ScalarSize = 32

var (
	errScalarLength = errors.New("secp: scalar is not 32 bytes long")
	errScalarRange  = errors.New("secp: scalar is not below the group order")
)

// A Scalar is a public integer modulo the group order q. The zero value is 0.
type Scalar struct{ s voi.Scalar }

// NewScalar returns n as a scalar.
func NewScalar(n uint64) Scalar { return Scalar{*voi.NewScalarFromUint64(n)} }

// ParseScalar decodes 32 big-endian bytes. Values of q and above are errors.
func ParseScalar(b []byte) (Scalar, error) {
	var x Scalar
	err := parse(&x.s, b)
	return x, err
}

// ReduceScalar returns the big-endian integer b modulo q. For uniform b the
// result is uniform up to a bias of about 2^-128.
func ReduceScalar(b *[ScalarSize]byte) Scalar {
	var x Scalar
	x.s.SetBytes(b)
	return x
}

func parse(s *voi.Scalar, b []byte) error {
	if len(b) != ScalarSize {
		return errScalarLength
	}
	if _, err := s.SetCanonicalBytes((*[ScalarSize]byte)(b)); err != nil {
		return errScalarRange
	}
	return nil
}

// Bytes returns the 32-byte big-endian encoding of x.
func (x Scalar) Bytes() [ScalarSize]byte { return [ScalarSize]byte(x.s.Bytes()) }

// Add returns x + y.
func (x Scalar) Add(y Scalar) Scalar { x.s.Add(&x.s, &y.s); return x }

// Sub returns x - y.
func (x Scalar) Sub(y Scalar) Scalar { x.s.Subtract(&x.s, &y.s); return x }

// Mul returns x·y.
func (x Scalar) Mul(y Scalar) Scalar { x.s.Multiply(&x.s, &y.s); return x }

// Neg returns -x.
func (x Scalar) Neg() Scalar { x.s.Negate(&x.s); return x }

// Inv returns 1/x, and 0 for 0.
func (x Scalar) Inv() Scalar { x.s.Invert(&x.s); return x }

// IsZero reports whether x is 0.
func (x Scalar) IsZero() bool { return x.s.IsZero() == 1 }

// Equal reports whether x and y are the same scalar.
func (x Scalar) Equal(y Scalar) bool { return x.s.Equal(&y.s) == 1 }

// IsHigh reports whether x is above q/2, which is what low-s signatures avoid
// (BIP-62, EIP-2).
func (x Scalar) IsHigh() bool { return x.s.IsGreaterThanHalfN() == 1 }

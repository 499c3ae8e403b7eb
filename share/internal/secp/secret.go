package secp

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/warifu/warifu/internal/secret"
	voi "gitlab.com/yawning/secp256k1-voi"
)

var (
	errEncode = errors.New("secp: refusing to encode a secret scalar")
	errZero   = errors.New("secp: randomness reduced to zero")
)

// A Secret is a secret integer modulo the group order q. The zero value is 0.
//
// A Secret is a handle: copies share one heap object, and wiping one wipes all.
// Its methods run in time that does not depend on the values.
type Secret struct {
	// The value hides in a closure for the reason that secret.Key gives: fmt
	// prints unexported fields and follows pointers. A func also makes == not
	// compile.
	value func() *voi.Scalar
}

func hide(s *voi.Scalar) Secret { return Secret{func() *voi.Scalar { return s }} }

func (x Secret) get() *voi.Scalar {
	if x.value == nil {
		return new(voi.Scalar)
	}
	return x.value()
}

// NewSecret returns 0, to be added to with [Secret.Accumulate].
func NewSecret() Secret { return hide(new(voi.Scalar)) }

// RandomSecret returns a uniform non-zero Secret made of 64 bytes of r.
func RandomSecret(r io.Reader) (Secret, error) {
	var b [64]byte
	defer clear(b[:])
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Secret{}, fmt.Errorf("secp: read randomness: %w", err)
	}
	x := SecretFromWide(&b)
	if x.IsZero() {
		// One in 2²⁵⁶ for a working source: this one is broken, and asking it
		// again might never end.
		return Secret{}, errZero
	}
	return x, nil
}

// ParseSecret decodes 32 big-endian bytes. Values of q and above are errors; 0
// is not. The caller keeps b and wipes it.
func ParseSecret(b []byte) (Secret, error) {
	s := new(voi.Scalar)
	if err := parse(s, b); err != nil {
		return Secret{}, err
	}
	return hide(s), nil
}

// SecretFromKey decodes the bytes of k as [ParseSecret] does. The caller keeps k.
func SecretFromKey(k secret.Key) (x Secret, err error) {
	err = k.Use(func(b *[secret.Size]byte) error {
		x, err = ParseSecret(b[:])
		return err
	})
	return x, err
}

// ReduceSecret returns the big-endian integer b modulo q, which for uniform b is
// uniform up to a bias of about 2^-128. The caller keeps b and wipes it.
func ReduceSecret(b *[ScalarSize]byte) Secret {
	s := new(voi.Scalar)
	s.SetBytes(b)
	return hide(s)
}

// two256 is 2^256 modulo q.
var two256 = func() *voi.Scalar {
	// 2^256 - 1 reduces to 2^256 - 1 - q.
	var ones [ScalarSize]byte
	for i := range ones {
		ones[i] = 0xff
	}
	s, _ := voi.NewScalarFromBytes(&ones)
	return s.Add(s, voi.NewScalarFromUint64(1))
}()

// SecretFromWide returns the 512-bit big-endian integer b modulo q, which for
// uniform b is uniform up to a bias of 2^-256. The caller keeps b and wipes it.
func SecretFromWide(b *[64]byte) Secret {
	var hi voi.Scalar
	lo := new(voi.Scalar)
	hi.SetBytes((*[ScalarSize]byte)(b[:32]))
	lo.SetBytes((*[ScalarSize]byte)(b[32:]))
	lo.Add(lo, hi.Multiply(&hi, two256))
	hi.Zero()
	return hide(lo)
}

// Secret returns x as a Secret, to be mixed with others.
func (x Scalar) Secret() Secret { return hide(&x.s) }

// Add returns x + y.
func (x Secret) Add(y Secret) Secret { return hide(new(voi.Scalar).Add(x.get(), y.get())) }

// Sub returns x - y.
func (x Secret) Sub(y Secret) Secret { return hide(new(voi.Scalar).Subtract(x.get(), y.get())) }

// Mul returns x·y.
func (x Secret) Mul(y Secret) Secret { return hide(new(voi.Scalar).Multiply(x.get(), y.get())) }

// AddPublic returns x + y.
func (x Secret) AddPublic(y Scalar) Secret { return hide(new(voi.Scalar).Add(x.get(), &y.s)) }

// MulPublic returns x·y.
func (x Secret) MulPublic(y Scalar) Secret { return hide(new(voi.Scalar).Multiply(x.get(), &y.s)) }

// Accumulate adds y to x in place, which all copies of the handle x see. A sum
// that is built so leaves no partial sums behind on the heap. x comes from a
// function of this package: the zero value has nothing to add to.
func (x Secret) Accumulate(y Secret) {
	s := x.value()
	s.Add(s, y.get())
}

// Neg returns -x.
func (x Secret) Neg() Secret { return hide(new(voi.Scalar).Negate(x.get())) }

// Clone returns a Secret of its own with the value of x.
func (x Secret) Clone() Secret { return hide(new(voi.Scalar).Set(x.get())) }

// IsZero reports whether x is 0. That is computed in constant time, and what
// the caller does with the answer is public.
func (x Secret) IsZero() bool { return x.get().IsZero() == 1 }

// Equal reports whether x and y are the same scalar, in constant time.
func (x Secret) Equal(y Secret) bool { return x.get().Equal(y.get()) == 1 }

// Bytes returns the 32-byte big-endian encoding of x, which is as secret as x:
// the caller wipes it.
func (x Secret) Bytes() [ScalarSize]byte { return [ScalarSize]byte(x.get().Bytes()) }

// Key returns the encoding of x as a key that the caller owns.
func (x Secret) Key() secret.Key {
	b := x.Bytes()
	return secret.Take(&b)
}

// Public declassifies x. Every use says in a comment why the value may be known.
func (x Secret) Public() Scalar {
	var p Scalar
	p.s.Set(x.get())
	return p
}

// Wipe sets x, and all copies of the handle, to 0.
func (x Secret) Wipe() {
	if x.value != nil {
		x.value().Zero()
	}
}

// Format implements [fmt.Formatter] and prints a placeholder for every verb.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, "[secret]") }

// LogValue implements [slog.LogValuer] with a placeholder.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText, MarshalJSON, MarshalBinary and MarshalCBOR always fail.
func (Secret) MarshalText() ([]byte, error)   { return nil, errEncode }
func (Secret) MarshalJSON() ([]byte, error)   { return nil, errEncode }
func (Secret) MarshalBinary() ([]byte, error) { return nil, errEncode }
func (Secret) MarshalCBOR() ([]byte, error)   { return nil, errEncode }

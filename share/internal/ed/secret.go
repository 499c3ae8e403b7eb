package ed

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"filippo.io/edwards25519"

	"github.com/warifu/warifu/internal/secret"
)

var (
	errSecret = errors.New("ed: secret is not a canonical scalar")
	errEncode = errors.New("ed: refusing to encode a secret scalar")
	errZero   = errors.New("ed: randomness reduced to zero")
)

// A Secret is an integer modulo ℓ that nobody may learn. All its methods run in
// constant time. Each result is a Secret of its own that its owner wipes; a
// copy of a Secret is a handle on the same integer, and wiping one wipes all. The
// zero value is 0.
type Secret struct {
	// As in [secret.Key], a closure hides the value from fmt and makes ==
	// not compile.
	value func() *edwards25519.Scalar
}

func newSecret(v *edwards25519.Scalar) Secret {
	return Secret{value: func() *edwards25519.Scalar { return v }}
}

func (s Secret) get() *edwards25519.Scalar {
	if s.value == nil {
		return new(edwards25519.Scalar)
	}
	return s.value()
}

// RandomSecret returns a uniform non-zero integer drawn from [WideSize] bytes
// of r.
func RandomSecret(r io.Reader) (Secret, error) {
	var b [WideSize]byte
	defer clear(b[:])
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Secret{}, fmt.Errorf("ed: read randomness: %w", err)
	}
	s := SecretFromWide(&b)
	if s.IsZero() {
		// One in 2²⁵² for a working source: this one is broken, and asking
		// it again would only hide that.
		return Secret{}, errZero
	}
	return s, nil
}

// ParseSecret decodes the [ScalarSize] little-endian bytes of an integer below ℓ,
// which may be 0. It does not retain or clear b.
func ParseSecret(b []byte) (Secret, error) {
	v := new(edwards25519.Scalar)
	if _, err := v.SetCanonicalBytes(b); err != nil {
		return Secret{}, errSecret
	}
	return newSecret(v), nil
}

// SecretFromKey decodes the bytes of k as [ParseSecret] does. The caller keeps k.
func SecretFromKey(k secret.Key) (s Secret, err error) {
	err = k.Use(func(b *[secret.Size]byte) (err error) {
		s, err = ParseSecret(b[:])
		return err
	})
	return s, err
}

// SecretFromWide returns the little-endian integer b modulo ℓ. It does not
// clear b.
func SecretFromWide(b *[WideSize]byte) Secret {
	v := new(edwards25519.Scalar)
	setWide(v, b)
	return newSecret(v)
}

// Secret returns s as a Secret, to be mixed with others.
func (s Scalar) Secret() Secret { return newSecret(&s.v) }

// Add returns s + t.
func (s Secret) Add(t Secret) Secret {
	return newSecret(new(edwards25519.Scalar).Add(s.get(), t.get()))
}

// Sub returns s − t.
func (s Secret) Sub(t Secret) Secret {
	return newSecret(new(edwards25519.Scalar).Subtract(s.get(), t.get()))
}

// Mul returns s·t.
func (s Secret) Mul(t Secret) Secret {
	return newSecret(new(edwards25519.Scalar).Multiply(s.get(), t.get()))
}

// AddPublic returns s + t.
func (s Secret) AddPublic(t Scalar) Secret {
	return newSecret(new(edwards25519.Scalar).Add(s.get(), &t.v))
}

// MulPublic returns s·t.
func (s Secret) MulPublic(t Scalar) Secret {
	return newSecret(new(edwards25519.Scalar).Multiply(s.get(), &t.v))
}

// Neg returns −s.
func (s Secret) Neg() Secret {
	return newSecret(new(edwards25519.Scalar).Negate(s.get()))
}

// Clone returns a Secret of its own with the value of s.
func (s Secret) Clone() Secret { return newSecret(new(edwards25519.Scalar).Set(s.get())) }

// Equal reports whether s and t are the same integer, in constant time.
func (s Secret) Equal(t Secret) bool { return s.get().Equal(t.get()) == 1 }

// IsZero reports whether s is 0. It takes the same time for every s; that a
// caller branches on the answer is the caller's to justify.
func (s Secret) IsZero() bool {
	return s.get().Equal(new(edwards25519.Scalar)) == 1
}

// Bytes returns the encoding that [ParseSecret] accepts. The caller owns the
// array and clears it.
func (s Secret) Bytes() [ScalarSize]byte {
	b := s.get().Bytes()
	defer clear(b)
	return [ScalarSize]byte(b)
}

// Key returns the encoding of s as a key of its own, for those who store it.
func (s Secret) Key() secret.Key {
	b := s.Bytes()
	return secret.Take(&b)
}

// Public declares that s is no longer secret: it is about to be published, or
// a protocol reveals it. Every call is a place to review.
func (s Secret) Public() Scalar { return Scalar{v: *s.get()} }

// Wipe sets s, and every copy of s, to 0. Wiping the zero value is harmless.
func (s Secret) Wipe() {
	if s.value != nil {
		*s.value() = edwards25519.Scalar{}
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

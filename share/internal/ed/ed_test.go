package ed_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/share/internal/ed"
)

// order is ℓ of RFC 8032, section 5.1.
var order, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

// field is 2²⁵⁵ − 19.
var field = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

const seed = 1

func source() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func little(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, ed.ScalarSize))
	slices.Reverse(b)
	return b
}

func integer(b []byte) *big.Int {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseScalarBounds(t *testing.T) {
	t.Parallel()
	add := func(n int64) []byte { return little(new(big.Int).Add(order, big.NewInt(n))) }
	tests := []struct {
		name string
		in   []byte
		ok   bool
	}{
		{"zero", make([]byte, 32), true},
		{"one", little(big.NewInt(1)), true},
		{"order-minus-one", add(-1), true},
		{"order", add(0), false},
		{"order-plus-one", add(1), false},
		{"all-ones", bytes.Repeat([]byte{0xff}, 32), false},
		{"empty", nil, false},
		{"short", make([]byte, 31), false},
		{"long", make([]byte, 33), false},
	}
	for _, tt := range tests {
		s, err := ed.ParseScalar(tt.in)
		if (err == nil) != tt.ok {
			t.Errorf("%s: ParseScalar: %v", tt.name, err)
		}
		x, errSecret := ed.ParseSecret(tt.in)
		if (errSecret == nil) != tt.ok {
			t.Errorf("%s: ParseSecret: %v", tt.name, errSecret)
		}
		if !tt.ok {
			continue
		}
		if b := s.Bytes(); !bytes.Equal(b[:], tt.in) {
			t.Errorf("%s: scalar encodes to %x", tt.name, b)
		}
		if b := x.Bytes(); !bytes.Equal(b[:], tt.in) {
			t.Errorf("%s: secret encodes to %x", tt.name, b)
		}
	}
}

// smallOrder lists all encodings that decoders in the wild take for the eight
// points of order 1, 2, 4 and 8: the canonical ones and those with y ≥ p or a
// negative zero x. Source: the table in libsodium's ge25519_has_small_order,
// and section 2 of ePrint 2020/1244, recomputed by [TestSmallOrderTable].
var smallOrder = []struct{ name, hex string }{
	{"order-1", "0100000000000000000000000000000000000000000000000000000000000000"},
	{"order-1-negative-zero", "0100000000000000000000000000000000000000000000000000000000000080"},
	{"order-1-unreduced", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
	{"order-1-unreduced-negative-zero", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
	{"order-2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
	{"order-2-negative-zero", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
	{"order-4", "0000000000000000000000000000000000000000000000000000000000000000"},
	{"order-4-other", "0000000000000000000000000000000000000000000000000000000000000080"},
	{"order-4-unreduced", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
	{"order-4-unreduced-other", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
	{"order-8-a", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"},
	{"order-8-b", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"},
	{"order-8-c", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"},
	{"order-8-d", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"},
}

// TestSmallOrderTable keeps the table honest: an attacker who mistyped it would
// make the tests below pass for the wrong reason.
func TestSmallOrderTable(t *testing.T) {
	t.Parallel()
	for _, tt := range smallOrder {
		if !library(t, unhex(t, tt.hex)).mulByCofactorIsIdentity() {
			t.Errorf("%s is not of small order", tt.name)
		}
	}
}

func TestParsePointRefusesSmallOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range smallOrder {
		if _, err := ed.ParsePoint(unhex(t, tt.hex)); err == nil {
			t.Errorf("%s accepted", tt.name)
		}
	}
}

// TestParsePointRefusesTorsion adds each point of small order to points that
// are fine: the encodings are canonical, on the curve and of large order.
func TestParsePointRefusesTorsion(t *testing.T) {
	t.Parallel()
	rng := source()
	for _, tt := range smallOrder[4:] {
		s, err := ed.RandomSecret(rng)
		if err != nil {
			t.Fatal(err)
		}
		good := ed.BaseMul(s).Bytes()
		mixed := library(t, good[:]).plus(library(t, unhex(t, tt.hex)))
		if _, err := ed.ParsePoint(mixed); err == nil {
			t.Errorf("seed %d: point plus %s accepted", seed, tt.name)
		}
	}
}

// TestParsePointRefusesNonCanonical covers every y that has a second encoding,
// not only those of small order: 2²⁵⁵ − 19 ≤ y < 2²⁵⁵.
func TestParsePointRefusesNonCanonical(t *testing.T) {
	t.Parallel()
	decodable := 0
	for n := int64(0); n < 19; n++ {
		for _, sign := range []byte{0, 0x80} {
			b := little(new(big.Int).Add(field, big.NewInt(n)))
			b[31] |= sign
			if libraryAccepts(b) {
				decodable++
			}
			if _, err := ed.Decode(b); err == nil {
				t.Errorf("y = p + %d with sign %#x decoded", n, sign)
			}
			if _, err := ed.ParsePoint(b); err == nil {
				t.Errorf("y = p + %d with sign %#x accepted", n, sign)
			}
		}
	}
	if decodable < 10 {
		t.Errorf("only %d of the encodings decode at all: the test proves little", decodable)
	}
}

func TestParsePointRefusesMalformed(t *testing.T) {
	t.Parallel()
	base := ed.Base().Bytes()
	tests := []struct {
		name string
		in   []byte
	}{
		{"empty", nil},
		{"short", base[:31]},
		{"long", append(base[:], 0)},
		{"off-curve", little(big.NewInt(2))},
	}
	for _, tt := range tests {
		if _, err := ed.ParsePoint(tt.in); err == nil {
			t.Errorf("%s accepted", tt.name)
		}
	}
	for _, y := range []string{
		"0100000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	} {
		if _, err := ed.Decode(unhex(t, y)); err == nil {
			t.Errorf("negative zero %s decoded", y)
		}
	}
	if p, err := ed.ParsePoint(base[:]); err != nil || !p.Equal(ed.Base()) {
		t.Errorf("base point: %v", err)
	}
}

// TestSignLikeStandardLibrary builds RFC 8032 signatures from this package's
// operations and compares them, byte for byte, with crypto/ed25519.
func TestSignLikeStandardLibrary(t *testing.T) {
	t.Parallel()
	rng := source()
	for i := range 50 {
		seedBytes := make([]byte, ed25519.SeedSize)
		rng.Read(seedBytes)
		msg := make([]byte, i)
		rng.Read(msg)
		key := ed25519.NewKeyFromSeed(seedBytes)

		h := sha512.Sum512(seedBytes)
		var wide [ed.WideSize]byte
		copy(wide[:32], h[:32])
		wide[0] &= 248
		wide[31] = wide[31]&63 | 64
		s := ed.SecretFromWide(&wide)
		pub := ed.BaseMul(s).Bytes()
		if !bytes.Equal(pub[:], key.Public().(ed25519.PublicKey)) {
			t.Fatalf("seed %d run %d: public key %x", seed, i, pub)
		}

		nonce := wideHash(h[32:], msg)
		r := ed.SecretFromWide(nonce)
		commit := ed.BaseMul(r).Bytes()
		c := ed.ScalarFromWide(wideHash(commit[:], pub[:], msg))
		z := r.Add(s.MulPublic(c)).Bytes()
		if sig := append(commit[:], z[:]...); !bytes.Equal(sig, ed25519.Sign(key, msg)) {
			t.Fatalf("seed %d run %d: signature %x", seed, i, sig)
		}
	}
}

func wideHash(parts ...[]byte) *[ed.WideSize]byte {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	return (*[ed.WideSize]byte)(h.Sum(nil))
}

// TestArithmetic compares every scalar operation, of both types, with math/big.
func TestArithmetic(t *testing.T) {
	t.Parallel()
	rng := source()
	for i := range 200 {
		a, b := randomScalar(t, rng), randomScalar(t, rng)
		ab, bb := a.Bytes(), b.Bytes()
		x, y := integer(ab[:]), integer(bb[:])
		as, bs := mustSecret(t, ab[:]), mustSecret(t, bb[:])
		mod := func(n *big.Int) *big.Int { return n.Mod(n, order) }
		tests := []struct {
			name string
			got  [ed.ScalarSize]byte
			want *big.Int
		}{
			{"add", a.Add(b).Bytes(), mod(new(big.Int).Add(x, y))},
			{"sub", a.Sub(b).Bytes(), mod(new(big.Int).Sub(x, y))},
			{"mul", a.Mul(b).Bytes(), mod(new(big.Int).Mul(x, y))},
			{"neg", a.Neg().Bytes(), mod(new(big.Int).Neg(x))},
			{"inv", a.Inv().Bytes(), new(big.Int).ModInverse(x, order)},
			{"secret-add", as.Add(bs).Bytes(), mod(new(big.Int).Add(x, y))},
			{"secret-sub", as.Sub(bs).Bytes(), mod(new(big.Int).Sub(x, y))},
			{"secret-mul", as.Mul(bs).Bytes(), mod(new(big.Int).Mul(x, y))},
			{"secret-neg", as.Neg().Bytes(), mod(new(big.Int).Neg(x))},
			{"secret-add-public", as.AddPublic(b).Bytes(), mod(new(big.Int).Add(x, y))},
			{"secret-mul-public", as.MulPublic(b).Bytes(), mod(new(big.Int).Mul(x, y))},
			{"public", as.Public().Bytes(), x},
		}
		for _, tt := range tests {
			if integer(tt.got[:]).Cmp(tt.want) != 0 {
				t.Fatalf("seed %d run %d: %s is wrong", seed, i, tt.name)
			}
		}
		// Operands must not change: results are values of their own.
		if a.Bytes() != ab || as.Bytes() != ab {
			t.Fatalf("seed %d run %d: an operand changed", seed, i)
		}
	}
	if !(ed.Scalar{}).Inv().IsZero() {
		t.Error("1/0 is not 0")
	}
}

func TestWideReduction(t *testing.T) {
	t.Parallel()
	rng := source()
	for i := range 100 {
		var b [ed.WideSize]byte
		rng.Read(b[:])
		if i == 0 {
			copy(b[:], bytes.Repeat([]byte{0xff}, ed.WideSize))
		}
		want := integer(b[:])
		want.Mod(want, order)
		s, x := ed.ScalarFromWide(&b).Bytes(), ed.SecretFromWide(&b).Bytes()
		if !bytes.Equal(s[:], little(want)) || s != x {
			t.Fatalf("seed %d run %d: %x and %x", seed, i, s, x)
		}
	}
}

// TestMultiplications checks that the constant-time and the variable-time ways
// agree, and that the group laws hold.
func TestMultiplications(t *testing.T) {
	t.Parallel()
	rng := source()
	for i := range 30 {
		a, b := randomScalar(t, rng), randomScalar(t, rng)
		switch i {
		case 0:
			a = ed.Scalar{}
		case 1:
			a = ed.NewScalar(1).Neg()
		}
		ab, bb := a.Bytes(), b.Bytes()
		as, bs := mustSecret(t, ab[:]), mustSecret(t, bb[:])
		p, q := ed.BaseMul(as), ed.BaseMul(bs)
		switch {
		case !p.Equal(ed.BaseMulVartime(a)), !p.Equal(ed.Mul(as, ed.Base())), !p.Equal(ed.MulVartime(a, ed.Base())):
			t.Fatalf("seed %d run %d: multiples of B differ", seed, i)
		case !ed.Mul(as, q).Equal(ed.MulVartime(a, q)), !ed.Mul(as, q).Equal(ed.Mul(bs, p)):
			t.Fatalf("seed %d run %d: a·b·B differ", seed, i)
		case !p.Add(q).Equal(ed.BaseMulVartime(a.Add(b))), !p.Sub(q).Equal(p.Add(q.Neg())):
			t.Fatalf("seed %d run %d: sums differ", seed, i)
		case !p.Sub(p).IsIdentity():
			t.Fatalf("seed %d run %d: p − p is not the identity", seed, i)
		}
	}
	// The border between the two ways of multiplying by a public scalar.
	for _, n := range []uint64{0, 1, 2, 3, 255, 256, 65534, 65535, 65536, 65537, 1 << 32, 1<<64 - 1} {
		p := ed.BaseMulVartime(randomScalar(t, rng))
		if !ed.MulVartime(ed.NewScalar(n), p).Equal(ed.Mul(ed.NewScalar(n).Secret(), p)) {
			t.Errorf("seed %d: %d·p differs", seed, n)
		}
	}
}

// TestVartimeNeedsPublic is the type rule of docs/crypto.md, "Constant time":
// no function whose time varies takes a Secret, and Secret has no such method.
func TestVartimeNeedsPublic(t *testing.T) {
	t.Parallel()
	hidden := reflect.TypeFor[ed.Secret]()
	for i := range hidden.NumMethod() {
		if strings.Contains(hidden.Method(i).Name, "Vartime") {
			t.Errorf("Secret has method %s", hidden.Method(i).Name)
		}
	}
	for _, f := range []any{ed.BaseMulVartime, ed.MulVartime} {
		for i, ft := 0, reflect.TypeOf(f); i < ft.NumIn(); i++ {
			if in := ft.In(i); in == hidden || in.Kind() == reflect.Slice && in.Elem() == hidden {
				t.Errorf("%v takes a Secret", ft)
			}
		}
	}
	if hidden.Comparable() {
		t.Error("Secret can be compared with ==")
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	b := bytes.Repeat([]byte{0x0b}, 32) // 0x0b0b…0b is below ℓ
	s := mustSecret(t, b)
	wrapped := struct{ s ed.Secret }{s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
		for _, v := range []any{s, &s, wrapped, &wrapped, []ed.Secret{s}} {
			out := strings.ToLower(fmt.Sprintf(verb, v))
			for _, leak := range []string{"0b0b", "11 11", "[11"} {
				if strings.Contains(out, leak) {
					t.Errorf("%s of %T prints the secret", verb, v)
				}
			}
		}
	}
}

func TestWipe(t *testing.T) {
	t.Parallel()
	s := mustSecret(t, little(big.NewInt(7)))
	handle, sum := s, s.Add(s)
	k := s.Key()
	s.Wipe()
	s.Wipe()
	if !s.IsZero() || !handle.IsZero() {
		t.Error("a copy survived Wipe")
	}
	if sum.IsZero() {
		t.Error("a result shares memory with its operand")
	}
	if err := k.Use(func(b *[32]byte) error {
		if !bytes.Equal(b[:], little(big.NewInt(7))) {
			return errors.New("not the encoding")
		}
		return nil
	}); err != nil {
		t.Errorf("key: %v", err)
	}
	ed.Secret{}.Wipe()
}

func TestRandomSecretSources(t *testing.T) {
	t.Parallel()
	if _, err := ed.RandomSecret(bytes.NewReader(make([]byte, ed.WideSize))); err == nil {
		t.Error("zero accepted")
	}
	if _, err := ed.RandomSecret(bytes.NewReader(make([]byte, ed.WideSize-1))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short read: %v", err)
	}
}

func TestZeroValues(t *testing.T) {
	t.Parallel()
	var s ed.Secret
	p := ed.BaseMul(s)
	switch {
	case !s.IsZero(), !s.Add(s).IsZero(), !s.Clone().IsZero(), s.Bytes() != [32]byte{}:
		t.Error("the zero Secret is not 0")
	case !p.IsIdentity(), !ed.Base().Add(ed.Point{}).Equal(ed.Base()), ed.Point{}.Bytes() != [32]byte{1}:
		t.Error("the zero Point is not the identity")
	}
}

func TestSecretConversions(t *testing.T) {
	t.Parallel()
	s := randomScalar(t, source()).Secret()
	clone := s.Clone()
	fromKey, err := ed.SecretFromKey(s.Key())
	if err != nil || !fromKey.Equal(s) || !clone.Equal(s) {
		t.Fatalf("seed %d: conversions change the integer: %v", seed, err)
	}
	s.Wipe()
	if clone.IsZero() || fromKey.IsZero() || clone.Equal(s) {
		t.Error("a clone shares memory")
	}
	over := [32]byte(little(order))
	if _, err := ed.SecretFromKey(secret.Take(&over)); err == nil {
		t.Error("key of ℓ accepted")
	}
	if _, err := ed.SecretFromKey(secret.Key{}); err == nil {
		t.Error("empty key accepted")
	}
}

func TestSecretIsNotEncoded(t *testing.T) {
	t.Parallel()
	s := randomScalar(t, source()).Secret()
	if _, err := json.Marshal(s); err == nil {
		t.Error("JSON")
	}
	if _, err := s.MarshalText(); err == nil {
		t.Error("text")
	}
	if _, err := s.MarshalBinary(); err == nil {
		t.Error("binary")
	}
	if _, err := cbor.Marshal(s); err == nil {
		t.Error("CBOR")
	}
	if got := slog.AnyValue(s).Resolve().String(); got != "[secret]" {
		t.Errorf("log value %q", got)
	}
}

func randomScalar(t testing.TB, r io.Reader) ed.Scalar {
	t.Helper()
	s, err := ed.RandomSecret(r)
	if err != nil {
		t.Fatal(err)
	}
	return s.Public()
}

func mustSecret(t testing.TB, b []byte) ed.Secret {
	t.Helper()
	s, err := ed.ParseSecret(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

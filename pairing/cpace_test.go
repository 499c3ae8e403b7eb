package pairing

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/gtank/ristretto255"
)

var zeroScalar = ristretto255.NewScalar()

type vectors struct {
	Run    map[string]string `json:"run"`
	Points struct {
		Valid     map[string]string `json:"Valid"`
		InvalidY1 string            `json:"Invalid Y1"`
		InvalidY2 string            `json:"Invalid Y2"`
	} `json:"points"`
}

func loadVectors(t *testing.T) vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/cpace-ristr255.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b) == 0 {
		t.Fatalf("bad hex of %d characters: %v", len(s), err)
	}
	return b
}

// fixed is a source of randomness from which the scalar s is sampled.
func fixed(s []byte) *bytes.Reader {
	return bytes.NewReader(append(bytes.Clone(s), make([]byte, 32)...))
}

func TestCPaceVectors(t *testing.T) {
	t.Parallel()
	v := loadVectors(t)
	x := func(name string) []byte { return unhex(t, v.Run[name]) }
	prs, ci, sid := x("PRS"), x("CI"), x("sid")

	if g := generator(prs, ci, sid).Bytes(); !bytes.Equal(g, x("g")) {
		t.Errorf("g = %x", g)
	}
	a, err := newExchange(true, prs, ci, sid, x("ADa"), fixed(x("ya")))
	if err != nil {
		t.Fatal(err)
	}
	b, err := newExchange(false, prs, ci, sid, x("ADb"), fixed(x("yb")))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.share, x("Ya")) || !bytes.Equal(b.share, x("Yb")) {
		t.Errorf("Ya = %x, Yb = %x", a.share, b.share)
	}
	atA, err := a.finish(b.share, b.ad)
	if err != nil {
		t.Fatal(err)
	}
	atB, err := b.finish(a.share, a.ad)
	if err != nil {
		t.Fatal(err)
	}
	if want := x("ISK_IR"); !bytes.Equal(atA.isk[:], want) || !bytes.Equal(atB.isk[:], want) {
		t.Errorf("ISK = %x and %x", atA.isk, atB.isk)
	}
	if atA.mine != atB.theirs || atA.theirs != atB.mine || atA.mine == atB.mine {
		t.Error("the confirmation tags do not match crosswise, or are equal")
	}
	if a.y.Equal(zeroScalar) != 1 || b.y.Equal(zeroScalar) != 1 {
		t.Error("a scalar outlives its exchange")
	}
}

// TestCPaceScalarMultVfy runs the draft's vector for G.scalar_mult_vfy alone.
func TestCPaceScalarMultVfy(t *testing.T) {
	t.Parallel()
	v := loadVectors(t).Points.Valid
	s, err := ristretto255.NewScalar().SetCanonicalBytes(unhex(t, v["s"]))
	if err != nil {
		t.Fatal(err)
	}
	p, err := ristretto255.NewIdentityElement().SetCanonicalBytes(unhex(t, v["X"]))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.ScalarMult(s, p).Bytes(); !bytes.Equal(got, unhex(t, v["G.scalar_mult_vfy(s,X)"])) {
		t.Errorf("scalar_mult_vfy = %x", got)
	}
}

func TestCPaceRefusesInvalidShares(t *testing.T) {
	t.Parallel()
	v := loadVectors(t)
	for name, share := range map[string][]byte{
		"draft-invalid-y1-not-on-curve": unhex(t, v.Points.InvalidY1),
		"draft-invalid-y2-identity":     unhex(t, v.Points.InvalidY2),
		"field-element-not-reduced":     bytes.Repeat([]byte{0xff}, 32),
		"negative-field-element":        append([]byte{1}, make([]byte, 31)...),
		"short":                         unhex(t, v.Run["Ya"])[:31],
		"long":                          append(unhex(t, v.Run["Ya"]), 0),
		"empty":                         nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := newExchange(true, []byte("12345678"), nil, make([]byte, sidSize), nil, fixed(unhex(t, v.Run["ya"])))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.finish(share, nil); err != errShare {
				t.Errorf("finish = %v, want errShare", err)
			}
			if e.y.Equal(zeroScalar) != 1 {
				t.Error("the scalar outlives the exchange")
			}
		})
	}
}

func TestCPaceRefusesBrokenRandomness(t *testing.T) {
	t.Parallel()
	if _, err := newExchange(true, []byte("12345678"), nil, nil, nil, bytes.NewReader(make([]byte, 64))); err == nil {
		t.Error("a zero scalar was accepted")
	}
	if _, err := newExchange(true, []byte("12345678"), nil, nil, nil, bytes.NewReader(make([]byte, 63))); err == nil {
		t.Error("a short read was accepted")
	}
}

// TestLvCat pins the draft's length encoding at its boundary.
func TestLvCat(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 127, 128, 300, 16384} {
		if got, size := lvCat(make([]byte, n), []byte("x")), lvSize(make([]byte, n), []byte("x")); len(got) != size || cap(got) != size {
			t.Errorf("lvCat of %d bytes has %d, in a buffer of %d; want %d", n, len(got), cap(got), size)
		}
	}
	if got := lvCat([]byte("1234"), nil, []byte("5")); !bytes.Equal(got, []byte("\x041234\x00\x015")) {
		t.Errorf("lv_cat = %x", got)
	}
	for n, want := range map[int]string{127: "7f", 128: "8001", 300: "ac02"} {
		if got := hex.EncodeToString(lvCat(make([]byte, n))[:len(want)/2]); got != want {
			t.Errorf("prefix of %d bytes = %s, want %s", n, got, want)
		}
	}
}

// TestChannelIDBindsAll changes each thing that CI covers.
func TestChannelIDBindsAll(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, ci := range [][]byte{
		channelID(ModeCode, []byte("a"), []byte("b")),
		channelID(ModeInvitation, []byte("a"), []byte("b")),
		channelID(ModeCode, []byte("b"), []byte("a")),
		channelID(ModeCode, []byte("c"), []byte("b")),
		channelID(ModeCode, []byte("a"), []byte("c")),
		channelID(ModeCode, []byte("ab"), nil),
		channelID(ModeCode, nil, []byte("ab")),
	} {
		if seen[string(ci)] {
			t.Errorf("CI %x occurs twice", ci)
		}
		seen[string(ci)] = true
	}
}

// TestChannelKeys: two keys, crosswise, and nonces that advance in each.
func TestChannelKeys(t *testing.T) {
	t.Parallel()
	a := newChannel([]byte("isk"), nil, nil, nil, nil, true)
	b := newChannel([]byte("isk"), nil, nil, nil, nil, false)
	if !a.out.Equal(b.in) || !a.in.Equal(b.out) || a.in.Equal(a.out) {
		t.Fatal("the keys of the two directions are not two, or do not match")
	}
	if bytes.Equal(a.seal(whatAck, nil), a.seal(whatAck, nil)) {
		t.Error("a nonce is used twice")
	}
}

package rvole_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/warifu/warifu/share/internal/ot"
	"github.com/warifu/warifu/share/internal/rvole"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

// A pair is the two parties after the OT extension, and what they sent.
type pair struct {
	psid       []byte
	alice      *ot.Sender
	bob        *ot.Receiver
	rng        *rand.ChaCha8
	point      []byte
	base, exts []byte
}

func newPair(t testing.TB, seed byte) *pair {
	t.Helper()
	p := &pair{psid: bytes.Repeat([]byte{seed}, 32), rng: rand.NewChaCha8([32]byte{seed})}
	var err error
	if p.bob, err = ot.NewReceiver(p.rng); err != nil {
		t.Fatal(err)
	}
	p.point = bytes.Clone(p.bob.Point())
	if p.alice, p.base, err = ot.NewSender(p.psid, p.point, p.rng); err != nil {
		t.Fatal(err)
	}
	if p.exts, err = p.bob.Extend(p.psid, p.base, p.rng); err != nil {
		t.Fatal(err)
	}
	if err := p.alice.Extend(p.exts); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pair) inputs(t testing.TB) (a [2]secp.Secret) {
	t.Helper()
	for i := range a {
		var err error
		if a[i], err = secp.RandomSecret(p.rng); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func (p *pair) pads() (pads0, pads1, chosen []byte) {
	pads0, pads1 = make([]byte, ot.Xi*ot.PadSize), make([]byte, ot.Xi*ot.PadSize)
	chosen = make([]byte, ot.Xi*ot.PadSize)
	p.alice.Pads(pads0, pads1)
	p.bob.Pads(chosen)
	return pads0, pads1, chosen
}

func bigOf(x secp.Secret) *big.Int {
	b := x.Bytes()
	return new(big.Int).SetBytes(b[:])
}

func TestSharesAddUpToProduct(t *testing.T) {
	t.Parallel()
	for seed := range byte(4) {
		p := newPair(t, seed)
		a := p.inputs(t)
		if seed == 3 {
			a[1] = secp.Secret{} // zero is an input like any other
		}
		msg, c, err := rvole.Alice(p.psid, a, p.alice, p.rng)
		if err != nil {
			t.Fatal(err)
		}
		bob := rvole.NewBob(p.psid, p.bob)
		d, err := bob.Shares(msg)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i := range a {
			if !c[i].Add(d[i]).Equal(a[i].Mul(bob.Factor())) {
				t.Fatalf("seed %d: c[%d] + d[%d] is not a·b", seed, i, i)
			}
		}
	}
}

func TestAgreesWithReference(t *testing.T) {
	t.Parallel()
	for seed := byte(10); seed < 13; seed++ {
		p := newPair(t, seed)
		a := p.inputs(t)
		var random [128]byte
		p.rng.Read(random[:])
		msg, c, err := rvole.Alice(p.psid, a, p.alice, bytes.NewReader(random[:]))
		if err != nil {
			t.Fatal(err)
		}
		bob := rvole.NewBob(p.psid, p.bob)
		d, err := bob.Shares(msg)
		if err != nil {
			t.Fatal(err)
		}

		pads0, pads1, chosen := p.pads()
		ra := [2]*big.Int{bigOf(a[0]), bigOf(a[1])}
		hat := [2]*big.Int{refInt(random[:64]), refInt(random[64:])}
		wantMsg, wantC := refAlice(p.psid, pads0, pads1, func(int) [2]*big.Int { return ra }, ra, hat)
		if !bytes.Equal(msg, wantMsg) {
			t.Fatalf("seed %d: messages differ", seed)
		}
		wantB, wantD, ok := refBob(p.psid, p.bob.Beta(), chosen, msg)
		if !ok || bigOf(bob.Factor()).Cmp(wantB) != 0 {
			t.Fatalf("seed %d: factors differ, check %v", seed, ok)
		}
		for i := range a {
			if bigOf(c[i]).Cmp(wantC[i]) != 0 || bigOf(d[i]).Cmp(wantD[i]) != 0 {
				t.Fatalf("seed %d: shares %d differ", seed, i)
			}
			sum := refMod(new(big.Int).Add(wantC[i], wantD[i]))
			if sum.Cmp(refMod(new(big.Int).Mul(ra[i], wantB))) != 0 {
				t.Fatalf("seed %d: reference: c + d is not a·b", seed)
			}
		}
	}
}

// TestSelectiveFailure plays the attack that the slack of ξ is for: Alice uses
// another a in one row, guesses Bob's bit there and makes μ fit the guess. She
// passes exactly if she guessed right, so that each survived session tells her
// one bit of β; the 256 bits of slack in ξ absorb that.
func TestSelectiveFailure(t *testing.T) {
	t.Parallel()
	p := newPair(t, 20)
	pads0, pads1, _ := p.pads()
	a := [2]*big.Int{big.NewInt(5), big.NewInt(7)}
	wrong := [2]*big.Int{big.NewInt(6), big.NewInt(7)}
	hat := [2]*big.Int{big.NewInt(8), big.NewInt(9)}
	bob := rvole.NewBob(p.psid, p.bob)
	for _, row := range []int{0, 1, 2, 3, 100, 101, 510, 511} {
		msg, _ := refAlice(p.psid, pads0, pads1, func(j int) [2]*big.Int {
			if j == row {
				return wrong
			}
			return a
		}, a, hat)
		bit := p.bob.Beta()[row/8] >> (row % 8) & 1
		for guess := range byte(2) {
			// If β = 0 the row does not matter. If it is 1, ḋ is off by the
			// error, which θ carries into what μ hashes.
			try := bytes.Clone(msg)
			if guess == 1 {
				copy(try[len(try)-32:], muWithError(p.psid, try, pads0, row, wrong, a))
			}
			_, err := bob.Shares(try)
			if pass := guess == bit; pass != (err == nil) || !pass && !errors.Is(err, rvole.ErrCheck) {
				t.Fatalf("row %d, bit %d, guess %d: %v", row, bit, guess, err)
			}
		}
	}
}

// muWithError is μ as Bob computes it if his bit of the row is 1.
func muWithError(psid, msg, pads0 []byte, row int, wrong, a [2]*big.Int) []byte {
	th := refTheta(psid, msg[:ot.Xi*ot.PadSize])
	var mu []byte
	for j := range refXi {
		for k := range refRho {
			x := refInt(pads0[128*j+32*(refEll+k):][:32])
			for i := range refEll {
				x.Add(x, new(big.Int).Mul(th[i][k], refInt(pads0[128*j+32*i:][:32])))
				if j == row {
					x.Add(x, new(big.Int).Mul(th[i][k], new(big.Int).Sub(wrong[i], a[i])))
				}
			}
			mu = append(mu, refBytes(refMod(x))...)
		}
	}
	return refHash("rvole/mu", 32, psid, mu)
}

func TestBobRefuses(t *testing.T) {
	t.Parallel()
	p := newPair(t, 30)
	good, _, err := rvole.Alice(p.psid, p.inputs(t), p.alice, p.rng)
	if err != nil {
		t.Fatal(err)
	}
	bob := rvole.NewBob(p.psid, p.bob)
	if _, err := bob.Shares(good); err != nil {
		t.Fatal(err)
	}
	const eta, mu = 512 * 128, 512*128 + 64
	for _, msg := range [][]byte{nil, good[1:], append(bytes.Clone(good), 0)} {
		if _, err := bob.Shares(msg); !errors.Is(err, rvole.ErrEncoding) {
			t.Errorf("message of %d bytes: %v", len(msg), err)
		}
	}
	plus := new(big.Int).Add(order, big.NewInt(1))
	for _, at := range []int{0, 32, 64, 96, eta - 32, eta, eta + 32} {
		for _, n := range [][]byte{refBytes(order), refBytes(plus), bytes.Repeat([]byte{255}, 32)} {
			msg := bytes.Clone(good)
			copy(msg[at:], n)
			if _, err := bob.Shares(msg); !errors.Is(err, rvole.ErrEncoding) {
				t.Errorf("scalar %x at %d: %v", n, at, err)
			}
		}
	}
	for _, at := range []int{31, 63, 95, 127, eta - 1, eta + 31, eta + 63, mu, mu + 31} {
		msg := bytes.Clone(good)
		msg[at] ^= 1
		if _, err := bob.Shares(msg); !errors.Is(err, rvole.ErrCheck) {
			t.Errorf("bit of byte %d: %v", at, err)
		}
	}
	if _, err := rvole.NewBob(bytes.Repeat([]byte{31}, 32), p.bob).Shares(good); !errors.Is(err, rvole.ErrCheck) {
		t.Errorf("message of another pair: %v", err)
	}
	if _, _, err := rvole.Alice(p.psid, p.inputs(t), p.alice, strings.NewReader("short")); err == nil {
		t.Error("short randomness accepted")
	}
}

var update = flag.Bool("update", false, "write testdata")

// TestFrozen pins every intermediate value of one multiplication, from the base
// transfers on, all randomness being ChaCha8 of a fixed seed. There are no
// published vectors: these say that the bytes have not changed, and the
// reference and the algebra say that they are right.
func TestFrozen(t *testing.T) {
	t.Parallel()
	const file = "testdata/frozen.json"
	p := newPair(t, 42)
	a := p.inputs(t)
	pads0, pads1, chosen := p.pads()
	msg, c, err := rvole.Alice(p.psid, a, p.alice, p.rng)
	if err != nil {
		t.Fatal(err)
	}
	bob := rvole.NewBob(p.psid, p.bob)
	d, err := bob.Shares(msg)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"psid": hex.EncodeToString(p.psid), "base-point": hex.EncodeToString(p.point),
		"beta": hex.EncodeToString(p.bob.Beta()),
		"a0":   bigOf(a[0]).Text(16), "a1": bigOf(a[1]).Text(16), "b": bigOf(bob.Factor()).Text(16),
		"c0": bigOf(c[0]).Text(16), "c1": bigOf(c[1]).Text(16), "d0": bigOf(d[0]).Text(16), "d1": bigOf(d[1]).Text(16),
		"eta-mu": hex.EncodeToString(msg[512*128:]),
	}
	const tagTest wire.Tag = "rvole/test"
	for name, long := range map[string][]byte{
		"base-message": p.base, "extension": p.exts, "pads-0": pads0, "pads-1": pads1, "pads-chosen": chosen, "message": msg,
	} {
		got["first-"+name] = hex.EncodeToString(long[:64])
		got["hash-"+name] = wire.Sum(tagTest, long).Hex()
	}
	if *update {
		b, _ := json.MarshalIndent(got, "", "\t")
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(got) {
		t.Errorf("%d values, want %d", len(got), len(want))
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s = %s, want %s", name, got[name], want[name])
		}
	}
}

func FuzzShares(f *testing.F) {
	p := newPair(f, 50)
	msg, _, err := rvole.Alice(p.psid, p.inputs(f), p.alice, p.rng)
	if err != nil {
		f.Fatal(err)
	}
	bob := rvole.NewBob(p.psid, p.bob)
	f.Add(uint32(0), byte(0), []byte(nil))
	f.Add(uint32(512*128), byte(1), []byte("eta"))
	f.Fuzz(func(t *testing.T, at uint32, flip byte, splice []byte) {
		b := bytes.Clone(msg)
		i := int(at % uint32(len(b)))
		b[i] ^= flip
		copy(b[i:], splice)
		_, err := bob.Shares(b)
		if (err == nil) != bytes.Equal(b, msg) || err != nil && !errors.Is(err, rvole.ErrCheck) && !errors.Is(err, rvole.ErrEncoding) {
			t.Fatalf("%v", err)
		}
	})
}

func BenchmarkAlice(b *testing.B) {
	p := newPair(b, 60)
	a := p.inputs(b)
	for b.Loop() {
		rvole.Alice(p.psid, a, p.alice, p.rng)
	}
}

func BenchmarkBob(b *testing.B) {
	p := newPair(b, 61)
	msg, _, err := rvole.Alice(p.psid, p.inputs(b), p.alice, p.rng)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := rvole.NewBob(p.psid, p.bob).Shares(msg); err != nil {
			b.Fatal(err)
		}
	}
}

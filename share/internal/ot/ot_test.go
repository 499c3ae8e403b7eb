package ot

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"filippo.io/edwards25519"

	"github.com/warifu/warifu/share/internal/ot/ristretto"
	"github.com/warifu/warifu/wire"
)

func seeded(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func psidOf(seed byte) []byte { return bytes.Repeat([]byte{seed}, 32) }

// bases runs the base transfers.
func bases(t testing.TB, seed byte) (bob *baseSender, alice baseReceiver, msg []byte, keys *baseKeys) {
	t.Helper()
	rng := seeded(seed)
	bob, err := newBaseSender(rng)
	if err != nil {
		t.Fatal(err)
	}
	alice, msg, err = receive(psidOf(seed), bob.public[:], rng)
	if err != nil {
		t.Fatal(err)
	}
	h, err := bob.finish(psidOf(seed), msg)
	if err != nil {
		t.Fatal(err)
	}
	return bob, alice, msg, h.get()
}

func TestBaseKeys(t *testing.T) {
	t.Parallel()
	for seed := range byte(3) {
		_, alice, msg, keys := bases(t, seed)
		seen := map[[keySize]byte]bool{}
		for i := range Lambda {
			c := bitOf(alice.delta.get()[:], i)
			if keys[i][c] != alice.keys.get()[i] {
				t.Fatalf("seed %d: chosen key %d differs", seed, i)
			}
			if keys[i][1-c] == alice.keys.get()[i] {
				t.Fatalf("seed %d: both keys %d are the chosen one", seed, i)
			}
			for c := range 2 {
				if seen[keys[i][c]] {
					t.Fatalf("seed %d: key %d,%d repeats", seed, i, c)
				}
				seen[keys[i][c]] = true
				var p edwards25519.Point
				if parseElement(&p, msg[(2*i+c)*32:][:32]) != nil {
					t.Fatalf("seed %d: slot %d,%d does not decode", seed, i, c)
				}
			}
		}
	}
}

// TestUnchosenKeyNeedsBobsSecret: nothing that Alice or an observer can make
// of the transcript without a is the key of the other slot. The failures this
// rules out are real ("Devious Transfer": keys that did not depend on a).
func TestUnchosenKeyNeedsBobsSecret(t *testing.T) {
	t.Parallel()
	bob, alice, msg, keys := bases(t, 9)
	bot := wire.NewPrefix(tagBase, psidOf(9))
	popf := wire.NewPrefix(tagPOPF, psidOf(9))
	for i := range Lambda {
		c := int(bitOf(alice.delta.get()[:], i))
		var p, h edwards25519.Point
		var u [64]byte
		slots := [2][]byte{msg[64*i:][:32], msg[64*i+32:][:32]}
		if parseElement(&p, slots[1-c]) != nil {
			t.Fatal("slot does not decode")
		}
		oracle(&u, popf, i, 1-c, slots[c])
		ristretto.Uniform(&h, &u)
		b := *edwards25519.NewIdentityPoint().Add(&p, &h)
		for name, guess := range map[string][32]byte{
			"A": bob.public, "P": [32]byte(slots[1-c]), "HC": ristretto.Encode(&h),
			"B": ristretto.Encode(&b), "identity": {}, "P-chosen": [32]byte(slots[c]),
		} {
			var k [keySize]byte
			bot.Read(k[:], wire.U32(uint32(i)), bob.public[:], guess[:])
			if k == keys[i][1-c] {
				t.Fatalf("seed 9: key %d of the other slot is the hash of %s", i, name)
			}
		}
		// Another secret gives another key of both slots.
		half, _ := randomScalar(seeded(byte(i)))
		other := &baseSender{half: hide(half), public: bob.public}
		if i > 0 {
			continue // one is enough, and it is slow
		}
		different, err := other.finish(psidOf(9), msg)
		if err != nil {
			t.Fatal(err)
		}
		for i := range Lambda {
			if different.get()[i][0] == keys[i][0] || different.get()[i][1] == keys[i][1] {
				t.Fatalf("seed 9: key %d does not depend on Bob's secret", i)
			}
		}
	}
}

// TestRepeatedPointsGiveFreshKeys is about MP-SPDZ issue 153: without the index
// in the hash a receiver that repeats its points gets repeated keys.
func TestRepeatedPointsGiveFreshKeys(t *testing.T) {
	t.Parallel()
	bob, _, msg, _ := bases(t, 10)
	for i := 1; i < Lambda; i++ {
		copy(msg[64*i:], msg[:64])
	}
	keys, err := bob.finish(psidOf(10), msg)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[keySize]byte]bool{}
	for i := range Lambda {
		for c := range 2 {
			if seen[keys.get()[i][c]] {
				t.Fatalf("key %d,%d repeats", i, c)
			}
			seen[keys.get()[i][c]] = true
		}
	}
}

func TestBaseRefuses(t *testing.T) {
	t.Parallel()
	bob, _, good, _ := bases(t, 11)
	psid := psidOf(11)
	nonCanonical := bytes.Repeat([]byte{0xff}, 32)
	for name, point := range map[string][]byte{
		"identity": make([]byte, 32), "non-canonical": nonCanonical, "short": bob.public[:31], "empty": nil,
	} {
		if _, _, err := receive(psid, point, seeded(1)); !errors.Is(err, ErrEncoding) {
			t.Errorf("A %s: %v", name, err)
		}
		if len(point) != 32 {
			continue
		}
		for _, at := range []int{0, 1, 2*Lambda - 1} {
			msg := bytes.Clone(good)
			copy(msg[32*at:], point)
			if _, err := bob.finish(psid, msg); !errors.Is(err, ErrEncoding) {
				t.Errorf("P %d %s: %v", at, name, err)
			}
		}
	}
	for _, msg := range [][]byte{nil, good[:len(good)-1], append(bytes.Clone(good), 0)} {
		if _, err := bob.finish(psid, msg); !errors.Is(err, ErrEncoding) {
			t.Errorf("message of %d bytes: %v", len(msg), err)
		}
	}
	// P_c = -HC(P_{1-c}) makes the key point of slot c the identity, which Bob
	// would turn into a key that all the world knows.
	popf := wire.NewPrefix(tagPOPF, psid)
	for c := range 2 {
		msg := bytes.Clone(good)
		var u [64]byte
		var h edwards25519.Point
		oracle(&u, popf, 5, c, msg[(2*5+1-c)*32:][:32])
		ristretto.Uniform(&h, &u)
		bad := ristretto.Encode(h.Negate(&h))
		copy(msg[(2*5+c)*32:], bad[:])
		if _, err := bob.finish(psid, msg); !errors.Is(err, ErrCheck) {
			t.Errorf("identity as key %d: %v", c, err)
		}
	}
}

// parties returns both sides before the extension.
func parties(t testing.TB, seed byte) (alice *Sender, bob *Receiver, base []byte, rng *rand.ChaCha8) {
	t.Helper()
	rng = seeded(seed)
	bob, err := NewReceiver(rng)
	if err != nil {
		t.Fatal(err)
	}
	alice, base, err = NewSender(psidOf(seed), bob.Point(), rng)
	if err != nil {
		t.Fatal(err)
	}
	return alice, bob, base, rng
}

// TestSlotsHideTheChoice counts how often each bit of a slot agrees with the
// choice. Half the time is what a coin does; the bound is six standard
// deviations, which 512 coins exceed once in a million runs, and seeds are fixed.
func TestSlotsHideTheChoice(t *testing.T) {
	t.Parallel()
	const seeds = 8
	var agree [512]int
	for seed := range byte(seeds) {
		rng := seeded(100 + seed)
		bob, err := newBaseSender(rng)
		if err != nil {
			t.Fatal(err)
		}
		alice, msg, err := receive(psidOf(seed), bob.public[:], rng)
		if err != nil {
			t.Fatal(err)
		}
		for i := range Lambda {
			for b := range agree {
				if bitOf(msg[64*i:], b) == bitOf(alice.delta.get()[:], i) {
					agree[b]++
				}
			}
		}
	}
	const n, bound = seeds * Lambda, 96 // σ is √n/2 = 16
	for b, k := range agree {
		if k < n/2-bound || k > n/2+bound {
			t.Errorf("bit %d agrees with the choice %d times of %d", b, k, n)
		}
	}
}

func TestExtension(t *testing.T) {
	t.Parallel()
	for seed := range byte(3) {
		alice, bob, base, rng := parties(t, seed)
		msg, err := bob.Extend(psidOf(seed), base, rng)
		if err != nil {
			t.Fatal(err)
		}
		if err := alice.Extend(msg); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		beta, delta := bob.Beta(), alice.base.delta.get()
		p0, p1, chosen := make([]byte, Xi*PadSize), make([]byte, Xi*PadSize), make([]byte, Xi*PadSize)
		alice.Pads(p0, p1)
		bob.Pads(chosen)
		seen := map[string]bool{}
		for j := range Xi {
			// q_j = t_j ⊕ β_j·Δ.
			q := alice.cols.get()[j]
			if bitOf(beta, j) == 1 {
				subtle.XORBytes(q[:], q[:], delta[:])
			}
			if q != bob.cols.get()[j] {
				t.Fatalf("seed %d: row %d is not correlated", seed, j)
			}
			pads := [2][]byte{p0[j*PadSize:][:PadSize], p1[j*PadSize:][:PadSize]}
			got := chosen[j*PadSize:][:PadSize]
			if !bytes.Equal(got, pads[bitOf(beta, j)]) || bytes.Equal(got, pads[1-bitOf(beta, j)]) {
				t.Fatalf("seed %d: pad %d is not the chosen one", seed, j)
			}
			for _, p := range pads {
				if seen[string(p)] {
					t.Fatalf("seed %d: pad %d repeats", seed, j)
				}
				seen[string(p)] = true
			}
		}
	}
}

// TestEqualRowsHaveUnequalPads: what a row is hashed with is its number. Without
// it two rows that come out equal, which a cheating receiver can bring about, would
// have equal pads, and the difference of two inputs masked with them would show.
func TestEqualRowsHaveUnequalPads(t *testing.T) {
	t.Parallel()
	alice := &Sender{base: baseReceiver{delta: hide(new([Lambda / 8]byte))}, cols: hide(new(columns)), row: wire.NewPrefix(tagRow, psidOf(12))}
	bob := &Receiver{cols: hide(new(columns)), row: wire.NewPrefix(tagRow, psidOf(12))}
	alice.base.delta.get()[3] = 0x5a
	for j := range Xi {
		alice.cols.get()[j], bob.cols.get()[j] = [Lambda / 8]byte{1, 2, 3}, [Lambda / 8]byte{1, 2, 3}
	}
	pads0, pads1, chosen := make([]byte, Xi*PadSize), make([]byte, Xi*PadSize), make([]byte, Xi*PadSize)
	alice.Pads(pads0, pads1)
	bob.Pads(chosen)
	if !bytes.Equal(chosen, pads0) {
		t.Error("the two sides hash a row differently")
	}
	seen := map[string]bool{}
	for _, pads := range [][]byte{pads0, pads1} {
		for at := 0; at < len(pads); at += 32 {
			seen[string(pads[at:at+32])] = true
		}
	}
	if want := 2 * Xi * PadSize / 32; len(seen) != want {
		t.Errorf("%d different values in the pads of equal rows, want %d", len(seen), want)
	}
}

func TestExtensionRefusesChangedMessage(t *testing.T) {
	t.Parallel()
	alice, bob, base, rng := parties(t, 20)
	good, err := bob.Extend(psidOf(20), base, rng)
	if err != nil {
		t.Fatal(err)
	}
	try := func(msg []byte) error { return alice.clone().Extend(msg) }
	if err := try(good); err != nil {
		t.Fatal(err)
	}
	for _, msg := range [][]byte{nil, good[1:], append(bytes.Clone(good), 0)} {
		if err := try(msg); !errors.Is(err, ErrEncoding) {
			t.Errorf("message of %d bytes: %v", len(msg), err)
		}
	}
	for name, at := range map[string]int{
		"u-first": 0, "u-check-block": 70, "u-last": Lambda*rowBytes - 1,
		"x-hat": Lambda * rowBytes, "t-hat-first": Lambda*rowBytes + 16, "t-hat-last": ExtendMessage - 1,
	} {
		msg := bytes.Clone(good)
		msg[at] ^= 4
		if err := try(msg); !errors.Is(err, ErrCheck) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A message for another pair or direction means nothing here.
	other := alice.clone()
	other.psid = psidOf(21)
	if err := other.Extend(good); !errors.Is(err, ErrCheck) {
		t.Errorf("other pair: %v", err)
	}
}

// clone returns a Sender in the same state, for trying several messages.
func (a *Sender) clone() *Sender {
	delta, keys := *a.base.delta.get(), *a.base.keys.get()
	return &Sender{psid: a.psid, base: baseReceiver{hide(&delta), hide(&keys)}, row: a.row}
}

// TestSelectiveFailureOfExtension plays the attack for which base transfers run
// afresh in every session (docs/adr/0001): Bob uses a different choice string in one row and answers the check as if he
// had not. He is caught exactly if Δ has a 1 there, so that every abort or its
// absence is one bit of Δ, which is why Δ is never used twice.
func TestSelectiveFailureOfExtension(t *testing.T) {
	t.Parallel()
	bob, base, _, keys := bases(t, 30)
	_ = bob
	psid := psidOf(30)
	alice := &Sender{psid: psid, base: base, row: wire.NewPrefix(tagRow, psid)}
	rng := seeded(31)
	var x [rowBytes]byte
	rng.Read(x[:])
	caught := 0
	for row := range Lambda {
		err := alice.clone().Extend(cheat(psid, keys, x, row, byte(row)|1))
		want := bitOf(base.delta.get()[:], row) == 1
		if errors.Is(err, ErrCheck) != want || (err == nil) == want {
			t.Fatalf("row %d with bit %v of Δ: %v", row, want, err)
		}
		if want {
			caught++
		}
	}
	if caught < 40 || caught > 88 {
		t.Fatalf("caught %d of 128: Δ is not random", caught)
	}
}

// cheat is Bob's message with x ⊕ e in one row of U, and x̂ and t̂ computed for x
// throughout under the challenge of that U.
func cheat(psid []byte, keys *baseKeys, x [rowBytes]byte, row int, e byte) []byte {
	prg := wire.NewPrefix(tagPRG, psid)
	msg := make([]byte, ExtendMessage)
	var t0 matrix
	for i := range Lambda {
		var t1 [rowBytes]byte
		prg.Read(t0[i][:], wire.U32(uint32(i)), keys[i][0][:])
		prg.Read(t1[:], wire.U32(uint32(i)), keys[i][1][:])
		for k := range rowBytes {
			msg[i*rowBytes+k] = t0[i][k] ^ t1[k] ^ x[k]
		}
	}
	msg[row*rowBytes+row%(Xi/8)] ^= e
	chi := challenge(psid, msg[:Lambda*rowBytes])
	fold(x[:], &chi).put(msg[Lambda*rowBytes:])
	for i := range Lambda {
		fold(t0[i][:], &chi).put(msg[Lambda*rowBytes+16+16*i:])
	}
	return msg
}

func TestShortRandomness(t *testing.T) {
	t.Parallel()
	if _, err := NewReceiver(strings.NewReader("short")); err == nil || errors.Is(err, ErrEncoding) {
		t.Errorf("receiver: %v", err)
	}
	bob, _ := NewReceiver(seeded(1))
	for _, n := range []int{0, 16, 80, 1000} {
		if _, _, err := NewSender(nil, bob.Point(), bytes.NewReader(make([]byte, n))); err == nil || errors.Is(err, ErrEncoding) {
			t.Errorf("sender with %d bytes: %v", n, err)
		}
	}
	_, base, _ := NewSender(nil, bob.Point(), seeded(2))
	if _, err := bob.Extend(nil, base, strings.NewReader("short")); err == nil || errors.Is(err, ErrEncoding) {
		t.Errorf("extend: %v", err)
	}
}

// A faulty source fails one of its reads and no other.
type faulty struct {
	io.Reader
	calls, at int
}

func (f *faulty) Read(b []byte) (int, error) {
	if f.calls++; f.calls == f.at {
		return 0, io.ErrUnexpectedEOF
	}
	return f.Reader.Read(b)
}

// TestFailedReads: a source that fails once must not leave zeros for Δ, or for
// the point that Alice cannot open.
func TestFailedReads(t *testing.T) {
	t.Parallel()
	bob, err := NewReceiver(seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	// Δ, then for each transfer a scalar and a point.
	for _, at := range []int{1, 2, 3, 1 + 2*Lambda} {
		if _, _, err := NewSender(nil, bob.Point(), &faulty{Reader: seeded(2), at: at}); err == nil {
			t.Errorf("read %d fails, and nobody notices", at)
		}
	}
	if _, _, err := NewSender(nil, bob.Point(), &faulty{Reader: seeded(2), at: 2 + 2*Lambda}); err != nil {
		t.Errorf("more reads than expected: %v", err)
	}
}

// A zeros is a source of randomness that is broken.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestBrokenRandomnessIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := NewReceiver(zeros{}); err == nil || errors.Is(err, ErrEncoding) {
		t.Errorf("receiver: %v", err)
	}
	bob, err := NewReceiver(seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewSender(nil, bob.Point(), zeros{}); err == nil || errors.Is(err, ErrEncoding) {
		t.Errorf("sender: %v", err)
	}
}

func TestWipe(t *testing.T) {
	t.Parallel()
	alice, bob, base, rng := parties(t, 40)
	msg, err := bob.Extend(psidOf(40), base, rng)
	if err != nil {
		t.Fatal(err)
	}
	if bob.base.half.get().Equal(edwards25519.NewScalar()) != 1 {
		t.Error("the base secret outlives its use")
	}
	if err := alice.Extend(msg); err != nil {
		t.Fatal(err)
	}
	if *alice.base.keys.get() != [Lambda][keySize]byte{} {
		t.Error("the base keys outlive their use")
	}
	alice.Wipe()
	bob.Wipe()
	if *alice.base.delta.get() != [Lambda / 8]byte{} || *alice.cols.get() != (columns{}) ||
		*bob.cols.get() != (columns{}) || *bob.beta.get() != [Xi / 8]byte{} {
		t.Error("secrets survive Wipe")
	}
	(&Sender{}).Wipe() // harmless before anything is there
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	alice, bob, _, _ := parties(t, 41)
	limb := fmt.Sprintf("%d", alice.base.delta.get()[:3])
	for _, verb := range []string{"%v", "%+v", "%d", "%x", "%s"} {
		out := fmt.Sprintf(verb, alice) + fmt.Sprintf(verb, *bob)
		if strings.Contains(out, limb[1:len(limb)-1]) {
			t.Errorf("%s prints Δ", verb)
		}
	}
}

func FuzzExtend(f *testing.F) {
	alice, bob, base, rng := parties(f, 50)
	msg, err := bob.Extend(psidOf(50), base, rng)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(msg)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		err := alice.clone().Extend(b)
		if err == nil != bytes.Equal(b, msg) {
			t.Fatalf("%v", err)
		}
		if err != nil && !errors.Is(err, ErrCheck) && !errors.Is(err, ErrEncoding) {
			t.Fatalf("%v", err)
		}
	})
}

func FuzzBaseMessage(f *testing.F) {
	bob, _, msg, _ := bases(f, 51)
	f.Add(msg, uint16(0), byte(1))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, flip byte) {
		if len(b) != BaseMessage {
			b = bytes.Clone(msg)
			b[int(at)%len(b)] ^= flip
		}
		if _, err := bob.finish(psidOf(51), b); err != nil && !errors.Is(err, ErrCheck) && !errors.Is(err, ErrEncoding) {
			t.Fatalf("%v", err)
		}
	})
}

func BenchmarkBaseReceiver(b *testing.B) {
	bob, _, _, _ := bases(b, 60)
	rng := seeded(1)
	for b.Loop() {
		receive(psidOf(60), bob.public[:], rng)
	}
}

func BenchmarkBaseSender(b *testing.B) {
	bob, _, msg, _ := bases(b, 61)
	for b.Loop() {
		bob.finish(psidOf(61), msg)
	}
}

func BenchmarkExtendSender(b *testing.B) {
	alice, bob, base, rng := parties(b, 62)
	msg, err := bob.Extend(psidOf(62), base, rng)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := alice.clone().Extend(msg); err != nil {
			b.Fatal(err)
		}
	}
}

package ot

import (
	"bytes"
	"testing"

	"github.com/warifu/warifu/share/internal/sharetest"
)

// transfers returns the pairs of points that Alice sends in a number of base
// transfers, and the choice bit of each.
func transfers(t *testing.T, seed byte, batches int) (pairs [][]byte, choices []byte) {
	t.Helper()
	rng := seeded(seed)
	for range batches {
		bob, err := newBaseSender(rng)
		if err != nil {
			t.Fatal(err)
		}
		alice, msg, err := receive(psidOf(seed), bob.public[:], rng)
		if err != nil {
			t.Fatal(err)
		}
		for i := range Lambda {
			pairs = append(pairs, msg[64*i:][:64])
			choices = append(choices, bitOf(alice.delta.get()[:], i))
		}
	}
	return pairs, choices
}

// features are what the classifier looks at: every bit of both points, whether
// the points agree in it, and which of them is the larger.
func features(pair []byte) (f []byte) {
	for b := range 512 {
		f = append(f, bitOf(pair, b))
	}
	for b := range 256 {
		f = append(f, f[b]^f[b+256])
	}
	if bytes.Compare(pair[:32], pair[32:]) > 0 {
		return append(f, 1)
	}
	return append(f, 0)
}

// classify learns from one half of the transfers how each feature goes with the
// choice, lets all features vote on the other half in that proportion, and
// returns how many of how many choices it found.
func classify(pairs [][]byte, choices []byte) (right, of int) {
	half := len(pairs) / 2
	weight := make([]int, len(features(pairs[0])))
	for i := range half {
		for k, bit := range features(pairs[i]) {
			if bit == choices[i] {
				weight[k]++
			} else {
				weight[k]--
			}
		}
	}
	for i := half; i < len(pairs); i++ {
		vote := 0
		for k, bit := range features(pairs[i]) {
			// What goes with the choice as a coin does has no say: it is noise
			// of a standard deviation of √half.
			if w := weight[k]; w*w < 9*half {
				continue
			}
			vote += weight[k] * (2*int(bit) - 1)
		}
		if vote > 0 == (choices[i] == 1) {
			right++
		}
	}
	return right, len(pairs) - half
}

// TestClassifierFindsNoChoice: half the choices is what guessing finds. The
// bound is five standard deviations.
func TestClassifierFindsNoChoice(t *testing.T) {
	t.Parallel()
	pairs, choices := transfers(t, 70, 32)
	right, of := classify(pairs, choices)
	// The standard deviation of 2048 coins is 22.6.
	if right < of/2-113 || right > of/2+113 {
		t.Errorf("the choice shows in the points: %d of %d found", right, of)
	}
}

// TestClassifierFindsRandomBytes gives the classifier the mistake that it is
// for: random bytes in the place of the point that Alice cannot open.
func TestClassifierFindsRandomBytes(t *testing.T) {
	t.Parallel()
	pairs, choices := transfers(t, 71, 8)
	rng := seeded(72)
	for i, pair := range pairs {
		rng.Read(pair[32*(1-int(choices[i])):][:32])
	}
	if right, of := classify(pairs, choices); right < of*2/3 {
		t.Errorf("random bytes are not told from points: %d of %d found", right, of)
	}
}

// TestSecretsLookRandom takes Δ, β and both pads of many sessions.
func TestSecretsLookRandom(t *testing.T) {
	t.Parallel()
	var delta, beta, chosen, pads [][]byte
	for seed := range byte(32) {
		alice, bob, base, rng := parties(t, 80+seed)
		ext, err := bob.Extend(psidOf(80+seed), base, rng)
		if err != nil {
			t.Fatal(err)
		}
		delta = append(delta, alice.base.delta.get()[:])
		beta = append(beta, bob.Beta())
		if seed != 0 {
			continue
		}
		if err := alice.Extend(ext); err != nil {
			t.Fatal(err)
		}
		mine, zero, one := make([]byte, Xi*PadSize), make([]byte, Xi*PadSize), make([]byte, Xi*PadSize)
		bob.Pads(mine)
		alice.Pads(zero, one)
		chosen, pads = append(chosen, mine), append(pads, zero, one)
	}
	for what, list := range map[string][][]byte{"Δ": delta, "β": beta, "chosen pads": chosen, "pads": pads} {
		sharetest.Uniform(t, what, bytes.Join(list, nil))
	}
}

package sign_test

import (
	"testing"

	"github.com/warifu/warifu/share/internal/sharetest"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// TestWhatIsSentLooksRandom signs one digest again and again with the same two
// shares. Nothing that a device sends, and nothing that it makes of its share,
// may show it.
func TestWhatIsSentLooksRandom(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 2, 2, 6900)
	p := circle.proposal(t)
	sample := map[string][]byte{}
	for range 16 {
		p.Nonce = random32(circle.rng)
		r := circle.start(t, p)
		asked := map[wire.Slot]bool{}
		r.before = func(f wire.Frame) {
			for _, name := range []string{"zero", "commitment", "psi", "u", "w"} {
				if at, ok := sign.Fields(f.Kind)[name]; ok {
					sample[name] = append(sample[name], f.Body[at[0]:at[1]]...)
				}
			}
			if m := r.parties[f.To].machine; f.Kind == r4 && m.Round() == r4 && !asked[f.To] {
				asked[f.To] = true
				sk, chi := m.KeySecret().Bytes(), m.Factor(f.From).Bytes()
				phi, share := m.MaskSecret().Bytes(), m.Shares(f.From)
				cu, cv := share[0].Bytes(), share[1].Bytes()
				for name, b := range map[string][32]byte{"addend of the key": sk, "factor": chi, "mask": phi, "share of u": cu, "share of v": cv} {
					sample[name] = append(sample[name], b[:]...)
				}
			}
		}
		r.finish()
		r.wantSignature(p)
	}
	if len(sample) != 10 {
		t.Fatalf("%d kinds of values were seen", len(sample))
	}
	for name, b := range sample {
		sharetest.Uniform(t, name, b)
	}
}

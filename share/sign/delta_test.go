package sign_test

import (
	"reflect"
	"testing"

	"github.com/warifu/warifu/share/internal/ot"
	"github.com/warifu/warifu/wire"
)

// deltaOf reads Δ of one side of the transfers, which nothing gives out.
func deltaOf(t *testing.T, s *ot.Sender) [16]byte {
	t.Helper()
	field := reflect.ValueOf(s).Elem().FieldByName("base").FieldByName("delta").FieldByName("value")
	value := reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
	return value.Call(nil)[0].Elem().Interface().([16]byte)
}

// TestDeltasAreDistinct: a device draws Δ afresh for each other signer, and for
// each session. With one for two, what a failed check tells each of them of it adds
// up, and both see the difference of the pads of all rows.
func TestDeltasAreDistinct(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 4, 4, 81000)
	p := circle.proposal(t)
	seen := map[[16]byte]wire.Slot{}
	for range 2 {
		p.Nonce[0]++
		r := circle.start(t, p)
		done := map[wire.Slot]bool{}
		r.before = func(f wire.Frame) {
			m := r.parties[f.To].machine
			if m.Round() != r2 || done[f.To] {
				return
			}
			done[f.To] = true
			for _, s := range p.Signers {
				if s == f.To {
					continue
				}
				d := deltaOf(t, m.Sender(s))
				if by, ok := seen[d]; ok || d == [16]byte{} {
					t.Errorf("Δ of device %d toward device %d is one that device %d drew before", f.To, s, by)
				}
				seen[d] = f.To
			}
		}
		r.finish()
		r.wantSignature(p)
	}
	if len(seen) != 2*4*3 {
		t.Errorf("%d Δ of 4 devices with 3 others each, in two sessions", len(seen))
	}
}

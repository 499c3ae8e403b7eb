package sign_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// allowed says what one changed bit of each field may lead to, other than that
// the session never ends. Nothing here leads to a signature.
var allowed = map[string][]string{
	"1 nonce":      {"view"},
	"1 proposal":   {"proposal-hash"},
	"1 point":      {"base-ot-point", "ote-check"},
	"1 zero":       {"public-key-sum"},
	"2 view":       {"view"},
	"2 base":       {"base-ot-message", "stall"}, // or the cheater, whose pads differ, stops
	"3 commitment": {"commitment", "view"},
	"3 view":       {"view"},
	"3 extension":  {"ote-check"},
	"4 nonce":      {"commitment"},
	"4 salt":       {"commitment"},
	"4 key":        {"encoding", "gamma-v"},
	"4 view":       {"view"},
	"4 rvole":      {"encoding", "rvole-check"},
	"4 gamma-u":    {"encoding", "gamma-u"},
	"4 gamma-v":    {"encoding", "gamma-v"},
	"4 psi":        {"encoding", "signature-share"},
	"5 u":          {"encoding", "signature-share"},
	"5 w":          {"encoding", "signature-share"},
	"5 view":       {"view"},
}

// TestEveryFieldMatters flips one bit in each field of each message, at its
// beginning, at its end and somewhere between.
func TestEveryFieldMatters(t *testing.T) {
	t.Parallel()
	seed := uint64(3000)
	for k := r1; k <= r5; k++ {
		for name, at := range sign.Fields(k) {
			for part := range 3 {
				seed++
				t.Run(fmt.Sprintf("%d-%s-%d", k, name, part), func(t *testing.T) {
					t.Parallel()
					c := newCheat(t, 2, seed)
					i := at[0] + part*(at[1]-1-at[0])/2
					bit := byte(1) << (seed % 8)
					c.frame = inRound(k, func(_ *cheat, f *wire.Frame) { f.Body[i] ^= bit })
					c.finish()
					victim := c.honest[0]
					c.blamesNoHonest(victim)
					got := "stall"
					var f *session.Fault
					switch err := c.parties[victim].err; {
					case errors.As(err, &f):
						got = f.Check
					case errors.Is(err, session.ErrViewMismatch):
						got = "mismatch"
					case err != nil:
						got = err.Error()
					case c.parties[victim].done:
						got = "signature"
					}
					if want := allowed[fmt.Sprintf("%d %s", k, name)]; !slices.Contains(want, got) {
						t.Errorf("seed %d: byte %d, bit %d: %s, want %v", seed, i, bit, got, want)
					}
				})
			}
		}
	}
}

// TestForeignBodies gives bodies of another session and of another device to an
// honest device as the cheater's own. None of them may be taken, nor laid at an
// honest device's door.
func TestForeignBodies(t *testing.T) {
	t.Parallel()
	for k := r1; k <= r5; k++ {
		t.Run(fmt.Sprintf("other-session-%d", k), func(t *testing.T) {
			t.Parallel()
			old := newCheat(t, 2, 4000)
			var body []byte
			old.frame = inRound(k, func(_ *cheat, f *wire.Frame) { body = f.Body })
			old.check(success)

			p := old.proposal
			p.Nonce[0] ^= 1
			c := &cheat{run: old.circle.start(t, p), proposal: p, cheater: old.cheater, honest: old.honest}
			c.rewrite = func(f wire.Frame) []wire.Frame {
				if f.From == c.cheater && f.Kind == k {
					f.Body = body
				}
				return []wire.Frame{f}
			}
			c.finish()
			c.wantNothing()
		})
		t.Run(fmt.Sprintf("other-device-%d", k), func(t *testing.T) {
			t.Parallel()
			c := newCheat(t, 3, 4100+uint64(k))
			bodies := map[wire.Slot][]byte{}
			cheating := c.rewrite
			c.rewrite = func(f wire.Frame) []wire.Frame {
				if f.Kind == k && f.From == c.honest[0] {
					bodies[f.To] = f.Body
				}
				return cheating(f)
			}
			c.frame = inRound(k, func(c *cheat, f *wire.Frame) {
				if body := bodies[f.To]; body != nil {
					f.Body = body
				} else if body := bodies[c.cheater]; body != nil {
					f.Body = body // what the receiver itself said
				} else {
					f.Body[0] ^= 1 // too early to copy anything
				}
			})
			c.finish()
			c.wantNothing()
		})
	}
}

// wantNothing checks that no honest device has a signature or blames another.
func (c *cheat) wantNothing() {
	c.t.Helper()
	failed := false
	for _, s := range c.honest {
		c.blamesNoHonest(s)
		if c.parties[s].done {
			c.t.Errorf("device %d has a signature", s)
		}
		failed = failed || c.parties[s].err != nil
	}
	if !failed {
		c.t.Error("no honest device noticed")
	}
}

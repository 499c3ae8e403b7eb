package keygen_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// liar is the device that the fault table plays.
const liar wire.Slot = 3

func flip(i int) func([]byte) []byte {
	return func(b []byte) []byte {
		if i < 0 {
			i += len(b)
		}
		b[i] ^= 1
		return b
	}
}

func cut(b []byte) []byte   { return b[:len(b)-1] }
func grow(b []byte) []byte  { return append(b, 0) }
func empty(b []byte) []byte { return nil }

// TestFaults has a row for each check of a frame: what device 1 makes of it
// when one frame of device 3 reaches it changed. The circle is 2 of 3.
func TestFaults(t *testing.T) {
	t.Parallel()
	const (
		malformed = session.Malformed
		cheat     = session.Cheat
		twice     = session.Equivocation
		point     = 33
		firstT    = 3*32 + 2*point
		firstZ    = firstT + point
	)
	swap := func(edit func([]byte) []byte) func(f wire.Frame) []wire.Frame {
		return func(f wire.Frame) []wire.Frame { f.Body = edit(f.Body); return []wire.Frame{f} }
	}
	// extra delivers a second, changed frame after the right one.
	extra := func(edit func(*wire.Frame)) func(f wire.Frame) []wire.Frame {
		return func(f wire.Frame) []wire.Frame {
			g := f
			g.Body = bytes.Clone(f.Body)
			edit(&g)
			return []wire.Frame{f, g}
		}
	}
	other := extra(func(g *wire.Frame) { g.Body[len(g.Body)-1] ^= 1 })
	readdress := func(to wire.Slot) func(f wire.Frame) []wire.Frame {
		return func(f wire.Frame) []wire.Frame { f.To = to; return []wire.Frame{f} }
	}
	high := func(i int) func([]byte) []byte { // a scalar above either group order
		return func(b []byte) []byte {
			for k := range 32 {
				b[i+k] = 0xff
			}
			return b
		}
	}
	tests := []struct {
		name  string
		kind  wire.Kind
		frame func(f wire.Frame) []wire.Frame
		want  verdict
	}{
		{"honest", keygen.KindHello, swap(func(b []byte) []byte { return b }), verdict{}},

		{"hello-short", keygen.KindHello, swap(cut), blame(liar, malformed, "message-length")},
		{"hello-long", keygen.KindHello, swap(grow), blame(liar, malformed, "message-length")},
		{"hello-empty", keygen.KindHello, swap(empty), blame(liar, malformed, "message-length")},
		{"commit-short", keygen.KindCommit, swap(cut), blame(liar, malformed, "message-length")},
		{"commit-long", keygen.KindCommit, swap(grow), blame(liar, malformed, "message-length")},
		{"reveal-short", keygen.KindReveal, swap(cut), blame(liar, malformed, "message-length")},
		{"reveal-long", keygen.KindReveal, swap(grow), blame(liar, malformed, "message-length")},
		{"reveal-empty", keygen.KindReveal, swap(empty), blame(liar, malformed, "message-length")},
		{"share-short", keygen.KindShare, swap(cut), blame(liar, malformed, "message-length")},
		{"share-long", keygen.KindShare, swap(grow), blame(liar, malformed, "message-length")},
		{"verified-short", keygen.KindVerified, swap(cut), blame(liar, malformed, "message-length")},
		{"ready-short", keygen.KindReady, swap(cut), blame(liar, malformed, "message-length")},
		{"ready-long", keygen.KindReady, swap(grow), blame(liar, malformed, "message-length")},

		{"hello-private", keygen.KindHello, readdress(1), blame(liar, malformed, "frame-address")},
		{"commit-private", keygen.KindCommit, readdress(1), blame(liar, malformed, "frame-address")},
		{"reveal-private", keygen.KindReveal, readdress(1), blame(liar, malformed, "frame-address")},
		{"verified-private", keygen.KindVerified, readdress(1), blame(liar, malformed, "frame-address")},
		{"ready-private", keygen.KindReady, readdress(1), blame(liar, malformed, "frame-address")},
		{"share-broadcast", keygen.KindShare, readdress(0), blame(liar, malformed, "frame-address")},

		{"two-hellos", keygen.KindHello, other, blame(liar, twice, "two-messages")},
		{"two-commits", keygen.KindCommit, other, blame(liar, twice, "two-messages")},
		{"two-reveals", keygen.KindReveal, other, blame(liar, twice, "two-messages")},

		{"salt", keygen.KindReveal, swap(flip(32)), blame(liar, cheat, "commitment-opening")},
		{"chain-code", keygen.KindReveal, swap(flip(64)), blame(liar, cheat, "commitment-opening")},
		{"key-commitment", keygen.KindReveal, swap(flip(96)), blame(liar, cheat, "commitment-opening")},
		{"last-commitment", keygen.KindReveal, swap(flip(96 + point)), blame(liar, cheat, "commitment-opening")},
		{"proof-nonce", keygen.KindReveal, swap(flip(firstT)), blame(liar, cheat, "commitment-opening")},
		{"ssh-commitment", keygen.KindReveal, swap(flip(firstZ + 32)), blame(liar, cheat, "commitment-opening")},
		{"proof", keygen.KindReveal, swap(flip(firstZ)), blame(liar, cheat, "proof-of-knowledge")},
		{"proof-not-canonical", keygen.KindReveal, swap(high(firstZ)), blame(liar, cheat, "proof-of-knowledge")},
		{"ssh-proof", keygen.KindReveal, swap(func(b []byte) []byte { return flip(len(b) - 32)(b) }), blame(liar, cheat, "proof-of-knowledge")},
		{"view", keygen.KindReveal, swap(flip(0)), mismatch()},
		{"view-and-proof", keygen.KindReveal, swap(func(b []byte) []byte { return flip(0)(flip(firstZ)(b)) }), mismatch()},

		{"ethereum-share", keygen.KindShare, swap(flip(31)), blame(liar, cheat, "share")},
		{"ssh-share", keygen.KindShare, swap(flip(32)), blame(liar, cheat, "share")},
		{"ethereum-share-not-canonical", keygen.KindShare, swap(high(0)), blame(liar, cheat, "share")},
		{"ssh-share-not-canonical", keygen.KindShare, swap(high(32)), blame(liar, cheat, "share")},

		{"verified-other-record", keygen.KindVerified, swap(flip(0)), mismatch()},
		{"ready-hash", keygen.KindReady, swap(flip(0)), blame(liar, cheat, "ready-signature")},
		{"ready-signature", keygen.KindReady, swap(flip(40)), blame(liar, cheat, "ready-signature")},

		{"duplicate-hello", keygen.KindHello, extra(func(*wire.Frame) {}), verdict{}},
		{"duplicate-commit", keygen.KindCommit, extra(func(*wire.Frame) {}), verdict{}},
		{"duplicate-reveal", keygen.KindReveal, extra(func(*wire.Frame) {}), verdict{}},
		{"duplicate-share", keygen.KindShare, extra(func(*wire.Frame) {}), verdict{}},
		{"duplicate-verified", keygen.KindVerified, extra(func(*wire.Frame) {}), verdict{}},
		{"duplicate-ready", keygen.KindReady, extra(func(*wire.Frame) {}), verdict{}},

		{"outsider", keygen.KindHello, extra(func(g *wire.Frame) { g.From, g.Body = 4, nil }), verdict{}},
		{"slot-zero", keygen.KindHello, extra(func(g *wire.Frame) { g.From, g.Body = 0, nil }), verdict{}},
		{"own-echo", keygen.KindHello, extra(func(g *wire.Frame) { g.From, g.Body = 1, nil }), verdict{}},
		{"other-session", keygen.KindHello, extra(func(g *wire.Frame) { g.Session[0] ^= 1; g.Body = nil }), verdict{}},
		{"for-another", keygen.KindShare, extra(func(g *wire.Frame) { g.To, g.Body = 2, nil }), verdict{}},
		{"unknown-kind", keygen.KindHello, extra(func(g *wire.Frame) { g.Kind, g.Body = 9, nil }), verdict{}},
		{"kind-zero", keygen.KindHello, extra(func(g *wire.Frame) { g.Kind, g.Body = 0, nil }), verdict{}},
		{"unknown-private-kind", keygen.KindShare, extra(func(g *wire.Frame) { g.Kind, g.Body = 200, nil }), verdict{}},
		{"early-certificate", keygen.KindVerified, extra(func(g *wire.Frame) { g.Kind, g.Body = keygen.KindCertificate, make([]byte, 32+3*64) }), verdict{}},
		{"late-reveal", keygen.KindReady, func(f wire.Frame) []wire.Frame {
			g := f
			g.Kind, g.Body = keygen.KindReveal, nil
			return []wire.Frame{g, f}
		}, verdict{}},
		{"late-complaint", keygen.KindReady, func(f wire.Frame) []wire.Frame {
			g := f
			g.Kind, g.Body = keygen.KindComplaint, nil
			return []wire.Frame{g, f}
		}, verdict{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 2, 3, 1)
			hit := false
			l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
				if f.From != liar || to != 1 || f.Kind != tt.kind {
					return []wire.Frame{f}
				}
				hit = true
				return tt.frame(f)
			}
			l.run()
			if !hit {
				t.Fatal("the frame was never sent")
			}
			l.want(1, tt.want)
		})
	}
}

// TestTwoLate covers the kinds of which the first completes a round when it
// comes last, so that the second needs a round that is still open.
func TestTwoLate(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]wire.Kind{"share": keygen.KindShare, "verified": keygen.KindVerified, "ready": keygen.KindReady} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 2, 3, 1)
			l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
				if to != 1 || f.Kind != kind {
					return []wire.Frame{f}
				}
				if f.From == 2 {
					return nil // keeps the round open
				}
				g := f
				g.Body = flip(-1)(bytes.Clone(f.Body))
				return []wire.Frame{f, g}
			}
			l.run()
			l.want(1, blame(liar, session.Equivocation, "two-messages"))
		})
	}
}

// TestAfterTheEnd checks that a machine with a result and one without a future
// both ignore everything.
func TestAfterTheEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.run()
	dead := newLab(t, 2, 3, 1)
	dead.deliver(1, wire.Frame{Session: dead.group.Proposal.Session(), From: liar, Kind: keygen.KindHello})
	dead.want(1, blame(liar, session.Malformed, "message-length"))
	closed := newLab(t, 2, 3, 1)
	closed.machines[1].Close()
	for name, l := range map[string]*lab{"certified": l, "dead": dead, "closed": closed} {
		m := l.machines[1]
		for kind := range wire.Kind(10) {
			for _, to := range []wire.Slot{0, 1} {
				f := wire.Frame{Session: l.group.Proposal.Session(), From: 2, To: to, Kind: kind}
				if effects, err := m.Deliver(f); effects != nil || err != nil {
					t.Errorf("%s: kind %d to %d: %v, %v", name, kind, to, effects, err)
				}
			}
		}
		if len(m.Waiting()) != 0 {
			t.Errorf("%s: waits for %v", name, m.Waiting())
		}
	}
}

// TestForgetsWhatWasDealt checks that a machine keeps nobody's share but its
// own sum once all have verified theirs, even if one comes again.
func TestForgetsWhatWasDealt(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	var again wire.Frame
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		if f.From == 2 && to == 1 && f.Kind == keygen.KindShare {
			again = f
			again.Body = bytes.Clone(f.Body)
		}
		return []wire.Frame{f}
	}
	l.pump()
	if _, ok := l.machines[1].Review(); !ok {
		t.Fatal("nothing to review")
	}
	l.deliver(1, again)
	if keys, bodies := l.machines[1].Secrets(), l.machines[1].DealtToUs(); len(keys) != 2 || bodies != 0 {
		t.Errorf("holds %d keys and %d shares of single dealers", len(keys), bodies)
	}
}

func TestNonceCopied(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	own := bytes.Clone(l.queue[0].Body)
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		if f.From == liar && to == 1 && f.Kind == keygen.KindHello {
			f.Body = bytes.Clone(own)
		}
		return []wire.Frame{f}
	}
	l.run()
	l.want(1, blame(liar, session.Cheat, "nonce-copied"))
}

// TestReadyOfAnotherRecord has device 3 sign, validly, something else.
func TestReadyOfAnotherRecord(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		if f.From == liar && to == 1 && f.Kind == keygen.KindReady {
			record := wire.Hash{1, 2, 3}
			f.Body = slices.Concat(record[:], ed25519.Sign(l.group.Identity[liar], roster.ReadyMessage(record)))
		}
		return []wire.Frame{f}
	}
	l.run()
	l.want(1, mismatch())
}

func TestCertificateFrames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func([]byte) []byte
		want verdict
	}{
		{"right", func(b []byte) []byte { return b }, verdict{}},
		{"short", cut, blame(liar, session.Malformed, "message-length")},
		{"one-signature-less", func(b []byte) []byte { return b[:len(b)-64] }, blame(liar, session.Malformed, "message-length")},
		{"other-record", flip(0), mismatch()},
		{"first-signature", flip(32), blame(liar, session.Cheat, "certificate")},
		{"last-signature", flip(-1), blame(liar, session.Cheat, "certificate")},
		{"one-signature-twice", func(b []byte) []byte { copy(b[32+64:32+128], b[32:]); return b }, blame(liar, session.Cheat, "certificate")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// Device 1 never hears READY of device 2, which device 3 knows.
			l := newLab(t, 2, 3, 1)
			l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
				if f.From == 2 && to == 1 && f.Kind == keygen.KindReady {
					return nil
				}
				return []wire.Frame{f}
			}
			l.run()
			if l.done[1] || !l.done[liar] {
				t.Fatal("the premise does not hold")
			}
			if got := l.machines[1].Waiting(); !slices.Equal(got, []wire.Slot{2}) {
				t.Errorf("waits for %v", got)
			}
			f := l.machines[liar].Resend()[0].(session.Send).Frame
			f.Body = tt.edit(bytes.Clone(f.Body))
			l.deliver(1, f) // and the network reuses the buffer
			l.want(1, tt.want)
			if entry, ok := l.machines[1].Entry(); ok && entry.Verify() != nil {
				t.Errorf("certificate does not verify: %v", entry.Verify())
			}
		})
	}
}

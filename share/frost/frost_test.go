package frost_test

import (
	"bytes"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/sharetest"
	"github.com/warifu/warifu/wire"
)

// A bench is device 1 of a 3-of-5 circle under test, with what its honest
// peers 3 and 4 would send it. Device 2 is a member that does not sign.
type bench struct {
	circle             circle
	machine            *frost.Machine
	own                wire.Frame // device 1's round 1
	commit3, commit4   wire.Frame
	answer3, answer4   wire.Frame
	otherSessionAnswer wire.Frame // device 3's round 2 in another session
}

const benchSeed = 7

// newBench is deterministic: two benches exchange the same frames.
func newBench(t testing.TB) bench {
	t.Helper()
	rng := source(benchSeed)
	c := found(t, rng, 3, []wire.Slot{1, 2, 3, 4, 5}, []wire.Slot{1, 3, 4})
	net := begin(t, rng, c)
	m, eff, err := frost.New(c.config(1, source(benchSeed+1)))
	if err != nil {
		t.Fatal(err)
	}
	b := bench{circle: c, machine: m, own: eff[0].(session.Send).Frame}
	b.commit3, b.commit4 = net.sent[3][frost.KindCommit], net.sent[4][frost.KindCommit]
	// Peers 3 and 4 talk to the machine under test, not to the other device 1.
	net.queue = []delivery{{3, b.own}, {3, b.commit4}, {4, b.own}, {4, b.commit3}}
	net.run(t)
	b.answer3, b.answer4 = net.sent[3][frost.KindResponse], net.sent[4][frost.KindResponse]

	other := begin(t, rng, c)
	other.run(t)
	b.otherSessionAnswer = other.sent[3][frost.KindResponse]
	return b
}

// Offsets in the bodies, as msg.go lays them out.
const (
	atNonce, atProposal, atHiding, atBinding = 0, 32, 64, 96
	atView, atResponse                       = 0, 32
)

func put(f wire.Frame, at int, b []byte) wire.Frame {
	f.Body = bytes.Clone(f.Body)
	copy(f.Body[at:], b)
	return f
}

func flip(f wire.Frame, at int) wire.Frame { return put(f, at, []byte{f.Body[at] ^ 1}) }

func resize(f wire.Frame, n int) wire.Frame {
	f.Body = append(bytes.Clone(f.Body), make([]byte, n)...)[:n]
	return f
}

func edit(f wire.Frame, change func(*wire.Frame)) wire.Frame {
	change(&f)
	return f
}

// addScalar returns f with n added to the response as an integer, without
// reduction.
func addScalar(f wire.Frame, n *big.Int) wire.Frame {
	b := bytes.Clone(f.Body[atResponse:])
	slices.Reverse(b)
	sum := new(big.Int).Add(new(big.Int).SetBytes(b), n).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return put(f, atResponse, sum)
}

var groupOrder, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

func unhex32(t testing.TB, s string) []byte {
	t.Helper()
	b := new(hexBytes)
	if err := b.UnmarshalText([]byte(s)); err != nil || len(*b) != 32 {
		t.Fatalf("%q: %v", s, err)
	}
	return *b
}

// TestFaults has a row for every check on what arrives. Device 3 misbehaves.
func TestFaults(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c3, c4, a3, a4 := b.commit3, b.commit4, b.answer3, b.answer4

	identity := unhex32(t, "0100000000000000000000000000000000000000000000000000000000000000")
	identity2 := unhex32(t, "0100000000000000000000000000000000000000000000000000000000000080")
	nonCanonical := unhex32(t, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	order8 := unhex32(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	order2 := unhex32(t, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	// B plus a point of order 8: on the curve, canonical, of large order.
	mixed := mixedOrder(t, order8)
	offCurve := unhex32(t, "0200000000000000000000000000000000000000000000000000000000000000")

	negated := func() wire.Frame {
		z, err := ed.ParseScalar(a3.Body[atResponse:])
		if err != nil {
			t.Fatal(err)
		}
		n := z.Neg().Bytes()
		return put(a3, atResponse, n[:])
	}()

	fault := func(class session.Class, check string) *session.Fault {
		return &session.Fault{Slot: 3, Class: class, Check: check}
	}
	malformed := func(check string) *session.Fault { return fault(session.Malformed, check) }
	equivocation := fault(session.Equivocation, "one-message-per-round")
	copied := fault(session.Cheat, "commit-fresh")
	wrong := fault(session.Cheat, "response-equation")

	tests := []struct {
		name   string
		frames []wire.Frame
		want   error // nil: the session succeeds
	}{
		{"honest", []wire.Frame{c3, c4, a3, a4}, nil},
		{"other-order", []wire.Frame{c4, c3, a4, a3}, nil},
		{"responses-first", []wire.Frame{a3, a4, c3, c4}, nil},
		{"mixed-rounds", []wire.Frame{c3, a3, a4, c4}, nil},
		{"duplicates", []wire.Frame{a3, a3, c3, c3, c4, c3, a3, a4, a4}, nil},
		{"late-duplicates", []wire.Frame{c3, c4, a3, c3, c4, a3, a4}, nil},

		// Not part of the session: ignored, whatever it holds.
		{"outsider-member", []wire.Frame{edit(resize(c3, 1), func(f *wire.Frame) { f.From = 2 }), c3, c4, a3, a4}, nil},
		{"outsider-stranger", []wire.Frame{edit(resize(c3, 1), func(f *wire.Frame) { f.From = 99 }), c3, c4, a3, a4}, nil},
		{"slot-zero", []wire.Frame{edit(resize(c3, 1), func(f *wire.Frame) { f.From = 0 }), c3, c4, a3, a4}, nil},
		{"own-echo", []wire.Frame{b.own, flip(b.own, atNonce), c3, c4, a3, a4}, nil},
		{"other-session", []wire.Frame{edit(resize(c3, 1), func(f *wire.Frame) { f.Session[0] ^= 1 }), c3, c4, a3, a4}, nil},
		{"not-a-broadcast", []wire.Frame{edit(resize(c3, 1), func(f *wire.Frame) { f.To = 1 }), c3, c4, a3, a4}, nil},
		{"kind-zero", []wire.Frame{edit(resize(c3, 1), func(f *wire.Frame) { f.Kind = 0 }), c3, c4, a3, a4}, nil},
		{"kind-unknown", []wire.Frame{edit(resize(c3, 1), func(f *wire.Frame) { f.Kind = 3 }), c3, c4, a3, a4}, nil},
		{"after-done", []wire.Frame{c3, c4, a3, a4, flip(a3, atResponse), resize(c3, 0)}, nil},

		// Round 1.
		{"commit-empty", []wire.Frame{resize(c3, 0)}, malformed("commit-length")},
		{"commit-short", []wire.Frame{resize(c3, 127)}, malformed("commit-length")},
		{"commit-long", []wire.Frame{resize(c3, 129)}, malformed("commit-length")},
		{"hiding-identity", []wire.Frame{put(c3, atHiding, identity)}, malformed("commit-point")},
		{"hiding-identity-negative-zero", []wire.Frame{put(c3, atHiding, identity2)}, malformed("commit-point")},
		{"hiding-order-2", []wire.Frame{put(c3, atHiding, order2)}, malformed("commit-point")},
		{"hiding-order-8", []wire.Frame{put(c3, atHiding, order8)}, malformed("commit-point")},
		{"hiding-mixed-order", []wire.Frame{put(c3, atHiding, mixed)}, malformed("commit-point")},
		{"hiding-non-canonical", []wire.Frame{put(c3, atHiding, nonCanonical)}, malformed("commit-point")},
		{"hiding-off-curve", []wire.Frame{put(c3, atHiding, offCurve)}, malformed("commit-point")},
		{"binding-identity", []wire.Frame{put(c3, atBinding, identity)}, malformed("commit-point")},
		{"binding-order-8", []wire.Frame{put(c3, atBinding, order8)}, malformed("commit-point")},
		{"binding-mixed-order", []wire.Frame{put(c3, atBinding, mixed)}, malformed("commit-point")},
		{"binding-non-canonical", []wire.Frame{put(c3, atBinding, nonCanonical)}, malformed("commit-point")},
		{"binding-off-curve", []wire.Frame{put(c3, atBinding, offCurve)}, malformed("commit-point")},
		{"other-proposal", []wire.Frame{flip(c3, atProposal)}, fault(session.Cheat, "proposal-hash")},
		{"two-nonces", []wire.Frame{c3, flip(c3, atNonce)}, equivocation},
		{"two-commitments", []wire.Frame{c3, put(c3, atHiding, c3.Body[atBinding:])}, equivocation},
		{"two-commits-malformed", []wire.Frame{c3, resize(c3, 3)}, equivocation},
		{"two-commits-in-round-2", []wire.Frame{c3, c4, flip(c3, atNonce)}, equivocation},

		// Copies of ours name the copier, copies of a third device nobody.
		{"our-nonce", []wire.Frame{put(c3, atNonce, b.own.Body[:32])}, copied},
		{"our-commitment", []wire.Frame{put(c3, atHiding, b.own.Body[atHiding:])}, copied},
		{"our-message", []wire.Frame{put(c3, 0, b.own.Body)}, copied},
		{"our-hiding-as-hiding", []wire.Frame{put(c3, atHiding, b.own.Body[atHiding:][:32])}, copied},
		{"our-hiding-as-binding", []wire.Frame{put(c3, atBinding, b.own.Body[atHiding:][:32])}, copied},
		{"our-binding-as-hiding", []wire.Frame{put(c3, atHiding, b.own.Body[atBinding:][:32])}, copied},
		{"our-binding-as-binding", []wire.Frame{put(c3, atBinding, b.own.Body[atBinding:][:32])}, copied},
		{"third-nonce", []wire.Frame{c4, put(c3, atNonce, c4.Body[:32])}, session.ErrUnattributable},
		{"third-commitment", []wire.Frame{put(c3, atHiding, c4.Body[atHiding:]), c4}, session.ErrUnattributable},
		{"third-message", []wire.Frame{put(c3, 0, c4.Body), c4}, session.ErrUnattributable},

		// Round 2, in its time and early.
		{"response-empty", []wire.Frame{c3, c4, resize(a3, 0)}, malformed("response-length")},
		{"response-short", []wire.Frame{c3, c4, resize(a3, 63)}, malformed("response-length")},
		{"response-long", []wire.Frame{c3, c4, resize(a3, 65)}, malformed("response-length")},
		{"response-short-early", []wire.Frame{resize(a3, 63)}, malformed("response-length")},
		{"response-order", []wire.Frame{c3, c4, put(a3, atResponse, addScalar(put(a3, atResponse, make([]byte, 32)), groupOrder).Body[atResponse:])}, malformed("response-scalar")},
		{"response-unreduced", []wire.Frame{c3, c4, addScalar(a3, groupOrder)}, malformed("response-scalar")},
		{"response-unreduced-early", []wire.Frame{addScalar(a3, groupOrder)}, malformed("response-scalar")},
		{"response-all-ones", []wire.Frame{c3, c4, put(a3, atResponse, bytes.Repeat([]byte{0xff}, 32))}, malformed("response-scalar")},
		{"two-responses", []wire.Frame{c3, c4, a3, flip(a3, atResponse)}, equivocation},
		{"two-responses-early", []wire.Frame{a3, flip(a3, atView)}, equivocation},
		{"other-view", []wire.Frame{c3, c4, flip(a3, atView)}, session.ErrViewMismatch},
		{"other-view-early", []wire.Frame{flip(a3, atView), c3, c4}, session.ErrViewMismatch},
		{"other-view-wrong-response", []wire.Frame{c3, c4, flip(flip(a3, atView), atResponse)}, session.ErrViewMismatch},
		{"response-zero", []wire.Frame{c3, c4, put(a3, atResponse, make([]byte, 32))}, wrong},
		{"response-off-by-one", []wire.Frame{c3, c4, flip(a3, atResponse)}, wrong},
		{"response-off-by-one-early", []wire.Frame{flip(a3, atResponse), c3, c4}, wrong},
		{"response-off-by-one-last", []wire.Frame{c3, c4, a4, flip(a3, atResponse)}, wrong},
		{"response-negated", []wire.Frame{c3, c4, negated}, wrong},
		{"response-of-another", []wire.Frame{c3, c4, put(a3, atResponse, a4.Body[atResponse:])}, wrong},
		{"response-of-other-session", []wire.Frame{c3, c4, put(a3, atResponse, b.otherSessionAnswer.Body[atResponse:])}, wrong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newBench(t).machine
			err := play(t, m, tt.frames)
			if tt.want == nil {
				if _, ok := m.Signature(); err != nil || !ok {
					t.Fatalf("seed %d: no signature, waiting for %v: %v", benchSeed, m.Waiting(), err)
				}
				return
			}
			checkError(t, err, tt.want)
			checkEnded(t, m, b)
		})
	}
}

// play delivers frames until one is refused, whose error it returns.
func play(t testing.TB, m *frost.Machine, frames []wire.Frame) error {
	t.Helper()
	for _, f := range frames {
		eff, err := m.Deliver(f)
		if err != nil {
			if len(eff) != 0 {
				t.Fatalf("effects beside error %v", err)
			}
			return err
		}
	}
	return nil
}

func checkError(t testing.TB, err, want error) {
	t.Helper()
	var got, fault *session.Fault
	if !errors.As(want, &fault) {
		if !errors.Is(err, want) || errors.As(err, &got) {
			t.Fatalf("got %v, want %v without blame", err, want)
		}
		return
	}
	if !errors.As(err, &got) || got.Slot != fault.Slot || got.Class != fault.Class || got.Check != fault.Check {
		t.Fatalf("got %v, want %v", err, want)
	}
}

// checkEnded checks that nothing more can be had from a failed machine.
func checkEnded(t testing.TB, m *frost.Machine, b bench) {
	t.Helper()
	if _, ok := m.Signature(); ok {
		t.Error("signature after failure")
	}
	if !m.SecretsWiped() {
		t.Error("secrets after failure")
	}
	if len(m.Waiting()) != 0 || len(m.Resend()) != 0 {
		t.Error("still waits or resends after failure")
	}
	for _, f := range []wire.Frame{b.commit3, b.commit4, b.answer3, b.answer4} {
		if eff, err := m.Deliver(f); len(eff) != 0 || err != nil {
			t.Errorf("answers after failure: %v, %v", eff, err)
		}
	}
}

// TestOwnFaultIsUnattributable bends our own response in memory: every check
// of every other device passes, and the sum is wrong.
func TestOwnFaultIsUnattributable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := play(t, b.machine, []wire.Frame{b.commit3, b.commit4, b.answer3}); err != nil {
		t.Fatal(err)
	}
	b.machine.BendOwnResponse()
	_, err := b.machine.Deliver(b.answer4)
	checkError(t, err, session.ErrUnattributable)
	checkEnded(t, b.machine, b)
}

// TestEffects pins what comes out when, and that repeating is exact.
func TestEffects(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	m := b.machine
	waiting := func(want ...wire.Slot) {
		t.Helper()
		if got := m.Waiting(); !slices.Equal(got, want) {
			t.Errorf("waiting for %v, want %v", got, want)
		}
	}
	deliver := func(f wire.Frame) []session.Effect {
		t.Helper()
		eff, err := m.Deliver(f)
		if err != nil {
			t.Fatal(err)
		}
		return eff
	}
	waiting(3, 4)
	if eff := m.Resend(); len(eff) != 1 || !sameFrame(eff[0], b.own) {
		t.Errorf("resends %v in round 1", eff)
	}
	if eff := deliver(b.commit4); len(eff) != 0 {
		t.Errorf("first commit gives %v", eff)
	}
	waiting(3)
	if m.SecretsWiped() {
		t.Error("secrets are gone before they are used")
	}
	eff := deliver(b.commit3)
	if len(eff) != 2 || eff[0] != (session.Release{}) {
		t.Fatalf("last commit gives %v", eff)
	}
	answer := eff[1].(session.Send).Frame
	if answer.Kind != frost.KindResponse || answer.Session != b.own.Session || !m.SecretsWiped() {
		t.Errorf("response %v, secrets wiped: %t", answer, m.SecretsWiped())
	}
	waiting(3, 4)
	// What a caller does to a frame that it was given must not change what is
	// sent again.
	kept := bytes.Clone(answer.Body)
	clear(answer.Body)
	if again := m.Resend(); len(again) != 2 || !sameFrame(again[0], b.own) || !bytes.Equal(again[1].(session.Send).Frame.Body, kept) {
		t.Errorf("resends %v in round 2", again)
	}
	if eff := deliver(b.answer4); len(eff) != 0 {
		t.Errorf("first response gives %v", eff)
	}
	waiting(3)
	if _, ok := m.Signature(); ok {
		t.Error("signature before all responses")
	}
	if eff := deliver(b.answer3); len(eff) != 1 || eff[0] != (session.Done{}) {
		t.Errorf("last response gives %v", eff)
	}
	waiting()
	if again := m.Resend(); len(again) != 2 || !bytes.Equal(again[1].(session.Send).Frame.Body, kept) {
		t.Errorf("resends %v when done", again)
	}
}

// TestEarlyResponses delivers all of round 2 before the end of round 1: the
// last commit then carries the machine to its end.
func TestEarlyResponses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := play(t, b.machine, []wire.Frame{b.answer3, b.answer4, b.commit3}); err != nil {
		t.Fatal(err)
	}
	if got := b.machine.Waiting(); !slices.Equal(got, []wire.Slot{4}) {
		t.Errorf("waiting for %v", got)
	}
	eff, err := b.machine.Deliver(b.commit4)
	if err != nil || len(eff) != 3 || eff[0] != (session.Release{}) || eff[2] != (session.Done{}) {
		t.Fatalf("last commit gives %v, %v", eff, err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.machine.Close()
	b.machine.Close()
	checkEnded(t, b.machine, b)
}

// TestShareBelongsToCaller checks that machines neither wipe nor keep the
// caller's key.
func TestShareBelongsToCaller(t *testing.T) {
	t.Parallel()
	rng := source(benchSeed)
	c := found(t, rng, 2, []wire.Slot{1, 2, 3}, []wire.Slot{1, 3})
	before := c.shares[1].Clone()
	net := &network{}
	for _, slot := range c.proposal.Signers {
		cfg := c.config(slot, rng)
		cfg.Share = c.shares[slot]
		m, eff, err := frost.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		net.join(t, slot, m, eff)
	}
	if !c.shares[1].Equal(before) {
		t.Error("New changed the caller's share")
	}
	wiped := c.shares[3]
	wiped.Wipe()
	net.run(t)
	net.agree(t, c)
	net.machines[1].Close()
	if !c.shares[1].Equal(before) {
		t.Error("the session changed the caller's share")
	}
}

// TestMessageIsCopied changes the caller's message between the rounds.
func TestMessageIsCopied(t *testing.T) {
	t.Parallel()
	rng := source(benchSeed)
	c := found(t, rng, 2, []wire.Slot{1, 2, 3}, []wire.Slot{1, 3})
	c.proposal.Message = bytes.Clone(message)
	net := begin(t, rng, c)
	c.proposal.Message[0] ^= 1
	net.run(t)
	c.proposal.Message = message
	net.agree(t, c)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	rng := source(benchSeed)
	c := found(t, rng, 2, []wire.Slot{1, 2, 3}, []wire.Slot{1, 3})
	over := [32]byte(addScalar(wire.Frame{Body: make([]byte, 64)}, groupOrder).Body[atResponse:])
	ethereum := sharetest.Proposal(t, rng, c.record, roster.Ethereum, nil, make([]byte, 32), 1, 3)
	tests := []struct {
		name   string
		change func(*frost.Config)
	}{
		{"not-a-signer", func(cfg *frost.Config) { cfg.Self, cfg.Share = 2, c.shares[2] }},
		{"slot-zero", func(cfg *frost.Config) { cfg.Self = 0 }},
		{"share-of-another-device", func(cfg *frost.Config) { cfg.Share = c.shares[3] }},
		{"share-empty", func(cfg *frost.Config) { cfg.Share = secret.Key{} }},
		{"share-not-canonical", func(cfg *frost.Config) { b := over; cfg.Share = secret.Take(&b) }},
		{"other-suite", func(cfg *frost.Config) { cfg.Proposal = ethereum }},
		{"other-epoch", func(cfg *frost.Config) { cfg.Proposal.Epoch++ }},
		{"other-record", func(cfg *frost.Config) { cfg.Record.Transcript[0] ^= 1 }},
		{"too-many-signers", func(cfg *frost.Config) { cfg.Proposal.Signers = []wire.Slot{1, 2, 3} }},
		{"path", func(cfg *frost.Config) { cfg.Proposal.Path = []uint32{0} }},
		{"no-message", func(cfg *frost.Config) { cfg.Proposal.Message = nil }},
		{"commitment-of-small-order", func(cfg *frost.Config) {
			order8 := unhex32(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
			cfg.Record.Accounts = slices.Clone(cfg.Record.Accounts)
			ssh := &cfg.Record.Accounts[1]
			ssh.Commitments = [][]byte{ssh.Commitments[0], order8}
			cfg.Proposal.Record = cfg.Record.Hash()
		}},
		{"no-randomness", func(cfg *frost.Config) { cfg.Rand = bytes.NewReader(nil) }},
		{"randomness-ends", func(cfg *frost.Config) { cfg.Rand = io.LimitReader(rng, 31) }},
	}
	for _, tt := range tests {
		cfg := c.config(1, rng)
		tt.change(&cfg)
		m, eff, err := frost.New(cfg)
		if err == nil || m != nil || eff != nil {
			t.Errorf("%s: accepted, %v", tt.name, err)
		}
		// Later steps would refuse it too, but with a riddle.
		for name, reason := range map[string]string{
			"other-suite": "suite secp256k1", "commitment-of-small-order": "commitments of account",
		} {
			if tt.name == name && !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	}
}

// TestSessionsDoNotShareNonces gives one device the same source of randomness in
// two sessions, as a virtual machine that is set back has it.
func TestSessionsDoNotShareNonces(t *testing.T) {
	t.Parallel()
	c := found(t, source(1), 2, []wire.Slot{1, 2, 3}, []wire.Slot{1, 3})
	seen := map[string]bool{}
	for i := range byte(2) {
		c.proposal.Nonce[0] = i
		m, eff, err := frost.New(c.config(1, source(2)))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		body := eff[0].(session.Send).Frame.Body
		for _, part := range [][]byte{body[:32], body[64:96], body[96:]} {
			if seen[string(part)] {
				t.Errorf("session %d repeats %x", i, part)
			}
			seen[string(part)] = true
		}
	}
}

func sameFrame(e session.Effect, f wire.Frame) bool {
	s, ok := e.(session.Send)
	return ok && bytes.Equal(s.Frame.Append(nil), f.Append(nil))
}

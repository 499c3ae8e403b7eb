package sign_test

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"testing"

	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// A cheat runs one signer that departs from the protocol. The cheater is an
// ordinary machine whose secrets are changed between rounds, so that all it
// computes later is consistent with the change, and whose frames are rewritten
// on their way out.
type cheat struct {
	*run
	proposal share.Proposal
	cheater  wire.Slot
	honest   []wire.Slot

	// state is called once per round, when the cheater is about to process it.
	state func(c *cheat, m *sign.Machine, round wire.Kind)
	// frame changes a frame of the cheater in place; more frames may be
	// returned to be sent ahead of it.
	frame func(c *cheat, f *wire.Frame) []wire.Frame

	scratch secp.Point

	// said is what the cheater said to each, in the end.
	said map[wire.Slot]map[wire.Kind]share.Statement
	// show changes what the cheater shows to a device after a failure.
	show func(c *cheat, to wire.Slot, all []share.Statement) []share.Statement

	keepsSignature bool
}

// An outcome is what an honest device must end with.
type outcome struct {
	class session.Class // 0 means that err is wanted
	check string
	err   error
}

func cheats(class session.Class, check string) outcome { return outcome{class: class, check: check} }

var (
	mismatch       = outcome{err: session.ErrViewMismatch}
	unattributable = outcome{err: session.ErrUnattributable}
	success        = outcome{}
)

func newCheat(t testing.TB, threshold int, seed uint64) *cheat {
	t.Helper()
	circle := newCircle(t, threshold, threshold+1, seed)
	p := circle.proposal(t, 0, 3)
	c := &cheat{proposal: p}
	c.run = circle.start(t, p)
	// The cheater has the lowest slot if seed is even, else the highest.
	c.cheater = p.Signers[int(seed)%2*(threshold-1)]
	c.honest = slices.DeleteFunc(slices.Clone(p.Signers), func(s wire.Slot) bool { return s == c.cheater })
	seen := map[wire.Kind]bool{}
	c.before = func(f wire.Frame) {
		m := c.parties[c.cheater].machine
		if round := m.Round(); c.state != nil && f.To == c.cheater && f.Kind == round && len(m.Waiting()) == 1 &&
			m.Waiting()[0] == f.From && !seen[round] {
			seen[round] = true
			c.state(c, m, round)
		}
	}
	c.rewrite = func(f wire.Frame) []wire.Frame {
		if f.From != c.cheater || c.frame == nil {
			return []wire.Frame{f}
		}
		f.Body = bytes.Clone(f.Body)
		frames := append(c.frame(c, &f), f)
		for _, f := range frames {
			c.sign(f)
		}
		return frames
	}
	return c
}

// sign signs what a frame of the cheater says to all as the cheater does, which has
// the key. A frame whose signature a row has spoiled itself stays as it is.
func (c *cheat) sign(f wire.Frame) {
	if c.proposal.Version != share.VersionSigned || f.Session != c.proposal.Session() || f.From != c.cheater || f.Kind < r1 || f.Kind > r5 ||
		len(f.Body) != sign.BodySize[f.Kind]+64 || c.keepsSignature {
		return
	}
	said := f.Body[:sign.SaidSize[f.Kind]]
	sig := c.circle.signer(c.cheater)(share.StatementMessage(f.Session, f.From, f.Kind, said))
	copy(f.Body[len(f.Body)-64:], sig[:])
	if c.said == nil {
		c.said = map[wire.Slot]map[wire.Kind]share.Statement{}
	}
	if c.said[f.To] == nil {
		c.said[f.To] = map[wire.Kind]share.Statement{}
	}
	c.said[f.To][f.Kind] = share.Statement{Slot: f.From, Kind: f.Kind, Said: said, Sig: sig[:]}
}

// shows returns what one device shows another of the session. What the cheater
// shows fits what it said to that one.
func (c *cheat) shows(by, to wire.Slot) []share.Statement {
	all := slices.Clone(c.parties[by].machine.Statements())
	if by != c.cheater {
		return all
	}
	for i, s := range all {
		if said, ok := c.said[to][s.Kind]; ok && s.Slot == by {
			all[i] = said
		}
	}
	if c.show != nil {
		all = c.show(c, to, all)
	}
	return all
}

// judge has every honest device compare what it heard with what the others show it,
// and returns what the cheater is convicted of by each. Nobody else may be.
func (c *cheat) judge() map[wire.Slot][]string {
	c.t.Helper()
	out := map[wire.Slot][]string{}
	for _, h := range c.honest {
		for _, by := range c.proposal.Signers {
			if by == h {
				continue
			}
			f := share.Judge(c.proposal, c.circle.record, sign.CheckView, h, by, c.parties[h].machine.Statements(), c.shows(by, h))
			if f == nil {
				continue
			}
			if f.Slot != c.cheater {
				c.t.Errorf("device %d is shown something by device %d and blames honest device %d: %v", h, by, f.Slot, f)
			}
			out[h] = append(out[h], f.Check)
		}
	}
	return out
}

// check asserts what honest devices ended with: at least one exactly with want,
// none with a fault of an honest device, none with a signature unless the
// session is to succeed.
func (c *cheat) check(want outcome) {
	c.t.Helper()
	c.finish()
	if want == success {
		c.wantSignature(c.proposal)
		return
	}
	hit := false
	for _, s := range c.honest {
		p := c.parties[s]
		if _, ok := p.machine.Signature(); ok || p.done {
			c.t.Errorf("device %d has a signature", s)
		}
		c.blamesNoHonest(s)
		var f *session.Fault
		switch {
		case p.err == nil:
		case errors.As(p.err, &f):
			hit = hit || f.Class == want.class && f.Check == want.check
		default:
			hit = hit || want.err != nil && errors.Is(p.err, want.err)
		}
		if p.err != nil && len(p.machine.Resend()) != 0 {
			c.t.Errorf("device %d resends after it failed", s)
		}
	}
	if !hit {
		for _, s := range c.honest {
			c.t.Errorf("device %d ends with %v, want %+v", s, c.parties[s].err, want)
		}
	}
}

// blamesNoHonest checks that an error of device s is one of the sorts that exist
// and names nobody but the cheater.
func (c *cheat) blamesNoHonest(s wire.Slot) {
	c.t.Helper()
	err := c.parties[s].err
	var f *session.Fault
	switch {
	case err == nil || errors.Is(err, session.ErrViewMismatch) || errors.Is(err, session.ErrUnattributable):
	case !errors.As(err, &f):
		c.t.Errorf("device %d: %v", s, err)
	case f.Slot != c.cheater:
		c.t.Errorf("device %d blames honest device %d: %v", s, f.Slot, err)
	}
}

const (
	r1 = wire.Kind(1)
	r2 = wire.Kind(2)
	r3 = wire.Kind(3)
	r4 = wire.Kind(4)
	r5 = wire.Kind(5)
)

// put writes b over a field of the body.
func put(f *wire.Frame, field string, b []byte) {
	at := sign.Fields(f.Kind)[field]
	copy(f.Body[at[0]:at[1]], b)
}

// get returns a field of the body.
func get(f *wire.Frame, field string) []byte {
	at := sign.Fields(f.Kind)[field]
	return f.Body[at[0]:at[1]]
}

// shift changes a secret of the cheater by a random amount.
func (c *cheat) shift(s *secp.Secret) {
	d, err := secp.RandomSecret(c.circle.rng)
	if err != nil {
		c.t.Fatal(err)
	}
	*s = s.Add(d)
}

// inRound makes a frame rewriter that acts on one kind.
func inRound(k wire.Kind, f func(c *cheat, f *wire.Frame)) func(*cheat, *wire.Frame) []wire.Frame {
	return func(c *cheat, fr *wire.Frame) []wire.Frame {
		if fr.Kind == k {
			f(c, fr)
		}
		return nil
	}
}

// toOne makes a rewriter that acts on the frames of one kind to one receiver, so
// that others are told something else.
func toOne(k wire.Kind, f func(c *cheat, f *wire.Frame)) func(*cheat, *wire.Frame) []wire.Frame {
	return inRound(k, func(c *cheat, fr *wire.Frame) {
		if fr.To == c.honest[0] {
			f(c, fr)
		}
	})
}

func field(name string, b ...byte) func(*cheat, *wire.Frame) {
	return func(_ *cheat, f *wire.Frame) { put(f, name, b) }
}

func flip(name string) func(*cheat, *wire.Frame) {
	return func(_ *cheat, f *wire.Frame) {
		b := get(f, name)
		b[len(b)-1] ^= 1
	}
}

// in makes a state change that acts before one round is processed.
func in(round wire.Kind, f func(c *cheat, m *sign.Machine)) func(*cheat, *sign.Machine, wire.Kind) {
	return func(c *cheat, m *sign.Machine, r wire.Kind) {
		if r == round {
			f(c, m)
		}
	}
}

var order = decred.Params().N.Bytes()

// badPoints are 33 bytes that are no point, or not the one form of it.
func badPoints() map[string][]byte {
	g := secp.Base().Bytes()
	above := new(big.Int).Add(decred.Params().P, big.NewInt(1))
	off := append([]byte{2}, make([]byte, 32)...)
	off[32] = 5
	return map[string][]byte{
		"identity":      make([]byte, 33),
		"off-curve":     off,
		"x-above-field": append([]byte{2}, above.Bytes()...),
		"hybrid-prefix": append([]byte{6}, g[1:]...),
		"uncompressed":  append([]byte{4}, g[1:]...),
	}
}

func TestCheats(t *testing.T) {
	t.Parallel()
	for i, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			seed := 1000 + uint64(i)
			if r.first {
				seed *= 2
			}
			c := newCheat(t, r.threshold, seed)
			c.state, c.frame, c.show, c.keepsSignature = r.state, r.frame, r.show, r.keepsSignature
			all := c.honest
			if r.victimOnly {
				c.honest = c.honest[:1]
			}
			c.check(r.want)
			// Whoever was cheated learns by whom when the others show what they
			// heard, where that can be learnt.
			victims := c.honest
			c.honest = all
			got := c.judge()
			for _, h := range victims {
				if _, failed := errors.AsType[*session.Fault](c.parties[h].err); r.shown != "" && !failed && !slices.Contains(got[h], r.shown) {
					t.Errorf("device %d is shown what convicts of %v, want %q", h, got[h], r.shown)
				}
			}
			if r.shown == "" && len(got) != 0 {
				t.Errorf("convicted of %v", got)
			}
			if r.after != nil {
				r.after(c)
			}
		})
	}
}

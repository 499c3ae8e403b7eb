package keygen_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"filippo.io/edwards25519"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// The tests of this file play a cheater who computes everything that follows
// from its lie, so that only the check that is meant to stop it can.

// cheat makes device 3 a cheater.
func (l *lab) cheat(commit, reveal func(*keygen.Reveal)) {
	l.cheaters[liar] = &keygen.Cheater{M: l.machines[liar], Commit: commit, Reveal: reveal}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBadPoints(t *testing.T) {
	t.Parallel()
	onX := func(first string) []byte {
		return unhex(t, first+"0000000000000000000000000000000000000000000000000000000000000005")
	}
	secpBad := map[string][]byte{
		"identity":      make([]byte, 33),
		"off-curve":     onX("02"), // x = 5 is on no point
		"hybrid":        append([]byte{6}, secpBase(t)[1:]...),
		"uncompressed":  append([]byte{4}, secpBase(t)[1:]...),
		"not-canonical": unhex(t, "02fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30"), // x = p + 1
	}
	edBad := map[string][]byte{
		"identity":      unhex(t, "0100000000000000000000000000000000000000000000000000000000000000"),
		"order-two":     unhex(t, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
		"order-eight":   unhex(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
		"torsion":       edTorsion(t),
		"not-canonical": unhex(t, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), // y = p + 1
		"off-curve":     unhex(t, "0200000000000000000000000000000000000000000000000000000000000000"),
	}
	row := func(name string, account int, edit func(*keygen.Part)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 2, 3, 1)
			l.cheat(func(r *keygen.Reveal) { edit(&r.Parts[account]) }, nil)
			l.run()
			for _, slot := range []wire.Slot{1, 2} {
				l.want(slot, blame(liar, session.Malformed, "points"))
			}
		})
	}
	for account, list := range []map[string][]byte{secpBad, edBad} {
		for name, point := range list {
			prefix := []string{"ethereum-", "ssh-"}[account]
			row(prefix+"key-"+name, account, func(p *keygen.Part) { p.F[0] = point })
			// The identity in the last place is a polynomial of degree t−2.
			row(prefix+"last-"+name, account, func(p *keygen.Part) { p.F[1] = point })
			row(prefix+"nonce-"+name, account, func(p *keygen.Part) { p.T = point })
		}
	}
}

func secpBase(t *testing.T) []byte { b := secp.Base().Bytes(); return b[:] }

// edTorsion returns the base point plus a point of order two: the y of −B.
func edTorsion(t *testing.T) []byte {
	t.Helper()
	// (x, y) + (0, −1) = (−x, −y); y of the base point is 4/5, encoded here
	// with its sign bit.
	b := ed.Base().Bytes()
	p := unhex(t, "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	var borrow int
	out := make([]byte, 32)
	for i := range out {
		d := int(p[i]) - int(b[i]) - borrow
		borrow = 0
		if d < 0 {
			d, borrow = d+256, 1
		}
		out[i] = byte(d)
	}
	// x of the base point is even, so that of its negative is odd.
	out[31] |= 0x80
	if _, err := new(edwards25519.Point).SetBytes(out); err != nil {
		t.Fatal("the point with torsion is not on the curve")
	}
	return out
}

// TestDegree has the cheater share polynomials of degree t and t−2. Higher
// than agreed makes a message that is too long, lower one with an identity in
// it or one that is too short; see also TestBadPoints.
func TestDegree(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*keygen.Part){
		"t":   func(p *keygen.Part) { p.F = append(p.F, p.F[0]) },
		"t-2": func(p *keygen.Part) { p.F = p.F[:len(p.F)-1] },
	} {
		for account := range 2 {
			l := newLab(t, 3, 5, 1)
			l.cheat(func(r *keygen.Reveal) { edit(&r.Parts[account]) }, nil)
			l.run()
			for _, slot := range []wire.Slot{1, 2, 4, 5} {
				var fault *session.Fault
				if !errors.As(l.errs[slot], &fault) || fault.Slot != liar || fault.Check != "message-length" {
					t.Errorf("degree %s: device %d: %v", name, slot, l.errs[slot])
				}
			}
		}
	}
}

// TestWrongShareToOne follows a wrong share to the end: the device that got it
// names the dealer, the others hear who says what of whom, the dealer itself
// knows that it is accused, and nobody has anything.
func TestWrongShareToOne(t *testing.T) {
	t.Parallel()
	for account, at := range []int{31, 32} {
		l := newLab(t, 2, 4-1, uint64(account))
		l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
			if f.From == liar && to == 1 && f.Kind == keygen.KindShare {
				f.Body[at] ^= 1
			}
			return []wire.Frame{f}
		}
		l.run()
		l.want(1, blame(liar, session.Cheat, "share"))
		l.want(2, claim(1, liar, "share"))
		l.want(liar, blame(1, session.Cheat, "false-complaint"))
		if len(l.states) != 0 {
			t.Error("somebody persisted a share of a dead session")
		}
	}
}

// TestCopiedCommitment has the cheater commit to whatever device 2 commits to,
// and open it with the opening of device 2 when that is known. Without the slot
// in the commitment it would double the contribution of device 2.
func TestCopiedCommitment(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.cheaters[liar] = &keygen.Cheater{M: l.machines[liar], CopyOf: l.machines[2]}
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		if f.Kind != keygen.KindReveal || to != 1 {
			return []wire.Frame{f}
		}
		if f.From == liar {
			return nil
		}
		g := f
		g.From, g.Body = liar, bytes.Clone(f.Body)
		return []wire.Frame{f, g}
	}
	l.run()
	l.want(1, blame(liar, session.Cheat, "commitment-opening"))
}

func blames(err error, slot wire.Slot) bool {
	var fault *session.Fault
	return errors.As(err, &fault) && fault.Slot == slot
}

// TestRogueKey gives the cheater what commitments deny it, the others' keys
// before it must choose its own. It picks a contribution that makes the sum a
// key it knows alone, and shares that pass Feldman's check. Only the proof of
// knowledge stops it.
func TestRogueKey(t *testing.T) {
	t.Parallel()
	const mine = wire.Slot(2)
	l := newLab(t, 2, 2, 1)
	victim := l.machines[1]
	key, value := secp.NewScalar(42), secp.NewScalar(7)
	l.cheaters[mine] = &keygen.Cheater{M: l.machines[mine], Commit: func(r *keygen.Reveal) {
		theirs, err := secp.ParsePoint(victim.Contribution().Parts[0].F[0])
		if err != nil {
			t.Fatal(err)
		}
		// F_0 = X − F_{1,0}, and F_1 such that F_0 + 1·F_1 = v·G for slot 1.
		f0 := secp.BaseMulVartime(key).Sub(theirs)
		f1 := secp.BaseMulVartime(value).Sub(f0)
		b0, b1 := f0.Bytes(), f1.Bytes()
		r.Parts[0].F = [][]byte{b0[:], b1[:]}
		if sum := f0.Add(theirs); !sum.Equal(secp.BaseMulVartime(key)) {
			t.Fatal("the attack does not work even without a proof")
		}
	}}
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		if f.From == mine && f.Kind == keygen.KindShare {
			v := value.Bytes()
			copy(f.Body, v[:])
		}
		return []wire.Frame{f}
	}
	l.run()
	l.want(1, blame(mine, session.Cheat, "proof-of-knowledge"))

	// Without the proof, everything else holds.
	l = newLab(t, 2, 2, 1)
	victim = l.machines[1]
	l.cheaters[mine] = &keygen.Cheater{M: l.machines[mine]}
	l.run()
	l.want(1, verdict{})
}

// TestReplayedProof has the cheater use a proof that is right elsewhere: of
// another device in this session, and of its own in another session.
func TestReplayedProof(t *testing.T) {
	t.Parallel()
	for account := range 2 {
		old := newLab(t, 2, 3, 2)
		var oldReveal keygen.Reveal
		old.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
			if f.From == liar && f.Kind == keygen.KindReveal {
				oldReveal = keygen.ParseReveal(bytes.Clone(f.Body), 2)
			}
			return []wire.Frame{f}
		}
		old.run()
		old.want(1, verdict{})

		l := newLab(t, 2, 3, 1)
		l.cheat(func(r *keygen.Reveal) { r.Parts[account] = oldReveal.Parts[account] },
			func(r *keygen.Reveal) { r.Parts[account].Z = oldReveal.Parts[account].Z })
		l.run()
		l.want(1, blame(liar, session.Cheat, "proof-of-knowledge"))
		l.want(2, blame(liar, session.Cheat, "proof-of-knowledge"))

		// The proof of device 2, taken from its reveal of this very session.
		l = newLab(t, 2, 3, 1)
		victim := l.machines[2]
		var z []byte
		l.cheat(func(r *keygen.Reveal) { r.Parts[account] = victim.Contribution().Parts[account] }, nil)
		l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
			if f.From == 2 && f.Kind == keygen.KindReveal {
				z = keygen.ParseReveal(bytes.Clone(f.Body), 2).Parts[account].Z
			}
			if f.From == liar && f.Kind == keygen.KindReveal {
				r := keygen.ParseReveal(f.Body, 2)
				r.Parts[account].Z = z
				f.Body = r.Bytes()
			}
			return []wire.Frame{f}
		}
		l.run()
		if z == nil {
			t.Fatal("device 2 never revealed")
		}
		l.want(1, blame(liar, session.Cheat, "proof-of-knowledge"))
	}
}

// TestEquivocation has the cheater tell devices 1 and 2 different things, each
// consistent in itself where that is possible. Whoever notices first ends it;
// honest devices never name each other, and none has a result.
func TestEquivocation(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]wire.Kind{
		"nonce": keygen.KindHello, "commitment": keygen.KindCommit, "reveal": keygen.KindReveal, "record": keygen.KindVerified,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 2, 3, 1)
			l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
				if f.From == liar && to == 1 && f.Kind == kind {
					f.Body[len(f.Body)-1] ^= 1
				}
				return []wire.Frame{f}
			}
			l.run()
			for _, slot := range []wire.Slot{1, 2} {
				if blames(l.errs[slot], 3-slot) {
					t.Errorf("device %d names device %d: %v", slot, 3-slot, l.errs[slot])
				}
				if l.done[slot] {
					t.Errorf("device %d has a result", slot)
				}
			}
			if l.errs[1] == nil && l.errs[2] == nil {
				t.Error("nobody noticed")
			}
		})
	}
}

// TestDifferentChainCodes has the cheater commit to one chain code and tell
// device 2 another.
func TestDifferentChainCodes(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		if f.From == liar && to == 2 && f.Kind == keygen.KindReveal {
			r := keygen.ParseReveal(f.Body, 2)
			r.Chain = bytes.Repeat([]byte{7}, 32)
			f.Body = r.Bytes()
		}
		return []wire.Frame{f}
	}
	l.run()
	l.want(2, blame(liar, session.Cheat, "commitment-opening"))
	l.want(1, claim(2, liar, "commitment-opening"))
}

// TestNoCertificateWithoutAll lets one person never say yes: the others hold a
// share that is pending, and nothing else.
func TestNoCertificateWithoutAll(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.pump()
	l.confirm(1, 2)
	l.pump()
	for _, slot := range []wire.Slot{1, 2} {
		if _, ok := l.machines[slot].Entry(); ok || l.done[slot] {
			t.Errorf("device %d has a certificate of two", slot)
		}
		if _, ok := l.machines[slot].Shares(); ok {
			t.Errorf("device %d gives out shares", slot)
		}
		if got := l.machines[slot].Waiting(); !slices.Equal(got, []wire.Slot{3}) {
			t.Errorf("device %d waits for %v", slot, got)
		}
		m, effects, err := keygen.Resume(l.group.Config(slot, 0), l.states[slot])
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := m.Entry(); ok {
			t.Errorf("device %d has a certificate after a restart", slot)
		}
		if slices.ContainsFunc(effects, func(e session.Effect) bool { return e == session.Done{} }) {
			t.Errorf("device %d is done after a restart", slot)
		}
	}
	if _, ok := l.machines[3].Review(); !ok {
		t.Error("device 3 does not ask its person any more")
	}
	if l.states[3] != nil {
		t.Error("device 3 persisted without a yes")
	}
}

// TestBindings checks that commitment and challenge cover what the doc comment
// of the package says, and so cannot be carried elsewhere.
func TestBindings(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 2, 1)
	fresh := func() keygen.Reveal { return l.machines[1].Contribution() }
	sid, view := wire.Hash{1}, wire.Hash{2}

	commitments := map[wire.Hash]string{fresh().Commitment(sid, 1): "the original"}
	other := func(name string, h wire.Hash) {
		if old, ok := commitments[h]; ok {
			t.Errorf("another %s commits to the same as %s", name, old)
		}
		commitments[h] = name
	}
	edited := func(edit func(*keygen.Reveal)) wire.Hash {
		r := fresh()
		edit(&r)
		return r.Commitment(sid, 1)
	}
	other("session", fresh().Commitment(wire.Hash{9}, 1))
	other("slot", fresh().Commitment(sid, 2))
	other("salt", edited(func(r *keygen.Reveal) { r.Salt[0] ^= 1 }))
	other("chain code", edited(func(r *keygen.Reveal) { r.Chain[0] ^= 1 }))
	for a := range 2 {
		other("key", edited(func(r *keygen.Reveal) { r.Parts[a].F[0][5] ^= 1 }))
		other("coefficient", edited(func(r *keygen.Reveal) { r.Parts[a].F[1][5] ^= 1 }))
		other("proof nonce", edited(func(r *keygen.Reveal) { r.Parts[a].T[5] ^= 1 }))
	}

	for a := range 2 {
		key, nonce := fresh(), fresh()
		key.Parts[a].F[0][5] ^= 1
		nonce.Parts[a].T[5] ^= 1
		both := fresh()
		both.Parts[1-a].F[0], both.Parts[1-a].T = both.Parts[a].F[0], both.Parts[a].T
		want := fresh().Challenge(sid, 1, a, view)
		for name, got := range map[string]wire.Hash{
			"session": fresh().Challenge(wire.Hash{9}, 1, a, view),
			"slot":    fresh().Challenge(sid, 2, a, view),
			"view":    fresh().Challenge(sid, 1, a, wire.Hash{9}),
			"key":     key.Challenge(sid, 1, a, view),
			"nonce":   nonce.Challenge(sid, 1, a, view),
			"account": both.Challenge(sid, 1, 1-a, view),
		} {
			if got == want {
				t.Errorf("account %d: another %s has the same challenge", a, name)
			}
		}
	}
}

// TestForeignSigner checks that a device whose keys do not fit the proposal
// finds out before it persists anything.
func TestForeignSigner(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 2, 1)
	cfg := l.group.Config(1, 1)
	cfg.Sign = func(msg []byte) [64]byte { return [64]byte{} }
	m, effects, err := keygen.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.machines[1], l.queue = m, nil
	l.apply(1, effects)
	l.apply(2, l.machines[2].Resend())
	l.pump()
	if _, ok := m.Review(); !ok {
		t.Fatal("nothing to review")
	}
	if effects, err := m.Confirm(); err == nil || effects != nil {
		t.Errorf("confirmed with a wrong signature: %v", effects)
	}
}

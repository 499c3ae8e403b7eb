package frost_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/internal/sharetest"
	"github.com/warifu/warifu/wire"
)

// A liar is one signer that says to each other what it likes, and signs it.
type liar struct {
	*network
	circle circle
	slot   wire.Slot
	said   map[wire.Slot]map[wire.Kind]share.Statement // to whom
	honest []wire.Slot
}

// newLiar starts a session of so many signers, in which they sign what they say
// if there are more than two.
func newLiar(t testing.TB, rng *rand.ChaCha8, signers ...wire.Slot) *liar {
	t.Helper()
	c := found(t, rng, len(signers), []wire.Slot{1, 2, 3, 4}, signers)
	c.proposal.Version = share.VersionFor(len(signers))
	l := &liar{network: begin(t, rng, c), circle: c, slot: signers[len(signers)-1], said: map[wire.Slot]map[wire.Kind]share.Statement{}}
	l.honest = signers[:len(signers)-1]
	for _, s := range signers {
		l.said[s] = map[wire.Kind]share.Statement{}
	}
	return l
}

// say is what the liar sends in place of f, signed.
func (l *liar) say(to wire.Slot, f wire.Frame, change func(said []byte)) wire.Frame {
	f.Body = bytes.Clone(f.Body)
	n := len(f.Body)
	if l.circle.proposal.Version == share.VersionSigned {
		n -= 64
	}
	change(f.Body[:n])
	if n < len(f.Body) {
		sig := sharetest.Sign(l.circle.record, l.slot)(share.StatementMessage(f.Session, f.From, f.Kind, f.Body[:n]))
		copy(f.Body[n:], sig[:])
		l.said[to][f.Kind] = share.Statement{Slot: l.slot, Kind: f.Kind, Said: f.Body[:n], Sig: sig[:]}
	}
	return f
}

// tell delivers everything, with what the liar says changed on its way.
func (l *liar) tell(t testing.TB, change func(to wire.Slot, kind wire.Kind, said []byte)) {
	t.Helper()
	for len(l.queue) > 0 {
		d := l.queue[0]
		l.queue = l.queue[1:]
		if d.frame.From == l.slot {
			d.frame = l.say(d.to, d.frame, func(said []byte) { change(d.to, d.frame.Kind, said) })
		}
		l.deliver(t, d)
	}
}

// shows is what one device shows another, which for the liar fits what it said.
func (l *liar) shows(by, to wire.Slot) []share.Statement {
	all := slices.Clone(l.machines[by].Statements())
	if by != l.slot {
		return all
	}
	for i, s := range all {
		if said, ok := l.said[to][s.Kind]; ok && s.Slot == by {
			all[i] = said
		}
	}
	return all
}

func (l *liar) judge(at, by wire.Slot, shown []share.Statement) *session.Fault {
	return share.Judge(l.circle.proposal, l.circle.record, frost.CheckView, at, by, l.machines[at].Statements(), shown)
}

// TestCheats has a row for each lie that one device alone cannot see through.
func TestCheats(t *testing.T) {
	t.Parallel()
	flipAt := func(kind wire.Kind, at int, to ...wire.Slot) func(wire.Slot, wire.Kind, []byte) {
		return func(who wire.Slot, k wire.Kind, said []byte) {
			if k == kind && (len(to) == 0 || slices.Contains(to, who)) {
				said[at] ^= 1
			}
		}
	}
	none := func(wire.Slot, wire.Kind, []byte) {}
	direct := func(check string) error { return &session.Fault{Slot: 0, Class: session.Cheat, Check: check} }
	for _, tt := range []struct {
		name    string
		signers []wire.Slot
		change  func(wire.Slot, wire.Kind, []byte)
		victim  wire.Slot
		want    error  // at the victim; nil: a signature
		shown   string // what convicts the liar at the victim, once all show what they heard
	}{
		{"honest", []wire.Slot{1, 2, 3}, none, 1, nil, ""},
		{"view", []wire.Slot{1, 2}, flipAt(frost.KindResponse, atView), 1, direct("view"), ""},
		{"view-of-three", []wire.Slot{1, 2, 3}, flipAt(frost.KindResponse, atView), 1, session.ErrViewMismatch, "view"},
		{"view-to-one", []wire.Slot{1, 2, 3}, flipAt(frost.KindResponse, atView, 2), 2, session.ErrViewMismatch, "signed-twice"},
		{"proposal-hash", []wire.Slot{1, 2}, flipAt(frost.KindCommit, atProposal), 1, direct("proposal-hash"), ""},
		{"proposal-hash-of-three", []wire.Slot{1, 2, 3}, flipAt(frost.KindCommit, atProposal), 2, direct("proposal-hash"), "view"},
		{"nonces-equivocated", []wire.Slot{1, 2, 3}, flipAt(frost.KindCommit, atNonce, 1), 1, session.ErrViewMismatch, "signed-twice"},
		{"nonces-equivocated-other", []wire.Slot{1, 2, 3}, flipAt(frost.KindCommit, atNonce, 1), 2, session.ErrViewMismatch, "signed-twice"},
		{"response", []wire.Slot{1, 2, 3}, flipAt(frost.KindResponse, atResponse), 1, direct("response-equation"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLiar(t, source(90), tt.signers...)
			l.tell(t, tt.change)
			err := l.failed[tt.victim]
			if f, ok := errors.AsType[*session.Fault](tt.want); ok {
				f.Slot = l.slot
				checkError(t, err, f)
			} else if tt.want != nil {
				checkError(t, err, tt.want)
			} else if _, ok := l.machines[tt.victim].Signature(); !ok {
				t.Errorf("no signature: %v", err)
			}
			var got []string
			for _, by := range tt.signers {
				if by == tt.victim {
					continue
				}
				if f := l.judge(tt.victim, by, l.shows(by, tt.victim)); f != nil {
					got = append(got, f.Check)
					if f.Slot != l.slot {
						t.Errorf("blames honest device %d: %v", f.Slot, f)
					}
				}
			}
			if tt.shown == "" && got != nil || tt.shown != "" && !slices.Contains(got, tt.shown) {
				t.Errorf("convicted of %v, want %q", got, tt.shown)
			}
		})
	}
}

// TestStatementsMustBeSigned: a word whose signature is not its maker's, or is of
// another word, names whoever sent it.
func TestStatementsMustBeSigned(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(l *liar, f *wire.Frame){
		"flipped": func(_ *liar, f *wire.Frame) { f.Body[len(f.Body)-1] ^= 1 },
		"word":    func(_ *liar, f *wire.Frame) { f.Body[0] ^= 1 },
		"another-slot": func(l *liar, f *wire.Frame) {
			sig := sharetest.Sign(l.circle.record, l.slot)(share.StatementMessage(f.Session, 1, f.Kind, f.Body[:len(f.Body)-64]))
			copy(f.Body[len(f.Body)-64:], sig[:])
		},
		"another-session": func(l *liar, f *wire.Frame) {
			sig := sharetest.Sign(l.circle.record, l.slot)(share.StatementMessage(wire.SessionID{1}, l.slot, f.Kind, f.Body[:len(f.Body)-64]))
			copy(f.Body[len(f.Body)-64:], sig[:])
		},
	} {
		l := newLiar(t, source(91), 1, 2, 3)
		for len(l.queue) > 0 {
			d := l.queue[0]
			l.queue = l.queue[1:]
			if d.frame.From == l.slot {
				d.frame.Body = bytes.Clone(d.frame.Body)
				spoil(l, &d.frame)
			}
			l.deliver(t, d)
		}
		for _, h := range l.honest {
			checkError(t, l.failed[h], &session.Fault{Slot: l.slot, Class: session.Malformed, Check: "statement"})
		}
		if name == "flipped" && len(l.machines[1].Statements()) != 2 {
			t.Errorf("%d statements are kept, want those of the two honest devices", len(l.machines[1].Statements()))
		}
	}
}

// TestUnsignedSession: two signers sign nothing that they say, and keep nothing.
func TestUnsignedSession(t *testing.T) {
	t.Parallel()
	l := newLiar(t, source(92), 1, 2)
	l.run(t)
	l.agree(t, l.circle)
	if n := len(l.machines[1].Statements()); n != 0 {
		t.Errorf("%d statements in a session of two", n)
	}
	c := l.circle
	c.proposal.Version = share.VersionSigned
	cfg := c.config(1, source(93))
	cfg.Sign = nil
	if m, _, err := frost.New(cfg); err == nil || m != nil {
		t.Error("a signed session without a key to sign with")
	}
}

// TestClonedImagesBlameNobody: devices whose sources give the same bytes, as those
// of cloned images do, do not take each other's words for echoes of their own.
func TestClonedImagesBlameNobody(t *testing.T) {
	t.Parallel()
	for _, signers := range [][]wire.Slot{{1, 2}, {1, 2, 3}} {
		c := found(t, source(94), len(signers), []wire.Slot{1, 2, 3, 4}, signers)
		net := &network{}
		for _, s := range signers {
			m, eff, err := frost.New(c.config(s, source(5))) // the same for all
			if err != nil {
				t.Fatal(err)
			}
			net.join(t, s, m, eff)
		}
		net.run(t)
		for _, s := range signers {
			if net.failed[s] != nil {
				t.Errorf("device %d of %v: %v", s, signers, net.failed[s])
			}
		}
		net.agree(t, c)
	}
}

// TestNobodyIsFramed gives one of three or four signers a will of its own: it says
// anything to anybody in its frames, loses, repeats and delays those of others as a
// network does, and shows each honest device whatever it can lay its hands on, with
// words of other sessions, of other rounds, of honest devices, or made up. No honest
// device may ever name another honest one.
func TestNobodyIsFramed(t *testing.T) {
	t.Parallel()
	named, failed := 0, 0
	for seed := range uint64(400) {
		dice := rand.New(rand.NewPCG(seed, 7))
		signers := []wire.Slot{1, 2, 3}
		if seed%4 == 3 {
			signers = append(signers, 4)
		}
		l := newLiar(t, rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1}), signers...)
		// Words of another session of the same devices, in which all were honest.
		old := &liar{circle: l.circle}
		old.circle.proposal.Nonce[0] ^= 1
		old.network = begin(t, rand.NewChaCha8([32]byte{byte(seed), 9}), old.circle)
		old.run(t)

		for rounds := 0; len(l.queue) > 0 && rounds < 500; rounds++ {
			i := dice.IntN(len(l.queue))
			d := l.queue[i]
			if dice.IntN(8) > 0 {
				l.queue = slices.Delete(l.queue, i, i+1)
			}
			if dice.IntN(40) == 0 {
				continue
			}
			if d.frame.From == l.slot && dice.IntN(3) == 0 {
				d.frame = l.say(d.to, d.frame, func(said []byte) {
					switch from := l.honest[dice.IntN(len(l.honest))]; dice.IntN(4) {
					case 0:
						said[dice.IntN(len(said))] ^= byte(1) << dice.IntN(8)
					case 1: // an honest device's word, as far as it has been said
						copy(said, l.sent[from][d.frame.Kind].Body)
					case 2:
						copy(said, old.sent[l.slot][d.frame.Kind].Body)
					}
				})
			}
			l.deliver(t, d)
		}
		check := func(h wire.Slot, err error) {
			if f, ok := errors.AsType[*session.Fault](err); ok {
				if f.Slot != l.slot {
					t.Fatalf("seed %d: device %d blames honest device %d: %v", seed, h, f.Slot, f)
				}
				named++
			}
		}
		for _, h := range l.honest {
			if l.failed[h] != nil {
				failed++
			}
			check(h, l.failed[h])
			for _, by := range signers {
				shown := l.shows(by, h)
				if by == l.slot {
					shown = madeUp(dice, l, old, h, shown)
				}
				if by != h {
					if f := l.judge(h, by, shown); f != nil {
						check(h, f)
					}
				}
			}
		}
	}
	// That nobody is named at all would be no proof.
	if named < 400 || failed < 200 {
		t.Errorf("only %d times somebody was named, in %d sessions that failed", named, failed)
	}
}

// madeUp is what a liar may show: some of what it has, moved about.
func madeUp(dice *rand.Rand, l, old *liar, to wire.Slot, all []share.Statement) []share.Statement {
	pool := slices.Clone(all)
	for _, s := range l.circle.proposal.Signers {
		pool = append(pool, l.machines[s].Statements()...)
		pool = append(pool, old.machines[s].Statements()...)
		for _, said := range l.said[s] {
			pool = append(pool, said)
		}
	}
	slices.SortFunc(pool, func(a, b share.Statement) int { return bytes.Compare(fmt.Append(nil, a), fmt.Append(nil, b)) })
	if dice.IntN(4) == 0 {
		all = nil
	}
	for range dice.IntN(4) {
		s := pool[dice.IntN(len(pool))]
		switch dice.IntN(5) {
		case 0:
			s.Slot = l.circle.proposal.Signers[dice.IntN(len(l.circle.proposal.Signers))]
		case 1:
			s.Kind = wire.Kind(dice.IntN(4))
		case 2: // anything, in its own name
			s.Slot, s.Said = l.slot, bytes.Repeat([]byte{byte(dice.IntN(256))}, dice.IntN(200))
			sig := sharetest.Sign(l.circle.record, l.slot)(share.StatementMessage(l.circle.proposal.Session(), s.Slot, s.Kind, s.Said))
			s.Sig = sig[:]
		}
		if len(all) > 0 && dice.IntN(2) == 0 {
			all[dice.IntN(len(all))] = s
		} else {
			all = append(all, s)
		}
	}
	return all
}

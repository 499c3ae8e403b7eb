package refresh_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestFaults has a row for each check of a statement: what devices 1 and 2
// make of it when what device 3 says is changed on its way to both. An empty
// verdict means that the statement is ignored and the re-deal goes on.
func TestFaults(t *testing.T) {
	t.Parallel()
	const liar = wire.Slot(3)
	flip := func(i int) func([]byte) []byte {
		return func(b []byte) []byte {
			if i < 0 {
				i += len(b)
			}
			b[i] ^= 1
			return b
		}
	}
	cut := func(b []byte) []byte { return b[:len(b)-1] }
	grow := func(b []byte) []byte { return append(b, 0) }
	high := func(b []byte) []byte { // a point or scalar that no group has
		for i := range 32 {
			b[i] = 0xff
		}
		return b
	}
	const (
		badSignature = "brought a statement with a bad signature"
		notDealt     = "the commitments are not those of this dealer's share"
	)
	tests := []struct {
		name   string
		kind   refresh.Kind
		body   func([]byte) []byte
		signed bool // the liar signs what it changed
		want   string
		dead   bool // the attempt dies
	}{
		{"honest", refresh.Ready, func(b []byte) []byte { return b }, true, "", false},

		{"unsigned-deal", refresh.Deal, flip(-1), false, badSignature, false},
		{"unsigned-ready", refresh.Ready, flip(-1), false, badSignature, false},
		{"unsigned-commit", refresh.Commit, flip(-1), false, badSignature, false},
		{"unsigned-lock", refresh.Lock, flip(-1), false, badSignature, false},

		{"deal-short", refresh.Deal, cut, true, "dealt in the wrong length", true},
		{"deal-long", refresh.Deal, grow, true, "dealt in the wrong length", true},
		{"deal-not-a-point", refresh.Deal, func(b []byte) []byte { high(b[33:]); return b }, true, notDealt, true},
		{"deal-identity", refresh.Deal, func(b []byte) []byte { clear(b[33:66]); return b }, true, notDealt, true},
		{"deal-other-share", refresh.Deal, func(b []byte) []byte { copy(b, b[33:66]); return b }, true, notDealt, true},
		{"deal-other-ssh-share", refresh.Deal, func(b []byte) []byte { copy(b[66:98], b[98:130]); return b }, true, notDealt, true},
		{"deal-torsion", refresh.Deal, func(b []byte) []byte { // a point of order 2 in the last commitment
			clear(b[98:130])
			b[98], b[129] = 0xec, 0x7f
			for i := 99; i < 129; i++ {
				b[i] = 0xff
			}
			return b
		}, true, notDealt, true},

		{"ready-short", refresh.Ready, cut, true, "said ready in the wrong length", true},
		{"ready-long", refresh.Ready, grow, true, "said ready in the wrong length", true},
		{"ready-other-record", refresh.Ready, flip(0), true, "", true},
		{"ready-nonce", refresh.Ready, flip(40), true, "said ready without a share", true},
		{"ready-proof", refresh.Ready, flip(32 + 33), true, "said ready without a share", true},
		{"ready-ssh-proof", refresh.Ready, flip(-1), true, "said ready without a share", true},
		{"ready-proof-not-canonical", refresh.Ready, func(b []byte) []byte { high(b[32+33:]); return b }, true, "said ready without a share", true},

		{"tested-short", refresh.TestShown, cut, true, "showed test signatures of the wrong form", false},
		{"tested-long", refresh.TestShown, grow, true, "showed test signatures of the wrong form", false},
		{"tested-wrong", refresh.TestShown, flip(0), true, "showed test signatures that do not verify", false},
		{"tested-recovery", refresh.TestShown, func(b []byte) []byte { b[64] -= 4; return b }, true, "showed test signatures that do not verify", false},
		{"tested-ssh-wrong", refresh.TestShown, flip(66), true, "showed test signatures that do not verify", false},

		{"commit-short", refresh.Commit, cut, true, "committed in the wrong length", false}, // the lock carries the right one
		{"commit-other-record", refresh.Commit, flip(0), true, "said two different things", true},
		{"lock-short", refresh.Lock, cut, true, "locked without the commits of all members", true},
		{"lock-other-record", refresh.Lock, flip(0), true, "locked without the commits of all members", true},
		{"lock-commit", refresh.Lock, flip(-1), true, "locked without the commits of all members", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCircle(t, 2, 3, 3)
			l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3), dealers: slots(1, 3)}))
			l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
				s := refresh.StatementIn(f)
				if s.Slot != liar || s.Kind != tt.kind || to == liar {
					return []wire.Frame{f}
				}
				s.Body = tt.body(bytes.Clone(s.Body))
				if tt.signed {
					return []wire.Frame{s.Frame(l.p, f.From, c.identity[liar])}
				}
				f.Body = wire.Marshal(s)
				return []wire.Frame{f, original(f, l, s)}
			}
			l.runFrom(3)
			for _, slot := range slots(1, 2) {
				m := l.machines[slot]
				got := m.Suspects()
				for named := range got {
					if named != liar {
						t.Errorf("device %d names device %d: %s", slot, named, got[named])
					}
				}
				if got[liar] != tt.want {
					t.Errorf("device %d suspects %q, want %q", slot, got[liar], tt.want)
				}
				if retired := m.Phase() == refresh.Retired; retired == tt.dead {
					t.Errorf("device %d is %v", slot, m.Phase())
				}
			}
		})
	}
}

// original is the frame that an unsigned change was made of, which arrives
// after it.
func original(f wire.Frame, l *lab, s refresh.Statement) wire.Frame {
	right, _ := l.machines[s.Slot].Said(s.Kind, s.Slot)
	f.Body = wire.Marshal(right)
	return f
}

// runFrom is [lab.run] with the test signatures made by the given device
// first.
func (l *lab) runFrom(first wire.Slot) {
	l.t.Helper()
	l.pump()
	for _, slot := range slices.Concat(slots(first), l.p.Members) {
		if m := l.machines[slot]; m.NeedsTest() {
			effects, err := m.Tested(l.circle.testSignatures(m))
			if err != nil {
				l.t.Fatal(err)
			}
			l.apply(slot, effects)
			l.pump()
		}
	}
}

// TestIgnored delivers frames that are no part of the attempt, in every
// phase. None of them changes anything, and only a member can be suspected.
func TestIgnored(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 4)
	p := c.propose(plan{kind: roster.Remove, members: slots(1, 2), removed: gone(3, roster.Stolen)})
	abort := refresh.Statement{Kind: refresh.Abort, Slot: 3, Body: refresh.PlainAbort}
	byTwo := refresh.Statement{Kind: refresh.Abort, Slot: 2, Body: refresh.PlainAbort}
	byOne := func(k refresh.Kind, body ...byte) refresh.Statement {
		return refresh.Statement{Kind: k, Slot: 1, Body: body}.Signed(p, c.identity[1])
	}
	frames := map[string]struct {
		f     wire.Frame
		blame string
	}{
		"removed-device":          {abort.Frame(p, 3, c.identity[3]), ""},
		"brought-for-the-removed": {abort.Frame(p, 2, c.identity[3]), "brought a statement that its device must not make"},
		"forged":                  {byTwo.Frame(p, 2, c.identity[3]), "brought a statement with a bad signature"},
		"own-echo":                {byTwo.Frame(p, 1, c.identity[2]), ""},
		"to-another":              {with(byTwo.Frame(p, 2, c.identity[2]), func(f *wire.Frame) { f.To = 3 }), ""},
		"other-kind":              {with(byTwo.Frame(p, 2, c.identity[2]), func(f *wire.Frame) { f.Kind++ }), ""},
		"other-session":           {with(byTwo.Frame(p, 2, c.identity[2]), func(f *wire.Frame) { f.Session[0] ^= 1 }), ""},
		"no-cbor":                 {with(byTwo.Frame(p, 2, c.identity[2]), func(f *wire.Frame) { f.Body = []byte("hello") }), "malformed statement"},
		"kind-zero":               {refresh.Statement{Kind: 0, Slot: 2}.Frame(p, 2, c.identity[2]), "brought a statement that its device must not make"},
		"kind-too-high":           {refresh.Statement{Kind: 99, Slot: 2}.Frame(p, 2, c.identity[2]), "brought a statement that its device must not make"},
		"slot-zero":               {refresh.Statement{Kind: refresh.Abort, Slot: 0}.Frame(p, 2, c.identity[2]), "brought a statement that its device must not make"},
		"empty-abort":             {refresh.Statement{Kind: refresh.Abort, Slot: 2}.Frame(p, 2, c.identity[2]), "refresh: malformed abort"},
		"flip-of-nothing":         {refresh.Statement{Kind: refresh.Abort, Slot: 2, Body: refresh.FlipAbort(byTwo)}.Frame(p, 2, c.identity[2]), "aborted after a commit because of nothing"},
		"flip-of-itself":          {refresh.Statement{Kind: refresh.Abort, Slot: 2, Body: refresh.FlipAbort(byTwo.Signed(p, c.identity[2]))}.Frame(p, 2, c.identity[2]), "aborted after a commit because of nothing"},
		"abort-that-is-none":      {refresh.Statement{Kind: refresh.Abort, Slot: 2, Body: []byte{7}}.Frame(p, 2, c.identity[2]), "refresh: malformed abort"},
		"flip-that-is-none":       {refresh.Statement{Kind: refresh.Abort, Slot: 2, Body: append([]byte{2}, refresh.FlipAbort(byOne(refresh.Abort, 0))[1:]...)}.Frame(p, 2, c.identity[2]), "refresh: malformed abort"},
		"flip-of-no-vote":         {refresh.Statement{Kind: refresh.Abort, Slot: 2, Body: refresh.FlipAbort(byOne(refresh.Complain, 0))}.Frame(p, 2, c.identity[2]), "refresh: malformed abort"},
		"flip-of-another-abort":   {refresh.Statement{Kind: refresh.Abort, Slot: 2, Body: refresh.FlipAbort(byOne(refresh.Abort, 1))}.Frame(p, 2, c.identity[2]), "refresh: malformed abort"},
		"flip-of-a-longer-abort":  {refresh.Statement{Kind: refresh.Abort, Slot: 2, Body: refresh.FlipAbort(byOne(refresh.Abort, 0, 0))}.Frame(p, 2, c.identity[2]), "refresh: malformed abort"},
		"complaint-long":          {refresh.Statement{Kind: refresh.Complain, Slot: 2, Body: make([]byte, 3)}.Frame(p, 2, c.identity[2]), "complained in the wrong length"},
	}
	for name, tt := range frames {
		m, _, err := refresh.New(c.config(p, 1))
		if err != nil {
			t.Fatal(err)
		}
		before := m.State()
		effects, err := m.Deliver(tt.f)
		if err != nil || len(effects) != 0 || !bytes.Equal(m.State(), before) {
			t.Errorf("%s: %d effects, error %v", name, len(effects), err)
		}
		want := 0
		if tt.blame != "" {
			want = 1
		}
		if got := m.Suspects(); got[2] != tt.blame || len(got) != want {
			t.Errorf("%s: suspects %v, want %q", name, got, tt.blame)
		}
	}
}

func with(f wire.Frame, edit func(*wire.Frame)) wire.Frame {
	edit(&f)
	return f
}

// TestBounds has a member say a thousand different things of each kind, in the
// largest circle. What a device keeps stays small, and it can still resume.
func TestBounds(t *testing.T) {
	t.Parallel()
	const liar = wire.Slot(2)
	c := newCircle(t, 5, 9, 5)
	p := c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3, 4, 5, 6, 7, 8, 9)})
	l := newLab(c, p)
	largest := 0
	l.persisted = func(slot wire.Slot, state []byte) { largest = max(largest, len(state)) }
	l.run()
	l.wantRetired()
	if largest < 10<<10 || largest > 40<<10 {
		t.Errorf("the largest state of an honest run has %d bytes", largest)
	}

	m, _, err := refresh.New(c.config(p, 1))
	if err != nil {
		t.Fatal(err)
	}
	for k := range refresh.Kind(10) {
		for i := range 100 {
			body := make([]byte, []int{0, 1, 2, 32, 160, 608, 1 << 10, 70 << 10}[i%8])
			c.rng.Read(body)
			if _, err := m.Deliver(refresh.Statement{Kind: k, Slot: liar, Body: body}.Frame(p, liar, c.identity[liar])); err != nil {
				t.Fatal(err)
			}
		}
	}
	state := m.State()
	if len(state) > 40<<10 {
		t.Errorf("a liar made the state grow to %d bytes", len(state))
	}
	if n := len(m.Evidence()); n > 5 {
		t.Errorf("%d pieces of evidence against one device", n)
	}
	if _, _, err := refresh.Resume(c.config(p, 1), state); err != nil {
		t.Errorf("a liar kept the device from starting again: %v", err)
	}
	m.Close()
	if _, ok := m.Shares(); ok {
		t.Error("a closed machine gives out shares")
	}
}

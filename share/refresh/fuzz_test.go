package refresh_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// FuzzParseProposal demands that a proposal has one encoding, and that Check
// takes whatever parses.
func FuzzParseProposal(f *testing.F) {
	c := newCircle(f, 2, 3, 30)
	f.Add(c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}).Bytes())
	f.Add(c.propose(plan{kind: roster.Replace, members: slots(1, 3, 4), removed: gone(2, roster.Stolen), added: slots(4)}).Bytes())
	f.Add([]byte{0x8f})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := refresh.ParseProposal(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Bytes(), b) {
			t.Error("a proposal with two encodings")
		}
		if p.Check(c.parent) == nil {
			if _, _, err := refresh.New(c.config(p, p.Proposer)); err != nil && !strings.Contains(err.Error(), "share") {
				t.Errorf("checked, and refused: %v", err)
			}
		}
	})
}

// FuzzDeliver throws a frame body, as it is and signed by a member, at a device
// in each phase. It must not panic, name an honest device or forget its vote.
func FuzzDeliver(f *testing.F) {
	c := newCircle(f, 2, 3, 31)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
	var states [][]byte
	l.persisted = func(slot wire.Slot, state []byte) {
		if slot == 1 {
			states = append(states, bytes.Clone(state))
		}
	}
	first := bytes.Clone(l.states[1])
	l.tamper = func(frame wire.Frame, to wire.Slot) []wire.Frame {
		f.Add(frame.Body, uint8(0), uint8(0))
		return []wire.Frame{frame}
	}
	l.run()
	states = append([][]byte{first}, states...)
	f.Add([]byte{}, uint8(1), uint8(refresh.Abort))
	f.Add(refresh.FlipAbort(refresh.Statement{Kind: refresh.Abort, Slot: 2, Body: refresh.PlainAbort}.Signed(l.p, c.identity[3])), uint8(2), uint8(refresh.Abort))
	f.Fuzz(func(t *testing.T, body []byte, phase, k uint8) {
		if len(body) > 4096 {
			return
		}
		state := states[int(phase)%len(states)]
		m, _, err := refresh.Resume(c.config(l.p, 1), bytes.Clone(state))
		if err != nil {
			t.Fatal(err)
		}
		before := m.Phase()
		for _, frame := range []wire.Frame{
			{Session: l.p.Session(), From: 3, Kind: refresh.KindStatement, Body: bytes.Clone(body)},
			refresh.Statement{Kind: refresh.Kind(k), Slot: 3, Body: body}.Frame(l.p, 3, c.identity[3]),
		} {
			if _, err := m.Deliver(frame); err != nil && m.Phase() != refresh.RolledBack {
				t.Errorf("error %v", err)
			}
		}
		for slot := range m.Suspects() {
			if slot != 3 {
				t.Errorf("device %d is named: %s", slot, m.Suspects()[slot])
			}
		}
		if before.Final() && !m.Phase().Final() && m.Phase() != refresh.RolledBack {
			t.Errorf("from %v back to %v", before, m.Phase())
		}
	})
}

// FuzzResume takes any bytes for a state. What is accepted is what this device
// would write again.
func FuzzResume(f *testing.F) {
	c := newCircle(f, 2, 2, 32)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2)}))
	l.persisted = func(slot wire.Slot, state []byte) {
		if slot == 1 {
			f.Add(bytes.Clone(state))
		}
	}
	f.Add(bytes.Clone(l.states[1]))
	l.run()
	f.Fuzz(func(t *testing.T, b []byte) {
		m, effects, err := refresh.Resume(c.config(l.p, 1), bytes.Clone(b))
		if err != nil {
			return
		}
		if s := refresh.ReadState(b); s.Phase == m.Phase() && len(effects) > 0 && s.Phase.Final() && !bytes.Equal(m.State(), b) {
			t.Error("a state that is read is another one")
		}
		m.Close()
	})
}

package refresh_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// A lab runs one attempt over a network without faults, in which a test may
// change any frame on its way to any device.
type lab struct {
	t        testing.TB
	circle   *circle
	p        refresh.Proposal
	machines map[wire.Slot]*refresh.Machine
	tamper   func(f wire.Frame, to wire.Slot) []wire.Frame
	real     bool // test signatures are made by the real protocols

	persisted func(slot wire.Slot, state []byte)

	queue   []wire.Frame
	states  map[wire.Slot][]byte
	done    map[wire.Slot]bool
	erased  map[wire.Slot]bool
	dropped map[wire.Slot]bool
	errs    map[wire.Slot]error
	sent    int // bytes of bodies
}

// newLab starts p at the given devices, by default at all that have a part.
func newLab(c *circle, p refresh.Proposal, awake ...wire.Slot) *lab {
	c.t.Helper()
	l := &lab{
		t: c.t, circle: c, p: p, machines: map[wire.Slot]*refresh.Machine{}, states: map[wire.Slot][]byte{},
		done: map[wire.Slot]bool{}, erased: map[wire.Slot]bool{}, dropped: map[wire.Slot]bool{}, errs: map[wire.Slot]error{},
	}
	if len(awake) == 0 {
		awake = append(awake, p.Members...)
		awake = append(awake, p.Sleepers...)
	}
	for _, slot := range awake {
		l.start(slot)
	}
	return l
}

func (l *lab) start(slot wire.Slot) {
	l.t.Helper()
	m, effects, err := refresh.New(l.circle.config(l.p, slot))
	if err != nil {
		l.t.Fatalf("device %d: %v", slot, err)
	}
	l.machines[slot] = m
	l.apply(slot, effects)
}

func (l *lab) apply(slot wire.Slot, effects []session.Effect) {
	l.t.Helper()
	for i, e := range effects {
		switch e := e.(type) {
		case session.Persist:
			l.states[slot] = bytes.Clone(e.State)
			if l.persisted != nil {
				l.persisted(slot, e.State)
			}
		case session.Send:
			l.sent += len(e.Frame.Body)
			l.queue = append(l.queue, e.Frame)
		case session.Erase:
			l.erased[slot] = true
		case session.Discard:
			l.dropped[slot] = true
		case session.Done:
			l.done[slot] = true
			if i != len(effects)-1 {
				l.t.Errorf("device %d: effects after Done", slot)
			}
		default:
			l.t.Errorf("device %d: effect %T", slot, e)
		}
	}
}

// pump delivers until nothing is under way.
func (l *lab) pump() {
	l.t.Helper()
	for len(l.queue) > 0 {
		f := l.queue[0]
		l.queue = l.queue[1:]
		for to := wire.Slot(1); to <= 99; to++ {
			if l.machines[to] == nil || to == f.From || f.To != 0 && f.To != to {
				continue
			}
			copied := f
			copied.Body = bytes.Clone(f.Body)
			frames := []wire.Frame{copied}
			if l.tamper != nil {
				frames = l.tamper(copied, to)
			}
			for _, g := range frames {
				l.deliver(to, g)
			}
		}
	}
}

func (l *lab) deliver(to wire.Slot, f wire.Frame) {
	l.t.Helper()
	effects, err := l.machines[to].Deliver(f)
	if err != nil {
		l.errs[to] = err
	}
	l.apply(to, effects)
	clear(f.Body) // the transport reuses its buffers
}

// run takes everybody as far as they get.
func (l *lab) run() {
	l.t.Helper()
	l.pump()
	for _, slot := range l.p.Members {
		m := l.machines[slot]
		if m == nil || !m.NeedsTest() {
			continue
		}
		sigs := l.circle.testSignatures
		if l.real {
			sigs = l.signTest
		}
		effects, err := m.Tested(sigs(m))
		if err != nil {
			l.t.Fatalf("device %d: %v", slot, err)
		}
		l.apply(slot, effects)
		l.pump()
	}
}

// resend repeats what everybody said.
func (l *lab) resend() {
	for slot := wire.Slot(1); slot <= 99; slot++ {
		if m := l.machines[slot]; m != nil {
			l.apply(slot, m.Resend())
		}
	}
	l.pump()
}

// signTest signs the test messages with the new shares of the first members,
// by the real signing protocols.
func (l *lab) signTest(*refresh.Machine) map[string][]byte {
	l.t.Helper()
	signers := l.p.Members[:l.p.Threshold]
	first := l.machines[signers[0]]
	rec, ok := first.Record()
	if !ok {
		l.t.Fatal("no record")
	}
	shares := map[wire.Slot]map[string]secret.Key{}
	for _, slot := range signers {
		if shares[slot], ok = l.machines[slot].Shares(); !ok {
			l.t.Fatalf("device %d has no new shares", slot)
		}
	}
	out := map[string][]byte{}
	for _, a := range rec.Accounts {
		out[a.Name] = signWith(l.t, rec, a, shares, signers, refresh.TestPurpose, first.TestMessage(a), first.TestRequest(a))
	}
	return out
}

// signWith has the given devices sign with real machines.
func signWith(t testing.TB, rec roster.Record, a roster.Account, shares map[wire.Slot]map[string]secret.Key, signers []wire.Slot, purpose string, msg []byte, request wire.RequestID) []byte {
	t.Helper()
	p := share.Proposal{
		Version: share.Version, Suite: a.Suite, Circle: rec.Circle, Epoch: rec.Epoch, Record: rec.Hash(), Account: a.Name,
		GroupKey: a.GroupKey(), Signers: signers, ChildKey: a.GroupKey(), Purpose: purpose, Message: msg, Request: request,
		Intent: wire.Hash(request), Initiator: signers[0], Expires: 1 << 40, Nonce: [32]byte(request),
	}
	machines := map[wire.Slot]session.Machine{}
	var queue []wire.Frame
	send := func(effects []session.Effect) {
		for _, e := range effects {
			if s, ok := e.(session.Send); ok {
				queue = append(queue, s.Frame)
			}
		}
	}
	for _, slot := range signers {
		var seed [32]byte
		copy(seed[:], fmt.Sprintf("sign %d %x", slot, request[:8]))
		var m session.Machine
		var effects []session.Effect
		var err error
		if a.Suite == roster.Ed25519 {
			m, effects, err = frost.New(frost.Config{Proposal: p, Record: rec, Self: slot, Share: shares[slot][a.Name], Rand: rand.NewChaCha8(seed)})
		} else {
			m, effects, err = sign.New(sign.Config{Proposal: p, Record: rec, Self: slot, Share: shares[slot][a.Name], Rand: rand.NewChaCha8(seed)})
		}
		if err != nil {
			t.Fatalf("sign for %s: device %d: %v", a.Name, slot, err)
		}
		machines[slot] = m
		send(effects)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, slot := range signers {
			if queue[0].From == slot || queue[0].To != 0 && queue[0].To != slot {
				continue
			}
			effects, err := machines[slot].Deliver(queue[0])
			if err != nil {
				t.Fatalf("sign for %s: device %d: %v", a.Name, slot, err)
			}
			send(effects)
		}
	}
	switch m := machines[signers[0]].(type) {
	case *frost.Machine:
		if s, ok := m.Signature(); ok {
			return s[:]
		}
	case *sign.Machine:
		if s, ok := m.Signature(); ok {
			return s[:]
		}
	}
	t.Fatalf("sign for %s: no signature", a.Name)
	return nil
}

// wantRetired checks that every device that has a part ended in the new epoch
// and has erased the old one, and returns the certified epoch with its shares.
func (l *lab) wantRetired() (roster.Entry, map[wire.Slot]map[string]secret.Key) {
	l.t.Helper()
	var entry roster.Entry
	shares := map[wire.Slot]map[string]secret.Key{}
	for slot, m := range l.machines {
		if m.Phase() != refresh.Retired || !l.erased[slot] || !l.done[slot] || l.dropped[slot] || l.errs[slot] != nil {
			l.t.Fatalf("device %d: %v, erased %t, done %t, discarded %t, error %v, suspects %v, waits for %v",
				slot, m.Phase(), l.erased[slot], l.done[slot], l.dropped[slot], l.errs[slot], m.Suspects(), m.Waiting())
		}
		e, ok := m.Entry()
		if !ok {
			l.t.Fatalf("device %d has no certificate", slot)
		}
		if entry.Record.Epoch != 0 && e.Record.Hash() != entry.Record.Hash() {
			l.t.Fatal("two certified records")
		}
		entry = e
		if shares[slot], ok = m.Shares(); !ok {
			l.t.Fatalf("device %d has no shares", slot)
		}
		if len(m.Suspects()) > 0 || len(m.Evidence()) > 0 {
			l.t.Errorf("device %d suspects %v", slot, m.Suspects())
		}
	}
	if _, err := roster.ParseEntry(entry.Bytes()); err != nil {
		l.t.Fatal(err)
	}
	if err := l.circle.parent.CheckNext(entry.Record); err != nil {
		l.t.Fatal(err)
	}
	return entry, shares
}

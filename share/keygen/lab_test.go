package keygen_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/share/keygen/keygentest"
	"github.com/warifu/warifu/wire"
)

// A lab runs the machines of one founding over a network without faults, in
// which a test may change any frame on its way to any device.
type lab struct {
	t        *testing.T
	group    keygentest.Group
	machines map[wire.Slot]*keygen.Machine
	cheaters map[wire.Slot]*keygen.Cheater
	tamper   func(f wire.Frame, to wire.Slot) []wire.Frame

	queue  []wire.Frame
	states map[wire.Slot][]byte
	done   map[wire.Slot]bool
	errs   map[wire.Slot]error
	share  []byte // of the device under test, for tests that need one
}

func newLab(t *testing.T, threshold, n int, seed uint64) *lab {
	t.Helper()
	l := &lab{
		t:        t,
		group:    keygentest.NewGroup(t, threshold, n, seed),
		machines: map[wire.Slot]*keygen.Machine{},
		cheaters: map[wire.Slot]*keygen.Cheater{},
		states:   map[wire.Slot][]byte{},
		done:     map[wire.Slot]bool{},
		errs:     map[wire.Slot]error{},
	}
	for slot := wire.Slot(1); int(slot) <= n; slot++ {
		m, effects, err := keygen.New(l.group.Config(slot, seed))
		if err != nil {
			t.Fatal(err)
		}
		l.machines[slot] = m
		l.apply(slot, effects)
	}
	return l
}

func (l *lab) apply(slot wire.Slot, effects []session.Effect) {
	if c := l.cheaters[slot]; c != nil {
		effects = c.Filter(effects)
	}
	for _, e := range effects {
		switch e := e.(type) {
		case session.Persist:
			l.states[slot] = bytes.Clone(e.State)
		case session.Send:
			l.queue = append(l.queue, e.Frame)
		case session.Done:
			l.done[slot] = true
		}
	}
}

// pump delivers until nothing is under way.
func (l *lab) pump() {
	for len(l.queue) > 0 {
		f := l.queue[0]
		l.queue = l.queue[1:]
		for to := wire.Slot(1); int(to) <= len(l.machines); to++ {
			if to == f.From || f.To != 0 && f.To != to {
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
	effects, err := l.machines[to].Deliver(f)
	if err != nil {
		if l.errs[to] != nil {
			l.t.Errorf("device %d fails twice: %v, then %v", to, l.errs[to], err)
		}
		l.errs[to] = err
	}
	l.apply(to, effects)
	clear(f.Body)
}

// confirm has the persons of the given devices say yes.
func (l *lab) confirm(slots ...wire.Slot) {
	l.t.Helper()
	for _, slot := range slots {
		effects, err := l.machines[slot].Confirm()
		if err != nil {
			l.t.Fatalf("device %d: %v", slot, err)
		}
		l.apply(slot, effects)
	}
}

// run takes everybody as far as they get.
func (l *lab) run() {
	l.pump()
	for slot := wire.Slot(1); int(slot) <= len(l.machines); slot++ {
		if _, ok := l.machines[slot].Review(); ok {
			l.confirm(slot)
		}
	}
	l.pump()
}

// A verdict is how a founding ended at one device: the zero verdict is a
// result, blame names a check, claim a device that complained.
type verdict struct {
	slot  wire.Slot
	class session.Class
	check string
	is    error
	by    wire.Slot
}

func blame(slot wire.Slot, class session.Class, check string) verdict {
	return verdict{slot: slot, class: class, check: check}
}

func mismatch() verdict { return verdict{is: session.ErrViewMismatch} }

func claim(by, against wire.Slot, check string) verdict {
	return verdict{by: by, slot: against, check: check}
}

func (l *lab) want(slot wire.Slot, v verdict) {
	l.t.Helper()
	err := l.errs[slot]
	var fault *session.Fault
	var complaint *keygen.Complaint
	switch {
	case v == verdict{}:
		if err != nil || !l.done[slot] {
			l.t.Errorf("device %d: done %t, error %v; want a result", slot, l.done[slot], err)
		}
		return
	case v.is != nil:
		if !errors.Is(err, v.is) || errors.As(err, &fault) {
			l.t.Errorf("device %d: error %v, want %v", slot, err, v.is)
		}
	case v.by != 0:
		if !errors.As(err, &complaint) || *complaint != (keygen.Complaint{By: v.by, Against: v.slot, Check: v.check}) {
			l.t.Errorf("device %d: error %v, want complaint of %d against %d: %s", slot, err, v.by, v.slot, v.check)
		}
	default:
		if !errors.As(err, &fault) || fault.Slot != v.slot || fault.Class != v.class || fault.Check != v.check {
			l.t.Errorf("device %d: error %v, want %v of device %d: %s", slot, err, v.class, v.slot, v.check)
		}
	}
	if l.done[slot] {
		l.t.Errorf("device %d has a result", slot)
	}
	if _, ok := l.machines[slot].Entry(); ok {
		l.t.Errorf("device %d has a certificate", slot)
	}
	if _, ok := l.machines[slot].Shares(); ok {
		l.t.Errorf("device %d gives out shares", slot)
	}
}

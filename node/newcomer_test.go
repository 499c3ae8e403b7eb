package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A newcomer that committed and goes back is in no circle again, whatever the
// members say.
func TestNewcomerGoesBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 46)
	l.found(2, 3)
	phone, laptop, tablet, watch := l.devices[0], l.devices[1], l.devices[2], l.devices[3]
	l.introduce(phone, watch)
	// Nobody but the newcomer hears that all are ready.
	l.tamper = func(_, to *labDevice, b []byte) []byte {
		if a := to.core.Attempt; to != watch && a != nil && a.Machine.Phase() == refresh.Prepared && a.Machine.NeedsTest() == false && watch.core.Attempt != nil && watch.core.Attempt.Machine.Phase() >= refresh.Committed {
			return nil
		}
		return b
	}
	r := phone.change(change.Add, change.Payload{Card: watch.core.Joining.Card.Bytes(), Addrs: watch.Addrs()})
	laptop.approves(r.ID)
	if !l.run(time.Minute, func() bool {
		return watch.core.Attempt != nil && watch.core.Attempt.Machine.Phase() == refresh.Committed
	}) {
		t.Fatalf("the newcomer did not commit\n%s", l.logs())
	}
	for _, d := range []*labDevice{phone, laptop, tablet} {
		if a := d.core.Attempt; a != nil {
			if e, err := a.Machine.Abort(); err == nil {
				d.core.CarryOut(a.Live, e)
				d.core.RedealStep()
			}
		}
	}
	l.tamper = nil
	if !l.run(2*time.Minute, func() bool { return watch.core.Attempt == nil || watch.core.Attempt.Machine.Settled() }) {
		t.Fatalf("undecided\n%s", l.logs())
	}
	l.run(2*time.Minute, nil)
	watch.kill()
	watch.start()
	l.signsWithAll(phone, laptop, tablet)
}

// A newcomer that has said ready, lost touch and stayed out is asked for its
// commit when it can be heard again. It must say that there will be none, or the
// others could never change their circle again.
func TestNewcomerThatStaysOutSaysSo(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 53)
	l.found(2, 3)
	phone, laptop, tablet, watch := l.devices[0], l.devices[1], l.devices[2], l.devices[3]
	l.introduce(phone, watch)
	r := phone.change(change.Add, change.Payload{Card: watch.core.Joining.Card.Bytes(), Addrs: watch.Addrs()})
	laptop.approves(r.ID)
	committed := func(d *labDevice) bool {
		return d.core.Attempt != nil && d.core.Attempt.Machine.Phase() == refresh.Committed
	}
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		// What makes it commit does not reach it, nor anybody what it says then.
		if to == watch && watch.core.Attempt != nil && watch.core.Attempt.Machine.Phase() == refresh.Prepared || from == watch && watch.core.Attempt != nil && watch.core.Attempt.Machine.Phase() > refresh.Prepared {
			return nil
		}
		return b
	}
	if !l.run(3*time.Minute, func() bool { return watch.core.Attempt == nil && (committed(phone) || committed(laptop)) }) {
		t.Fatalf("the newcomer did not stay out\n%s", l.logs())
	}
	l.tamper = nil
	if !l.run(30*time.Minute, func() bool {
		return !phone.core.Redealing() && !laptop.core.Redealing() && !tablet.core.Redealing()
	}) {
		t.Errorf("they wait for ever\n%s", l.logs())
	}
}

// A newcomer that signed in an epoch which came to nothing has no requests of a
// circle in which it is not.
func TestNewcomerThatGoesBackForgetsRequests(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 54)
	l.found(2, 3)
	phone, laptop, watch := l.devices[0], l.devices[1], l.devices[3]
	l.introduce(phone, watch)
	r := phone.change(change.Add, change.Payload{Card: watch.core.Joining.Card.Bytes(), Addrs: watch.Addrs()})
	l.tamper = func(_, to *labDevice, b []byte) []byte {
		var said simStatement
		if f, err := wire.ParseFrame(b); err == nil && to == watch && wire.Unmarshal(f.Body, &said) == nil && said.Kind >= simCommit {
			return nil // it does not hear that the others commit
		}
		if typ, _, err := message.SplitMessage(b); err == nil && to == watch && typ == message.MsgChain {
			return nil
		}
		return b
	}
	laptop.approves(r.ID)
	if !l.run(5*time.Minute, func() bool {
		return watch.core.Circle != nil && watch.core.Attempt.Machine.Phase() == refresh.Committed && watch.request(r.ID) != nil
	}) {
		t.Fatalf("the newcomer did not commit\n%s", l.logs())
	}
	watch.core.LeaveEpoch()
	if watch.core.Circle != nil || watch.request(r.ID) != nil {
		t.Error("it is still in the circle, or has its requests")
	}
	for range 3 {
		l.now = l.now.Add(message.MaxLifetime * time.Second)
		watch.core.tick(l.now)
	}
}

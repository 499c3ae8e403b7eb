package node

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/wire"
)

// releasing lets the phone and the laptop sign until a part of the signature has
// left each of them, and loses both parts. Nobody has the signature then, and no
// device can know that.
func (l *lab) releasing(text string) *openRequest {
	l.t.Helper()
	phone, laptop := l.devices[0], l.devices[1]
	r := phone.ask(text)
	laptop.approves(r.id)
	const finish = 5 // kind of the frame
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if f, err := wire.ParseFrame(b); err == nil && f.Kind == finish {
			return nil // of both: no machine comes to its end
		}
		return b
	}
	if !l.run(time.Minute, func() bool { return laptop.request(r.id).meta.Released && phone.request(r.id).meta.Released }) {
		l.t.Fatalf("no part of the signature leaves\n%s", l.logs())
	}
	return r
}

// TestReleasedIsDurableBeforeItLeaves: the note that a part of a signature is
// about to leave is in the journal before the part is on the wire; where it
// cannot be written, nothing leaves.
func TestReleasedIsDurableBeforeItLeaves(t *testing.T) {
	t.Parallel()
	const finish = 5 // kind of the frame
	for _, fault := range []journaltest.Fault{0, journaltest.Lost, journaltest.Kept, journaltest.CrashBefore, journaltest.CrashAfter} {
		name := "none"
		if fault != 0 {
			name = fault.String()
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 40)
			l.found(2, 3)
			phone, laptop := l.devices[0], l.devices[1]
			r := phone.ask("durable")
			laptop.approves(r.id)
			if !l.run(time.Minute, func() bool { return len(laptop.core.sessions) == 1 }) {
				t.Fatal("no session")
			}
			if fault != 0 { // the next thing that the laptop writes is the note
				laptop.journal.At(laptop.journal.Writes()+1, fault)
			}
			left := 0
			l.tamper = func(from, _ *labDevice, b []byte) []byte {
				f, err := wire.ParseFrame(b)
				if err != nil || f.Kind != finish {
					return b
				}
				if from == laptop {
					left++
					if m := laptop.stored(r.id); !m.Released {
						t.Error("a part of the signature is on its way and the journal does not say so")
					}
				}
				return nil
			}
			before := laptop.journal.Writes()
			if !l.run(time.Minute, func() bool { return laptop.journal.Writes() > before }) {
				t.Fatal("the laptop writes nothing")
			}
			l.run(time.Second, nil)
			if (left > 0) != (fault == 0) {
				t.Errorf("%d parts of the signature left the laptop", left)
			}
			if fault == 0 {
				laptop.kill()
				laptop.start()
				if s := laptop.request(r.id).state(); s != api.StateReleased {
					t.Errorf("after a restart the request is %s", s)
				}
			}
		})
	}
}

// TestNothingLeavesOnceClosed: after a denial or its time no part of a signature
// leaves, and the request is not called one that may be signed.
func TestNothingLeavesOnceClosed(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 46)
	l.found(2, 2)
	phone := l.devices[0]
	for want, end := range map[string]func(*openRequest){
		api.StateDenied:  func(r *openRequest) { _ = phone.core.deny(r) },
		api.StateExpired: func(*openRequest) { phone.core.tick(l.now.Add(2 * time.Hour)) },
	} {
		r := phone.ask(want)
		end(r)
		if err := phone.core.noteReleased(r); err == nil || r.state() != want || phone.stored(r.id).Released {
			t.Errorf("%s: %v, %s", want, err, r.state())
		}
	}
}

// stored is what the journal of d says of a request.
func (d *labDevice) stored(id wire.RequestID) (m meta) {
	d.lab.t.Helper()
	copied := &labDevice{lab: d.lab, name: d.name, id: d.id, journal: d.journal.Copy(), keeper: d.keeper}
	c, err := newCore(Config{Journal: copied.journal, Keeper: d.keeper, Rand: d.lab.random(), Timings: d.lab.timings(),
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return d.lab.now }})
	if err != nil {
		d.lab.t.Fatal(err)
	}
	return c.requests[id].meta
}

// TestLateDenialIsTold: a denial after a part of the signature has left is told
// that it came late, on the device that denies, on the one that waits, and on
// those that heard no more than the denial. The request is never called denied
// there again, also after a restart.
func TestLateDenialIsTold(t *testing.T) {
	t.Parallel()
	t.Run("here", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, 3, 41)
		l.found(2, 3)
		laptop := l.devices[1]
		id := l.releasing("deny me where it left").id
		laptop.core.now = l.now
		err := laptop.core.deny(laptop.request(id))
		if api.CodeOf(err) != api.CodeRequestClosed || !strings.Contains(err.Error(), "too late: a partial signature has left this device") {
			t.Errorf("the person is told %v", err)
		}
		l.mayBeSigned(id)
	})
	t.Run("elsewhere", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, 3, 42)
		l.found(2, 3)
		tablet := l.devices[2]
		id := l.releasing("deny me elsewhere").id
		tablet.core.now = l.now
		if err := tablet.core.deny(tablet.request(id)); err != nil {
			t.Errorf("the tablet knows of nothing that left, and is told %v", err)
		}
		l.mayBeSigned(id)
	})
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, 3, 43)
		l.found(2, 3)
		id := l.releasing("let me expire").id
		l.run(2*time.Hour, nil)
		l.mayBeSigned(id)
	})
	t.Run("restarted", func(t *testing.T) {
		t.Parallel()
		// The devices that know stop before they can say it.
		l := newLab(t, 3, 44)
		l.found(2, 3)
		phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
		id := l.releasing("deny me and stop").id
		phone.kill()
		tablet.core.now, laptop.core.now = l.now, l.now
		no := tablet.core.signItem(itemAnswer, wire.Marshal(answer{Version: 1, Request: id, Verdict: verdictDeny,
			Epoch: tablet.core.circle.record.Epoch, Record: tablet.core.circle.hash}))
		laptop.journal.At(laptop.journal.Writes()+2, journaltest.CrashBefore) // after the denial
		if err := tablet.core.take(no); err != nil {
			t.Fatal(err)
		}
		_ = laptop.core.take(no) // the power fails
		laptop.kill()
		laptop.start()
		l.run(10*time.Second, nil)
		if s := tablet.request(id).state(); s != api.StateReleased {
			t.Errorf("the tablet, which denied, calls it %s", s)
		}
	})
}

// mayBeSigned checks what every device says of a request that was closed after
// a part of its signature had left two of them, now and after a restart.
func (l *lab) mayBeSigned(id wire.RequestID) {
	l.t.Helper()
	l.run(10*time.Second, nil)
	for _, when := range []string{"now", "after a restart"} {
		for _, d := range l.devices {
			r := d.request(id)
			err := d.core.failure(r)
			if s := r.state(); s != api.StateReleased || err == nil || !strings.Contains(err.Error(), "it may be signed") ||
				api.AsError(err).Hint != "treat what it asks for as signed" {
				l.t.Errorf("%s, %s: %s, %v", when, d.name, s, err)
			}
			if open := d.core.openRequests(); len(open) != 1 {
				l.t.Errorf("%s, %s: status lists %d requests", when, d.name, len(open))
			}
			d.kill()
		}
		for _, d := range l.devices {
			d.start()
		}
	}
}

// TestNobodyCallsReleasedWhatNoQuorumApproved: a device cannot have what was
// denied shown as what may be signed unless enough persons had approved it.
func TestNobodyCallsReleasedWhatNoQuorumApproved(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 45)
	l.found(3, 4)
	phone, laptop, tablet, desktop := l.devices[0], l.devices[1], l.devices[2], l.devices[3]
	r := phone.ask("two of three say yes")
	r.notUntil = l.now.Add(longestPause)
	laptop.approves(r.id)
	if !l.run(time.Minute, func() bool { q := tablet.request(r.id); return q != nil && len(q.approved) == 2 }) {
		t.Fatal("the approval does not come")
	}
	tablet.core.now = l.now
	if err := tablet.core.deny(tablet.request(r.id)); err != nil {
		t.Fatal(err)
	}
	claim := laptop.core.signItem(itemAnswer, wire.Marshal(answer{Version: 1, Request: r.id, Verdict: verdictReleased,
		Epoch: laptop.core.circle.record.Epoch, Record: laptop.core.circle.hash}))
	state := func() string { return tablet.request(r.id).state() }
	if err := tablet.core.take(claim); err != nil || state() != api.StateDenied {
		t.Errorf("%v: the word of one device makes it %s", err, state())
	}
	// Once a quorum is known to have approved it the claim counts.
	yes := desktop.core.signItem(itemAnswer, wire.Marshal(answer{Version: 1, Request: r.id, Verdict: verdictApprove,
		Epoch: desktop.core.circle.record.Epoch, Record: desktop.core.circle.hash}))
	for _, it := range []item{yes, claim} {
		if err := tablet.core.take(it); err != nil {
			t.Fatal(err)
		}
	}
	if state() != api.StateReleased {
		t.Errorf("with three approvals it is %s", state())
	}
}

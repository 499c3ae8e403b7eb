package node

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/commandline"
	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// releasing lets the phone and the laptop sign until a part of the signature has
// left each of them, and loses both parts. Nobody has the signature then, and no
// device can know that.
func (l *lab) releasing(text string) *ledger.Request {
	l.t.Helper()
	phone, laptop := l.devices[0], l.devices[1]
	r := phone.ask(text)
	laptop.approves(r.ID)
	const finish = 5 // kind of the frame
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if f, err := wire.ParseFrame(b); err == nil && f.Kind == finish {
			return nil // of both: no machine comes to its end
		}
		return b
	}
	if !l.run(time.Minute, func() bool { return laptop.request(r.ID).Meta.Released && phone.request(r.ID).Meta.Released }) {
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
			laptop.approves(r.ID)
			if !l.run(time.Minute, func() bool { return len(laptop.core.Sessions) == 1 }) {
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
					if m := laptop.stored(r.ID); !m.Released {
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
				if s := laptop.request(r.ID).State(); s != api.StateReleased {
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
	for want, end := range map[ledger.State]func(*ledger.Request){
		api.StateDenied:  func(r *ledger.Request) { _ = phone.core.Deny(r) },
		api.StateExpired: func(*ledger.Request) { phone.core.tick(l.now.Add(2 * time.Hour)) },
	} {
		r := phone.ask(string(want))
		end(r)
		if err := phone.core.NoteReleased(r); err == nil || r.State() != want || phone.stored(r.ID).Released {
			t.Errorf("%s: %v, %s", want, err, r.State())
		}
	}
}

// stored is what the journal of d says of a request.
func (d *labDevice) stored(id wire.RequestID) (m ledger.Meta) {
	d.lab.t.Helper()
	copied := &labDevice{lab: d.lab, name: d.name, id: d.id, journal: d.journal.Copy(), keeper: d.keeper}
	c, err := newCore(standing.Config{Words: commandline.Words, Journal: copied.journal, Keeper: d.keeper, Rand: d.lab.random(), Timings: d.lab.timings(),
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return d.lab.now }})
	if err != nil {
		d.lab.t.Fatal(err)
	}
	return c.Requests[id].Meta
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
		id := l.releasing("deny me where it left").ID
		laptop.core.Now = l.now
		err := laptop.core.Deny(laptop.request(id))
		if codeOf(err) != api.CodeRequestClosed || !strings.Contains(err.Error(), "too late: a partial signature has left this device") {
			t.Errorf("the person is told %v", err)
		}
		l.mayBeSigned(id)
	})
	t.Run("elsewhere", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, 3, 42)
		l.found(2, 3)
		tablet := l.devices[2]
		id := l.releasing("deny me elsewhere").ID
		tablet.core.Now = l.now
		if err := tablet.core.Deny(tablet.request(id)); err != nil {
			t.Errorf("the tablet knows of nothing that left, and is told %v", err)
		}
		l.mayBeSigned(id)
	})
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, 3, 43)
		l.found(2, 3)
		id := l.releasing("let me expire").ID
		l.run(2*time.Hour, nil)
		l.mayBeSigned(id)
	})
	t.Run("restarted", func(t *testing.T) {
		t.Parallel()
		// The devices that know stop before they can say it.
		l := newLab(t, 3, 44)
		l.found(2, 3)
		phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
		id := l.releasing("deny me and stop").ID
		phone.kill()
		tablet.core.Now, laptop.core.Now = l.now, l.now
		no := tablet.core.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{Version: 1, Request: id, Verdict: message.VerdictDeny,
			Epoch: tablet.core.Circle.Record.Epoch, Record: tablet.core.Circle.Hash}))
		laptop.journal.At(laptop.journal.Writes()+2, journaltest.CrashBefore) // after the denial
		if err := tablet.core.Take(no); err != nil {
			t.Fatal(err)
		}
		_ = laptop.core.Take(no) // the power fails
		laptop.kill()
		laptop.start()
		l.run(10*time.Second, nil)
		if s := tablet.request(id).State(); s != api.StateReleased {
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
			err := d.core.Failure(r)
			if s := r.State(); s != api.StateReleased || err == nil || !strings.Contains(err.Error(), "it may be signed") ||
				asError(err).Hint != "treat what it asks for as signed" {
				l.t.Errorf("%s, %s: %s, %v", when, d.name, s, err)
			}
			if open := d.core.OpenRequests(); len(open) != 1 {
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
	r.NotUntil = l.now.Add(standing.LongestPause)
	laptop.approves(r.ID)
	if !l.run(time.Minute, func() bool { q := tablet.request(r.ID); return q != nil && len(q.Approved) == 2 }) {
		t.Fatal("the approval does not come")
	}
	tablet.core.Now = l.now
	if err := tablet.core.Deny(tablet.request(r.ID)); err != nil {
		t.Fatal(err)
	}
	claim := laptop.core.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{Version: 1, Request: r.ID, Verdict: message.VerdictReleased,
		Epoch: laptop.core.Circle.Record.Epoch, Record: laptop.core.Circle.Hash}))
	state := func() ledger.State { return tablet.request(r.ID).State() }
	if err := tablet.core.Take(claim); err != nil || state() != api.StateDenied {
		t.Errorf("%v: the word of one device makes it %s", err, state())
	}
	// Once a quorum is known to have approved it the claim counts.
	yes := desktop.core.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{Version: 1, Request: r.ID, Verdict: message.VerdictApprove,
		Epoch: desktop.core.Circle.Record.Epoch, Record: desktop.core.Circle.Hash}))
	for _, it := range []message.Item{yes, claim} {
		if err := tablet.core.Take(it); err != nil {
			t.Fatal(err)
		}
	}
	if state() != api.StateReleased {
		t.Errorf("with three approvals it is %s", state())
	}
}

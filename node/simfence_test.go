package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// F is the fence: with a device that is called lost, is being taken out, or is
// out, nobody signs who knows of it, in any epoch, and who is frozen signs
// nothing. What a device knows the oracle takes from what it was told and from
// its votes; what the device itself makes of that, its judge and its list of
// those who are fenced, is what is tested.

// A simWordOf is what a person, or a thief, has said on a device: that another
// one is lost, or, if about is nobody, that all must stop.
type simWordOf struct {
	id        wire.RequestID
	by, about *simDevice
}

// speaks notes what was said on a device, for the oracles that it concerns.
func (t *truth) speaks(d *simDevice, id wire.RequestID, kind change.Kind, ch change.Payload) {
	var about *simDevice
	if x, in := d.core.Circle.Record.Device(wire.Slot(ch.Slot)); in {
		about = t.w.byIdentity(x.Identity)
	}
	t.spoken(d, id, kind, about)
	t.called(d, id, kind, ch, about)
	if about != nil && (kind == change.Vacation || kind == change.Veto) {
		e := simExcuse{id: id, by: d, about: about}
		if kind == change.Vacation {
			e.until = time.Duration(ch.Until-standing.Unix(d.clock())) * time.Second
		}
		t.excuses = append(t.excuses, e)
	}
}

// meant notes what a person is about to say. It may stay although the device does
// not come to answer: a crash after the write, or one whose outcome it does not
// know. That restrains the oracles only; what counts against a device is noted
// once it is said.
func (t *truth) meant(d *simDevice, kind change.Kind, ch change.Payload) {
	if d.core.Circle == nil {
		return
	}
	var about *simDevice
	if x, in := d.core.Circle.Record.Device(wire.Slot(ch.Slot)); in {
		about = t.w.byIdentity(x.Identity)
	}
	t.called(d, wire.RequestID{}, kind, ch, about)
	t.thawed = t.thawed || kind == change.Thaw && !d.thief
}

// spoken notes what may freeze, and what may end it. After a thaw that a person
// wants the oracle makes nothing of all that was said: it may have been taken
// back, and who was overruled is not heeded alone for a day. A thief's thaw
// takes back what was said on the same device.
func (t *truth) spoken(d *simDevice, id wire.RequestID, kind change.Kind, about *simDevice) {
	switch {
	case kind == change.Thaw && !d.thief:
		t.thawed = true
	case kind == change.Thaw:
		t.words = slices.DeleteFunc(t.words, func(x simWordOf) bool { return x.by == d })
	case kind == change.Freeze, kind == change.Lost && about != nil:
		t.words = append(t.words, simWordOf{id, d, about})
	}
}

// charged reports whether anybody calls d lost: then its own word may not count.
func (t *truth) charged(d *simDevice) bool {
	return slices.ContainsFunc(t.words, func(x simWordOf) bool { return x.about == d })
}

// listens notes which words have reached d: the request is open there, with an
// approval that its person has signed.
func (w *world) listens(d *simDevice) {
	c := d.core
	if w.truth.thawed || len(d.heard) == len(w.truth.words) || c == nil || c.Circle == nil || c.Circle.Evicted != nil || d.thief {
		return
	}
	head := c.Circle.Head().Record
	for _, x := range w.truth.words {
		r := c.Requests[x.id]
		if d.heard[x.id] || r == nil || !r.Open() {
			continue
		}
		by, in := head.ByIdentity(x.by.view.self)
		if in && slices.Contains(c.Present(r), by.Slot) {
			d.heard[x.id] = true
		}
	}
}

// fence looks at the part of a signature that leaves d, at that time.
func (w *world) fence(d *simDevice, p share.Proposal, rec roster.Record) {
	if d.thief || d.unsure {
		return
	}
	head := d.view.head()
	if rec.Epoch < head.Epoch {
		w.fail("F: %s signs in epoch %d, which is over", d.name, rec.Epoch)
	}
	for _, s := range p.Signers {
		x, in := rec.Device(s)
		if _, out := head.IsFormer(x.Identity); !in || out {
			w.fail("F: %s signs together with device %d, which is out", d.name, s)
		}
		if slices.Contains(d.view.removing, x.Identity) {
			w.fail("F: %s signs together with device %d, which it is ready to take out", d.name, s)
		}
	}
	if p.Purpose == refresh.TestPurpose || w.truth.thawed {
		return
	}
	for _, x := range w.truth.words {
		_, says := head.ByIdentity(x.by.view.self)
		if !d.heard[x.id] || !says || w.truth.charged(x.by) {
			continue
		}
		if x.about == nil {
			w.fail("F: %s signs and was told to freeze on %s", d.name, x.by.name)
		} else if _, in := head.ByIdentity(x.about.view.self); in {
			w.fail("F: %s signs and was told on %s that %s is lost", d.name, x.by.name, x.about.name)
		}
	}
}

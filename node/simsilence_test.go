package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/wire"
)

// E is that nobody is taken out for its silence before its time: no device says
// ready to that which has heard the other, in true time, later than the settings
// ask for, and no vacation or objection is forgotten. The oracle counts by the
// clock of the world and by the heartbeats that it has seen arrive.

// A simDue is what one device owes another before it may help to take it out.
type simDue struct {
	beat  time.Time // of the other that last arrived here directly
	until time.Time // the end of its vacation, as heard here
	veto  int       // objections since then
}

// beats notes a heartbeat that has arrived. One of somebody who is in an older
// epoch says only that the device is there.
func (w *world) beats(from, to *simDevice, epoch uint64) {
	if to.on() && epoch >= to.view.head().Epoch && !from.unsure {
		p := to.patience(from)
		p.beat, p.veto = w.now, 0
	}
}

func (d *simDevice) patience(of *simDevice) *simDue {
	if d.owes == nil {
		d.owes = make([]simDue, len(d.w.devices))
	}
	return &d.owes[of.index]
}

// excused notes what d has heard of vacations and objections. What somebody said
// who calls another lost, or who was, is given up on.
func (w *world) excused(d *simDevice) {
	c := d.core
	if c == nil || c.Circle == nil || c.Vigil.Judge == nil || len(w.truth.excuses) == 0 {
		return
	}
	for _, e := range w.truth.excuses {
		r := c.Requests[e.id]
		if d.heard[e.id] || r == nil || !r.Open() && !r.Meta.Done || e.about == d {
			continue
		}
		_, in := c.Circle.Head().Record.ByIdentity(e.by.view.self)
		view, known := c.Vigil.Judge.View(e.about.slot())
		if !in || !known || !slices.Contains(c.Present(r), e.by.slot()) {
			continue
		}
		d.heard[e.id] = true
		p := d.patience(e.about)
		switch {
		case e.until > 0 && view.State == recovery.Vacation:
			p.until = w.now.Add(e.until)
		case e.until == 0 && view.State == recovery.Grace:
			p.veto = min(p.veto+1, 2)
		}
	}
}

// A simExcuse is a vacation, or an objection to a removal.
type simExcuse struct {
	id        wire.RequestID
	by, about *simDevice
	until     time.Duration // of a vacation
}

// judged looks at a device that has just said ready to take silent ones out.
func (w *world) judged(d *simDevice, old view) {
	if d.unsure || d.thief {
		return
	}
	set := d.view.head().Settings
	least := time.Duration(set.Suspect+min(set.Grace, set.GraceNoSpare)) * time.Second
	// A device notes seldom when it last heard another, a clock that jumps ahead
	// counts as an hour at most, and each may have been on its way.
	least -= time.Duration(set.Quiet/8)*time.Second + 15*time.Minute + time.Duration(w.hits["clock"])*3*time.Hour
	for _, id := range d.view.silent {
		x := w.byIdentity(id)
		if slices.Contains(old.silent, id) || x == nil || x.unsure || w.truth.charged(x) || w.truth.thawed {
			continue
		}
		w.truth.evictions++
		p := d.patience(x)
		since := p.beat
		if since.IsZero() {
			since = w.began
		}
		if p.until.After(since) {
			since = p.until
		}
		need := least + time.Duration(p.veto)*recovery.Objection*time.Second
		if silent := w.now.Sub(since); silent < need {
			w.fail("E: %s is ready to take %s out after %v of silence, and %v are the rule (%d objections)", d.name, x.name, silent, need, p.veto)
		}
	}
}

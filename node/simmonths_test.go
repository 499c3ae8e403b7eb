package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/recovery"
)

// Names of stories of silence.
const (
	onVacation = "a device that is announced away"
	objectedTo = "a removal that persons object to"
	tooLate    = "back too late"
	stolenBack = "a thief comes back while it is taken out"
	usurped    = "a thief proposes what nobody wants"
)

// months are stories in which a device is silent: how long may it be, and what
// do persons say meanwhile? At each stage it comes back, or never does. Each ends
// in what has become of it.
var months = []story{
	{name: "back while it is quiet", fits: canGo, tell: func(w *world) {
		w.goneUntil(recovery.Quiet)
		w.home(true)
	}},
	{name: "back while it is suspected", fits: canGo, tell: func(w *world) {
		w.goneUntil(recovery.Suspect)
		w.home(true)
	}},
	{name: "back while the countdown runs", fits: canGo, tell: func(w *world) {
		w.goneUntil(recovery.Grace)
		w.run(w.set().grace/2, nil)
		w.home(true)
	}},
	{name: tooLate, fits: canGo, tell: func(w *world) {
		w.goneUntil(recovery.Grace)
		w.wantOut(2*w.set().grace, 0)
		w.home(false)
	}},
	{name: onVacation, fits: canGo, tell: func(w *world) {
		long := 2 * (w.set().suspect + w.set().grace)
		w.run(time.Minute, nil)
		w.ask(w.devices[0], change.Vacation, change.Payload{Slot: uint16(w.last().slot()), Until: standing.Unix(w.devices[0].clock().Add(long))})
		w.run(time.Minute, nil)
		w.last().off("is on vacation")
		w.run(long-time.Hour, nil)
		w.wantIn()
		// Whoever does not come home then is silent from then on.
		w.wantOut(w.set().suspect+2*w.set().grace, w.set().suspect+w.set().grace/2)
		w.home(false)
	}},
	{name: "home from a vacation", fits: canGo, tell: func(w *world) {
		long := 2 * (w.set().suspect + w.set().grace)
		w.run(time.Minute, nil)
		w.ask(w.devices[0], change.Vacation, change.Payload{Slot: uint16(w.last().slot()), Until: standing.Unix(w.devices[0].clock().Add(long))})
		w.run(time.Minute, nil)
		w.last().off("is on vacation")
		w.run(long+w.set().suspect/2, nil)
		w.home(true)
	}},
	{name: objectedTo, fits: canGo, tell: func(w *world) {
		const month = recovery.Objection * time.Second
		w.goneUntil(recovery.Grace)
		for i := range 3 { // the third is heard by nobody
			w.ask(w.devices[0], change.Veto, change.Payload{Slot: uint16(w.last().slot())})
			w.run(time.Hour, nil)
			for _, d := range w.devices[:w.shape.n-1] {
				if v, _ := d.core.Vigil.Judge.View(w.last().slot()); w.err == nil && v.State != recovery.Grace {
					w.fail("E: %s takes it for %v after objection %d", d.name, v.State, i)
				}
			}
		}
		w.wantOut(2*month+2*w.set().grace, 2*month-w.set().grace/2)
		w.home(false)
	}},
	{name: "one after the other", fits: func(s simShape) bool { return s.n-2 >= s.quorum() }, tell: func(w *world) {
		// The second is not taken out before there is a budget for it.
		second := w.devices[w.shape.n-2]
		w.goneUntil(recovery.Grace)
		w.wantOut(2*w.set().grace, 0)
		began := w.now
		second.off("goes, too")
		w.run(w.set().budget-time.Hour, nil)
		if second.slot() == 0 || w.out(second) {
			w.fail("E: a second device is taken out %v after the first", w.now.Sub(began))
		}
		w.run(w.set().suspect+2*w.set().grace+w.set().budget, func() bool { return w.out(second) })
		if !w.out(second) {
			w.fail("E: the second device is never taken out: %s", w.census())
		}
	}},
	{name: stolenBack, fits: canGo, tell: func(w *world) {
		x := w.last()
		x.thief, x.haul = true, &haul{hidden: true, deeds: maxDeeds}
		x.off("the thief hides it")
		w.run(w.set().suspect+2*w.set().grace, func() bool { return !x.haul.hidden })
		if x.haul.hidden {
			w.fail("E: nobody is ever ready to take it out: %s", w.census())
		}
		w.run(10*time.Minute, nil)
	}},
	{name: usurped, tell: func(w *world) {
		x := w.last()
		x.haul = &haul{deeds: maxDeeds} // what runs on it is no longer ours
		for _, want := range w.usurpations(x) {
			w.usurp(x, want)
			w.run(5*time.Minute, nil)
		}
		if e := w.truth.newest().Epoch; e != 0 && w.receive == nil {
			w.fail("O5: epoch %d came of it: %s", e, w.census())
		}
	}},
}

func canGo(s simShape) bool { return s.n-1 >= s.quorum() }

// simPeriods are the settings of a circle.
type simPeriods struct{ quiet, suspect, grace, budget time.Duration }

// set returns the periods that matter to the last device of the circle.
func (w *world) set() simPeriods {
	s := w.devices[0].view.head().Settings
	p := simPeriods{time.Duration(s.Quiet), time.Duration(s.Suspect), time.Duration(s.Grace), time.Duration(s.Budget)}
	if w.shape.n-1 <= w.shape.t {
		p.grace, p.budget = time.Duration(s.GraceNoSpare), time.Duration(s.BudgetNoSpare)
	} else if w.shape.n-2 <= w.shape.t {
		p.budget = time.Duration(s.BudgetNoSpare)
	}
	p.quiet, p.suspect, p.grace, p.budget = p.quiet*time.Second, p.suspect*time.Second, p.grace*time.Second, p.budget*time.Second
	return p
}

func (w *world) last() *simDevice { return w.devices[w.shape.n-1] }

// goneUntil takes the last device away until somebody's judge thinks so of it.
func (w *world) goneUntil(s recovery.State) {
	x := w.last()
	x.off("is away")
	if !w.run(w.set().suspect+w.set().grace, func() bool {
		for _, d := range w.devices[:w.shape.n-1] {
			if v, _ := d.core.Vigil.Judge.View(x.slot()); v.State == s {
				return true
			}
		}
		return false
	}) {
		w.fail("E: nobody ever takes it for %v: %s", s, w.census())
	}
}

// out reports whether the newest epoch is without x.
func (w *world) out(x *simDevice) bool {
	_, in := w.truth.newest().ByIdentity(x.view.self)
	return !in
}

func (w *world) wantIn() {
	if w.out(w.last()) {
		w.fail("E: it is taken out: %s", w.census())
	}
}

// wantOut waits until the last device is taken out, in no less than the given
// time.
func (w *world) wantOut(most, least time.Duration) {
	began := w.now
	if !w.run(most, func() bool { return w.out(w.last()) }) {
		w.fail("E: it is never taken out: %s", w.census())
	} else if d := w.now.Sub(began); d < least {
		w.fail("E: it is taken out after %v, and not before %v", d, least)
	}
}

// home brings the last device back. If it is in the circle still, everybody
// takes it for live again; if not, it learns that.
func (w *world) home(in bool) {
	x := w.last()
	x.boot()
	w.run(time.Hour, func() bool {
		if x.core == nil || w.out(x) == in {
			return false
		}
		if !in {
			return x.core.Circle.Evicted != nil
		}
		for _, d := range w.devices[:w.shape.n-1] {
			if v, _ := d.core.Vigil.Judge.View(x.slot()); v.State != recovery.Live {
				return false
			}
		}
		return true
	})
	switch {
	case w.err != nil:
	case w.out(x) == in:
		w.fail("E: back, and out: %t: %s", w.out(x), w.census())
	case !in && (x.core == nil || x.core.Circle.Evicted == nil):
		w.fail("E: it does not learn that it is out: %s", w.census())
	}
	for _, d := range w.devices[:w.shape.n-1] {
		if v, known := d.core.Vigil.Judge.View(x.slot()); w.err == nil && in && known && v.State != recovery.Live {
			w.fail("E: %s takes it for %v: %s", d.name, v.State, w.census())
		}
	}
}

// TestMonths lets all that happen at the pace of ordinary circles.
func TestMonths(t *testing.T) {
	t.Parallel()
	for _, s := range months {
		for _, shape := range []simShape{{2, 3}, {3, 4}, {3, 5}, {3, 3}} {
			if s.fits != nil && !s.fits(shape) || shape.n == shape.t && s.name != usurped {
				continue
			}
			t.Run(fmt.Sprintf("%s, %d-of-%d", s.name, shape.t, shape.n), func(t *testing.T) {
				t.Parallel()
				w := newWorldOf(t, shape, ordinary, nil)
				s.start(w)
				s.tell(w)
				w.conclude()
				if w.err != nil {
					t.Error(w.err)
				}
			})
		}
	}
}

// ordinary is a seed of worlds with the settings of ordinary circles.
const ordinary = 49

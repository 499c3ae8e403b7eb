package node

import (
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestHeardBeforeReady: a silent device comes back after the others have begun to
// remove it, and before they are ready to. Nobody says ready to the removal of a
// device that it hears: they vote against it, and the circle stays what it is.
func TestHeardBeforeReady(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 95)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	held := true
	l.tamper = func(_, _ *labDevice, b []byte) []byte {
		var s simStatement
		if f, err := wire.ParseFrame(b); err == nil && held && wire.Unmarshal(f.Body, &s) == nil && s.Kind == simDeal {
			return nil // nobody gets what it would be ready for
		}
		return b
	}
	phone.kill()
	l.step = 10 * time.Minute
	for _, d := range []*labDevice{laptop, tablet} {
		d.core.Config.Timings = l.timings()
	}
	both := func(ok func(*redeal.Attempt) bool) func() bool {
		return func() bool {
			return !slices.ContainsFunc([]*labDevice{laptop, tablet}, func(d *labDevice) bool { return d.core.Attempt == nil || !ok(d.core.Attempt) })
		}
	}
	if !l.run(40*24*time.Hour, both(func(a *redeal.Attempt) bool { return a.Machine.Phase() == refresh.Dealing })) {
		t.Fatalf("they do not begin to remove it\n%s", l.logs())
	}
	l.step = 100 * time.Millisecond
	phone.start()
	if !l.run(5*time.Second, func() bool {
		return !slices.ContainsFunc([]*labDevice{laptop, tablet}, func(d *labDevice) bool {
			v, _ := d.core.Vigil.Judge.View(1)
			return v.State != recovery.Live
		})
	}) {
		t.Fatalf("the phone is not heard\n%s", l.logs())
	}
	held, l.step = false, 500*time.Millisecond
	l.run(5*time.Minute, nil)
	for _, d := range l.devices {
		if e := d.core.Circle.Record.Epoch; e != 0 || d.core.Redealing() || len(d.core.Circle.Fenced) > 0 {
			t.Errorf("%s is in epoch %d, in a re-deal: %v, fences off %d", d.name, e, d.core.Redealing(), len(d.core.Circle.Fenced))
		}
	}
	l.signsWith(phone, laptop)
}

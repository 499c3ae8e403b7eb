package node

import (
	"flag"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/journal/journaltest"
)

var simTable = flag.Bool("sim.table", false, "go through the whole crash table, with every fault at every write of every device")

// A story is a change of the circle in a world without other faults.
type story struct {
	kind string
	min  int // devices that the shape must have beyond its threshold
}

var stories = []story{{api.KindRefresh, 0}, {api.KindAdd, 0}, {api.KindLost, 1}, {api.KindLeave, 1}}

// tell lets the devices live through a story. Faults are the disks' alone.
func (s story) tell(w *world) {
	w.eager = true
	for _, d := range w.devices {
		d.boot()
	}
	w.run(5*time.Second, nil)
	first := w.devices[0]
	switch s.kind {
	case api.KindAdd:
		w.add(first)
	case api.KindLost:
		w.ask(first, s.kind, change{Slot: uint16(w.devices[1].slot())})
	case api.KindLeave:
		w.ask(w.devices[1], s.kind, change{})
	default:
		w.ask(first, s.kind, change{})
	}
	w.run(3*time.Minute, nil)
}

// TestCrashTable lets every write of every device fail in every way while the
// circle changes: crash before it, crash after it, an error without effect and
// one with. The key lives, one epoch does, and the circle signs. Without
// -sim.table each write fails in one of the ways, in turn.
func TestCrashTable(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	for i, shape := range []uint64{3, 0, 6, 4, 1} {
		for j, s := range stories {
			name := fmt.Sprintf("%d-of-%d/%s", simShapes[shape].t, simShapes[shape].n, s.kind)
			if simShapes[shape].n-simShapes[shape].t < s.min {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				dry := newWorld(t, shape, nil)
				begin := make([]int, len(dry.devices))
				for i, d := range dry.devices {
					begin[i] = d.disk.writes
				}
				s.tell(dry)
				if dry.err != nil || len(dry.truth.epochs) < 2 {
					t.Fatalf("the story does not go well without faults: %v %d", dry.err, len(dry.truth.epochs))
				}
				for device := range dry.devices {
					if !*simTable && device > 2 && device < len(dry.devices)-1 {
						continue // its part is that of another one
					}
					for k := begin[device] + 1; k <= dry.devices[device].disk.writes; k++ {
						for f := journaltest.Lost; f <= journaltest.CrashAfter; f++ {
							if !*simTable && int(f) != 1+(k+i+j)%4 {
								continue
							}
							w := newWorld(t, shape, nil)
							w.devices[device].disk.planned = map[int]journaltest.Fault{k: f}
							s.tell(w)
							w.rest()
							w.recover()
							w.finish()
							if w.err != nil {
								t.Errorf("%s: %v at write %d of %s: %v", name, f, k, w.devices[device].name, w.err)
							}
							runs.Add(1)
						}
					}
				}
			})
		}
	}
	t.Cleanup(func() { t.Logf("%d runs", runs.Load()) })
}

package node

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

var (
	simTable  = flag.Bool("sim.table", false, "go through the whole crash table, with every fate at every write of every device")
	simPlaces = flag.Int("sim.places", 3, "let a write fail at so many places of each story of each circle, chosen by -sim.start; 0 is all of the sample")
)

// tableShapes are the circles of the table. Of the last one a minority could
// sign: nobody can found it, but a re-deal keeps what it is.
var tableShapes = []simShape{{2, 2}, {2, 3}, {3, 3}, {3, 4}, {3, 5}, {2, 4}}

// A fate is what becomes of one durable write.
//
// The journal is durable when Update returns and whole at all times, which
// internal/boltstore tests on files that are cut, killed and forged: what was
// not synced, or is torn, never happened, and a file that is damaged for good is
// refused as a whole. So a torn write differs from a crash before it in what
// becomes of a key file, and what is lost un-synced is the write that was under
// way. Both take the time that the others need to give this device up, or come
// over all devices at once; for a process that only ends, the others hardly
// notice.
type fate struct {
	name   string
	fault  journaltest.Fault
	failed func(w *world, d *simDevice) // once the power is off
}

var fates = []fate{
	{"crash before", journaltest.CrashBefore, soon},
	{"crash after", journaltest.CrashAfter, soon},
	{"error without effect", journaltest.Lost, nil},
	{"error with effect", journaltest.Kept, nil},
	{"torn", simTorn, late},
	{"lost un-synced", journaltest.CrashBefore, everywhere},
	{"damaged for good", journaltest.CrashAfter, burnt},
}

func soon(w *world, d *simDevice) { w.after(3*time.Second, d.boot) }
func late(w *world, d *simDevice) { w.after(10*time.Minute, d.boot) }

// everywhere takes the power of all devices. They come back one by one, the one
// whose write it was last.
func everywhere(w *world, d *simDevice) {
	for i := range w.devices {
		o := w.devices[(d.index+1+i)%len(w.devices)]
		o.off("power fails everywhere")
		w.after(time.Duration(1+7*i)*time.Second, o.boot)
	}
}

// burnt takes the device away for good, if the others can do without its share.
func burnt(w *world, d *simDevice) {
	if w.spare(d) {
		d.gone = true
		w.read(d)
		return
	}
	soon(w, d)
}

// Names of stories.
const (
	comesIn    = "a device comes in"
	wakesUp    = "refresh and a sleeper that wakes up"
	triedAgain = "refresh that is given up and tried again"
)

// A story is a change of the circle in a world without other faults.
type story struct {
	name string
	fits func(s simShape) bool // nil if every shape does
	tell func(w *world)
}

// quorum is roster's: so many must take part in a re-deal.
func (s simShape) quorum() int { return max(s.t, s.n-s.t+1) }

var stories = []story{
	{name: "refresh", tell: func(w *world) { w.ask(w.devices[0], change.Refresh, change.Payload{}) }},
	{
		name: wakesUp,
		fits: func(s simShape) bool { return s.n > s.quorum() },
		tell: func(w *world) {
			last := w.devices[w.shape.n-1]
			last.off("is away")
			w.after(5*time.Minute, last.boot)
			w.run(time.Minute, nil)
			w.ask(w.devices[0], change.Refresh, change.Payload{})
		},
	},
	{
		name: triedAgain,
		tell: func(w *world) {
			last := w.devices[w.shape.n-1]
			gone := false
			w.heal = func(d *simDevice) {
				if d == last && !gone && d.view.attempt != (wire.Hash{}) {
					gone = true
					w.after(0, func() {
						d.off("drops out")
						w.after(10*time.Minute, d.boot)
					})
				}
			}
			w.ask(w.devices[0], change.Refresh, change.Payload{})
		},
	},
	{
		name: comesIn,
		tell: func(w *world) { w.introduce(w.devices[0], w.devices[w.shape.n]) },
	},
	{
		name: "a lost device goes",
		fits: func(s simShape) bool { return s.n-1 >= s.quorum() },
		tell: func(w *world) {
			w.ask(w.devices[0], change.Lost, change.Payload{Slot: uint16(w.devices[1].slot())})
		},
	},
	{
		name: "a device leaves",
		fits: func(s simShape) bool { return s.n-1 >= s.quorum() },
		tell: func(w *world) { w.ask(w.devices[1], change.Leave, change.Payload{}) },
	},
}

// begin makes the world of a story, with all devices up.
func (s story) begin(t testing.TB, shape simShape) *world {
	w := newWorldOf(t, shape, 0, nil)
	s.start(w)
	return w
}

func (s story) start(w *world) {
	w.eager = true
	for _, d := range w.devices {
		w.after(time.Duration(d.index)*100*time.Millisecond, d.boot)
	}
	w.run(10*time.Second, nil)
}

// happen lets a story happen.
func (s story) happen(w *world) {
	s.tell(w)
	w.run(20*time.Minute, nil)
}

// conclude looks at the end of a story, restarts everybody, and has them sign.
func (w *world) conclude() {
	w.rest()
	w.recover()
	w.finish()
	w.together()
	for _, d := range w.sane() {
		d.off("is restarted")
		w.after(time.Second, d.boot)
	}
	w.run(time.Minute, nil)
	w.together()
	w.recover()
}

// together checks that nobody is left behind. A re-deal that is tried again late
// may still be under way.
func (w *world) together() {
	w.run(time.Hour, func() bool { return w.apart() == "" })
	if what := w.apart(); w.err == nil && what != "" {
		w.fail("C1: %s: %s", what, w.census())
	}
}

// apart says who is not in the newest epoch although it lists it, or is and
// holds another share, too. If a device is dead, that can be for good: an epoch
// that it has not signed has no certificate.
func (w *world) apart() string {
	if len(w.sane()) < len(w.devices) {
		return ""
	}
	newest := w.truth.newest()
	for _, d := range w.devices {
		if _, in := newest.ByIdentity(d.view.self); !in {
			continue
		}
		if d.core == nil || !d.core.HasShare() || d.core.Circle.Hash != newest.Hash() {
			return d.name + " is not where the others are"
		}
		if len(d.view.shares) != 1 || d.core.Redealing() {
			return d.name + " is not through"
		}
	}
	return ""
}

// newest is the certified epoch with the highest number.
func (t *truth) newest() (out roster.Record) {
	for _, h := range t.epochs {
		if r := t.records[h]; out.Devices == nil || r.Epoch > out.Epoch {
			out = r
		}
	}
	return out
}

// A row is a durable write of one device in a story.
type row struct {
	device int
	write  int // its number
	point  string
}

// rows runs a story without faults and names every write in it.
func (s story) rows(t testing.TB, shape simShape) (list []row) {
	w := s.begin(t, shape)
	last := make([]int, len(w.devices))
	for _, d := range w.devices {
		first, points := d.disk.writes+1, map[int]string{}
		written, destroy, key := d.disk.written, d.disk.destroy, false
		d.disk.written = func(touched map[string]bool) {
			was := d.view
			written(touched)
			points[d.disk.writes] = pointOf(was, d.view, touched, key)
			key = false
		}
		d.disk.destroy = func(id string) error { key = true; return destroy(id) }
		defer func() {
			for n := first; n <= last[d.index]; n++ {
				p, ok := points[n]
				if !ok {
					p = "a key is made"
				}
				list = append(list, row{d.index, n, p})
			}
		}()
	}
	s.happen(w)
	for i, d := range w.devices {
		last[i] = d.disk.writes
	}
	w.conclude()
	if w.err != nil || len(w.truth.epochs) < 2 {
		t.Fatalf("%d-of-%d, %s: does not go well without faults: %v; %d epochs", shape.t, shape.n, s.name, w.err, len(w.truth.epochs))
	}
	return list
}

// pointOf names a write by what it does.
func pointOf(was, is view, touched map[string]bool, key bool) string {
	unlinks := false
	for k := range touched {
		unlinks = unlinks || strings.HasPrefix(k, "-"+standing.BucketShares)
	}
	switch {
	case key:
		return "a key is destroyed"
	case touched["-"+standing.BucketAttempt+"/"+standing.CurrentKey] && touched[standing.BucketChain]:
		return "an attempt is overtaken"
	case touched["-"+standing.BucketAttempt+"/"+standing.CurrentKey]:
		return "an attempt is forgotten"
	case touched[standing.BucketAttempt] && (was.attempt != is.attempt || was.phase != is.phase):
		return is.phase.String()
	case touched[standing.BucketAttempt]:
		return is.phase.String() + " and more"
	case touched[standing.BucketChain]:
		return "epochs of others"
	case unlinks:
		return "old shares are unlinked"
	case touched[standing.BucketDead]:
		return "a refusal"
	case touched[standing.BucketItems] || touched[standing.BucketMeta]:
		return "a request"
	}
	return "anything else"
}

// needed are points that the stories of every shape must have.
var needed = []string{
	"a key is made", refresh.Dealing.String(), refresh.Prepared.String(), refresh.Committed.String(), refresh.Locked.String(),
	refresh.Retiring.String(), "a key is destroyed", "old shares are unlinked", refresh.Retired.String(),
	refresh.Aborted.String(), refresh.Returned.String(), "an attempt is forgotten", "a request",
}

// A cell is one place of the table.
type cell struct {
	story story
	row   row
	fate  fate
}

// TestCrashTable lets every write of every device fail in every way while the
// circle changes, see [fate]. Afterwards the key lives, and one epoch does; all
// devices are in it and in the middle of nothing; and they sign, before and
// after a restart of them all. Without -sim.table a sample is made, in which every
// shape has every fate in every story and at one write at least of every name;
// and some of its places happen, see [slice].
func TestCrashTable(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	var mu sync.Mutex // guards all below
	shapes, covered, again := 0, map[[2]string]bool{}, map[finding]bool{}
	for _, shape := range tableShapes {
		t.Run(fmt.Sprintf("%d-of-%d", shape.t, shape.n), func(t *testing.T) {
			t.Parallel()
			cells := table(t, shape)
			places := len(cells)
			if !*simTable {
				cells = sample(shape, cells)
			}
			mu.Lock()
			shapes++
			for _, c := range cells {
				covered[[2]string{c.row.point, c.fate.name}] = true
				again[c.finding(shape)] = true
			}
			mu.Unlock()
			if !*simTable && *simPlaces > 0 {
				cells = slice(shape, cells, *simStart, *simPlaces)
			}
			t.Logf("%d of %d places", len(cells), places)
			for _, s := range stories {
				t.Run(s.name, func(t *testing.T) {
					t.Parallel()
					for _, c := range cells {
						if c.story.name != s.name {
							continue
						}
						runs.Add(1)
						if err := c.run(t, shape); err != nil {
							t.Errorf("%s at write %d of device %d, %q: %v", c.fate.name, c.row.write, c.row.device, c.row.point, err)
						}
					}
				})
			}
		})
	}
	t.Cleanup(func() {
		t.Logf("%d runs", runs.Load())
		for _, f := range findings {
			if shapes == len(tableShapes) && !again[f] {
				t.Errorf("%v is in no shape any more", f)
			}
		}
		for _, p := range needed {
			for _, f := range fates {
				if shapes == len(tableShapes) && !covered[[2]string{p, f.name}] {
					t.Errorf("no shape has %q at %q", f.name, p)
				}
			}
		}
	})
}

// table lists all places of a shape.
func table(t *testing.T, shape simShape) (cells []cell) {
	points := map[string]bool{}
	for _, s := range stories {
		if s.fits != nil && !s.fits(shape) {
			continue
		}
		for _, r := range s.rows(t, shape) {
			points[r.point] = true
			for _, f := range fates {
				cells = append(cells, cell{s, r, f})
			}
		}
	}
	for _, p := range needed {
		if !points[p] {
			t.Errorf("no story has the point %q: %v", p, slices.Sorted(maps.Keys(points)))
		}
	}
	return cells
}

// A finding is a cell that went wrong once.
type finding struct {
	shape  simShape
	story  string
	device int
	point  string
	fate   string
}

func (c cell) finding(shape simShape) finding {
	return finding{shape, c.story.name, c.row.device, c.row.point, c.fate.name}
}

// findings are part of every sample.
var findings = []finding{
	{simShape{2, 3}, comesIn, 3, refresh.Prepared.String(), "error with effect"},
	{simShape{2, 2}, comesIn, 2, refresh.Prepared.String(), "error without effect"},
	{simShape{3, 4}, triedAgain, 3, "an attempt is overtaken", "error with effect"},
	{simShape{3, 4}, "refresh", 2, refresh.Locked.String(), "error without effect"},
	{simShape{2, 3}, comesIn, 0, refresh.Committed.String(), "damaged for good"},
	{simShape{2, 3}, triedAgain, 1, refresh.Locked.String(), "damaged for good"},
}

// sample picks cells until each fate happens in each story, and something at
// each name. What happens there is spread over the shapes: together they have
// every fate at every name that all of them have.
func sample(shape simShape, all []cell) (out []cell) {
	seen := map[[3]string]bool{}
	number := slices.Index(tableShapes, shape)
	for i := range all {
		// Steps that share no factor with the number of cells reach them all,
		// and do not begin with the same fate everywhere.
		c := all[i*stride(len(all))%len(all)]
		fresh := slices.Contains(findings, c.finding(shape))
		fate := slices.IndexFunc(fates, func(f fate) bool { return f.name == c.fate.name })
		keys := [][3]string{{"story", c.story.name, c.fate.name}, {"point", c.row.point}}
		if (fate+len(c.row.point)+number)%len(tableShapes) == 0 {
			keys = append(keys, [3]string{"fate", c.row.point, c.fate.name})
		}
		if slices.Contains(needed, c.row.point) {
			keys = append(keys, [3]string{fmt.Sprint("device ", c.row.device), c.row.point, c.fate.name})
		}
		for _, k := range keys {
			fresh = fresh || !seen[k]
			seen[k] = true
		}
		if fresh {
			out = append(out, c)
		}
	}
	return out
}

// slice picks n places of each story from a sample, and what is one of [findings].
// One shape goes on with the fates where another has stopped, so that with three
// places each story has all of them; and one start where the one before has.
func slice(shape simShape, sample []cell, start uint64, n int) (out []cell) {
	type kind struct{ story, fate string }
	places := map[kind][]int{}
	for i, c := range sample {
		k := kind{c.story.name, c.fate.name}
		places[k] = append(places[k], i)
	}
	picked := map[int]bool{}
	for _, s := range stories {
		for j := range uint64(n) {
			turn := start*uint64(n*len(tableShapes)) + uint64(slices.Index(tableShapes, shape)*n) + j
			if at := places[kind{s.name, fates[turn%uint64(len(fates))].name}]; len(at) > 0 {
				picked[at[turn/uint64(len(fates))%uint64(len(at))]] = true
			}
		}
	}
	for i, c := range sample {
		if picked[i] || slices.Contains(findings, c.finding(shape)) {
			out = append(out, c)
		}
	}
	return out
}

// stride is a number about 0.4 n that has no factor in common with n.
func stride(n int) int {
	gcd := func(a, b int) int {
		for b != 0 {
			a, b = b, a%b
		}
		return a
	}
	s := 2*n/5 + 1
	for gcd(s, n) != 1 {
		s++
	}
	return s
}

// run lets the one write fail.
func (c cell) run(t *testing.T, shape simShape) error {
	return c.runIn(c.story.begin(t, shape))
}

func (c cell) runIn(w *world) error {
	d := w.devices[c.row.device]
	if d.disk.writes >= c.row.write {
		return fmt.Errorf("write %d was before the story", c.row.write)
	}
	d.disk.planned = map[int]journaltest.Fault{c.row.write: c.fate.fault}
	if c.fate.failed != nil {
		w.failed = func(d *simDevice) { c.fate.failed(w, d) }
	}
	c.story.happen(w)
	w.conclude()
	return w.err
}

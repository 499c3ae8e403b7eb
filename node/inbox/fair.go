package inbox

import (
	"math"
	"slices"
	"time"
)

// A fairQueue decides what the loop does next. What this device's person and its
// clock want is first. Of the other devices the one that has cost the least lately
// is served first, and none is given more of the loop's time than its budget, a
// bucket that fills slowly and holds much: an honest device never finds the
// bottom of it, and one that floods waits there, alone. Nobody is dropped, and
// nothing that one device says of another counts: only what was measured here.
//
// It is a value without a clock or a goroutine; see [Inbox] for both.
type fairQueue[E any] struct {
	limits fairLimits
	local  []E
	run    int // local events in a row
	lanes  map[string]*lane[E]
	count  uint64 // of what was pushed
}

// fairLimits are the bounds of a [fairQueue].
type fairLimits struct {
	rate     float64       // of the loop's time that a device may take for long
	burst    time.Duration // of it that a device may take at once
	most     time.Duration // that one E costs at the most: the machine may have slept in it
	quantum  time.Duration // that is in the bucket when a device that was held back goes on
	half     time.Duration // in which a cost counts for half
	events   int           // that wait, per device and class
	bytes    int           // the same; one E there may be, whatever its size
	locals   int           // local events that wait
	localRun int           // local events before one of a device
	patience int           // events of others before one of a device that waits
}

var loopLimits = fairLimits{
	rate: 0.1, burst: 3 * time.Second, most: 500 * time.Millisecond, quantum: 5 * time.Millisecond, half: 30 * time.Second,
	events: 256, bytes: 512 << 10, locals: 256, localRun: 16, patience: 32,
}

// A Class is what an event of a device is about. Classes wait apart, so that
// a device's bulk holds up nothing else that it says.
type Class int

const (
	Link   Class = iota // it came or went; for this there is always time
	Urgent              // changes of the circle, above all those that take a device out
	Frame               // steps of protocols
	Bulk                // everything else
	classes
)

// A lane is what waits of one device.
type lane[E any] struct {
	queues [classes][]laneEvent[E]
	bytes  [classes]int
	tokens time.Duration // of the loop's time, below zero if it took too much
	recent float64       // seconds of the loop's time, the older the less
	at     time.Time     // of tokens and recent
	passed int           // events of others since it could have been served
	held   bool          // it waits for tokens
	since  time.Time     // when it was held back last
}

type laneEvent[E any] struct {
	do    E
	size  int
	order uint64
}

func newFairQueue[E any](l fairLimits) *fairQueue[E] {
	return &fairQueue[E]{limits: l, lanes: map[string]*lane[E]{}}
}

// pushLocal queues an event of this device and reports whether there was room.
func (q *fairQueue[E]) pushLocal(e E) bool {
	if len(q.local) >= q.limits.locals {
		return false
	}
	q.local = append(q.local, e)
	return true
}

// push queues an event of a device and reports whether there was room.
func (q *fairQueue[E]) push(now time.Time, key string, c Class, e E, size int) bool {
	l := q.lane(now, key)
	if n := len(l.queues[c]); n >= q.limits.events || n > 0 && l.bytes[c]+size > q.limits.bytes {
		return false
	}
	q.count++
	l.queues[c] = append(l.queues[c], laneEvent[E]{e, size, q.count})
	l.bytes[c] += size
	return true
}

func (q *fairQueue[E]) lane(now time.Time, key string) *lane[E] {
	l := q.lanes[key]
	if l == nil {
		q.forget(now)
		l = &lane[E]{tokens: q.limits.burst, at: now}
		q.lanes[key] = l
	}
	q.fill(now, l)
	return l
}

// fill lets time pass for a lane.
func (q *fairQueue[E]) fill(now time.Time, l *lane[E]) {
	d := now.Sub(l.at)
	if d <= 0 {
		return
	}
	l.at = now
	l.tokens = min(q.limits.burst, l.tokens+time.Duration(q.limits.rate*float64(min(d, time.Hour))))
	l.recent *= math.Exp2(-float64(d) / float64(q.limits.half))
}

// forget drops the lanes of devices of which nothing waits and nothing is to be
// remembered.
func (q *fairQueue[E]) forget(now time.Time) {
	for key, l := range q.lanes {
		q.fill(now, l)
		if l.empty() && l.tokens == q.limits.burst && l.recent < 1e-6 {
			delete(q.lanes, key)
		}
	}
}

func (l *lane[E]) empty() bool {
	return !slices.ContainsFunc(l.queues[:], func(list []laneEvent[E]) bool { return len(list) > 0 })
}

// next takes out what is to be done now, with the device that it is to be charged
// to, "" for none. If there is nothing it returns how long to wait until
// a device that is held back may go on, or 0.
func (q *fairQueue[E]) next(now time.Time) (e E, key string, wait time.Duration, ok bool) {
	lane, c := q.choose(now)
	if len(q.local) > 0 && (lane == "" || q.run < q.limits.localRun) {
		e, q.local = q.local[0], q.local[1:]
		q.run++
		return e, "", 0, true
	}
	q.run = 0
	if lane == "" {
		return e, "", q.wait(), false
	}
	for k, l := range q.lanes {
		if k != lane && l.ready() {
			l.passed++
		}
	}
	l := q.lanes[lane]
	first := l.queues[c][0]
	l.queues[c][0] = laneEvent[E]{}
	if l.queues[c] = l.queues[c][1:]; len(l.queues[c]) == 0 {
		l.queues[c] = nil
	}
	l.bytes[c] -= first.size
	l.passed = 0
	return first.do, lane, 0, true
}

// ready reports whether a device has something that it may have done.
func (l *lane[E]) ready() bool { return len(l.queues[Link]) > 0 || !l.held && !l.empty() }

// choose finds the device that is next, and what of it.
func (q *fairQueue[E]) choose(now time.Time) (best string, of Class) {
	var chosen *lane[E]
	var rank [3]float64
	for key, l := range q.lanes {
		q.fill(now, l)
		switch {
		case l.tokens < 0 && !l.held:
			l.held, l.since = true, now
		case l.held && l.tokens >= q.limits.quantum:
			l.held = false
		}
		if !l.ready() {
			l.passed = 0
			continue
		}
		c := l.first()
		r := [3]float64{q.urgency(l, c), l.recent, float64(l.queues[c][0].order)}
		if chosen == nil || slices.Compare(r[:], rank[:]) < 0 {
			chosen, best, of, rank = l, key, c, r
		}
	}
	return best, of
}

// urgency ranks what a device waits with: who has waited for too long, who came
// or went, what is urgent, the rest.
func (q *fairQueue[E]) urgency(l *lane[E], c Class) float64 {
	switch {
	case l.passed >= q.limits.patience:
		return -float64(l.passed)
	case c == Link:
		return 0
	case c == Bulk:
		return 2
	}
	return 1
}

// first is the class of what a device wants done first. Steps of protocols and
// the rest keep their order: one may be of what the other begins.
func (l *lane[E]) first() Class {
	frames, bulk := l.queues[Frame], l.queues[Bulk]
	switch {
	case len(l.queues[Link]) > 0:
		return Link
	case len(l.queues[Urgent]) > 0:
		return Urgent
	case len(bulk) == 0 || len(frames) > 0 && frames[0].order < bulk[0].order:
		return Frame
	}
	return Bulk
}

// wait is the time until the first of those who are held back may go on.
func (q *fairQueue[E]) wait() (least time.Duration) {
	for _, l := range q.lanes {
		if l.held && !l.empty() {
			d := max(time.Duration(float64(q.limits.quantum-l.tokens)/q.limits.rate), time.Millisecond)
			if least == 0 || d < least {
				least = d
			}
		}
	}
	return least
}

// charge notes what a device has cost.
func (q *fairQueue[E]) charge(now time.Time, key string, cost time.Duration) {
	if key == "" || cost <= 0 {
		return
	}
	l := q.lane(now, key)
	cost = min(cost, q.limits.most)
	l.tokens = max(l.tokens-cost, -q.limits.burst)
	l.recent += cost.Seconds()
}

// heldFor is how long after it last was a device is said to be held back.
const heldFor = time.Minute

// loads tells what each device costs.
func (q *fairQueue[E]) loads(now time.Time) map[string]Load {
	out := map[string]Load{}
	for key, l := range q.lanes {
		q.fill(now, l)
		out[key] = Load{Share: l.recent * math.Ln2 / q.limits.half.Seconds(), Held: !l.since.IsZero() && now.Sub(l.since) < heldFor}
	}
	return out
}

// A Load is what a device costs.
type Load struct {
	Share float64 // of the loop's time, lately
	Held  bool    // it takes more than its budget and has to wait
}

package inbox

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// An event is something to do at a time.
type event = func(time.Time)

// A fairLab is a queue with a clock of its own, which what is done moves on.
type fairLab struct {
	q    *fairQueue[event]
	now  time.Time
	done []string
}

func newFairLab() *fairLab {
	return &fairLab{q: newFairQueue[event](loopLimits), now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
}

// push queues something that costs so much.
func (l *fairLab) push(key string, c Class, size int, cost time.Duration) bool {
	e := func(time.Time) {
		l.done = append(l.done, key)
		l.now = l.now.Add(cost)
		l.q.charge(l.now, key, cost)
	}
	if key == "" {
		return l.q.pushLocal(e)
	}
	return l.q.push(l.now, key, c, e, size)
}

// serve does the next thing, and reports whether there was one that need not wait.
func (l *fairLab) serve() bool {
	e, _, wait, ok := l.q.next(l.now)
	if !ok {
		l.now = l.now.Add(max(wait, time.Millisecond))
		return false
	}
	e(l.now)
	return true
}

// TestHonestDeviceWaitsForFew: however many devices flood, whatever it costs and
// whatever they call it, what another one says is done after a bounded number of
// other things.
func TestHonestDeviceWaitsForFew(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 7))
		l := newFairLab()
		k := 1 + rng.IntN(8)
		flood := func() {
			for i := range k {
				for l.push(fmt.Sprint("flood ", i), Class(1+rng.IntN(3)), rng.IntN(1<<16), time.Duration(rng.IntN(20_000))*time.Microsecond) {
				}
			}
		}
		flood()
		for range rng.IntN(3000) { // it may have cost something itself
			l.serve()
			flood()
		}
		l.q.charge(l.now, "honest", time.Duration(rng.IntN(2500))*time.Millisecond)
		if !l.push("honest", Class(1+rng.IntN(3)), 1000, time.Millisecond) {
			t.Fatal("no room for a device of which nothing waits")
		}
		for before := 0; ; {
			if l.serve() {
				if l.done[len(l.done)-1] == "honest" {
					break
				}
				before++
			}
			flood()
			l.push("", 0, 0, time.Microsecond)
			if most := (loopLimits.patience + k + 1) * (1 + loopLimits.localRun); before > most {
				t.Fatalf("seed %d: %d devices flood, and another one waits for more than %d events", seed, k, most)
			}
		}
	}
}

// TestCheapestIsServedFirst: of devices that want the same the one that cost the
// least lately is first, and the costliest last.
func TestCheapestIsServedFirst(t *testing.T) {
	t.Parallel()
	l := newFairLab()
	for i, key := range []string{"c", "a", "b"} {
		l.q.charge(l.now, key, []time.Duration{300, 100, 200}[i]*time.Millisecond)
		l.push(key, Bulk, 1, 0)
	}
	for range 3 {
		l.serve()
	}
	if fmt.Sprint(l.done) != "[a b c]" {
		t.Errorf("served %v", l.done)
	}
	// What takes a device out is before all bulk, also of those who cost less.
	l.done = nil
	l.push("a", Bulk, 1, 0)
	l.push("c", Urgent, 1, 0)
	l.serve()
	if l.done[0] != "c" {
		t.Errorf("%s's bulk is before what is urgent", l.done[0])
	}
}

// TestBudgetOfADevice: one that floods gets its burst and then its rate, and others
// never notice.
func TestBudgetOfADevice(t *testing.T) {
	t.Parallel()
	l := newFairLab()
	began, cost := l.now, 10*time.Millisecond
	served := 0
	for l.now.Sub(began) < 10*time.Minute {
		for l.push("flood", Bulk, 100, cost) {
		}
		if l.serve() {
			served++
		}
	}
	most := loopLimits.burst + time.Duration(loopLimits.rate*float64(l.now.Sub(began))) + 10*cost
	if got := time.Duration(served) * cost; got > most || got < most/2 {
		t.Errorf("%v of the loop's time in %v, want at most %v and not half of that", got, l.now.Sub(began), most)
	}
	v := l.q.loads(l.now)["flood"]
	if !v.Held || v.Share < 0.05 || v.Share > 0.15 {
		t.Errorf("it is said to take %.2f of the time, held back %v", v.Share, v.Held)
	}
	if v := l.q.loads(l.now)["honest"]; v.Held || v.Share != 0 {
		t.Errorf("who said nothing is said to cost %+v", v)
	}
	// It may always come and go.
	l.push("flood", Link, 0, 0)
	if !l.serve() {
		t.Error("it has to wait with its going")
	}
}

// TestBurstIsNotHeldBack: a re-deal with eight others, or the signatures of an
// hour at once, are done as fast as the machine can.
func TestBurstIsNotHeldBack(t *testing.T) {
	t.Parallel()
	l := newFairLab()
	for range 29 { // 2.9 seconds of time
		l.push("busy", Frame, 1000, 100*time.Millisecond)
		if !l.serve() {
			t.Fatalf("it has to wait after %d steps", len(l.done))
		}
	}
	if l.q.loads(l.now)["busy"].Held {
		t.Error("it is said to be held back")
	}
}

// TestStallCostsLittle: time in which the machine stood still is not a device's.
func TestStallCostsLittle(t *testing.T) {
	t.Parallel()
	l := newFairLab()
	l.push("unlucky", Bulk, 1, 8*time.Hour)
	l.serve()
	l.push("unlucky", Bulk, 1, 0)
	if !l.serve() {
		t.Error("it pays for eight hours of sleep")
	}
}

// TestQueuesAreBounded: what waits of a device has a bound in number and in bytes,
// a full queue is nobody else's, and what came to nothing leaves nothing.
func TestQueuesAreBounded(t *testing.T) {
	t.Parallel()
	l := newFairLab()
	n := 0
	for ; l.push("flood", Bulk, 100<<10, 0); n++ {
	}
	if n != loopLimits.bytes/(100<<10) {
		t.Errorf("%d messages of 100 KiB wait", n)
	}
	for n = 0; l.push("small", Bulk, 1, 0); n++ {
	}
	if n != loopLimits.events {
		t.Errorf("%d messages of a byte wait", n)
	}
	if !l.push("flood", Urgent, 1000, 0) || !l.push("other", Bulk, 1<<20, 0) {
		t.Error("a full queue holds up something else")
	}
	for n = 0; l.push("", 0, 0, 0); n++ {
	}
	if n != loopLimits.locals {
		t.Errorf("%d of this device's own wait", n)
	}
	for l.serve() {
	}
	for i := range 1000 {
		l.q.charge(l.now, fmt.Sprint("once ", i), time.Millisecond)
		l.now = l.now.Add(time.Hour)
	}
	if n := len(l.q.lanes); n > 2 {
		t.Errorf("%d devices are remembered of which nothing is left", n)
	}
}

// TestPersonsAreFirst: what this device's person wants is before everything, and
// holds nothing up for good.
func TestPersonsAreFirst(t *testing.T) {
	t.Parallel()
	l := newFairLab()
	for range 100 {
		l.push("", 0, 0, 0)
		l.push("a", Urgent, 1, 0)
	}
	for range 100 {
		l.serve()
	}
	others := 0
	for i, who := range l.done {
		if who == "a" {
			others++
			if i < loopLimits.localRun {
				t.Errorf("event %d is of another device", i)
			}
		}
	}
	if others != 100/(loopLimits.localRun+1) {
		t.Errorf("%d of 100 events are of another device", others)
	}
}

package node

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/warifu/warifu/internal/commandline"
	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// A world is the devices of one circle with everything around them: network,
// clocks, disks, power and persons. One seed decides everything that happens.
type world struct {
	seed    uint64
	rng     *rand.Rand
	began   time.Time
	now     time.Time
	queue   simQueue
	count   uint64
	devices []*simDevice
	shape   simShape
	truth   *truth
	long    bool // the settings of ordinary circles, and months
	real    bool // the real signing protocols
	bold    bool // a device is stolen, see simthief_test.go
	nosy    bool // look for secrets in every message and log line
	verbose io.Writer

	loss, slow int             // of 100 messages lost, or seconds late
	cutPairs   map[[2]int]bool // no connection
	deafPairs  map[[2]int]bool // from, to: nothing arrives
	calm       bool            // faults have stopped
	forked     bool            // a device that was set back has made two epochs of one number
	eager      bool            // every person approves
	relink     bool            // somebody may be reachable anew
	err        error           // the first thing that must not be
	trace      uint64          // a hash of everything that was sent
	wire       hash.Hash       // the same with all bytes, see simends_test.go
	sent       int             // messages
	told       uint64
	hits       map[string]int   // faults that happened, by kind
	wants      map[string]int   // changes that persons asked for, by kind
	heal       func(*simDevice) // after every event of a device, for twins
	dark       *rand.Rand       // the dice of thieves
	deeds      map[string]int   // of thieves
	taped      []simTape
	receive    func(to, from *simDevice, protocol string, msg []byte) bool // takes a message in place of a device, for twins
	failed     func(*simDevice)                                            // when the power of a device has failed, in place of its coming back by chance
}

type simEvent struct {
	at    time.Time
	order uint64
	do    func()
}

type simQueue []simEvent

func (q simQueue) Len() int { return len(q) }
func (q simQueue) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].order < q[j].order
}
func (q simQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *simQueue) Push(x any)   { *q = append(*q, x.(simEvent)) }
func (q *simQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

// A simDevice is one device: its disk, its clock, and the core while it runs.
type simDevice struct {
	w       *world
	name    string
	index   int
	id      []byte
	disk    *simDisk
	keeper  *simKeeper
	core    *core // nil while the power is off
	log     *simLog
	skew    time.Duration
	allowed map[string]bool
	linked  []bool // by index
	asleep  bool   // suspended: the core is there and does not run
	tickGen int
	tickAt  time.Time
	cutIn   int // messages until the power fails; 0 is never
	boots   int

	gone    bool // destroyed
	thief   bool // in other hands
	member  bool // of the circle when the world began
	unsure  bool // was set back to an older disk at some time
	sentOff bool // a person has asked to take it out
	haul    *haul
	heard   map[wire.RequestID]bool // words that have reached it
	owes    []simDue                // to each other device
	image   *simImage
	view    view
	sealed  map[string]bool // names of the keys under which it has ever held shares of an attempt
}

// after runs do at a later time.
func (w *world) after(d time.Duration, do func()) {
	w.count++
	heap.Push(&w.queue, simEvent{w.now.Add(d), w.count, do})
}

// maxSimMessages is far more than are sent in any world that gets on, and
// maxSimDay what may come on top for each day that it lasts: devices that wait
// for one that is gone for weeks say so again and again.
const (
	maxSimMessages = 150_000
	maxSimDay      = 20_000
)

// run lets time pass, until ok or something is wrong.
func (w *world) run(limit time.Duration, ok func() bool) bool {
	end := w.now.Add(limit)
	for w.err == nil {
		if w.relink {
			w.relink = false
			w.connect()
		}
		if ok != nil && ok() {
			return true
		}
		if len(w.queue) == 0 || w.queue[0].at.After(end) {
			w.now = end
			return false
		}
		e := heap.Pop(&w.queue).(simEvent)
		w.now = e.at
		if w.verbose != nil && w.count/5000 != w.told {
			w.told = w.count / 5000
			fmt.Fprintln(w.verbose, "EVENTS", w.count, "messages", w.sent, "at", w.now, w.busy())
		}
		e.do()
		if w.sent > maxSimMessages+int(w.now.Sub(w.began)/(24*time.Hour))*maxSimDay {
			w.fail("livelock: %d messages: %s", w.sent, w.census())
		}
	}
	return false
}

// fail notes what must not be. The first finding counts.
func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

// between is a random duration, most often a short one.
func (w *world) between(least, most time.Duration) time.Duration {
	x := w.rng.Float64()
	return least + time.Duration(float64(most-least)*x*x)
}

func (w *world) random() *rand.ChaCha8 {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(w.rng.Uint32())
	}
	return rand.NewChaCha8(seed)
}

// timings are coarse, so that months pass quickly.
func (w *world) timings() standing.Timings {
	t := standing.Timings{
		Tick: time.Second, IdleTick: 15 * time.Minute, Silence: 9 * time.Second, Beat: 30 * time.Minute, LiveBeat: 15 * time.Second,
		Resend: 3 * time.Second, EarlyHold: 10 * time.Second, Inventory: time.Hour,
	}
	if w.long {
		t.IdleTick, t.Beat, t.Inventory = time.Hour, 12*time.Hour, 24*time.Hour
	}
	return t
}

// clock is what the device takes for the time.
func (d *simDevice) clock() time.Time { return d.w.now.Add(d.skew) }

func (d *simDevice) on() bool { return d.core != nil && !d.asleep }

// boot starts a device from its disk.
func (d *simDevice) boot() {
	if d.core != nil || d.gone || d.w.err != nil || d.haul != nil && d.haul.hidden {
		return
	}
	d.boots++
	d.disk.boot()
	d.keeper.locked, d.asleep, d.cutIn = false, false, 0
	log := slog.New(slog.DiscardHandler)
	if d.w.nosy || d.w.verbose != nil {
		log = slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	c, err := newCore(standing.Config{
		Words:   commandline.Words,
		Journal: simJournal{d.disk}, Keeper: d.keeper, Rand: d.w.random(), Timings: d.w.timings(),
		Log: log, Now: d.clock,
	})
	if err == nil {
		c.NewSigner = d.w.truth.signer(d)
		if d.w.real {
			c.NewSigner = d.w.truth.watched(d)
		}
		d.core = c
		err = c.start(d)
	}
	d.w.note(d, "boots", err)
	if err != nil {
		d.off("does not start")
		if !errors.Is(err, journaltest.ErrCrash) && !errors.Is(err, errSimDisk) {
			d.w.fail("%s does not start: %w", d.name, err)
			return
		}
		d.w.after(time.Minute, d.boot)
		return
	}
	d.w.relink = true
	d.done()
}

// off takes the power away.
func (d *simDevice) off(why string) {
	if d.core == nil {
		return
	}
	d.w.note(d, why, nil)
	d.core, d.asleep = nil, false
	d.tickGen++
	for i := range d.linked {
		d.w.unlink(d, d.w.devices[i], "connection reset")
	}
}

// do gives the core an event.
func (d *simDevice) do(f func(c *core)) {
	if !d.on() || d.w.err != nil {
		return
	}
	f(d.core)
	d.core.settle()
	d.done()
}

// done looks after a device that had an event.
func (d *simDevice) done() {
	if d.disk.crashed {
		d.off("power fails")
		if d.w.failed != nil {
			d.w.failed(d)
		} else if !d.gone {
			wait := d.w.between(time.Second, 3*time.Minute)
			if !d.w.calm && d.w.chance(15) {
				wait = d.w.between(time.Hour, 10*time.Hour)
			}
			d.w.after(wait, d.boot)
		}
		return
	}
	if d.w.heal != nil {
		d.w.heal(d)
	}
	if every := d.core.tickEvery(); d.tickAt.IsZero() || d.w.now.Add(every).Before(d.tickAt) || d.tickAt.Before(d.w.now) {
		d.tickIn(every)
	}
	d.w.look(d)
}

func (d *simDevice) tickIn(every time.Duration) {
	d.tickGen++
	gen := d.tickGen
	d.tickAt = d.w.now.Add(every)
	d.w.after(every, func() {
		if gen == d.tickGen && d.on() {
			d.tickAt = time.Time{}
			d.do(func(c *core) { c.tick(d.clock()) })
		}
	})
}

// suspend stops a device without ending it.
func (d *simDevice) suspend(for_ time.Duration) {
	if !d.on() {
		return
	}
	d.w.note(d, "sleeps", nil)
	d.asleep = true
	d.tickGen++
	for i := range d.linked {
		d.w.unlink(d, d.w.devices[i], "timeout")
	}
	d.w.after(for_, d.wake)
}

func (d *simDevice) wake() {
	if d.core == nil || !d.asleep {
		return
	}
	d.w.note(d, "wakes", nil)
	d.asleep, d.tickAt = false, time.Time{}
	d.w.relink = true
	d.do(func(c *core) { c.tick(d.clock()) })
}

// unlink ends a connection. Both sides hear of it a little later.
func (w *world) unlink(a, b *simDevice, why string) {
	if !a.linked[b.index] {
		return
	}
	a.linked[b.index], b.linked[a.index] = false, false
	w.relink = true
	for _, e := range [][2]*simDevice{{a, b}, {b, a}} {
		w.after(0, func() {
			if !e[0].linked[e[1].index] {
				e[0].do(func(c *core) { c.onDown(e[0].clock(), e[1].id, why) })
			}
		})
	}
}

// connect joins all pairs that allow each other and can reach each other.
func (w *world) connect() {
	for i, a := range w.devices {
		for _, b := range w.devices[i+1:] {
			if !a.on() || !b.on() || a.linked[b.index] || !a.allowed[string(b.id)] || !b.allowed[string(a.id)] || w.cutPairs[[2]int{a.index, b.index}] {
				continue
			}
			a.linked[b.index], b.linked[a.index] = true, true
			for _, e := range [][2]*simDevice{{a, b}, {b, a}} {
				w.after(0, func() {
					if e[0].linked[e[1].index] {
						e[0].do(func(c *core) { c.onUp(e[0].clock(), e[1].id) })
					}
				})
			}
		}
	}
}

// split makes or ends a partition of two devices.
func (w *world) split(a, b *simDevice, yes bool) {
	if a.index > b.index {
		a, b = b, a
	}
	if !yes {
		delete(w.cutPairs, [2]int{a.index, b.index})
		w.relink = true
		return
	}
	w.cutPairs[[2]int{a.index, b.index}] = true
	w.unlink(a, b, "timeout")
}

// The rest makes a device the link of its core.

func (d *simDevice) ID() []byte                                                { return d.id }
func (d *simDevice) Addrs() []string                                           { return []string{"/ip4/127.0.0.1/tcp/" + d.name} }
func (d *simDevice) SetBeacon([32]byte, [][32]byte, uint16, map[uint16][]byte) {}

// Fault must never be said of a device that is what we shipped.
func (d *simDevice) Fault(peer []byte, what string) {
	for _, other := range d.w.devices {
		if bytes.Equal(other.id, peer) && !other.thief {
			d.w.fail("%s says that %s is at fault: %s", d.name, other.name, what)
		}
	}
}

func (d *simDevice) SetPeers(peers map[string][]string) {
	if d.disk.crashed {
		return
	}
	d.allowed = map[string]bool{}
	for id := range peers {
		d.allowed[id] = true
	}
	d.w.relink = true
	for i, o := range d.w.devices {
		if d.linked[i] && !d.allowed[string(o.id)] {
			d.w.unlink(d, o, "no longer allowed")
		}
	}
}

func (d *simDevice) peer(id []byte) *simDevice {
	for i, o := range d.w.devices {
		if d.linked[i] && bytes.Equal(o.id, id) {
			return o
		}
	}
	return nil
}

func (d *simDevice) Connected(id []byte) bool { return d.peer(id) != nil }

var errSimLink = errors.New("sim: not connected")

// Send queues a message. What a device says after its power has failed nobody
// hears.
func (d *simDevice) Send(id []byte, protocol string, msg []byte) error {
	w, to := d.w, d.peer(id)
	if to == nil || d.disk.crashed {
		return errSimLink
	}
	if d.cutIn > 0 {
		if d.cutIn--; d.cutIn == 0 {
			d.disk.crashed = true
			return errSimLink
		}
	}
	w.heard(d, protocol, msg)
	w.tape(simTape{d, to, protocol, msg})
	w.sent++
	for _, x := range []int{d.index, to.index, len(msg), int(msg[0])} {
		w.trace = w.trace*1099511628211 + uint64(x)
	}
	if w.wire != nil {
		fmt.Fprintf(w.wire, "%v %d %d %s %x\n", w.now, d.index, to.index, protocol, msg)
	}
	if w.deafPairs[[2]int{d.index, to.index}] || w.rng.IntN(100) < w.loss {
		return nil
	}
	copies := 1
	if w.loss > 0 && w.chance(10) {
		copies = 2
	}
	for range copies {
		delay := w.between(5*time.Millisecond, 150*time.Millisecond)
		if w.slow > 0 {
			delay = w.between(delay, time.Duration(w.slow)*time.Second)
		}
		b, epoch := bytes.Clone(msg), d.view.head().Epoch
		w.after(delay, func() {
			if to.linked[d.index] {
				if protocol == wire.ProtocolSync && b[0] == message.MsgBeat {
					w.beats(d, to, epoch)
				}
				to.do(func(c *core) {
					if w.receive == nil || !w.receive(to, d, protocol, b) {
						c.onMessage(to.clock(), d.id, protocol, b)
					}
				})
			}
		})
	}
	return nil
}

// busy says who ticks fast.
func (w *world) busy() (out string) {
	for _, d := range w.devices {
		if c := d.core; c != nil {
			out += fmt.Sprintf(" %s: every %v, founding %t, re-deal %t, sessions %d;", d.name, c.tickEvery(), c.Founding != nil, c.Redealing(), len(c.Sessions))
		}
	}
	return out
}

// note writes down what happens, if somebody reads it.
func (w *world) note(d *simDevice, what string, err error) {
	if w.verbose == nil {
		return
	}
	fmt.Fprintf(w.verbose, "%s %-8s ## %s", w.now.Format("01-02 15:04:05.000"), d.name, what)
	if err != nil {
		fmt.Fprintf(w.verbose, ": %v", err)
	}
	fmt.Fprintln(w.verbose)
}

// slotOf returns the slot that a device has or had in the newest epoch that it
// knows, 0 if none.
func (d *simDevice) slot() wire.Slot {
	for _, e := range d.view.chain {
		if me, ok := e.Record.ByIdentity(d.view.self); ok {
			return me.Slot
		}
	}
	return 0
}

package refresh_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A world runs one attempt in a hostile world that one seed controls: a
// network that loses, repeats and reorders, disks that fail before or after a
// write is durable, power cuts between any two effects, devices that sleep,
// run out of patience or burn, and one that lies. It differs from package sim
// in what it watches: the shares that every disk holds, after every effect.
type world struct {
	c       *circle
	p       refresh.Proposal
	rng     *rand.Rand
	devices map[wire.Slot]*device
	flight  []parcel
	said    map[string]string
	deaths  int

	power, disk int  // one in so many effects, writes; 0 is never
	impatient   int  // one timer in so many votes to abort; 0 is never
	mortal      int  // how many may burn
	presence    bool // the owner may give up on a sleeper
	liar        wire.Slot

	real bool // test signatures are made by the real protocols

	fault func(d *device, write int) fate // instead of chance, for the crash table

	// What a wrong machine or driver would do, for twins that must be caught.
	twist  func(d *device, effects []session.Effect) []session.Effect
	timer  func(d *device) []session.Effect // of a committed device
	unsync bool                             // what is persisted dies with the power
	deaf   bool                             // sleepers do not open their mailbox
	forget bool                             // a device that only dealt starts afresh
	blind  bool                             // nobody looks at when shares are erased
	lethe  bool                             // who returned forgets, and refuses whoever asks
}

type device struct {
	slot    wire.Slot
	machine *refresh.Machine
	state   []byte              // on disk
	view    refresh.StateFields // the same, read
	parent  bool                // a parent share is on disk
	asleep  bool
	down    bool // without power
	burnt   bool
	writes  int  // durable ones so far
	refused bool // has voted afresh: see world.lethe
}

type parcel struct {
	f  wire.Frame
	to wire.Slot
}

var (
	errLost     = errors.New("invariant K: fewer than t shares of every epoch are left")
	errTwoLive  = errors.New("invariant U: two epochs can sign")
	errEarly    = errors.New("invariant D: a parent share was erased too early")
	errNamed    = errors.New("an honest device was named")
	errRolled   = errors.New("a device forgot its own vote")
	errTwoWords = errors.New("a device said two different things")
	errSplit    = errors.New("a device went back while another had locked")
	errStuck    = errors.New("invariant L: enough devices are left, and no epoch can sign")
	errOracle   = errors.New("shares do not make the key, or make it when they must not")
	errDriver   = errors.New("an effect that no driver can carry out")
)

func newWorld(c *circle, p refresh.Proposal, seed uint64) *world {
	w := &world{c: c, p: p, rng: rand.New(rand.NewPCG(seed, 7)), devices: map[wire.Slot]*device{}, said: map[string]string{}}
	for _, slot := range slices.Concat(p.Members, p.Sleepers) {
		_, held := c.parent.Device(slot)
		w.devices[slot] = &device{slot: slot, parent: held, asleep: slices.Contains(p.Sleepers, slot)}
	}
	return w
}

func (w *world) slots() []wire.Slot {
	all := slices.Concat(w.p.Members, w.p.Sleepers)
	slices.Sort(all)
	return all
}

func (d *device) up() bool { return !d.asleep && !d.down && !d.burnt }

func (w *world) boot(d *device) error {
	cfg := w.c.config(w.p, d.slot)
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(w.rng.Uint32())
	}
	cfg.Rand = rand.NewChaCha8(seed)
	var effects []session.Effect
	var err error
	if d.state == nil || w.forget && d.view.Phase == refresh.Dealing {
		d.machine, effects, err = refresh.New(cfg)
	} else {
		cfg.Rand, cfg.Shares = nil, nil
		d.machine, effects, err = refresh.Resume(cfg, bytes.Clone(d.state))
	}
	if err != nil {
		return fmt.Errorf("boot device %d: %w", d.slot, err)
	}
	d.down = false
	return w.apply(d, effects)
}

// cut takes the power of d away; it comes back at once or later.
func (w *world) cut(d *device, later bool) error {
	d.machine.Close()
	if w.unsync {
		d.state, d.view = nil, refresh.StateFields{}
	}
	if later {
		d.down = true
		return w.check()
	}
	return w.boot(d)
}

// apply carries out effects in order. At the first that fails the machine is
// dropped and resumed from what the disk holds.
func (w *world) apply(d *device, effects []session.Effect) error {
	if w.twist != nil {
		effects = w.twist(d, effects)
	}
	for i, e := range effects {
		if w.power > 0 && w.rng.IntN(w.power) == 0 {
			return w.cut(d, w.rng.IntN(2) == 0)
		}
		var durable func()
		switch e := e.(type) {
		case session.Persist:
			durable = func() { d.state, d.view = bytes.Clone(e.State), refresh.ReadState(e.State) }
		case session.Erase:
			if err := w.mayErase(d); err != nil && !w.blind {
				return err
			}
			durable = func() { d.parent = false }
		case session.Discard:
			durable = func() {}
		case session.Send:
			if err := w.send(d, e.Frame); err != nil {
				return err
			}
		case session.Done:
			if i != len(effects)-1 {
				return fmt.Errorf("%w: effects after Done", errDriver)
			}
		default:
			return fmt.Errorf("%w: %T", errDriver, e)
		}
		if durable != nil {
			if running, err := w.write(d, durable); err != nil || !running {
				return err
			}
		}
		if err := w.check(); err != nil {
			return err
		}
	}
	return nil
}

// write does what must be durable, or fails, or does it and fails. It reports
// whether the device is still running.
func (w *world) write(d *device, do func()) (running bool, err error) {
	if w.fault != nil {
		return w.strike(d, do)
	}
	fate := 2
	if w.disk > 0 {
		fate = w.rng.IntN(w.disk)
	}
	if fate != 0 {
		do()
	}
	if err := w.check(); err != nil {
		return false, err
	}
	if fate <= 1 {
		return false, w.cut(d, false)
	}
	return true, nil
}

func (w *world) send(d *device, f wire.Frame) error {
	f, err := wire.ParseFrame(f.Append(nil))
	if err != nil {
		return fmt.Errorf("%w: %w", errDriver, err)
	}
	s := refresh.StatementIn(f)
	if s.Slot == d.slot && s.Kind != refresh.TestShown && s.Kind != refresh.Complain {
		key := fmt.Sprint(s.Slot, s.Kind)
		if old, ok := w.said[key]; ok && old != string(s.Body) {
			return fmt.Errorf("%w: device %d, kind %d", errTwoWords, s.Slot, s.Kind)
		}
		w.said[key] = string(s.Body)
	}
	for _, to := range w.slots() {
		if to != d.slot && (f.To == 0 || f.To == to) {
			w.flight = append(w.flight, parcel{f, to})
		}
	}
	return nil
}

// react gives d's machine an event and carries out its answer.
func (w *world) react(d *device, event func() ([]session.Effect, error)) error {
	effects, err := event()
	if d.slot == w.liar && err != nil {
		return nil // it meets its own lies
	}
	if errors.Is(err, refresh.ErrRolledBack) {
		return fmt.Errorf("%w: device %d", errRolled, d.slot)
	}
	if err != nil {
		return fmt.Errorf("device %d: %w", d.slot, err)
	}
	if err := w.apply(d, effects); err != nil {
		return err
	}
	for slot := range d.machine.Suspects() {
		if slot != w.liar && d.slot != w.liar {
			return fmt.Errorf("%w: device %d by %d: %s", errNamed, slot, d.slot, d.machine.Suspects()[slot])
		}
	}
	return nil
}

func (w *world) arrive() error {
	i := w.rng.IntN(len(w.flight))
	p := w.flight[i]
	fate := w.rng.IntN(6)
	if fate != 0 { // 0: it comes again later
		last := len(w.flight) - 1
		w.flight[i] = w.flight[last]
		w.flight = w.flight[:last]
	}
	d := w.devices[p.to]
	if fate == 1 || !d.up() {
		return nil
	}
	return w.deliver(d, p.f)
}

func (w *world) deliver(d *device, f wire.Frame) error {
	if w.lethe && d.view.Phase == refresh.Returned && slices.Contains(w.p.Members, d.slot) {
		if d.refused {
			return nil
		}
		d.refused = true
		refusal, err := refresh.Refuse(w.c.config(w.p, d.slot))
		if err != nil {
			return err
		}
		for _, to := range without(w.slots(), d.slot) {
			w.flight = append(w.flight, parcel{refusal.Frame, to})
		}
		return nil
	}
	f.Body = bytes.Clone(f.Body)
	return w.react(d, func() ([]session.Effect, error) {
		effects, err := d.machine.Deliver(f)
		clear(f.Body) // the transport reuses its buffers
		return effects, err
	})
}

// step lets one thing happen.
func (w *world) step() error {
	if len(w.flight) > 0 && w.rng.IntN(4) != 0 {
		return w.arrive()
	}
	d := w.devices[w.slots()[w.rng.IntN(len(w.devices))]]
	switch {
	case d.burnt:
		return nil
	case d.asleep:
		if w.deaf || w.rng.IntN(30) != 0 {
			return nil
		}
		d.asleep = false
		return w.boot(d)
	case d.down:
		return w.boot(d)
	}
	if w.mortal > w.deaths && w.rng.IntN(40) == 0 {
		return w.burn(d)
	}
	if w.impatient > 0 && d.slot != w.liar && w.rng.IntN(w.impatient) == 0 {
		return w.react(d, func() ([]session.Effect, error) { return w.giveUp(d) })
	}
	if w.presence && w.rng.IntN(10) == 0 {
		return w.react(d, func() ([]session.Effect, error) { return optional(d.machine.Presence()) })
	}
	if d.slot == w.liar && w.rng.IntN(2) == 0 {
		return w.lie(d)
	}
	return w.tick(d)
}

// tick is a timer: a device makes the test signatures or repeats itself.
func (w *world) tick(d *device) error {
	if w.lethe && d.view.Phase == refresh.Returned {
		return nil
	}
	if d.machine.NeedsTest() && w.testable(d) {
		sign := w.c.testSignatures
		if w.real {
			sign = w.signTest
		}
		return w.react(d, func() ([]session.Effect, error) { return d.machine.Tested(sign(d.machine)) })
	}
	return w.react(d, func() ([]session.Effect, error) { return d.machine.Resend(), nil })
}

// testable reports whether enough devices hold new shares in memory to sign
// with d.
func (w *world) testable(d *device) bool { return len(w.ready(d.machine)) >= w.p.Threshold }

// ready returns the shares of devices that hold new ones of m's record.
func (w *world) ready(m *refresh.Machine) map[wire.Slot]map[string]secret.Key {
	out := map[wire.Slot]map[string]secret.Key{}
	rec, _ := m.Record()
	for _, slot := range w.p.Members {
		o := w.devices[slot]
		if !o.up() {
			continue
		}
		if r, ok := o.machine.Record(); ok && r.Hash() == rec.Hash() {
			if keys, held := o.machine.Shares(); held {
				out[slot] = keys
			}
		}
	}
	return out
}

// signTest signs the test messages with real machines.
func (w *world) signTest(m *refresh.Machine) map[string][]byte {
	shares := w.ready(m)
	signers := slices.Sorted(maps.Keys(shares))[:w.p.Threshold]
	rec, _ := m.Record()
	out := map[string][]byte{}
	for _, a := range rec.Accounts {
		out[a.Name] = signWith(w.c.t, rec, a, shares, signers, refresh.TestPurpose, m.TestMessage(a), m.TestRequest(a))
	}
	return out
}

func (w *world) giveUp(d *device) ([]session.Effect, error) {
	if w.timer != nil && d.machine.Phase() == refresh.Committed {
		return w.timer(d), nil
	}
	return optional(d.machine.Abort())
}

// optional is an answer to something that a machine may refuse.
func optional(effects []session.Effect, err error) ([]session.Effect, error) {
	if err != nil && len(effects) == 0 {
		return nil, nil
	}
	return effects, err
}

// burn destroys d and its disk.
func (w *world) burn(d *device) error {
	w.deaths++
	d.burnt, d.parent, d.state, d.view = true, false, nil, refresh.StateFields{}
	if d.machine != nil {
		d.machine.Close()
	}
	return w.check()
}

// lie has d say to one other device what it should not: any vote, whatever it
// said to the rest.
func (w *world) lie(d *device) error {
	rec, ok := d.machine.Record()
	if !ok {
		return w.tick(d)
	}
	hash := rec.Hash()
	s := refresh.Statement{Slot: d.slot}
	switch w.rng.IntN(4) {
	case 0:
		s.Kind, s.Body = refresh.Commit, hash[:]
	case 1:
		s.Kind, s.Body = refresh.Abort, refresh.PlainAbort
	case 2:
		s.Kind = refresh.Lock
		if s.Body, ok = d.machine.LockBody(); !ok {
			return nil
		}
	default:
		hash[0] ^= 1
		s.Kind, s.Body = refresh.Commit, hash[:]
	}
	others := without(w.slots(), d.slot)
	f := s.Frame(w.p, d.slot, w.c.identity[d.slot])
	w.flight = append(w.flight, parcel{f, others[w.rng.IntN(len(others))]})
	return nil
}

// run boots everybody who is awake and takes steps; then faults stop and
// everybody gets on as well as they can.
func (w *world) run(steps int) error {
	for _, slot := range w.slots() {
		if d := w.devices[slot]; d.up() {
			if err := w.boot(d); err != nil {
				return err
			}
		}
	}
	for range steps {
		if err := w.step(); err != nil {
			return err
		}
	}
	if err := w.calm(); err != nil {
		return err
	}
	return w.finish()
}

// calm ends all faults: everybody wakes, every frame arrives in the end, and
// timers run out where nothing moves.
func (w *world) calm() error {
	w.power, w.disk, w.unsync = 0, 0, false
	for _, slot := range w.slots() {
		d := w.devices[slot]
		if d.burnt || d.up() || d.asleep && w.deaf {
			continue
		}
		d.asleep = false
		if err := w.boot(d); err != nil {
			return err
		}
	}
	if err := w.rounds(6, false); err != nil {
		return err
	}
	return w.rounds(6, true)
}

// rounds lets every timer fire and every frame arrive, n times.
func (w *world) rounds(n int, impatient bool) error {
	for range n {
		if w.over() {
			return nil
		}
		for _, slot := range w.slots() {
			d := w.devices[slot]
			if d.up() && impatient && slot != w.liar {
				if err := w.react(d, func() ([]session.Effect, error) { return w.giveUp(d) }); err != nil {
					return err
				}
			}
			if !d.up() {
				continue
			}
			if err := w.tick(d); err != nil {
				return err
			}
		}
		for len(w.flight) > 0 {
			p := w.flight[0]
			w.flight = w.flight[1:]
			if d := w.devices[p.to]; d.up() {
				if err := w.deliver(d, p.f); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// over reports whether nobody who is up has anything left to do.
func (w *world) over() bool {
	for _, d := range w.devices {
		if d.up() && d.machine.Phase() != refresh.Retired && d.machine.Phase() != refresh.Returned {
			return false
		}
	}
	return true
}

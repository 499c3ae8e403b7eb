package node

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// play schedules what befalls the devices: scenes, each of which is something
// that a person wants, or nothing, with faults around it.
func (w *world) play() time.Duration {
	at := w.between(0, 30*time.Second)
	for range 2 + w.rng.IntN(3) {
		w.after(at, w.scene)
		pause := w.between(time.Minute, 20*time.Minute)
		switch {
		case w.chance(30):
			pause = w.between(time.Hour, 14*time.Hour)
		case w.long && w.chance(70):
			pause = w.between(5*24*time.Hour, 40*24*time.Hour)
		}
		at += pause
	}
	return at
}

// pick returns a device for which ok holds, or nil.
func (w *world) pick(ok func(*simDevice) bool) *simDevice {
	var list []*simDevice
	for _, d := range w.devices {
		if ok(d) {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[w.rng.IntN(len(list))]
}

func (d *simDevice) running() bool {
	return d.on() && d.core.Circle != nil && d.core.Circle.Evicted == nil
}

// scene is one story.
func (w *world) scene() {
	if w.chance(40) {
		w.fault(w.rng.IntN(3)) // somebody is away, or about to be
	}
	w.after(w.between(0, 5*time.Second), w.want)
	if w.chance(15) {
		w.after(w.between(0, 10*time.Second), w.want)
	}
	for range 1 + w.rng.IntN(4) {
		w.after(w.between(0, 25*time.Second), func() { w.fault(w.rng.IntN(13)) })
	}
	if w.chance(50) {
		w.after(w.between(0, time.Minute), func() { w.wantSignature(w.pick((*simDevice).running)) })
	}
}

// want has a person ask for something at some device.
func (w *world) want() {
	d := w.pick(func(d *simDevice) bool { return d.running() && !d.thief })
	if d == nil {
		return
	}
	rec := d.core.Circle.Record
	other := rec.Devices[w.rng.IntN(len(rec.Devices))].Slot
	kind, ch := change.Refresh, change.Payload{}
	switch n := w.rng.IntN(20); {
	case n < 8:
	case n < 12 && other != d.core.Circle.Slot && d.core.EnoughWithout(other) == nil:
		x := w.bySlot(other)
		if x != nil && !w.mayGo(x) {
			break
		}
		kind, ch.Slot = change.Lost, uint16(other)
		if x != nil && w.chance(40) && w.spare(x) {
			x.thief = true // the person is right
		}
	case n < 14 && d.core.EnoughWithout(d.core.Circle.Slot) == nil && w.mayGo(d):
		kind = change.Leave
	case n < 16:
		w.add(d)
		return
	case n == 16:
		kind = change.Freeze
	case n == 17 && d.core.Frozen() != "":
		kind = change.Thaw
	case n == 18 && other != d.core.Circle.Slot:
		kind, ch.Slot, ch.Until = change.Vacation, uint16(other), standing.Unix(d.clock())+3*24*3600
	case n == 19 && other != d.core.Circle.Slot:
		kind, ch.Slot = change.Veto, uint16(other)
	}
	w.ask(d, kind, ch)
}

func (w *world) bySlot(s wire.Slot) *simDevice {
	for _, d := range w.devices {
		if d.slot() == s {
			return d
		}
	}
	return nil
}

// ask makes a request to change the circle, and lets other persons approve it.
func (w *world) ask(d *simDevice, kind change.Kind, ch change.Payload) {
	d.do(func(c *core) {
		c.Now = d.clock()
		w.truth.meant(d, kind, ch)
		r, err := c.AskChange(kind, ch, 6*time.Hour)
		w.note(d, "PERSON "+string(kind), err)
		if err != nil {
			return
		}
		w.wants[string(kind)]++
		w.approval(r.ID, d)
		w.truth.speaks(d, r.ID, kind, ch)
		switch x := w.bySlot(wire.Slot(ch.Slot)); {
		case kind == change.Leave:
			d.sentOff = true
		case kind == change.Lost && x != nil:
			x.sentOff = true
		}
		for _, o := range w.devices {
			if o != d && !o.thief && (ch.Slot == 0 || o.slot() != wire.Slot(ch.Slot)) && (w.eager || w.chance(85)) {
				w.approveLater(o, r.ID, 8)
			}
		}
	})
}

func (w *world) approval(id wire.RequestID, d *simDevice) {
	if w.truth.approved[id] == nil {
		w.truth.approved[id] = map[wire.DeviceID]bool{}
	}
	w.truth.approved[id][d.view.self] = true
}

// approveLater has the person of d approve once the device shows the request.
func (w *world) approveLater(d *simDevice, id wire.RequestID, tries int) {
	w.after(w.between(time.Second, 30*time.Second), func() {
		if tries == 0 || w.err != nil {
			return
		}
		if d.thief {
			return
		}
		if !d.running() || d.core.Requests[id] == nil {
			w.approveLater(d, id, tries-1)
			return
		}
		d.do(func(c *core) {
			c.Now = d.clock()
			w.approval(id, d)
			w.note(d, "PERSON approves", c.Approve(c.Requests[id], true))
		})
	})
}

// wantSignature has the person of d ask for a signature, and others approve.
func (w *world) wantSignature(d *simDevice) *ledger.Request {
	if d == nil || !d.running() {
		return nil
	}
	var r *ledger.Request
	d.do(func(c *core) {
		c.Now = d.clock()
		account, path := roster.Ethereum, []uint32{0, 0}
		in := intent.Input{Kind: intent.Message, Message: []byte("pay")}
		var err error
		r, err = c.Ask(in, account, path, 2*time.Hour)
		w.note(d, "PERSON sign", err)
		if err != nil {
			r = nil
			return
		}
		if d.thief {
			return
		}
		w.wants["sign"]++
		w.approval(r.ID, d)
		for _, o := range w.devices {
			if o != d && !o.thief {
				w.approveLater(o, r.ID, 8)
			}
		}
	})
	return r
}

// add introduces a device that is in no circle, and asks for it to come in.
func (w *world) add(d *simDevice) {
	x := w.pick(func(x *simDevice) bool { return x.on() && x.core.Circle == nil && x.core.Attempt == nil })
	if x == nil || !d.running() || len(d.core.Circle.Record.Devices) > 4 {
		return
	}
	w.introduce(d, x)
}

// introduce makes two devices known to each other and asks for one of them to
// come in.
func (w *world) introduce(d, x *simDevice) {
	w.meet(d, x)
	card := x.core.OwnCard([32]byte{1})
	w.after(time.Second, func() {
		if d.running() {
			w.ask(d, change.Add, change.Payload{Card: card.Bytes(), Addrs: x.Addrs()})
		}
	})
}

// meet is what a pairing comes to.
func (w *world) meet(d, x *simDevice) {
	card := x.core.OwnCard([32]byte{1})
	x.do(func(c *core) {
		c.Now = x.clock()
		s := meet.Newcomer{Card: d.core.OwnCard([32]byte{1}), Addrs: d.Addrs()}
		c.Joining = &founding.Joining{Sponsor: s, Card: card, Touched: c.Now}
		c.Pairing[string(d.id)] = nil
		c.admit()
	})
	d.do(func(c *core) {
		c.Pairing[string(x.id)] = nil
		c.admit()
	})
	w.after(10*time.Minute, func() {
		if x.core != nil && x.core.Circle == nil && x.core.Attempt == nil && x.core.Joining != nil {
			x.do(func(c *core) { c.EndMeeting(errors.New("its person gives up")) })
		}
	})
}

// spare reports whether d may be lost for good: enough others hold shares of
// every epoch in which somebody is. Whom persons have asked to take out does not
// count, for the others may deal without it at any time.
func (w *world) spare(d *simDevice) bool {
	return w.without(func(o *simDevice) bool { return o == d || o.sentOff })
}

// mayGo reports whether d may be taken out of the circle, sound as it may be.
// No protocol helps persons who take out the last device that was not lost.
func (w *world) mayGo(d *simDevice) bool {
	return w.without(func(o *simDevice) bool { return o == d })
}

// without reports whether the key and everybody's epoch outlive the devices that
// are lost already and those for which lost holds.
func (w *world) without(lost func(*simDevice) bool) bool {
	holders := w.holders(slices.DeleteFunc(w.sane(), lost))
	sound := func(r roster.Record) bool {
		n := 0
		for _, x := range r.Devices {
			o := w.byIdentity(x.Identity)
			if !lost(o) && !o.gone && !o.thief && !o.unsure {
				n++
			}
		}
		return n >= r.Threshold
	}
	for _, o := range w.sane() {
		if len(o.view.chain) == 0 {
			continue
		}
		head := o.view.head()
		h := head.Hash()
		in, ok := w.truth.records[o.view.in]
		if !sound(head) || ok && !sound(in) || holders[h] < head.Threshold && holders[o.view.in] < in.Threshold {
			return false
		}
		// The epoch to be of a re-deal that may succeed.
		if r, ok := w.truth.records[o.view.record]; ok && o.view.phase != refresh.Returned && !sound(r) {
			return false
		}
		if c := o.core; c != nil && c.Attempt != nil && c.Redealing() {
			p := c.Attempt.Proposal
			n := 0
			for _, s := range slices.Concat(p.Members, p.Sleepers) {
				if x := w.bySlot(s); x == nil || !lost(x) && !x.gone && !x.thief && !x.unsure {
					n++
				}
			}
			if n < p.Threshold {
				return false
			}
		}
	}
	return true
}

func (w *world) byIdentity(id wire.DeviceID) *simDevice {
	for _, d := range w.devices {
		if d.view.self == id {
			return d
		}
	}
	return nil
}

// fault lets one thing go wrong. The first three kinds are devices that are
// away.
func (w *world) fault(kind int) {
	if w.calm {
		return
	}
	d := w.pick((*simDevice).on)
	o := w.pick(func(o *simDevice) bool { return o != d })
	if d == nil {
		return
	}
	hit := func(name string) { w.hits[name]++; w.note(d, "FAULT "+name, nil) }
	away := w.between(2*time.Second, 3*time.Minute)
	if w.chance(25) {
		away = w.between(time.Hour, 30*time.Hour)
		if w.long && w.chance(50) {
			away = w.between(24*time.Hour, 45*24*time.Hour)
		}
	}
	switch kind {
	case 0:
		hit("power")
		d.off("loses power")
		w.after(away, d.boot)
	case 1:
		hit("sleep")
		d.suspend(away)
	case 2:
		hit("partition")
		side := w.rng.Uint64()
		for _, a := range w.devices {
			for _, b := range w.devices[a.index+1:] {
				if side>>a.index&1 != side>>b.index&1 {
					w.split(a, b, true)
					w.after(away, func() { w.split(a, b, false) })
				}
			}
		}
	case 3, 4:
		hit("power while it speaks")
		d.cutIn = 1 + w.rng.IntN(20)
	case 5, 6, 7:
		f := journaltest.Fault(1 + w.rng.IntN(4))
		hit(f.String())
		d.disk.plan[d.disk.writes+1+w.rng.IntN(8)] = f
	case 8:
		hit("loss")
		w.loss, w.slow = 5+w.rng.IntN(40), w.rng.IntN(2)*w.rng.IntN(8)
		w.after(w.between(5*time.Second, 2*time.Minute), func() { w.loss, w.slow = 0, 0 })
	case 9:
		hit("one way")
		w.deafPairs[[2]int{d.index, o.index}] = true
		w.after(w.between(5*time.Second, 10*time.Minute), func() { delete(w.deafPairs, [2]int{d.index, o.index}) })
	case 10:
		hit("clock")
		by := time.Duration(w.rng.Int64N(int64(48*time.Hour))) - 24*time.Hour
		switch w.rng.IntN(4) {
		case 0:
			by = time.Duration(w.rng.Int64N(int64(20*365*24*time.Hour))) - 10*365*24*time.Hour
		case 1:
			by /= 1000
		}
		d.skew += by
	case 11:
		if !w.spare(d) {
			return
		}
		hit("destroyed")
		d.off("is destroyed")
		d.gone = true
	case 12:
		if d.image == nil {
			hit("copy")
			i := d.disk.image()
			d.image = &i
			return
		}
		busy := slices.ContainsFunc(w.devices, func(o *simDevice) bool { return o.core != nil && o.core.Redealing() })
		if d.unsure || busy || !w.spare(d) {
			return
		}
		hit("old disk")
		d.off("gets an old disk")
		d.unsure = true
		d.disk.restore(*d.image)
		w.read(d)
		w.check()
		w.after(away, d.boot)
	}
}

// rest ends all faults: everybody is there, awake and connected.
func (w *world) rest() {
	w.calm = true
	w.loss, w.slow = 0, 0
	clear(w.cutPairs)
	clear(w.deafPairs)
	w.relink = true
	for _, d := range w.devices {
		clear(d.disk.plan)
		d.cutIn = 0
		if d.thief {
			d.off("the thief turns it off")
			continue
		}
		d.wake()
		d.boot()
	}
}

// recover is what O6 asks for: within a day the persons get a signature.
func (w *world) recover() {
	w.run(5*time.Minute, nil)
	start, day := w.now, 25*time.Hour
	for try := 0; w.err == nil && w.now.Sub(start) < day; try++ {
		if w.pick(func(d *simDevice) bool { return d.running() && strings.Contains(d.core.Frozen(), "lost") }) != nil {
			// Who stands accused does not help to acquit itself. If too few
			// others are left, the accuser can take it back alone after a day.
			day = 4 * 24 * time.Hour
		}
		frozen := w.pick(func(d *simDevice) bool { return d.running() && !d.thief && d.core.Frozen() != "" })
		if frozen != nil {
			for _, x := range w.devices {
				// What is destroyed is reported, also by whom it accused.
				for _, y := range w.devices {
					if try < 3 && x.gone && y.running() && !y.thief && slices.ContainsFunc(y.core.Circle.Record.Devices, func(o roster.Device) bool { return o.Slot == x.slot() }) &&
						y.core.EnoughWithout(x.slot()) == nil {
						w.ask(y, change.Lost, change.Payload{Slot: uint16(x.slot())})
					}
				}
			}
			w.run(time.Minute, nil)
			w.ask(frozen, change.Thaw, change.Payload{})
			w.run(2*time.Minute, nil)
		}
		d := w.pick(func(d *simDevice) bool { return d.running() && !d.thief && d.core.MaySign() == nil })
		if r := w.wantSignature(d); r != nil && w.run(5*time.Minute, func() bool { return r.State() == api.StateSigned }) {
			return
		}
		w.run(min(time.Duration(1+try)*10*time.Minute, time.Hour), nil)
	}
	switch {
	case w.forked:
		w.hits["forked by an old disk"]++
	case w.accused():
		w.hits["stopped by an accusation"]++
	case w.err == nil:
		w.fail("O6: nobody can sign within a day: %s", w.census())
	}
}

// accused reports whether those who stand accused are needed to sign, and have
// no say in taking it back: then the persons have stopped their own circle.
func (w *world) accused() bool {
	need, free := 0, 0
	for _, d := range w.sane() {
		if !d.running() {
			continue
		}
		need = max(need, d.core.Circle.Record.Threshold)
		charged := false
		for _, o := range w.sane() {
			if o == d || !o.running() || o.core.Vigil.Judge == nil {
				continue
			}
			v, _ := o.core.Vigil.Judge.View(d.core.Circle.Slot)
			charged = charged || v.State == recovery.Frozen || v.State == recovery.Evicting || v.State == recovery.Disputed
		}
		if !charged {
			free++
		}
	}
	return free < need
}

// canEnd reports whether a re-deal in which d is must end. It need not on a
// device that would have been new or that others have removed as stolen, which
// nobody tells anything, nor once somebody has committed who waits for a device
// that is gone for good.
func (w *world) canEnd(d *simDevice) bool {
	a := d.core.Attempt
	if d.core.IsNew(a) || w.rolledBack() {
		return false
	}
	for _, o := range w.sane() {
		if f, out := o.view.head().IsFormer(d.view.self); out && f.State == roster.Stolen {
			return false
		}
	}
	gone, committed := 0, a.Machine.InForce()
	for _, o := range w.devices {
		comes := slices.ContainsFunc(a.Proposal.Added, func(x roster.Device) bool { return x.Identity == o.view.self })
		if !comes && !slices.Contains(a.Live.Slots, o.slot()) {
			continue
		}
		if o.gone || o.thief {
			gone++
		} else {
			committed = committed || o.view.attempt == a.Proposal.Attempt() && o.view.phase.In()
		}
	}
	return gone == 0 || !committed && gone < a.Proposal.Threshold
}

// redeal names the re-deal that d is in, or cannot read back.
func (d *simDevice) redeal() wire.Hash {
	if a := d.core.Attempt; a != nil {
		return a.Proposal.Attempt()
	}
	return d.view.attempt
}

// finish looks at what is left.
func (w *world) finish() {
	w.run(10*time.Minute, nil)
	if w.err != nil {
		return
	}
	ids := map[*simDevice]wire.Hash{}
	for _, d := range w.sane() {
		if d.on() && d.core.Redealing() && (d.core.Attempt == nil || w.canEnd(d)) {
			ids[d] = d.redeal()
		}
	}
	w.run(20*time.Minute, nil)
	for _, d := range w.sane() {
		if id, was := ids[d]; was && d.on() && d.core.Redealing() && d.redeal() == id && w.err == nil {
			w.fail("C1: %s is in the middle of a re-deal for good: %s", d.name, w.census())
		}
	}
	w.check()
	w.leftovers()
	w.truth.mix(w)
}

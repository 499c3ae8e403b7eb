package node

import (
	"bytes"
	"slices"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// In bold worlds a device is stolen, with its passphrase, and the thief does
// with it what its keys allow: asks and approves, opens sessions, freezes and
// accuses, proposes re-deals and votes against those of others, says again what
// was said before, and puts the disk back as it was when it was taken. It knows
// all that happens, and has a hand in the network. Persons are fooled: they
// approve whatever it wants signed, but for changes of the circle.
//
// What a thief draws is not drawn from the dice of the world, so that worlds
// without one are what they were.

// A haul is what a thief has of a device.
type haul struct {
	disk   simImage // as it was when it was taken
	hidden bool     // off, until the others are ready to do without it
	deeds  int      // that are left to do
	back   int      // times that the disk was put back
	fooled int      // requests that persons were asked to approve
}

const (
	maxDeeds  = 16
	maxFooled = 6
)

// shady is a duration that a thief chooses.
func (w *world) shady(least, most time.Duration) time.Duration {
	return least + time.Duration(w.dark.Int64N(int64(most-least)))
}

// steal takes a device that the others can do without, if there is one before so
// many tries.
func (w *world) steal(tries int) {
	if w.calm || w.err != nil || tries == 0 {
		return
	}
	var list []*simDevice
	for _, d := range w.devices {
		if d.running() && !d.thief && d.slot() != 0 && w.spare(d) && w.mayGo(d) {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		w.after(w.shady(time.Minute, 20*time.Minute), func() { w.steal(tries - 1) })
		return
	}
	x := list[w.dark.IntN(len(list))]
	w.note(x, "THIEF", nil)
	w.deeds["steals"]++
	x.thief = true
	x.haul = &haul{disk: x.disk.image(), deeds: maxDeeds}
	if w.dark.IntN(3) == 0 {
		// Nobody misses it, and it is taken out for its silence.
		x.haul.hidden = true
		x.off("the thief hides it")
	} else if w.dark.IntN(3) > 0 {
		w.after(w.shady(10*time.Second, 5*time.Minute), func() { w.report(x) })
	}
	w.after(w.shady(time.Second, 20*time.Second), func() { w.prowl(x) })
}

// report has a person call a stolen device lost.
func (w *world) report(x *simDevice) {
	if w.calm {
		return
	}
	for _, d := range w.devices {
		if d.running() && !d.thief && d.core.EnoughWithout(x.slot()) == nil {
			w.ask(d, change.Lost, change.Payload{Slot: uint16(x.slot())})
			return
		}
	}
}

// pounce brings a hidden thief out, once somebody is ready to go on without it:
// its device is heard again, its silence forgotten, and those who are ready are
// kept from hearing of each other, so that they stay so for a while.
func (w *world) pounce(d *simDevice) {
	for _, x := range w.devices {
		if x.haul == nil || !x.haul.hidden || w.calm || d.thief || !slices.Contains(d.view.removing, x.view.self) {
			continue
		}
		x.haul.hidden = false
		w.deeds["comes back while it is taken out"]++
		for i, a := range w.sane() {
			for _, b := range w.sane()[i+1:] {
				w.split(a, b, true)
				w.after(40*time.Second, func() { w.split(a, b, false) })
			}
		}
		w.after(0, x.boot)
		for i := range 6 {
			w.after(time.Duration(1+3*i)*time.Second, func() {
				if i == 0 {
					w.swindle(x)
				}
				w.approves(x)
				w.opens(x)
			})
		}
	}
}

// heist lasts until a hidden thief has come out.
func (w *world) heist() {
	limit := 20 * time.Hour
	if w.long {
		limit = 30 * 24 * time.Hour
	}
	w.run(limit, func() bool {
		return !slices.ContainsFunc(w.devices, func(x *simDevice) bool { return x.haul != nil && x.haul.hidden })
	})
}

// prowl is one deed after the other.
func (w *world) prowl(x *simDevice) {
	if w.calm || w.err != nil || x.haul.deeds == 0 || x.gone {
		return
	}
	pause := w.shady(2*time.Second, 40*time.Second)
	if w.dark.IntN(6) == 0 {
		pause = w.shady(time.Minute, time.Hour)
	}
	if x.haul.hidden {
		pause = 30 * time.Minute
	} else {
		x.haul.deeds--
		w.deed(x)
	}
	w.after(pause, func() { w.prowl(x) })
}

func (w *world) deed(x *simDevice) {
	switch {
	case x.core == nil:
		x.boot()
		return
	case !x.on():
		return
	case x.core.Circle == nil || x.core.Circle.Evicted != nil:
		if x.haul.back < 2 {
			x.haul.back++
			w.deeds["puts the disk back"]++
			x.off("the thief puts the disk back")
			x.disk.restore(x.haul.disk)
			w.read(x)
			w.after(time.Second, x.boot)
		}
		return
	}
	switch n := w.dark.IntN(20); {
	case n < 5:
		w.swindle(x)
	case n < 9:
		w.approves(x)
	case n < 13:
		w.opens(x)
	case n < 15:
		w.claims(x)
	case n < 17:
		w.usurps(x)
	case n == 17:
		x.do(func(c *core) {
			if a := c.Attempt; a != nil && !a.Machine.Settled() {
				if effects, err := a.Machine.Abort(); err == nil {
					w.deeds["votes against"]++
					c.CarryOut(a.Live, effects)
					c.RedealStep()
				}
			}
		})
	default:
		w.replays(x)
	}
}

// unbound runs f on a device that heeds neither its judge nor its fences.
func (d *simDevice) unbound(f func(c *core)) {
	d.do(func(c *core) {
		if c.Circle == nil || c.Circle.Evicted != nil {
			return
		}
		c.Now = d.clock()
		judge, fenced := c.Vigil.Judge, c.Circle.Fenced
		c.Vigil.Judge, c.Circle.Fenced = nil, map[wire.DeviceID]bool{}
		f(c)
		c.Vigil.Judge = judge
		if c.Circle != nil {
			c.Circle.Fenced = fenced
		}
	})
}

// swindle asks for a signature, and persons approve it.
func (w *world) swindle(x *simDevice) {
	if x.haul.fooled >= maxFooled {
		return
	}
	x.unbound(func(c *core) {
		r, err := c.Ask(intent.Input{Kind: intent.Message, Message: []byte("pay the thief")}, roster.Ethereum, []uint32{0, 0}, 2*time.Hour)
		w.note(x, "THIEF asks", err)
		if err != nil {
			return
		}
		x.haul.fooled++
		w.deeds["asks"]++
		w.approval(r.ID, x)
		for _, o := range w.sane() {
			w.approveLater(o, r.ID, 4)
		}
	})
}

// approves says yes to whatever anybody wants signed.
func (w *world) approves(x *simDevice) {
	x.unbound(func(c *core) {
		for _, r := range c.OpenRequests() {
			if r.Change == nil && r.Open() && !ledger.Has(r.Approved, c.Circle.Slot) {
				w.deeds["approves"]++
				w.approval(r.ID, x)
				w.note(x, "THIEF approves", c.Approve(r, true))
			}
		}
	})
}

// opens begins sessions for what it has asked, with whoever approved.
func (w *world) opens(x *simDevice) {
	x.unbound(func(c *core) {
		for _, r := range c.OpenRequests() {
			if r.Change != nil || r.From() != c.Circle.Slot || !r.Open() || !ledger.Has(r.Approved, c.Circle.Slot) {
				continue
			}
			r.Live = nil
			signers := slices.DeleteFunc(c.Approvers(r), func(s wire.Slot) bool { return s == c.Circle.Slot || !c.Online(s) })
			need := c.Circle.Record.Threshold - 1
			if len(signers) < need {
				continue
			}
			w.dark.Shuffle(len(signers), func(i, j int) { signers[i], signers[j] = signers[j], signers[i] })
			signers = append(signers[:need:need], c.Circle.Slot)
			slices.Sort(signers)
			w.deeds["opens a session"]++
			w.note(x, "THIEF opens a session", c.OpenSession(r, signers))
		}
	})
}

// claims has the thief speak as the person of its device.
func (w *world) claims(x *simDevice) {
	other := w.devices[w.dark.IntN(len(w.devices))]
	kind, ch := change.Refresh, change.Payload{}
	switch w.dark.IntN(7) {
	case 0:
		if other == x || other.slot() == 0 || !w.mayGo(other) {
			return
		}
		kind, ch.Slot = change.Lost, uint16(other.slot())
	case 1:
		kind = change.Freeze
	case 2:
		kind = change.Thaw
	case 3:
		if other == x || other.slot() == 0 {
			return
		}
		kind, ch.Slot = change.Veto, uint16(other.slot())
	case 4:
		kind, ch.Slot, ch.Until = change.Vacation, uint16(x.slot()), standing.Unix(x.clock())+3*24*3600
	case 5:
		card := x.core.OwnCard([32]byte{2})
		kind, ch.Card, ch.Addrs = change.Add, card.Bytes(), x.Addrs()
	}
	x.do(func(c *core) {
		c.Now = x.clock()
		r, err := c.AskChange(kind, ch, 6*time.Hour)
		w.note(x, "THIEF says "+string(kind), err)
		if err != nil {
			return
		}
		w.deeds["says "+string(kind)]++
		w.approval(r.ID, x)
		w.truth.speaks(x, r.ID, kind, ch)
		if kind == change.Lost {
			other.sentOff = true
		}
	})
}

// usurps proposes a re-deal that nobody has agreed to.
func (w *world) usurps(x *simDevice) {
	list := w.usurpations(x)
	w.usurp(x, list[w.dark.IntN(len(list))])
}

// usurpations are what it may be: fresh shares for itself, without somebody
// else, with a device of its own, or with fewer to sign.
func (w *world) usurpations(x *simDevice) []changes.Plan {
	out := []changes.Plan{{Kind: roster.Refresh}, {Kind: roster.Rethreshold}}
	for _, o := range w.devices {
		switch {
		case o == x:
		case o.slot() != 0 && (o.index == 0 || w.dark.IntN(2) == 0):
			state := []roster.FormerState{roster.Silent, roster.Stolen}[o.index%2]
			out = append(out, changes.Plan{Kind: roster.Remove, Removed: []refresh.Removal{{Slot: o.slot(), State: state}}})
		case o.slot() == 0 && o.on() && o.core.Circle == nil && o.core.Attempt == nil && o.core.Founding == nil && o.core.Joining == nil:
			card := o.core.OwnCard([32]byte{1})
			out = append(out, changes.Plan{Kind: roster.Add, Card: &card, Addrs: o.Addrs()})
		}
	}
	return out
}

func (w *world) usurp(x *simDevice, want changes.Plan) {
	if want.Card != nil {
		o := w.byIdentity(want.Card.Identity)
		if !o.on() || o.core.Circle != nil || o.core.Attempt != nil || o.core.Founding != nil || o.core.Joining != nil || !x.running() {
			return
		}
		w.meet(x, o)
	}
	w.after(time.Second, func() { // once who comes in is connected
		x.unbound(func(c *core) {
			if c.Redealing() {
				return
			}
			for _, d := range c.Circle.Record.Devices {
				want.Agree = append(want.Agree, d.Slot)
			}
			err := w.proposes(c, want)
			w.note(x, "THIEF proposes", err)
			if err == nil {
				w.deeds["proposes a "+want.Kind.String()]++
			}
		})
	})
}

// proposes is [core.startRedeal], which by itself never lowers how many sign.
func (w *world) proposes(c *core, want changes.Plan) error {
	if want.Kind != roster.Rethreshold {
		return c.StartRedeal(want)
	}
	fewer := c.Circle.Head().Record.Threshold - 1
	r := &ledger.Request{Change: change.New(change.Threshold, change.Payload{Threshold: uint16(fewer)}), Request: message.Request{Kind: string(change.Threshold)}, Item: message.Item{Type: message.ItemRequest, From: c.Circle.Slot, Body: []byte{0}, Sig: make([]byte, 64)}}
	want.Request = r
	return c.StartRedeal(want)
}

// replays says again what was said to it or by it.
func (w *world) replays(x *simDevice) {
	if len(w.taped) == 0 {
		return
	}
	for range 4 {
		m := w.taped[w.dark.IntN(len(w.taped))]
		to := w.devices[w.dark.IntN(len(w.devices))]
		if m.from != x && m.to != x || !x.on() || !x.linked[to.index] {
			continue
		}
		w.deeds["replays"]++
		_ = x.Send(to.id, m.protocol, bytes.Clone(m.msg))
	}
}

// A simTape is a message that a thief may say again.
type simTape struct {
	from, to *simDevice
	protocol string
	msg      []byte
}

const maxTaped = 512

func (w *world) tape(m simTape) {
	if !w.bold {
		return
	}
	if len(w.taped) < maxTaped {
		w.taped = append(w.taped, m)
		return
	}
	w.taped[w.sent%maxTaped] = m
}

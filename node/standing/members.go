package standing

import (
	"cmp"
	"slices"
	"time"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A Peer is what this device has seen of another member.
type Peer struct {
	Online   bool
	LastSeen time.Time // when it last said something; zero: never
	There    time.Time // the same, or when it connected: a link may stand up from what is left of an old one
	Skew     time.Duration
	Epoch    uint64
	Record   wire.Hash // of that epoch
	Share    bool      // it holds a share of it
	Oldest   uint64    // the oldest epoch of which it holds one
	Told     bool      // epoch, record, share and oldest are its word of this run
	Locked   bool
	Lost     string // why the connection ended, for the person
	Misfit   Misfit // its release does not fit
	Stale    bool   // a message to it was certainly lost
	Unhailed bool   // a hello was: nothing else says how far this device is

	Addrs   []string  // where it says it can be dialled, not taken over yet
	AddrsAt time.Time // when what it says was taken over last

	pingedAt time.Time // when it was first asked whether it is there, since it said something
	pingSent time.Time // the last time

	AskedAt time.Time // when it was last told how far this device is, so that it catches up

	Refusals Noise // messages of it that were refused
	Received Noise // requests of it that were taken
	Ruled    Noise // requests of it that were answered by policy
	Words    Noise // words of its person that do not count
	Deals    Noise // re-deals that it brought and this device does not agree to
	CaughtUp Noise // times that it was sent what it has missed

	Answered allowance // bytes of items that it was sent because it asked
	Faults   int       // what it did that no honest device does
	FaultAt  time.Time // the last time
	clocks   Noise     // that its clock is off

	WokeAt time.Time // when it last had this device listen to a re-deal that this one slept through

	Refused      int       // re-deals that it brought and this device refused,
	RefusedSince time.Time // since then
}

// Members returns the devices that this device talks to as one group: those of
// the circle and of an attempt to change it, or those of a founding.
func (me *Standing) Members() []roster.Device {
	var out []roster.Device
	if me.Circle != nil {
		out = me.Circle.Record.Devices
	} else if founders := me.company.Founders(); founders != nil {
		return founders
	}
	staying := me.company.Staying()
	if len(staying) > 0 {
		out = slices.Clone(out)
	}
	for _, d := range staying {
		if !slices.ContainsFunc(out, func(o roster.Device) bool { return o.Slot == d.Slot }) {
			out = append(out, d)
		}
	}
	return out
}

// A Company is whom this device talks to beside the members of its circle.
type Company interface {
	// Founding reports whether a founding is in progress or pending here, or this device
	// was invited and waits.
	Founding() bool

	// Founders are the devices of a founding that was proposed, nil if none was.
	Founders() []roster.Device

	// Pending returns the record that this device said ready for, in a founding that is
	// not complete.
	Pending() (record wire.Hash, ok bool)

	// Staying are the devices of a re-deal that is under way, without those that it
	// takes out.
	Staying() []roster.Device
}

// SlotOf returns the slot of a member that has the transport id.
func (me *Standing) SlotOf(peerID []byte) (wire.Slot, bool) {
	for _, d := range me.Members() {
		if string(d.Peer) == string(peerID) {
			return d.Slot, true
		}
	}
	return 0, false
}

// Device returns the member in slot.
func (me *Standing) Device(slot wire.Slot) (roster.Device, bool) {
	for _, d := range me.Members() {
		if d.Slot == slot {
			return d, true
		}
	}
	return roster.Device{}, false
}

// SelfSlot is this device's slot in the circle or the founding, 0 if none.
func (me *Standing) SelfSlot() wire.Slot {
	for _, d := range me.Members() {
		if d.Identity == me.Self.Public {
			return d.Slot
		}
	}
	return 0
}

// Online reports whether a connection to the device in slot stands; see
// [Standing.Hears].
func (me *Standing) Online(slot wire.Slot) bool {
	p := me.Peers[slot]
	return p != nil && p.Online
}

// MaxFormerPeers is how many of the devices that are out may connect: those
// that left last. The list of them grows for ever, and the link has room for a
// few peers beside those of the circle, who must never be the ones left out.
const MaxFormerPeers = 8

// FormerPeers are devices that left without being stolen. They may connect to
// learn that they are out and when nobody needs their shares, and are told nothing
// else.
func (me *Standing) FormerPeers() map[string][]string {
	if me.Circle == nil {
		return nil
	}
	k := me.Circle
	if of := (formerOf{k.Hash, len(k.Chain)}); k.formerOf != of {
		k.formerOf, k.former = of, k.formers()
	}
	return k.former
}

// formerOf says for which record and which chain the former devices were listed:
// the chain is long, and they are wanted at every event.
type formerOf struct {
	record wire.Hash
	epochs int
}

func (k *Circle) formers() map[string][]string {
	out := map[string][]string{}
	former := slices.DeleteFunc(slices.Clone(k.Record.Former), func(f roster.Former) bool { return f.State == roster.Stolen })
	slices.SortStableFunc(former, func(x, y roster.Former) int { return cmp.Compare(y.Epoch, x.Epoch) })
	for _, f := range former[:min(len(former), MaxFormerPeers)] {
		for _, e := range k.Chain {
			if d, ok := e.Record.Device(f.Slot); ok && d.Identity == f.Identity {
				out[string(d.Peer)] = nil
			}
		}
	}
	return out
}

// Peer returns what this device has seen of the one in slot, to be added to.
func (me *Standing) Peer(slot wire.Slot) *Peer {
	p := me.Peers[slot]
	if p == nil {
		p = &Peer{}
		me.Peers[slot] = p
	}
	return p
}

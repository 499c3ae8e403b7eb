package node

import (
	"cmp"
	"slices"
	"time"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A peer is what this device has seen of another member.
type peer struct {
	online   bool
	lastSeen time.Time // when it last said something; zero: never
	there    time.Time // the same, or when it connected: a link may stand up from what is left of an old one
	skew     time.Duration
	epoch    uint64
	record   wire.Hash // of that epoch
	share    bool      // it holds a share of it
	oldest   uint64    // the oldest epoch of which it holds one
	told     bool      // epoch, record, share and oldest are its word of this run
	locked   bool
	lost     string // why the connection ended, for the person
	misfit   misfit // its release does not fit
	stale    bool   // a message to it was certainly lost

	addrs   []string  // where it says it can be dialled, not taken over yet
	addrsAt time.Time // when what it says was taken over last

	pingedAt time.Time // when it was first asked whether it is there, since it said something
	pingSent time.Time // the last time

	askedAt time.Time // when it was last told how far this device is, so that it catches up

	refusals noise // messages of it that were refused
	received noise // requests of it that were taken
	ruled    noise // requests of it that were answered by policy
	words    noise // words of its person that do not count
	deals    noise // re-deals that it brought and this device does not agree to
	caughtUp noise // times that it was sent what it has missed

	answered allowance // bytes of items that it was sent because it asked
	faults   int       // what it did that no honest device does
	faultAt  time.Time // the last time
	clocks   noise     // that its clock is off

	wokeAt time.Time // when it last had this device listen to a re-deal that this one slept through

	refused      int       // re-deals that it brought and this device refused,
	refusedSince time.Time // since then
}

// members returns the devices that this device talks to as one group: those of
// the circle and of an attempt to change it, or those of a founding.
func (me *standing) members() []roster.Device {
	var out []roster.Device
	if me.circle != nil {
		out = me.circle.record.Devices
	} else if founders := me.company.founders(); founders != nil {
		return founders
	}
	staying := me.company.staying()
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

// A company is whom this device talks to beside the members of its circle.
type company interface {
	// founding reports whether a founding is in progress or pending here, or this device
	// was invited and waits.
	founding() bool

	// founders are the devices of a founding that was proposed, nil if none was.
	founders() []roster.Device

	// pending returns the record that this device said ready for, in a founding that is
	// not complete.
	pending() (record wire.Hash, ok bool)

	// staying are the devices of a re-deal that is under way, without those that it
	// takes out.
	staying() []roster.Device
}

func (me *standing) slotOf(peerID []byte) (wire.Slot, bool) {
	for _, d := range me.members() {
		if string(d.Peer) == string(peerID) {
			return d.Slot, true
		}
	}
	return 0, false
}

func (me *standing) device(slot wire.Slot) (roster.Device, bool) {
	for _, d := range me.members() {
		if d.Slot == slot {
			return d, true
		}
	}
	return roster.Device{}, false
}

// selfSlot is this device's slot in the circle or the founding, 0 if none.
func (me *standing) selfSlot() wire.Slot {
	for _, d := range me.members() {
		if d.Identity == me.self.public {
			return d.Slot
		}
	}
	return 0
}

func (me *standing) online(slot wire.Slot) bool {
	p := me.peers[slot]
	return p != nil && p.online
}

// maxFormerPeers is how many of the devices that are out may connect: those
// that left last. The list of them grows for ever, and the link has room for a
// few peers beside those of the circle, who must never be the ones left out.
const maxFormerPeers = 8

// formerPeers are devices that left without being stolen. They may connect to
// learn that they are out and when nobody needs their shares, and are told nothing
// else.
func (me *standing) formerPeers() map[string][]string {
	if me.circle == nil {
		return nil
	}
	k := me.circle
	if of := (formerOf{k.hash, len(k.chain)}); k.formerOf != of {
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

func (k *circle) formers() map[string][]string {
	out := map[string][]string{}
	former := slices.DeleteFunc(slices.Clone(k.record.Former), func(f roster.Former) bool { return f.State == roster.Stolen })
	slices.SortStableFunc(former, func(x, y roster.Former) int { return cmp.Compare(y.Epoch, x.Epoch) })
	for _, f := range former[:min(len(former), maxFormerPeers)] {
		for _, e := range k.chain {
			if d, ok := e.Record.Device(f.Slot); ok && d.Identity == f.Identity {
				out[string(d.Peer)] = nil
			}
		}
	}
	return out
}

func (me *standing) peer(slot wire.Slot) *peer {
	p := me.peers[slot]
	if p == nil {
		p = &peer{}
		me.peers[slot] = p
	}
	return p
}

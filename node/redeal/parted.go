package redeal

import (
	"fmt"
	"maps"
	"slices"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A device that is out destroys what it holds, but not on the word of the
// certificate that takes it out: members that are dishonest can have turned an
// honest one back, and what this device holds may be what is left of the key. Old
// shares die in the circle once everybody has locked. Who dealt in the re-deal
// that took this device out held a share of the epoch before, and the dealers are
// as many as must sign, so that one of them at least is honest. Once all of them
// say that they hold nothing older, all have locked and nobody needs this
// device's share either.

// tellFormers tells the devices that left how far this one is.
func (rm *Remains) tellFormers() {
	for _, id := range slices.Sorted(maps.Keys(rm.me.FormerPeers())) {
		if rm.me.Link.Connected([]byte(id)) {
			rm.TellFormer([]byte(id))
		}
	}
}

// Part destroys all shares of a device that is out, as soon as nobody needs them.
// What a failed write leaves is destroyed when the next dealer says so again.
func (rm *Remains) Part() {
	if rm.me.Circle == nil || rm.me.Circle.Evicted == nil || !rm.unneeded() {
		return
	}
	if err := rm.Erase(""); err != nil {
		rm.me.Log.Error("shares not destroyed", "err", err)
		return
	}
	// And what attempts that came to nothing, or were overtaken, were sealed with.
	ids, err := rm.me.Config.Keeper.ListEpochKeys()
	if err != nil {
		rm.me.Log.Error("keys not looked for", "err", err)
		return
	}
	for _, id := range ids {
		if _, ok := attemptEpoch(id); !ok {
			continue
		}
		if err := rm.me.Config.Keeper.DestroyEpochKey(id); err != nil {
			rm.me.Log.Error("key not destroyed", "err", err)
			return
		}
	}
}

// unneeded reports whether all who dealt when this device was taken out, or in a
// later re-deal, have said that they hold no share of before.
func (rm *Remains) unneeded() bool {
	return slices.ContainsFunc(rm.me.Circle.Chain, func(e roster.Entry) bool {
		epoch := e.Record.Epoch
		return epoch >= rm.me.Circle.Evicted.Epoch && !slices.ContainsFunc(e.Record.Change.Dealers, func(s wire.Slot) bool {
			p := rm.me.Peers[s]
			return p == nil || !p.Told || p.Oldest < epoch
		})
	})
}

// OutWords says that this device is out, and what it still holds.
func (rm *Remains) OutWords() string {
	f := rm.me.Circle.Evicted
	text := fmt.Sprintf("this device is no longer in the circle: taken out as %v in epoch %d; only a new device, in another home, can be invited", f.State, f.Epoch)
	if rm.me.HoldsShares() {
		return text + "; it destroys its old shares once those who stay have told it that they need none: leave it on, where they can reach it"
	}
	return text + "; its shares are destroyed"
}

// TellFormer shows the chain to a device that left and may not know it yet, and
// tells it which shares this device holds: once nobody holds an older one, it
// needs its own no longer. Where members are it is not told.
func (rm *Remains) TellFormer(peer []byte) {
	if rm.me.Circle == nil {
		return
	}
	if _, former := rm.me.FormerPeers()[string(peer)]; !former {
		return
	}
	var all [][]byte
	for _, m := range rm.ChainAfter(0) {
		all = append(all, message.EncodeMessage(message.MsgChain, m))
	}
	h := rm.me.Hello()
	h.Addrs = []string{}
	for _, m := range append(all, message.EncodeMessage(message.MsgHello, h)) {
		rm.me.SendPeer(peer, wire.ProtocolSync, m)
	}
}

// ChainAfter returns the epochs above the given one, in messages of at most
// [MaxChain].
func (rm *Remains) ChainAfter(epoch uint64) (out []message.Chain) {
	m := message.Chain{Entries: [][]byte{}}
	for _, e := range rm.me.Circle.Chain {
		if e.Record.Epoch <= epoch {
			continue
		}
		if len(m.Entries) == MaxChain {
			out, m = append(out, m), message.Chain{Entries: [][]byte{}}
		}
		m.Entries = append(m.Entries, e.Bytes())
	}
	if len(m.Entries) > 0 {
		out = append(out, m)
	}
	return out
}

// MaxChain bounds the epochs of one message.
const MaxChain = 10

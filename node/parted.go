package node

import (
	"fmt"
	"maps"
	"slices"

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
func (rm *remains) tellFormers() {
	for _, id := range slices.Sorted(maps.Keys(rm.me.formerPeers())) {
		if rm.me.link.Connected([]byte(id)) {
			rm.tellFormer([]byte(id))
		}
	}
}

// part destroys all shares of a device that is out, as soon as nobody needs them.
// What a failed write leaves is destroyed when the next dealer says so again.
func (rm *remains) part() {
	if rm.me.circle == nil || rm.me.circle.evicted == nil || !rm.unneeded() {
		return
	}
	if err := rm.erase(""); err != nil {
		rm.me.log.Error("shares not destroyed", "err", err)
		return
	}
	// And what attempts that came to nothing, or were overtaken, were sealed with.
	ids, err := rm.me.cfg.Keeper.ListEpochKeys()
	if err != nil {
		rm.me.log.Error("keys not looked for", "err", err)
		return
	}
	for _, id := range ids {
		if _, ok := attemptEpoch(id); !ok {
			continue
		}
		if err := rm.me.cfg.Keeper.DestroyEpochKey(id); err != nil {
			rm.me.log.Error("key not destroyed", "err", err)
			return
		}
	}
}

// unneeded reports whether all who dealt when this device was taken out, or in a
// later re-deal, have said that they hold no share of before.
func (rm *remains) unneeded() bool {
	return slices.ContainsFunc(rm.me.circle.chain, func(e roster.Entry) bool {
		epoch := e.Record.Epoch
		return epoch >= rm.me.circle.evicted.Epoch && !slices.ContainsFunc(e.Record.Change.Dealers, func(s wire.Slot) bool {
			p := rm.me.peers[s]
			return p == nil || !p.told || p.oldest < epoch
		})
	})
}

// outWords says that this device is out, and what it still holds.
func (rm *remains) outWords() string {
	f := rm.me.circle.evicted
	text := fmt.Sprintf("this device is no longer in the circle: taken out as %v in epoch %d; only a new device, in another home, can be invited", f.State, f.Epoch)
	if rm.me.holdsShares() {
		return text + "; it destroys its old shares once those who stay have told it that they need none: leave it on, where they can reach it"
	}
	return text + "; its shares are destroyed"
}

// tellFormer shows the chain to a device that left and may not know it yet, and
// tells it which shares this device holds: once nobody holds an older one, it
// needs its own no longer. Where members are it is not told.
func (rm *remains) tellFormer(peer []byte) {
	if rm.me.circle == nil {
		return
	}
	if _, former := rm.me.formerPeers()[string(peer)]; !former {
		return
	}
	var all [][]byte
	for _, m := range rm.chainAfter(0) {
		all = append(all, encodeMessage(msgChain, m))
	}
	h := rm.me.hello()
	h.Addrs = []string{}
	for _, m := range append(all, encodeMessage(msgHello, h)) {
		if err := rm.me.link.Send(peer, wire.ProtocolSync, m); err != nil {
			rm.me.log.Debug("message not sent", "err", err)
			return
		}
	}
}

// chainAfter returns the epochs above the given one, in messages of at most
// [maxChain].
func (rm *remains) chainAfter(epoch uint64) (out []chain) {
	m := chain{Entries: [][]byte{}}
	for _, e := range rm.me.circle.chain {
		if e.Record.Epoch <= epoch {
			continue
		}
		if len(m.Entries) == maxChain {
			out, m = append(out, m), chain{Entries: [][]byte{}}
		}
		m.Entries = append(m.Entries, e.Bytes())
	}
	if len(m.Entries) > 0 {
		out = append(out, m)
	}
	return out
}

// maxChain bounds the epochs of one message.
const maxChain = 10

package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/wire"
)

func (cg *changes) onHello(from wire.Slot, h hello) error {
	if err := reach.Check(h.Addrs); err != nil {
		return err
	}
	cg.me.noteClock(from, h.Wall)
	p := cg.me.peer(from)
	p.epoch = h.Epoch
	if cg.me.circle == nil {
		return nil
	}
	first := cg.me.circle.chain[0]
	if h.Pending && wire.Hash(h.Record) == first.Record.Hash() {
		// It said ready and lost touch before it had everybody's signature.
		cg.me.sync(from, msgEntry, entry{Entry: first.Bytes()})
		return nil
	}
	same := p.told && p.record == h.Record && p.share == h.Share && p.oldest == h.Oldest
	p.record, p.share, p.oldest, p.told = h.Record, h.Share, h.Oldest, true
	cg.remains.part() // again, if a write failed before
	if !same {
		defer cg.changeCircle()
		defer cg.redeals.around.tryAll() // its share may be what a signature waited for
	}
	if ok, _ := p.caughtUp.say(cg.me.now, maxCatchUps); ok {
		cg.catchUp(from, h.Head)
	}
	return cg.hearAddrs(from, h.Addrs)
}

// addrsPause is how long a device's addresses stay as they are. Each change is
// a write to the disk and has this device dial everybody afresh, which no
// member may cause as fast as it can talk.
const addrsPause = 10 * time.Second

// hearAddrs takes over where a member says it can be dialled, at once or when
// the pause is over. Of several changes in a pause it is the last.
func (cg *changes) hearAddrs(from wire.Slot, addrs []string) error {
	p := cg.me.peer(from)
	p.addrs = addrs
	if !p.addrsAt.IsZero() && cg.me.now.Sub(p.addrsAt).Abs() < addrsPause {
		return nil
	}
	return cg.takeAddrs(from, p)
}

// tickAddrs takes over what was heard in a pause that has ended.
func (cg *changes) tickAddrs() {
	for _, slot := range sortedSlots(cg.me.peers) {
		p := cg.me.peers[slot]
		if p.addrs == nil || cg.me.now.Sub(p.addrsAt).Abs() < addrsPause {
			continue
		}
		if err := cg.takeAddrs(slot, p); err != nil {
			cg.me.log.Error("addresses not stored", "device", cg.me.name(slot), "err", err)
		}
	}
}

func (cg *changes) takeAddrs(slot wire.Slot, p *peer) error {
	addrs := p.addrs
	p.addrs = nil
	changed, err := cg.rememberAddrs(slot, addrs)
	if changed {
		p.addrsAt = cg.me.now
	}
	return err
}

// rememberAddrs keeps where a member says it can be dialled, and reports whether
// that is news.
func (cg *changes) rememberAddrs(from wire.Slot, addrs []string) (changed bool, err error) {
	if _, in := cg.me.circle.record.Device(from); !in {
		// A newcomer's are the attempt's until it is in. Kept with the others
		// they would be one more than a full circle has, which nobody reads back.
		a := cg.redeals.attempt
		if a == nil || len(addrs) == 0 || slices.Equal(a.addrs[from], addrs) {
			return false, nil
		}
		a.addrs[from] = addrs
		return true, nil
	}
	if len(addrs) == 0 || slices.Equal(cg.me.circle.addrs[from], addrs) {
		return false, nil
	}
	cg.me.circle.addrs[from] = addrs
	packed := packAddrs(cg.me.circle.addrs)
	return true, cg.me.cfg.Journal.Update(func(tx journal.Tx) error {
		return tx.Put(bucketCircle, addrsKey, packed)
	})
}

package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/wire"
)

func (c *core) onHello(from wire.Slot, h hello) error {
	if err := reach.Check(h.Addrs); err != nil {
		return err
	}
	c.noteClock(from, h.Wall)
	p := c.peer(from)
	p.epoch = h.Epoch
	if c.circle == nil {
		return nil
	}
	first := c.circle.chain[0]
	if h.Pending && wire.Hash(h.Record) == first.Record.Hash() {
		// It said ready and lost touch before it had everybody's signature.
		c.sync(from, msgEntry, entry{Entry: first.Bytes()})
		return nil
	}
	same := p.told && p.record == h.Record && p.share == h.Share && p.oldest == h.Oldest
	p.record, p.share, p.oldest, p.told = h.Record, h.Share, h.Oldest, true
	c.part() // again, if a write failed before
	if !same {
		defer c.changeCircle()
		defer c.around.tryAll() // its share may be what a signature waited for
	}
	if ok, _ := p.caughtUp.say(c.now, maxCatchUps); ok {
		c.catchUp(from, h.Head)
	}
	return c.hearAddrs(from, h.Addrs)
}

// addrsPause is how long a device's addresses stay as they are. Each change is
// a write to the disk and has this device dial everybody afresh, which no
// member may cause as fast as it can talk.
const addrsPause = 10 * time.Second

// hearAddrs takes over where a member says it can be dialled, at once or when
// the pause is over. Of several changes in a pause it is the last.
func (c *core) hearAddrs(from wire.Slot, addrs []string) error {
	p := c.peer(from)
	p.addrs = addrs
	if !p.addrsAt.IsZero() && c.now.Sub(p.addrsAt).Abs() < addrsPause {
		return nil
	}
	return c.takeAddrs(from, p)
}

// tickAddrs takes over what was heard in a pause that has ended.
func (c *core) tickAddrs() {
	for _, slot := range sortedSlots(c.peers) {
		p := c.peers[slot]
		if p.addrs == nil || c.now.Sub(p.addrsAt).Abs() < addrsPause {
			continue
		}
		if err := c.takeAddrs(slot, p); err != nil {
			c.log.Error("addresses not stored", "device", c.name(slot), "err", err)
		}
	}
}

func (c *core) takeAddrs(slot wire.Slot, p *peer) error {
	addrs := p.addrs
	p.addrs = nil
	changed, err := c.rememberAddrs(slot, addrs)
	if changed {
		p.addrsAt = c.now
	}
	return err
}

// rememberAddrs keeps where a member says it can be dialled, and reports whether
// that is news.
func (c *core) rememberAddrs(from wire.Slot, addrs []string) (changed bool, err error) {
	if _, in := c.circle.record.Device(from); !in {
		// A newcomer's are the attempt's until it is in. Kept with the others
		// they would be one more than a full circle has, which nobody reads back.
		a := c.attempt
		if a == nil || len(addrs) == 0 || slices.Equal(a.addrs[from], addrs) {
			return false, nil
		}
		a.addrs[from] = addrs
		return true, nil
	}
	if len(addrs) == 0 || slices.Equal(c.circle.addrs[from], addrs) {
		return false, nil
	}
	c.circle.addrs[from] = addrs
	packed := packAddrs(c.circle.addrs)
	return true, c.cfg.Journal.Update(func(tx journal.Tx) error {
		return tx.Put(bucketCircle, addrsKey, packed)
	})
}

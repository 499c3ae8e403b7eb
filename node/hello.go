package node

import (
	"time"

	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/wire"
)

func unix(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }

func (c *core) hello() hello {
	h := hello{Wall: unix(c.now), Addrs: c.link.Addrs()}
	if len(h.Addrs) > reach.Max {
		h.Addrs = h.Addrs[:reach.Max]
	}
	switch {
	case c.circle != nil:
		h.Circle, h.Epoch, h.Record = c.circle.record.Circle, c.circle.record.Epoch, c.circle.hash
		h.Share, h.Oldest = c.hasShare(), c.oldestShare()
		h.Head = c.circle.head().Record.Epoch
	case c.founding != nil && c.founding.pending:
		h.Record, h.Pending = c.founding.recordHash(), true
	}
	return h
}

// clockTolerance is how far another device's clock may be off before the
// person is told.
const clockTolerance = 2 * time.Minute

func (c *core) noteClock(from wire.Slot, wall uint64) {
	if wall > 1<<40 { // tens of thousands of years
		wall = 1 << 40
	}
	p := c.peer(from)
	was := p.skew.Abs() > clockTolerance
	p.skew = time.Unix(int64(wall), 0).Sub(c.now)
	if now := p.skew.Abs() > clockTolerance; now && !was {
		if ok, _ := p.clocks.say(c.now, 1); ok {
			c.log.Warn("clock of a device is off", "device", c.name(from), "by", p.skew.Round(time.Second))
		}
	}
}

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
		defer c.tryAll() // its share may be what a signature waited for
	}
	if ok, _ := p.caughtUp.say(c.now, maxCatchUps); ok {
		c.catchUp(from, h.Head)
	}
	return c.hearAddrs(from, h.Addrs)
}

// maxCatchUps is how often in a minute a device is sent what it says that it has
// missed, which can be all epochs and all that was said in a re-deal. One that
// still lacks something after that asks again.
const maxCatchUps = 20

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

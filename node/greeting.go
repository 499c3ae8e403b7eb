package node

import "github.com/warifu/warifu/node/reach"

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
	default:
		h.Record, h.Pending = c.company.pending()
	}
	return h
}

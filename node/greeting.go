package node

import "github.com/warifu/warifu/node/reach"

func (me *standing) hello() hello {
	h := hello{Wall: unix(me.now), Addrs: me.link.Addrs()}
	if len(h.Addrs) > reach.Max {
		h.Addrs = h.Addrs[:reach.Max]
	}
	switch {
	case me.circle != nil:
		h.Circle, h.Epoch, h.Record = me.circle.record.Circle, me.circle.record.Epoch, me.circle.hash
		h.Share, h.Oldest = me.hasShare(), me.oldestShare()
		h.Head = me.circle.head().Record.Epoch
	default:
		h.Record, h.Pending = me.company.pending()
	}
	return h
}

package standing

import (
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/reach"
)

// Hello makes the first message of a connection: how far this device is.
func (me *Standing) Hello() message.Hello {
	h := message.Hello{Wall: Unix(me.Now), Addrs: me.Link.Addrs()}
	if len(h.Addrs) > reach.Max {
		h.Addrs = h.Addrs[:reach.Max]
	}
	switch {
	case me.Circle != nil:
		h.Circle, h.Epoch, h.Record = me.Circle.Record.Circle, me.Circle.Record.Epoch, me.Circle.Hash
		h.Share, h.Oldest = me.HasShare(), me.OldestShare()
		h.Head = me.Circle.Head().Record.Epoch
	default:
		h.Record, h.Pending = me.company.Pending()
	}
	return h
}

package standing

import (
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/wire"
)

// An outbox holds what a device says in one event until the event is over. By then all
// that the event has made durable is durable, so that a device that loses power in the
// middle of one has said nothing of it.
type outbox []parcel

type parcel struct {
	peer     []byte
	slot     wire.Slot // 0 for a device that has none here
	protocol string
	msg      []byte
}

// SendPeer queues a message for a device that need not be a member. Losing it is normal.
func (me *Standing) SendPeer(peer []byte, protocol string, msg []byte) {
	me.out = append(me.out, parcel{peer: peer, protocol: protocol, msg: msg})
}

// SendTo queues a message for a member. Losing it is normal: inventories and
// resends make up for it.
func (me *Standing) SendTo(slot wire.Slot, protocol string, msg []byte) {
	d, ok := me.Device(slot)
	if !ok || d.Identity == me.Self.Public {
		return
	}
	me.out = append(me.out, parcel{d.Peer, slot, protocol, msg})
}

// Flush hands what was said in an event to the link, in its order.
func (me *Standing) Flush() {
	out := me.out
	me.out = nil
	for _, p := range out {
		err := me.Link.Send(p.peer, p.protocol, p.msg)
		if err == nil {
			continue
		}
		me.Log.Debug("message not sent", "to", p.slot, "err", err)
		if x := me.Peers[p.slot]; x != nil {
			x.Stale = true
			x.Unhailed = x.Unhailed || p.protocol == wire.ProtocolSync && p.msg[0] == message.MsgHello
		}
	}
}

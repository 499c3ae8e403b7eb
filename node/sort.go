package node

import (
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/inbox"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/wire"
)

// A part is one event that a message comes to.
type part struct {
	class inbox.Class
	do    event
	size  int
}

// itemsAtOnce is how many items are taken in one event. Each may be written to
// the disk, and whoever asks this device something should not wait for hundreds.
const itemsAtOnce = 16

// sortMessage says what is to be done about a message of a peer and how urgent that
// is. It runs in the link's goroutines and looks at the message only: whether any
// of it is true, the loop finds out.
func sortMessage(from []byte, protocol string, msg []byte) []part {
	whole := part{inbox.Bulk, func(c *core, now time.Time) { c.onMessage(now, from, protocol, msg) }, len(msg)}
	if protocol == wire.ProtocolSession {
		whole.class = inbox.Frame
		return []part{whole}
	}
	typ, body, err := message.SplitMessage(msg)
	if err != nil || protocol != wire.ProtocolSync {
		return []part{whole}
	}
	switch typ {
	case message.MsgRedeal, message.MsgChain, message.MsgTest:
		whole.class = inbox.Urgent
	case message.MsgItems:
		var in message.Items
		if err := wire.Unmarshal(body, &in); err == nil && len(in.Items) > 0 {
			return sortItems(from, in.Items)
		}
	}
	return []part{whole}
}

// sortItems takes a message of items apart. After one that makes the message a
// fault of its sender, nothing that is left of it is looked at.
func sortItems(from []byte, list []message.Item) (out []part) {
	spoilt := false // only the loop touches it
	for len(list) > 0 {
		n := min(len(list), itemsAtOnce)
		chunk := message.Items{Items: list[:n]}
		list = list[n:]
		p := part{class: inbox.Bulk, do: func(c *core, now time.Time) {
			if !spoilt {
				spoilt = c.onMessageItems(now, from, chunk)
			}
		}}
		for _, it := range chunk.Items {
			p.size += len(it.Body) + ledger.ItemOverhead
			if urgent(it) {
				p.class = inbox.Urgent
			}
		}
		out = append(out, p)
	}
	return out
}

// maxUrgent is the longest body of an item that is looked into for whether it is
// urgent: what a person says of the circle is short.
const maxUrgent = 4 << 10

// urgent reports whether the item asks for a change of the circle, or approves
// one, which only a change needs a person's presence for.
func urgent(it message.Item) bool {
	if len(it.Body) > maxUrgent {
		return false
	}
	switch it.Type {
	case message.ItemRequest:
		var r message.Request
		return wire.Unmarshal(it.Body, &r) == nil && change.Kind(r.Kind).Known()
	case message.ItemAnswer:
		a, err := message.ParseAnswer(it.Body)
		return err == nil && len(a.Presence) > 0
	}
	return false
}

package node

import (
	"io"
	"log/slog"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/policy"
	"github.com/warifu/warifu/wire"
)

// A standing is this device itself and where it stands: its keys, its circle and its
// place in it, whom it talks to and what it has seen of them.
type standing struct {
	cfg  Config
	disk *disk
	self *self
	link Link
	log  *slog.Logger
	now  time.Time

	circle *circle // nil before the certificate is durable

	pairing map[string][]string  // transport ids of devices that were introduced, with their addresses
	parting map[string]time.Time // peers of a founding that ended, admitted until then so that they hear why

	peers     map[wire.Slot]*peer
	alarms    map[wire.Slot]int // checks of a protocol that a device failed
	strangers strangers

	verified int // signatures that were looked at because another device sent them

	company company
}

// sendTo queues a message for a member. Losing it is normal: inventories and
// resends make up for it.
func (me *standing) sendTo(slot wire.Slot, protocol string, msg []byte) {
	d, ok := me.device(slot)
	if !ok || d.Identity == me.self.public {
		return
	}
	if err := me.link.Send(d.Peer, protocol, msg); err != nil {
		me.log.Debug("message not sent", "to", d.Name, "err", err)
		me.peer(slot).stale = true
	}
}

func (me *standing) sync(slot wire.Slot, typ uint8, body any) {
	me.sendTo(slot, wire.ProtocolSync, encodeMessage(typ, body))
}

// broadcast sends to every member that is connected.
func (me *standing) broadcast(typ uint8, body any) {
	msg := encodeMessage(typ, body)
	for _, d := range me.members() {
		if me.online(d.Slot) {
			me.sendTo(d.Slot, wire.ProtocolSync, msg)
		}
	}
}

// Config is what a device needs of its surroundings.
type Config struct {
	Journal journal.Journal
	Keeper  Keeper
	Rand    io.Reader // cryptographically secure
	Boot    [16]byte  // chosen at the start of the process; drawn from Rand if zero
	Log     *slog.Logger
	Timings Timings
	Now     func() time.Time
	Rules   policy.Rules
}

package standing

import (
	"io"
	"log/slog"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/policy"
	"github.com/warifu/warifu/wire"
)

// A Standing is this device itself and where it stands: its keys, its circle and its
// place in it, whom it talks to and what it has seen of them.
type Standing struct {
	Config Config
	Disk   *Disk
	Self   *Self
	Link   Link
	Log    *slog.Logger
	Now    time.Time

	Circle *Circle // nil before the certificate is durable

	Pairing map[string][]string  // transport ids of devices that were introduced, with their addresses
	Parting map[string]time.Time // peers of a founding that ended, admitted until then so that they hear why

	Peers     map[wire.Slot]*Peer
	Alarms    map[wire.Slot]int // checks of a protocol that a device failed
	Strangers strangers

	Verified int // signatures that were looked at because another device sent them

	stirred bool // see [Standing.Stir]
	out     outbox

	company Company
}

// New reads the keys of a device, and has what it writes watched. The device is in no
// circle before [Standing.LoadCircle]. It returns [ErrNoDevice] for a journal without a
// device.
func New(cfg Config, c Company) (*Standing, error) {
	own, err := LoadSelf(cfg.Journal)
	if err != nil {
		return nil, err
	}
	if cfg.Rand, err = newHedgedSource(cfg.Rand, cfg.Now, cfg.Boot); err != nil {
		return nil, err
	}
	d := &Disk{Now: cfg.Now}
	cfg.Journal, cfg.Keeper = d.Watched(cfg.Journal, cfg.Keeper)
	return &Standing{
		Config: cfg, Disk: d, Self: own, Log: cfg.Log, Now: cfg.Now(), company: c,
		Pairing: map[string][]string{}, Parting: map[string]time.Time{}, Peers: map[wire.Slot]*Peer{}, Alarms: map[wire.Slot]int{},
	}, nil
}

// Sync queues a message of [wire.ProtocolSync] for a member.
func (me *Standing) Sync(slot wire.Slot, typ uint8, body any) {
	me.SendTo(slot, wire.ProtocolSync, message.EncodeMessage(typ, body))
}

// Broadcast sends to every member that is connected.
func (me *Standing) Broadcast(typ uint8, body any) {
	msg := message.EncodeMessage(typ, body)
	for _, d := range me.Members() {
		if me.Online(d.Slot) {
			me.SendTo(d.Slot, wire.ProtocolSync, msg)
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
	Words   say.Vocabulary // what persons do is called so where they read of it
}

// Stir says that something has changed for which a request may have waited. What follows
// is drawn when the event is over, once.
func (me *Standing) Stir() { me.stirred = true }

// Stirred reports whether something has since it was last asked.
func (me *Standing) Stirred() bool {
	was := me.stirred
	me.stirred = false
	return was
}

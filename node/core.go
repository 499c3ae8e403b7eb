package node

import (
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/vigil"
	"github.com/warifu/warifu/policy"
	"github.com/warifu/warifu/wire"
)

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

// A core is the device without its goroutines. Every method must be called
// from the one loop that owns it, and none waits for a peer.
type core struct {
	cfg  Config
	disk *disk
	self *self
	link Link
	log  *slog.Logger
	now  time.Time

	circle *circle // nil before the certificate is durable

	requests map[wire.RequestID]*openRequest
	unclosed map[wire.RequestID]*openRequest // all that are open, and perhaps some that are not
	meanings meanings                        // of requests that were looked at lately
	stock    stock                           // the items of all of them
	waiting  waitingAnswers                  // answers and receipts whose request has not come yet

	forgotten forgotten // what was held once, and is not asked for again
	disowned  forgotten // statements of this device that it does not remember

	newSigner newSigner
	sessions  map[wire.SessionID]*live
	ordered   uint64        // sessions begun so far
	begun     begunSessions // none of these is run again
	shown     []*testimony  // of sessions that are over, oldest first
	early     earlyFrames

	joining  *joining  // nil unless this device was invited, and waits
	founding *founding // nil unless one is in progress or pending
	attempt  *attempt  // nil unless a re-deal is in progress, or settled and kept
	waking   *attempt  // nil unless this device hears of one that it slept through
	spent    wire.Hash // the attempt in which it has said more than it remembers, if any
	inviting *inviting // nil unless somebody is invited into the circle
	pairing  map[string][]string
	parting  map[string]time.Time // peers of a founding that ended, admitted until then so that they hear why

	peers  map[wire.Slot]*peer
	alarms map[wire.Slot]int

	vigil     *vigil.Vigil // over the others
	presentAt time.Time    // a person last proved to be here
	evictAt   time.Time
	skips     uint64    // re-deals refused because their number was too high, see topNumber
	skippedAt time.Time // the last time
	grudges   grudges

	awake         time.Duration // this device has been running
	ticked        time.Time     // of the last tick; zero before the first
	resumeAt      time.Time     // when to read back an interrupted re-deal
	resumed       int           // how often in a row, without a write that worked
	unopened      int           // times in a row that it did not open
	redealTrouble string
	dead          deadAttempts // re-deals that came to nothing, or were refused

	company company
	lookout lookout
	sequel  sequel
	around  around
	ended   func(err error) // a founding has, and those who wait for it here hear why

	watchers map[*watcher]struct{}
	admitted *admission // what the link was told last
	lastBeat time.Time
	lastHave time.Time

	strangers strangers

	unremembered noise // of statements of this device that it does not remember

	ours     bool // what is done now is a step of what this device's person wanted
	verified int  // signatures that were looked at because another device sent them
}

// newCore reads everything durable. It starts nothing.
func newCore(cfg Config) (*core, error) {
	me, err := loadSelf(cfg.Journal)
	if err != nil {
		return nil, err
	}
	if cfg.Rand, err = newHedgedSource(cfg.Rand, cfg.Now, cfg.Boot); err != nil {
		return nil, err
	}
	watch := &disk{now: cfg.Now}
	cfg.Journal, cfg.Keeper = watch.watched(cfg.Journal, cfg.Keeper)
	c := &core{
		cfg: cfg, disk: watch, self: me, log: cfg.Log, now: cfg.Now(),
		requests: map[wire.RequestID]*openRequest{}, unclosed: map[wire.RequestID]*openRequest{},
		newSigner: signer, sessions: map[wire.SessionID]*live{}, begun: begunSessions{marks: map[wire.RequestID]uint64{}},
		pairing:  map[string][]string{},
		parting:  map[string]time.Time{},
		peers:    map[wire.Slot]*peer{},
		alarms:   map[wire.Slot]int{},
		watchers: map[*watcher]struct{}{},
		dead:     deadAttempts{},
		grudges:  grudges{},
	}
	w := wiring{c}
	c.company, c.lookout, c.sequel, c.around, c.ended = w, w, w, w, c.endWaits
	c.vigil = vigil.New(judgeStore{&c.cfg}, cfg.Log)
	if err := c.loadCircle(); err != nil {
		return nil, err
	}
	if err := c.dead.load(c.cfg.Journal); err != nil {
		return nil, err
	}
	if err := errors.Join(c.loadAlarms(), c.loadRequests()); err != nil {
		return nil, err
	}
	if err := c.begun.load(c.cfg.Journal, c.now); err != nil {
		return nil, err
	}
	return c, nil
}

// start gives the core its link and goes on with what was interrupted.
func (c *core) start(l Link) error {
	c.link = l
	if err := c.resumeFounding(); err != nil {
		return err
	}
	if err := c.startJudge(); err != nil {
		return err
	}
	if err := c.dead.destroy(c.cfg.Keeper); err != nil {
		return err
	}
	if err := c.resumeRedeal(); err != nil {
		// The device comes up and says so, and does nothing that its part in
		// the re-deal could contradict. It may be that a disk is slow.
		c.resumeLater(err)
	}
	for _, r := range c.byAge() {
		c.tellReleased(r)
	}
	if err := c.destroyUnusedKeys(c.keys()); err != nil {
		c.log.Warn("keys not cleaned up", "err", err)
	}
	c.settle()
	return nil
}

// sendTo queues a message for a member. Losing it is normal: inventories and
// resends make up for it.
func (c *core) sendTo(slot wire.Slot, protocol string, msg []byte) {
	d, ok := c.device(slot)
	if !ok || d.Identity == c.self.public {
		return
	}
	if err := c.link.Send(d.Peer, protocol, msg); err != nil {
		c.log.Debug("message not sent", "to", d.Name, "err", err)
		c.peer(slot).stale = true
	}
}

func (c *core) sync(slot wire.Slot, typ uint8, body any) {
	c.sendTo(slot, wire.ProtocolSync, encodeMessage(typ, body))
}

// broadcast sends to every member that is connected.
func (c *core) broadcast(typ uint8, body any) {
	msg := encodeMessage(typ, body)
	for _, d := range c.members() {
		if c.online(d.Slot) {
			c.sendTo(d.Slot, wire.ProtocolSync, msg)
		}
	}
}

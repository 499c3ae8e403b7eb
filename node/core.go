package node

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/warifu/warifu/node/journal"
	"github.com/warifu/warifu/policy"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// Config is what a device needs of its surroundings.
type Config struct {
	Journal journal.Journal
	Keeper  Keeper
	Rand    io.Reader // cryptographically secure
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
	orphans  []item // answers and receipts whose request has not come yet

	forgotten forgotten // what was held once, and is not asked for again

	newSigner newSigner
	sessions  map[wire.SessionID]*live
	ordered   uint64         // sessions begun so far
	begun     []begunSession // none of these is run again
	early     []earlyFrame

	founding *founding // nil unless one is in progress or pending
	attempt  *attempt  // nil unless a re-deal is in progress, or settled and kept
	waking   *attempt  // nil unless this device hears of one that it slept through
	inviting *inviting // nil unless somebody is invited into the circle
	pairing  map[string][]string
	parting  map[string]time.Time // peers of a founding that ended, admitted until then so that they hear why

	peers  map[wire.Slot]*peer
	alarms map[wire.Slot]int

	judge     *recovery.Judge
	boot      [8]byte
	judged    time.Duration // of awake, that the judge was told
	noticed   uint64        // the newest notice that was told
	saved     uint64        // the judge's revision that is stored
	savedAt   time.Time
	beats     map[wire.Slot][]byte
	presentAt time.Time // a person last proved to be here
	evictAt   time.Time
	grudges   map[wire.Slot]*grudge

	awake         time.Duration // this device has been running
	ticked        time.Time     // of the last tick; zero before the first
	resumeAt      time.Time     // when to read back an interrupted re-deal
	resumed       int           // how often in a row, without a write that worked
	unopened      int           // times in a row that it did not open
	redealTrouble string
	dead          map[wire.SessionID]*deadAttempt // re-deals that came to nothing, or were refused

	watchers map[*watcher]struct{}
	lastBeat time.Time
	lastHave time.Time
}

// A peer is what this device has seen of another member.
type peer struct {
	online   bool
	lastSeen time.Time // zero: never
	skew     time.Duration
	epoch    uint64
	record   wire.Hash // of that epoch
	share    bool      // it holds a share of it
	oldest   uint64    // the oldest epoch of which it holds one
	told     bool      // epoch, record, share and oldest are its word of this run
	locked   bool
	lost     string // why the connection ended, for the person
	stale    bool   // a message to it was certainly lost

	askedAt time.Time // when it was last told how far this device is, so that it catches up
}

// newCore reads everything durable. It starts nothing.
func newCore(cfg Config) (*core, error) {
	me, err := loadSelf(cfg.Journal)
	if err != nil {
		return nil, err
	}
	watch := &disk{now: cfg.Now}
	cfg.Journal, cfg.Keeper = watch.watched(cfg.Journal, cfg.Keeper)
	c := &core{
		cfg: cfg, disk: watch, self: me, log: cfg.Log, now: cfg.Now(),
		requests:  map[wire.RequestID]*openRequest{},
		newSigner: signer, sessions: map[wire.SessionID]*live{},
		pairing:  map[string][]string{},
		parting:  map[string]time.Time{},
		peers:    map[wire.Slot]*peer{},
		alarms:   map[wire.Slot]int{},
		watchers: map[*watcher]struct{}{},
		dead:     map[wire.SessionID]*deadAttempt{},
		beats:    map[wire.Slot][]byte{},
		grudges:  map[wire.Slot]*grudge{},
	}
	if err := c.loadCircle(); err != nil {
		return nil, err
	}
	if err := c.loadDead(); err != nil {
		return nil, err
	}
	if err := c.loadRequests(); err != nil {
		return nil, err
	}
	if err := c.loadBegun(); err != nil {
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
	if err := c.destroyDead(); err != nil {
		return err
	}
	if err := c.resumeRedeal(); err != nil {
		// The device comes up and says so, and does nothing that its part in
		// the re-deal could contradict. It may be that a disk is slow.
		c.resumeLater(err)
	}
	if err := c.destroyOrphans(); err != nil {
		c.log.Warn("keys not cleaned up", "err", err)
	}
	c.admit()
	return nil
}

// members returns the devices that this device talks to as one group: those of
// the circle and of an attempt to change it, or those of a founding.
func (c *core) members() []roster.Device {
	var out []roster.Device
	if c.circle != nil {
		out = c.circle.record.Devices
	} else if c.founding != nil && c.founding.proposal != nil {
		return c.founding.proposal.Devices
	}
	a := c.attempt
	if a == nil || a.machine.Settled() {
		return out
	}
	out = slices.Clone(out)
	for _, d := range slices.Concat(c.parentOf(a).Devices, a.proposal.Added) {
		gone := slices.ContainsFunc(a.proposal.Removed, func(x refresh.Removal) bool { return x.Slot == d.Slot })
		if !gone && !slices.ContainsFunc(out, func(o roster.Device) bool { return o.Slot == d.Slot }) {
			out = append(out, d)
		}
	}
	return out
}

func (c *core) slotOf(peerID []byte) (wire.Slot, bool) {
	for _, d := range c.members() {
		if string(d.Peer) == string(peerID) {
			return d.Slot, true
		}
	}
	return 0, false
}

func (c *core) device(slot wire.Slot) (roster.Device, bool) {
	for _, d := range c.members() {
		if d.Slot == slot {
			return d, true
		}
	}
	return roster.Device{}, false
}

// name returns what a person calls the device in slot, or called it while it
// was in the circle.
func (c *core) name(slot wire.Slot) string {
	if d, ok := c.device(slot); ok {
		return d.Name
	}
	if c.circle != nil {
		for _, f := range c.circle.record.Former {
			if f.Slot == slot {
				return f.Name
			}
		}
	}
	return fmt.Sprintf("device %d", slot)
}

func (c *core) names(slots []wire.Slot) []string {
	out := make([]string, 0, len(slots))
	for _, s := range slots {
		out = append(out, c.name(s))
	}
	return out
}

// selfSlot is this device's slot in the circle or the founding, 0 if none.
func (c *core) selfSlot() wire.Slot {
	for _, d := range c.members() {
		if d.Identity == c.self.public {
			return d.Slot
		}
	}
	return 0
}

// admit tells the link who may connect: members of the circle, devices of a
// founding in progress, and nobody else.
func (c *core) admit() {
	allowed := map[string][]string{}
	bySlot := map[uint16][]byte{}
	for _, d := range c.members() {
		if d.Identity == c.self.public {
			continue
		}
		var addrs []string
		if c.circle != nil {
			addrs = c.circle.addrs[d.Slot]
		}
		if c.founding != nil {
			addrs = append(addrs, c.founding.addrs[d.Slot]...)
		}
		if c.attempt != nil {
			addrs = append(addrs, c.attempt.addrs[d.Slot]...)
		}
		allowed[string(d.Peer)] = addrs
		bySlot[uint16(d.Slot)] = d.Peer
	}
	for id, addrs := range c.pairing {
		allowed[id] = append(allowed[id], addrs...)
	}
	for id := range c.formerPeers() {
		allowed[id] = nil
	}
	for id, until := range c.parting {
		if _, ok := allowed[id]; !ok && c.now.Before(until) {
			allowed[id] = nil
		}
	}
	c.link.SetPeers(allowed)
	var key [32]byte
	switch {
	case c.circle != nil:
		key = c.circle.discovery
	case c.founding != nil:
		key = c.founding.discovery
	}

	c.link.SetBeacon(key, uint16(c.selfSlot()), bySlot)
}

func (c *core) peer(slot wire.Slot) *peer {
	p := c.peers[slot]
	if p == nil {
		p = &peer{}
		c.peers[slot] = p
	}
	return p
}

func (c *core) online(slot wire.Slot) bool {
	p := c.peers[slot]
	return p != nil && p.online
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

// onMessage handles one message of an authenticated peer.
func (c *core) onMessage(now time.Time, from []byte, protocol string, msg []byte) {
	c.now = now
	slot, ok := c.slotOf(from)
	if !ok {
		c.onStrangerMessage(from, protocol, msg)
		return
	}
	p := c.peer(slot)
	p.lastSeen = now
	var err error
	switch protocol {
	case wire.ProtocolSession:
		err = c.onFrame(slot, msg)
	case wire.ProtocolSync:
		err = c.onSync(slot, msg)
	}
	if err != nil {
		c.log.Warn("message refused", "from", c.name(slot), "err", err)
	}
}

func (c *core) onSync(from wire.Slot, msg []byte) error {
	typ, body, err := splitMessage(msg)
	if err != nil {
		return err
	}
	switch typ {
	case msgHello:
		return decode(body, from, c.onHello)
	case msgBeat:
		return decode(body, from, c.onBeat)
	case msgHave:
		return decode(body, from, c.onHave)
	case msgWant:
		return decode(body, from, c.onWant)
	case msgItems:
		return decode(body, from, c.onItems)
	case msgOpen:
		return decode(body, from, c.onOpen)
	case msgClose:
		return decode(body, from, c.onClose)
	case msgFound:
		return decode(body, from, c.onFoundAgain)
	case msgUnfound:
		return decode(body, from, c.onUnfound)
	case msgEntry:
		return decode(body, from, c.onEntry)
	case msgChain:
		return decode(body, from, c.onChain)
	case msgRedeal:
		return decode(body, from, c.onRedeal)
	case msgTest:
		return decode(body, from, c.onTest)
	}
	return fmt.Errorf("node: unknown message type %d", typ)
}

func decode[T any](body []byte, from wire.Slot, handle func(wire.Slot, T) error) error {
	var v T
	if err := wire.Unmarshal(body, &v); err != nil {
		return err
	}
	return handle(from, v)
}

// onUp handles a connection that can carry messages.
func (c *core) onUp(now time.Time, peerID []byte) {
	c.now = now
	slot, ok := c.slotOf(peerID)
	if !ok {
		c.onPairedUp(peerID)
		return
	}
	p := c.peer(slot)
	p.online, p.lastSeen, p.lost = true, now, ""
	c.sync(slot, msgHello, c.hello())
	c.foundingUp(slot)
	if c.circle != nil {
		c.sync(slot, msgHave, have{IDs: c.inventory()})
		c.sync(slot, msgBeat, c.myBeat())
		c.tryAll()
		c.changeCircle()
	}
	c.notifyAll()
}

// onDown handles the loss of the last connection to a peer.
func (c *core) onDown(now time.Time, peerID []byte, reason string) {
	c.now = now
	slot, ok := c.slotOf(peerID)
	if !ok {
		return
	}
	p := c.peer(slot)
	p.online, p.lost = false, reason
	for _, l := range c.liveSessions() {
		if l.signing() && l.has(slot) && !l.done {
			c.failSession(l, silent{slot: slot, why: "lost the connection"})
		}
	}
	c.notifyAll()
}

// tick does what time asks for.
func (c *core) tick(now time.Time) {
	c.stayAwake(now)
	c.now = now
	c.expire()
	c.tickSessions()
	c.tickFounding()
	c.tickParting()
	c.tickResume()
	c.tickJudge()
	c.tickRedeal()
	c.changeCircle()
	if c.circle == nil {
		return
	}
	every := c.beatEvery()
	if now.Sub(c.lastBeat) >= every || now.Before(c.lastBeat) {
		c.lastBeat = now
		c.broadcast(msgBeat, c.myBeat())
	}
	if now.Sub(c.lastHave) >= c.cfg.Timings.Inventory || now.Before(c.lastHave) {
		c.lastHave = now
		c.broadcast(msgHave, have{IDs: c.inventory()})
	}
	for _, slot := range sortedSlots(c.peers) {
		if p := c.peers[slot]; p.stale && p.online {
			p.stale = false
			c.sync(slot, msgHave, have{IDs: c.inventory()})
		}
	}
	c.tryAll()
}

// beatEvery is the time between heartbeats: often enough that nobody who is
// there is taken for quiet.
func (c *core) beatEvery() time.Duration {
	every := min(c.cfg.Timings.Beat, time.Duration(c.circle.record.Settings.Quiet)*time.Second/4)
	if c.busy() {
		every = min(every, c.cfg.Timings.LiveBeat)
	}
	return every
}

// tickEvery is the time to the next tick.
func (c *core) tickEvery() time.Duration {
	if c.busy() {
		return c.cfg.Timings.Tick
	}
	if c.circle != nil {
		return min(c.cfg.Timings.IdleTick, max(c.beatEvery(), c.cfg.Timings.Tick))
	}
	return c.cfg.Timings.IdleTick
}

// busy reports whether the loop should tick fast.
func (c *core) busy() bool {
	return c.founding != nil || c.interrupted() || slices.ContainsFunc(c.liveSessions(), func(l *live) bool { return !l.done && !c.resting(l) })
}

// stayAwake counts the time for which this device has been running: never more
// than passed between two ticks of a running loop, whatever the clock says.
func (c *core) stayAwake(now time.Time) {
	// Since the last tick and not since c.now, which moves with every event.
	if d := now.Sub(c.ticked); d > 0 && !c.ticked.IsZero() {
		c.awake += min(d, 2*c.cfg.Timings.IdleTick)
	}
	c.ticked = now
}

// tickResume reads back a re-deal that was interrupted by a failed write.
func (c *core) tickResume() {
	if c.resumeAt.IsZero() || c.now.Before(c.resumeAt) && c.resumeAt.Sub(c.now) <= maxResumePause {
		return
	}
	// What is resumed may be interrupted again.
	c.resumeAt, c.redealTrouble = time.Time{}, ""
	out := c.circle == nil
	grew, err := c.reread()
	if err == nil {
		err = errors.Join(c.destroyDead(), c.resumeRedeal())
	}
	if out && c.circle != nil {
		err = errors.Join(err, c.loadRequests())
	}
	if err != nil {
		c.resumeLater(err)
	}
	if grew {
		c.followRecord()
		c.changeEpoch()
	}
}

// resumeLater tries again to read back what could not be read.
func (c *core) resumeLater(err error) {
	c.resumeAt = c.now.Add(resumePause)
	c.redealTrouble = err.Error()
	c.log.Error("re-deal not resumed", "err", err)
}

// formerPeers are devices that left without being stolen. They may connect to
// learn that they are out, and are told nothing else.
func (c *core) formerPeers() map[string][]string {
	out := map[string][]string{}
	if c.circle == nil {
		return out
	}
	for _, f := range c.circle.record.Former {
		if f.State == roster.Stolen {
			continue
		}
		for _, e := range c.circle.chain {
			if d, ok := e.Record.Device(f.Slot); ok && d.Identity == f.Identity {
				out[string(d.Peer)] = nil
			}
		}
	}
	return out
}

func unix(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }

func (c *core) hello() hello {
	h := hello{Wall: unix(c.now), Addrs: c.link.Addrs()}
	if len(h.Addrs) > maxAddrs {
		h.Addrs = h.Addrs[:maxAddrs]
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
		c.log.Warn("clock of a device is off", "device", c.name(from), "by", p.skew.Round(time.Second))
	}
}

func (c *core) onHello(from wire.Slot, h hello) error {
	if err := checkAddrs(h.Addrs); err != nil {
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
	p.record, p.share, p.oldest, p.told = h.Record, h.Share, h.Oldest, true
	defer c.changeCircle()
	c.catchUp(from, h.Head)
	return c.rememberAddrs(from, h.Addrs)
}

package node

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/journal"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// A founding is a circle that does not stand yet. Until this device has said
// ready it lives in memory only, and a crash of any device ends it. From then
// on it is pending: durable, never deleted by itself, and finished whenever
// the signatures of all devices have come together.
type founding struct {
	// While devices are being invited, by the founder.
	threshold, devices int
	settings           roster.Settings
	joined             []newcomer

	// On a device that was invited: who invited it, and the card it gave.
	sponsor *newcomer
	card    roster.Card

	// From the proposal on.
	proposal  *keygen.Proposal
	session   wire.SessionID
	addrs     map[wire.Slot][]string
	discovery [32]byte
	live      *live
	machine   *keygen.Machine

	review  *roster.Record // what the person is asked about
	agreed  bool           // the person said yes
	pending bool
	trouble string
	touched time.Time
}

// A newcomer is a device that has been introduced and is in no circle yet.
type newcomer struct {
	card  roster.Card
	addrs []string
}

// storedFounding is a pending founding. State is the keygen machine's, sealed
// by the keeper under the key of the epoch to be.
type storedFounding struct {
	Version   uint8    `cbor:"1,keyasint"`
	Proposal  []byte   `cbor:"2,keyasint"`
	Discovery [32]byte `cbor:"3,keyasint"`
	Addrs     []byte   `cbor:"4,keyasint"`
	State     []byte   `cbor:"5,keyasint"`
}

const keygenName = "keygen"

// epochKeyID names the keeper's key for the shares of a founding.
func epochKeyID(session wire.SessionID) string { return "0-" + hex.EncodeToString(session[:16]) }

func (f *founding) recordHash() wire.Hash {
	if f.review == nil {
		return wire.Hash{}
	}
	return f.review.Hash()
}

func (f *founding) state() string {
	switch {
	case f.pending:
		return api.FoundingPending
	case f.review != nil && !f.agreed:
		return api.FoundingConfirming
	case f.proposal != nil:
		return api.FoundingGenerating
	}
	return api.FoundingInviting
}

// freeToFound says why this device cannot begin a founding, or nil.
func (c *core) freeToFound() error {
	switch {
	case c.circle != nil:
		return api.Errorf(api.CodeCircleExists, "this device is in circle %v already", c.circle.record.Circle)
	case c.founding != nil && c.founding.pending:
		return api.Errorf(api.CodeFounding, "a founding is waiting for %s", list(c.foundingMissing())).
			WithHint("start those devices; or, if they are lost, \"warifu found --abandon\" on every device and begin again")
	case c.founding != nil:
		return api.Errorf(api.CodeFounding, "a founding is in progress").
			WithHint("let it finish, or give it up with \"warifu found --abandon\"")
	case c.cfg.Keeper.Locked():
		return api.Errorf(api.CodeLocked, "this device is locked").WithHint("warifu unlock")
	}
	return nil
}

// beginInviting starts a founding with this device as the first.
func (c *core) beginInviting(threshold, devices int, settings roster.Settings) error {
	if err := c.freeToFound(); err != nil {
		return err
	}
	if err := checkShape(threshold, devices); err != nil {
		return err
	}
	if err := settings.Check(); err != nil {
		return badArgument(err)
	}
	c.founding = &founding{threshold: threshold, devices: devices, settings: settings, touched: c.now}
	c.notifyAll()
	return nil
}

// settingsOf reads the timers of a circle to be. Who shortens the grace shortens
// what belongs to it.
func settingsOf(args api.FoundArgs) roster.Settings {
	s := roster.DefaultSettings()
	set := func(to *uint64, d api.Duration) {
		if d > 0 {
			*to = max(uint64(time.Duration(d)/time.Second), 1)
		}
	}
	set(&s.Quiet, args.Quiet)
	set(&s.Suspect, args.Suspect)
	set(&s.SuspectOnline, args.Online)
	set(&s.Grace, args.Grace)
	if args.Grace > 0 {
		s.GraceNoSpare = 2 * s.Grace
		s.Budget, s.BudgetNoSpare = min(s.Budget, s.Grace), min(s.BudgetNoSpare, s.Grace)
	}
	return s
}

// maxDevices is how many devices a circle may have.
const maxDevices = 9

// checkShape refuses thresholds that do not protect, in words.
func checkShape(threshold, devices int) error {
	switch {
	case devices < 2 || devices > maxDevices:
		return api.Errorf(api.CodeBadArgument, "a circle has 2 to %d devices, not %d", maxDevices, devices)
	case threshold < 2:
		return api.Errorf(api.CodeBadArgument, "threshold %d: one device alone could sign", threshold).
			WithHint("a circle of %d devices wants --threshold %d", devices, devices/2+1)
	case threshold > devices:
		return api.Errorf(api.CodeBadArgument, "threshold %d: there are only %d devices", threshold, devices).
			WithHint("a circle of %d devices wants --threshold %d", devices, devices/2+1)
	case 2*threshold <= devices:
		return api.Errorf(api.CodeBadArgument, "threshold %d of %d: two halves of the circle could each sign without the other", threshold, devices).
			WithHint("more than half of the devices must sign: --threshold %d", devices/2+1)
	}
	return nil
}

// admitNewcomer takes a device that was introduced into a founding.
func (c *core) admitNewcomer(n newcomer) error {
	if c.inviting != nil {
		if err := c.fitsCircle(n.card); err != nil {
			return err
		}
		c.pairing[string(n.card.Peer)] = n.addrs
		c.admit()
		return nil
	}
	f := c.founding
	if f == nil || f.proposal != nil {
		return errNotInviting
	}
	if err := c.fits(n.card); err != nil {
		return err
	}
	f.joined = append(f.joined, n)
	f.touched = c.now
	c.pairing[string(n.card.Peer)] = n.addrs
	c.admit()
	c.log.Info("device joined", "device", n.card.Name)
	c.notifyAll()
	return nil
}

var (
	errNotInviting = errors.New("node: no founding is inviting")
	errSameDevice  = errors.New("node: this device is in already")
	errSameName    = errors.New("node: another device has this name")
	errFull        = errors.New("node: all devices have joined")
)

// fits compares a card with the devices that are in already.
func (c *core) fits(card roster.Card) error {
	if c.inviting != nil {
		return c.fitsCircle(card)
	}
	f := c.founding
	if f == nil {
		return errNotInviting
	}
	if len(f.joined)+1 >= f.devices {
		return errFull
	}
	in := []roster.Card{c.ownCard([32]byte{})}
	for _, n := range f.joined {
		in = append(in, n.card)
	}
	for _, other := range in {
		if other.Identity == card.Identity || bytes.Equal(other.Peer, card.Peer) || other.Box == card.Box || other.Presence == card.Presence {
			return errSameDevice
		}
		if strings.EqualFold(other.Name, card.Name) {
			return errSameName
		}
	}
	return nil
}

// ownCard introduces this device.
func (c *core) ownCard(nonce [32]byte) roster.Card {
	return roster.SignCard(roster.Card{
		Name: c.self.name, Kind: c.self.kind, Identity: c.self.public, Peer: c.link.ID(),
		Box: c.self.box, Presence: c.self.presence, Nonce: nonce,
	}, c.self.sign)
}

// propose starts the protocol once everybody has joined.
func (c *core) propose() error {
	f := c.founding
	if f == nil || f.proposal != nil || len(f.joined)+1 != f.devices {
		return errNotInviting
	}
	p := keygen.Proposal{Version: keygen.Version, Threshold: f.threshold, Settings: f.settings}
	if _, err := io.ReadFull(c.cfg.Rand, p.Nonce[:]); err != nil {
		return fmt.Errorf("node: draw nonce: %w", err)
	}
	if _, err := io.ReadFull(c.cfg.Rand, f.discovery[:]); err != nil {
		return fmt.Errorf("node: draw discovery key: %w", err)
	}
	f.addrs = map[wire.Slot][]string{1: c.link.Addrs()}
	p.Devices = []roster.Device{c.ownCard([32]byte{}).Device(1)}
	for i, n := range f.joined {
		slot := wire.Slot(i + 2)
		p.Devices = append(p.Devices, n.card.Device(slot))
		f.addrs[slot] = n.addrs
	}
	return c.startKeygen(p)
}

func (c *core) foundMessage() found {
	f := c.founding
	m := found{Proposal: f.proposal.Bytes(), Discovery: f.discovery}
	for _, d := range f.proposal.Devices {
		addrs := f.addrs[d.Slot]
		if addrs == nil {
			addrs = []string{}
		}
		m.Addrs = append(m.Addrs, addrs)
	}
	return m
}

// startKeygen begins the protocol on this device.
func (c *core) startKeygen(p keygen.Proposal) error {
	if err := p.Check(); err != nil {
		return err
	}
	f := c.founding
	f.proposal, f.session, f.touched = &p, p.Session(), c.now
	for _, d := range p.Devices {
		if c.link.Connected(d.Peer) {
			pr := c.peer(d.Slot)
			pr.online, pr.lastSeen = true, c.now
		}
	}
	c.admit()
	me := c.selfSlot()
	m, effects, err := keygen.New(keygen.Config{Proposal: p, Self: me, Sign: c.self.sign, Rand: c.cfg.Rand})
	if err != nil {
		return err
	}
	if me == 1 {
		c.broadcast(msgFound, c.foundMessage())
	}
	f.machine = m
	f.live = c.foundingLive(f, m)
	c.log.Info("founding started", "session", f.session, "devices", len(p.Devices), "threshold", p.Threshold)
	c.begin(f.live, effects)
	c.notifyAll()
	return nil
}

func (c *core) foundingLive(f *founding, m *keygen.Machine) *live {
	l := &live{id: f.session, machine: m, founder: f}
	for _, d := range f.proposal.Devices {
		l.slots = append(l.slots, d.Slot)
	}
	return l
}

// foundingUp tells a device that has just connected what it missed.
func (c *core) foundingUp(slot wire.Slot) {
	f := c.founding
	if f == nil || f.proposal == nil {
		return
	}
	if c.selfSlot() == 1 && !f.pending {
		c.sync(slot, msgFound, c.foundMessage())
	}
	if f.live != nil && c.sessions[f.session] == f.live {
		c.carryOut(f.live, f.machine.Resend())
	}
}

// onPairedUp handles the connection of a device that has no slot: one that has
// been introduced, to which there is nothing to say before everybody has
// joined, or one that left the circle.
func (c *core) onPairedUp(peer []byte) {
	c.tellFormer(peer)
	c.notifyAll()
}

// onStrangerMessage handles a message of a peer that the link admits and that
// has no slot here: only its sponsor has anything to say to an invited device.
func (c *core) onStrangerMessage(from []byte, protocol string, msg []byte) {
	f := c.founding
	if f == nil || f.sponsor == nil || f.proposal != nil || c.attempt != nil {
		return
	}
	if protocol == wire.ProtocolSession {
		if fr, err := wire.ParseFrame(msg); err == nil && !c.tellSponsor(fr, from) {
			c.keepEarly(fr, from)
		}
		return
	}
	if !bytes.Equal(from, f.sponsor.card.Peer) {
		return
	}
	typ, body, err := splitMessage(msg)
	if err != nil {
		return
	}
	switch typ {
	case msgFound:
		var m found
		if err = wire.Unmarshal(body, &m); err == nil {
			err = c.accept(m)
		}
	case msgRedeal:
		var m redeal
		if err = wire.Unmarshal(body, &m); err == nil {
			err = c.comeIn(m)
		}
	case msgUnfound:
		var m unfound
		if err = wire.Unmarshal(body, &m); err == nil {
			c.endFounding(api.Errorf(api.CodeFoundingFailed, "%s gave up: %s", f.sponsor.card.Name, foundingReason(m.Reason)))
		}
	}
	if err != nil {
		c.log.Warn("message of the inviting device refused", "err", err)
		c.endFounding(api.Errorf(api.CodeFoundingFailed, "%s proposed a circle that this device does not accept: %v", f.sponsor.card.Name, err))
	}
}

// accept starts the protocol on an invited device, if the proposal lists both
// it and its sponsor just as they introduced themselves.
func (c *core) accept(m found) error {
	f := c.founding
	p, err := keygen.ParseProposal(m.Proposal)
	if err != nil {
		return err
	}
	if len(m.Addrs) != len(p.Devices) {
		return errors.New("node: addresses that do not match the devices")
	}
	own, theirs := false, false
	addrs := map[wire.Slot][]string{}
	for i, d := range p.Devices {
		if err := checkAddrs(m.Addrs[i]); err != nil {
			return err
		}
		addrs[d.Slot] = m.Addrs[i]
		own = own || same(d, f.card)
		theirs = theirs || same(d, f.sponsor.card)
	}
	if !own || !theirs {
		return errors.New("node: a proposal without this device or the one that invited it")
	}
	f.addrs, f.discovery = addrs, m.Discovery
	clear(c.pairing)
	return c.startKeygen(p)
}

func same(d roster.Device, card roster.Card) bool {
	want := card.Device(d.Slot)
	return d.Name == want.Name && d.Kind == want.Kind && d.Identity == want.Identity &&
		bytes.Equal(d.Peer, want.Peer) && d.Box == want.Box && d.Presence == want.Presence
}

// onFoundAgain hears the proposal once more, from a founder that has slots by
// now. It matters only if it contradicts the first.
func (c *core) onFoundAgain(from wire.Slot, m found) error {
	f := c.founding
	if f == nil || f.proposal == nil || bytes.Equal(m.Proposal, f.proposal.Bytes()) {
		return nil
	}
	return fmt.Errorf("node: %s proposed a second founding while one is in progress", c.name(from))
}

// foundingStep asks the person as soon as there is something to ask.
func (c *core) foundingStep(l *live) {
	f := l.founder
	f.touched = c.now
	if f.review == nil {
		if rec, ok := f.machine.Review(); ok {
			f.review = &rec
			c.log.Info("founding is to be confirmed", "session", f.session)
		}
	}
	c.notifyAll()
}

// confirm takes the person's answer to names and words.
func (c *core) confirm(sessionHex string, yes bool) error {
	f := c.founding
	if f == nil || f.review == nil || f.session.Hex() != sessionHex {
		return api.Errorf(api.CodeNoFounding, "no founding waits for an answer here")
	}
	if f.pending || f.agreed {
		if yes {
			return nil
		}
		return api.Errorf(api.CodeFounding, "this device has said ready already").
			WithHint("\"warifu found --abandon\" sets the founding aside")
	}
	if !yes {
		c.tellUnfound("refused", 0)
		c.endFounding(api.Errorf(api.CodeNotConfirmed, "the person at %s said no", c.self.name))
		return nil
	}
	if c.cfg.Keeper.Locked() {
		return api.Errorf(api.CodeLocked, "this device is locked").WithHint("warifu unlock")
	}
	effects, err := f.machine.Confirm()
	if err != nil {
		return err
	}
	f.agreed = true
	c.carryOut(f.live, effects)
	c.notifyAll()
	return nil
}

// persistFounding makes the keygen machine's state durable: first the key that
// seals it, then the sealed state. Only what follows in the machine's effects
// tells anybody that this device is ready.
func (c *core) persistFounding(l *live, state []byte) error {
	f := l.founder
	id := epochKeyID(f.session)
	if err := c.cfg.Keeper.NewEpochKey(id); err != nil {
		return fmt.Errorf("node: make the key of the new shares: %w", err)
	}
	sealed, err := c.cfg.Keeper.SealShare(id, keygenName, state)
	if err != nil {
		return fmt.Errorf("node: seal the new shares: %w", err)
	}
	raw := wire.Marshal(storedFounding{
		Version: 1, Proposal: f.proposal.Bytes(), Discovery: f.discovery, Addrs: packAddrs(f.addrs), State: sealed,
	})
	// From here on the share may be durable, whatever Update answers.
	f.pending = true
	return c.cfg.Journal.Update(func(tx journal.Tx) error { return tx.Put(bucketFounding, pendingKey, raw) })
}

// resumeFounding goes on with a founding that was pending at the last stop.
func (c *core) resumeFounding() error {
	var raw []byte
	if err := c.cfg.Journal.View(func(tx journal.Tx) (err error) {
		raw, err = tx.Get(bucketFounding, pendingKey)
		return err
	}); err != nil {
		return fmt.Errorf("node: read founding: %w", err)
	}
	if raw == nil {
		return nil
	}
	var s storedFounding
	if err := wire.Unmarshal(raw, &s); err != nil || s.Version != 1 {
		return errors.New("node: the pending founding is damaged")
	}
	addrs, err := unpackAddrs(s.Addrs)
	if err != nil {
		return fmt.Errorf("node: pending founding: %w", err)
	}
	p, err := keygen.ParseProposal(s.Proposal)
	if err != nil {
		return fmt.Errorf("node: pending founding: %w", err)
	}
	f := &founding{proposal: &p, session: p.Session(), addrs: addrs, discovery: s.Discovery,
		pending: true, agreed: true, touched: c.now}
	state, err := c.cfg.Keeper.OpenShare(epochKeyID(f.session), keygenName, s.State)
	if err != nil {
		return fmt.Errorf("node: open the pending founding: %w", err)
	}
	defer clear(state)
	c.founding = f
	m, effects, err := keygen.Resume(keygen.Config{Proposal: p, Self: c.selfSlot(), Sign: c.self.sign, Rand: c.cfg.Rand}, state)
	if err != nil {
		return fmt.Errorf("node: resume the pending founding: %w", err)
	}
	rec, ok := m.Record()
	if !ok {
		return errors.New("node: the pending founding has no record")
	}
	f.machine, f.review = m, &rec
	f.live = c.foundingLive(f, m)
	c.begin(f.live, effects)
	return nil
}

// finishFounding turns a complete certificate into the head of the roster. One
// transaction makes the circle and ends the founding.
func (c *core) finishFounding(l *live) {
	f := l.founder
	e, ok := f.machine.Entry()
	shares, ok2 := f.machine.Shares()
	if !ok || !ok2 {
		panic("node: internal error: keygen is done without a result")
	}
	id := epochKeyID(f.session)
	sealed := map[string][]byte{}
	var err error
	for name, key := range shares {
		err = errors.Join(err, key.Use(func(b *[32]byte) error {
			s, err := c.cfg.Keeper.SealShare(id, shareName(name), b[:])
			sealed[name] = s
			return err
		}))
		key.Wipe()
	}
	raw := e.Bytes()
	if err == nil {
		err = c.cfg.Journal.Update(func(tx journal.Tx) error {
			err := errors.Join(
				putEntry(tx, e),
				tx.Put(bucketCircle, discoveryKey, f.discovery[:]),
				tx.Put(bucketCircle, addrsKey, packAddrs(f.addrs)),
				tx.Put(bucketCircle, shareKeyKey, []byte(id)),
				tx.Delete(bucketFounding, pendingKey))
			for name, s := range sealed {
				err = errors.Join(err, tx.Put(bucketShares, shareRecord(id, name), s))
			}
			return err
		})
	}
	if err != nil {
		// The outcome is unknown. The pending state still holds everything
		// if nothing was written, so the next start decides.
		c.drop(l)
		f.trouble = "the finished circle could not be stored; restart this device: " + err.Error()
		c.log.Error("circle not stored", "err", err)
		c.notifyAll()
		return
	}
	c.drop(l)
	c.founding = nil
	clear(c.pairing)
	c.circle = &circle{
		chain: roster.Chain{e}, headKey: id, discovery: f.discovery, addrs: f.addrs, fenced: map[wire.DeviceID]bool{},
	}
	if err := c.toHead(); err != nil {
		panic("node: internal error: " + err.Error())
	}
	if err := c.startJudge(); err != nil {
		c.log.Error("judge not started", "err", err)
	}
	c.admit()
	c.log.Info("the circle stands", "circle", e.Record.Circle)
	c.broadcast(msgHello, c.hello())
	c.broadcast(msgEntry, entry{Entry: raw})
	c.notifyAll()
}

// onEntry completes a pending founding with a certificate that another device
// has complete. It reaches the machine as a frame, to be checked like any.
func (c *core) onEntry(from wire.Slot, m entry) error {
	f := c.founding
	if c.circle != nil || f == nil || !f.pending {
		return nil
	}
	e, err := roster.ParseEntry(m.Entry)
	if err != nil {
		return err
	}
	if err := e.Verify(); err != nil {
		return err
	}
	if e.Record.Hash() != f.recordHash() {
		return errors.New("node: a certificate for another record than the one this device confirmed")
	}
	if c.sessions[f.session] != f.live {
		// The machine stopped, perhaps at what one device sent to keep this one
		// out. The share is durable and the certificate stands for itself.
		if err := c.resumeFounding(); err != nil {
			return err
		}
		if f = c.founding; f == nil {
			return nil
		}
	}
	c.deliver(f.live, keygen.CertificateFrame(f.session, from, e))
	return nil
}

// tellUnfound tells everybody that the founding is over.
func (c *core) tellUnfound(reason string, blame wire.Slot) {
	f := c.founding
	m := unfound{Session: f.session, Reason: reason, Blame: uint16(blame)}
	if f.proposal != nil {
		c.broadcast(msgUnfound, m)
		return
	}
	for _, n := range f.joined {
		if err := c.link.Send(n.card.Peer, wire.ProtocolSync, encodeMessage(msgUnfound, m)); err != nil {
			c.log.Debug("message not sent", "to", n.card.Name, "err", err)
		}
	}
}

// foundingReason says a reason of unfound in words; a reason is a peer's word
// and only its known values are shown.
func foundingReason(reason string) string {
	switch reason {
	case "refused":
		return "its person said no to the names and words"
	case "abandoned":
		return "its person gave the founding up"
	case "silent":
		return "a device did not answer"
	case "fault":
		return "a device broke the protocol"
	case "mismatch":
		return "the devices did not see the same messages"
	}
	return "the founding failed there"
}

func (c *core) onUnfound(from wire.Slot, m unfound) error {
	f := c.founding
	if f == nil || wire.SessionID(m.Session) != f.session {
		return nil
	}
	text := fmt.Sprintf("%s ended the founding: %s", c.name(from), foundingReason(m.Reason))
	if b := wire.Slot(m.Blame); b != 0 && b != from {
		text += fmt.Sprintf(" (it names %s)", c.name(b))
	}
	if f.pending {
		f.trouble = text
		c.notifyAll()
		return nil
	}
	code := api.CodeFoundingFailed
	if m.Reason == "refused" {
		code = api.CodeNotConfirmed
	}
	c.endFounding(api.Errorf(code, "%s", text).WithDevice(c.name(from)))
	return nil
}

// foundingFailed handles a machine that stopped. A pending share stays.
func (c *core) foundingFailed(l *live, err error) {
	f := l.founder
	slot, check, _ := blamed(err)
	claim, complained := errors.AsType[*keygen.Complaint](err)
	reason, text := "failed", err.Error()
	switch {
	case errors.Is(err, session.ErrViewMismatch):
		reason, text = "mismatch", "the devices did not see the same messages"
	case complained:
		reason, text = "fault", fmt.Sprintf("%s says that %s broke a check (%s)", c.name(claim.By), c.name(claim.Against), claim.Check)
	case check == "silent":
		reason, text = "silent", c.troubleText(slot, err)
	case slot != 0:
		reason, text = "fault", c.troubleText(slot, err)
	}
	c.log.Error("founding failed", "session", f.session, "device", c.name(slot), "err", err)
	c.tellUnfound(reason, slot)
	if f.pending {
		f.trouble, f.touched = text, c.now
		c.notifyAll()
		return
	}
	e := api.Errorf(api.CodeFoundingFailed, "the founding failed: %s", text).
		WithHint("nothing is left of it; begin again with \"warifu found\" and \"warifu join\"")
	if slot != 0 {
		e = e.WithDevice(c.name(slot))
	}
	if storage := storeError(err); slot == 0 && api.CodeOf(storage) == api.CodeDiskFull {
		e = api.AsError(storage)
	}
	c.endFounding(e)
}

// endFounding forgets a founding that is not pending.
func (c *core) endFounding(err error) {
	f := c.founding
	if f.live != nil {
		c.drop(f.live)
	}
	// Who is cut at once does not hear what was just said to them.
	for _, d := range c.members() {
		if d.Identity != c.self.public {
			c.parting[string(d.Peer)] = c.now.Add(partingTime)
		}
	}
	for id := range c.pairing {
		c.parting[id] = c.now.Add(partingTime)
	}
	c.founding = nil
	clear(c.pairing)
	clear(c.peers)
	c.admit()
	for w := range c.watchers {
		if w.founding {
			w.failed = err
		}
	}
	c.notifyAll()
}

// Timeouts of a founding. Only the last is of one that is pending.
const (
	foundingLost   = 20 * time.Second // without a connection to a device that is needed
	foundingSilent = 60 * time.Second // connected, and without a step
	foundingRest   = 20 * time.Second // between a machine that stopped and the next
)

// foundingMissing lists the devices that the founding waits for.
func (c *core) foundingMissing() []string {
	f := c.founding
	if f == nil || f.machine == nil || c.sessions[f.session] != f.live {
		return nil
	}
	return c.names(f.machine.Waiting())
}

// tickFounding ends a founding that cannot go on, naming the device. Nobody is
// hurried to compare words, and a pending founding waits for as long as it
// takes.
func (c *core) tickFounding() {
	f := c.founding
	if f == nil {
		return
	}
	if f.pending {
		c.reviveFounding()
		return
	}
	if f.proposal == nil {
		if f.sponsor != nil && !c.link.Connected(f.sponsor.card.Peer) && c.now.Sub(f.touched) > foundingLost {
			c.endFounding(api.Errorf(api.CodeUnreachable, "%s cannot be reached any more", f.sponsor.card.Name).
				WithDevice(f.sponsor.card.Name).WithHint("begin again with a new invitation"))
		} else if f.sponsor != nil && c.link.Connected(f.sponsor.card.Peer) {
			f.touched = c.now
		}
		return
	}
	for _, d := range f.proposal.Devices {
		if d.Slot == c.selfSlot() || c.online(d.Slot) {
			continue
		}
		if seen := c.peer(d.Slot).lastSeen; c.now.Sub(latest(seen, f.touched)) > foundingLost {
			c.failSession(f.live, silent{slot: d.Slot, why: "cannot be reached"})
			return
		}
	}
	if f.review == nil && c.now.Sub(f.touched) > foundingSilent {
		if w := f.machine.Waiting(); len(w) > 0 {
			c.failSession(f.live, silent{slot: w[0], why: "did not answer"})
		}
	}
}

// reviveFounding resumes a pending founding some time after its machine stopped.
// The others may still wait for this device's signature.
func (c *core) reviveFounding() {
	f := c.founding
	if c.sessions[f.session] == f.live || c.now.Sub(f.touched) < foundingRest || c.cfg.Keeper.Locked() {
		return
	}
	f.touched = c.now
	if err := c.resumeFounding(); err != nil {
		c.log.Error("pending founding not resumed", "session", f.session, "err", err)
		return
	}
	if again := c.founding; again != nil && again != f {
		again.trouble = f.trouble
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// abandon sets a founding aside. A pending one is kept under another name,
// for its share may be part of a circle that others take for founded.
func (c *core) abandon() error {
	f := c.founding
	if f == nil {
		return api.Errorf(api.CodeNoFounding, "no founding is in progress or pending here")
	}
	if f.pending {
		err := c.cfg.Journal.Update(func(tx journal.Tx) error {
			raw, err := tx.Get(bucketFounding, pendingKey)
			if err != nil || raw == nil {
				return err
			}
			return errors.Join(tx.Put(bucketAside, f.session.Hex(), raw), tx.Delete(bucketFounding, pendingKey))
		})
		if err != nil {
			return storeError(err)
		}
	}
	c.tellUnfound("abandoned", 0)
	c.endFounding(api.Errorf(api.CodeFoundingFailed, "the founding was abandoned on this device"))
	return nil
}

// partingTime is how long the devices of a founding that ended may stay
// connected.
const partingTime = 3 * time.Second

// tickParting cuts those whose time is over.
func (c *core) tickParting() {
	n := len(c.parting)
	maps.DeleteFunc(c.parting, func(_ string, until time.Time) bool { return !c.now.Before(until) })
	if len(c.parting) != n {
		c.admit()
	}
}

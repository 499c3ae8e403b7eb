package node

import (
	"crypto/ecdh"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/node/journal"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// An attempt is one re-deal on this device: in progress, or settled and kept
// to help those who are behind.
type attempt struct {
	proposal  refresh.Proposal
	discovery [32]byte
	request   wire.RequestID // that it rests on, zero if the devices act by themselves
	grounds   []item
	addrs     map[wire.Slot][]string
	chain     roster.Chain // on a device that is new: the epochs before
	epochKey  string
	parent    *roster.Record // whose shares are dealt, once it was looked up
	machine   *refresh.Machine
	live      *live

	started time.Time
	tests   map[string][]byte // test signatures so far, by account
	joined  map[wire.Slot]int // tests that another device opened and this one joined
	testAt  time.Time         // not before: the next test session
	needed  time.Time         // when this device first held new shares that want a test
	early   *earlyTest        // that this device was asked for before
	stored  bool              // some state of it is in the journal
	after   bool              // it follows one that still keeps shares for sleepers
	entered bool              // this device signs in its epoch
	missing []wire.Slot       // whom it waited for while it could succeed
	doomed  time.Time         // when this device first knew that it does not
	against []wire.Slot       // who was against it then
	settled bool              // whoever is out has been told
}

// storedAttempt is the durable form. State is the machine's, sealed by the
// keeper under the key of the attempt.
type storedAttempt struct {
	Version   uint8    `cbor:"1,keyasint"`
	Proposal  []byte   `cbor:"2,keyasint"`
	Discovery [32]byte `cbor:"3,keyasint"`
	Request   [32]byte `cbor:"4,keyasint"`
	Grounds   []item   `cbor:"5,keyasint"`
	Addrs     []byte   `cbor:"6,keyasint"`
	Chain     [][]byte `cbor:"7,keyasint"`
	State     []byte   `cbor:"8,keyasint"`
}

const redealName = "redeal"

// attemptKeyID names the keeper's key for the shares of an attempt. No two
// attempts share one, so that a dead attempt can be destroyed by itself.
func attemptKeyID(p refresh.Proposal) string {
	h := p.Attempt()
	return fmt.Sprintf("%x-%s", p.Epoch, hex.EncodeToString(h[:16]))
}

// redealing reports whether a re-deal is under way that no other may follow
// yet, or may be: after a write of unknown outcome only the journal can tell.
func (c *core) redealing() bool {
	return !c.resumeAt.IsZero() || c.attempt != nil && !c.attempt.machine.Settled()
}

func (c *core) redealConfig(p refresh.Proposal, parent roster.Record, self wire.Slot) refresh.Config {
	return refresh.Config{
		Proposal: p, Parent: parent, Self: self, Sign: c.self.sign, Open: c.openBox, Rand: c.cfg.Rand,
	}
}

// openBox opens what was sealed to this device's box key.
func (c *core) openBox(enc, info, data, ciphertext []byte) (plain []byte, err error) {
	err = c.self.boxSeed.Use(func(seed *[32]byte) error {
		k, err := ecdh.X25519().NewPrivateKey(seed[:])
		if err != nil {
			return err
		}
		plain, err = refresh.OpenBox(k, enc, info, data, ciphertext)
		return err
	})
	return plain, err
}

// takeUp starts this device's part in an attempt. parent is the record whose
// shares are dealt.
func (c *core) takeUp(a *attempt, parent roster.Record, self wire.Slot) error {
	cfg := c.redealConfig(a.proposal, parent, self)
	if slices.Contains(a.proposal.Dealers, self) {
		cfg.Shares = map[string]secret.Key{}
		defer func() {
			for _, k := range cfg.Shares {
				k.Wipe()
			}
		}()
		for _, acc := range parent.Accounts {
			k, err := c.loadShare(acc.Name)
			if err != nil {
				return err
			}
			cfg.Shares[acc.Name] = k
		}
	}
	m, effects, err := refresh.New(cfg)
	if err != nil {
		return err
	}
	c.hold(a, m)
	c.begin(a.live, effects)
	c.redealStep()
	return nil
}

// hold makes a the attempt of this device, in place of a settled one.
func (c *core) hold(a *attempt, m *refresh.Machine) {
	if w := c.waking; w != nil {
		c.waking = nil
		c.drop(w.live)
	}
	if old := c.attempt; old != nil {
		a.after = keepsShares(old)
		c.drop(old.live)
	}
	c.prepare(a, m)
	c.attempt = a
	c.admit()
}

// keepsShares reports whether shares of the epoch that an attempt has made wait
// in it for sleepers. Nobody can deal them again once too few others are left.
func keepsShares(a *attempt) bool { return a.machine.Phase() == refresh.Locked }

// prepare gives an attempt its machine.
func (c *core) prepare(a *attempt, m *refresh.Machine) {
	a.machine, a.started, a.epochKey, a.tests = m, c.now, attemptKeyID(a.proposal), map[string][]byte{}
	a.joined = map[wire.Slot]int{}
	slots := slices.Concat(a.proposal.Members, a.proposal.Sleepers)
	slices.Sort(slots)
	a.live = &live{id: a.proposal.Session(), machine: m, slots: slots, redeal: a}
	c.log.Info("re-deal", "attempt", a.live.id, "epoch", a.proposal.Epoch, "kind", a.proposal.Kind,
		"members", c.names(a.proposal.Members), "sleepers", c.names(a.proposal.Sleepers))
}

// persistRedeal makes the machine's state durable, with all that must become
// true in the same moment: the fence around who is removed, the shares once
// this device signs with them, the epoch once it is certified and final.
func (c *core) persistRedeal(a *attempt, state []byte) error {
	phase, err := refresh.PhaseOf(state)
	if err != nil {
		return err
	}
	if a == c.waking && !phase.In() {
		return nil // this device has said nothing in it, and needs to remember nothing
	}
	if err := c.cfg.Keeper.NewEpochKey(a.epochKey); err != nil {
		return fmt.Errorf("node: make the key of the new shares: %w", err)
	}
	sealed, err := c.cfg.Keeper.SealShare(a.epochKey, redealName, state)
	if err != nil {
		return fmt.Errorf("node: seal the new shares: %w", err)
	}
	var shares map[string][]byte
	if phase.In() {
		if shares, err = c.sealNewShares(a); err != nil {
			return err
		}
	}
	raw := wire.Marshal(storedAttempt{
		Version: 1, Proposal: a.proposal.Bytes(), Discovery: a.discovery, Request: a.request, Grounds: a.grounds,
		Addrs: packAddrs(a.addrs), Chain: encodeChain(a.chain), State: sealed,
	})
	entry, certified := a.machine.Entry()
	final := certified && phase.Final()
	fence := phase != refresh.Dealing && phase != refresh.RolledBack
	err = c.cfg.Journal.Update(func(tx journal.Tx) error {
		var err error
		switch {
		case final:
			err = tx.Delete(bucketAttempt, asideKey) // sleepers find their shares in this one
		case a.after && !a.stored:
			err = setAside(tx)
		}
		err = errors.Join(err,
			tx.Put(bucketAttempt, currentKey, raw),
			tx.Put(bucketCircle, highestKey, []byte(strconv.FormatUint(max(a.proposal.Epoch, c.highest()), 10))))
		for name, s := range shares {
			err = errors.Join(err, tx.Put(bucketShares, shareRecord(a.epochKey, name), s))
		}
		if fence {
			for _, id := range c.removedBy(a) {
				err = errors.Join(err, tx.Put(bucketFenced, id.Hex(), nil))
			}
		}
		if final {
			err = errors.Join(err, putEntry(tx, entry), tx.Put(bucketCircle, discoveryKey, a.discovery[:]),
				tx.Put(bucketCircle, addrsKey, packAddrs(c.addrsAfter(a))), tx.Put(bucketCircle, shareKeyKey, []byte(a.epochKey)))
			for _, e := range a.chain {
				err = errors.Join(err, putEntry(tx, e))
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	a.stored, c.resumed = true, 0
	if c.circle != nil {
		c.circle.highest = max(c.circle.highest, a.proposal.Epoch)
		if fence {
			for _, id := range c.removedBy(a) {
				c.circle.fenced[id] = true
			}
			c.stopBanned()
		}
	}
	if final {
		c.settleChain(a, entry)
	}
	return nil
}

// stopBanned ends signing sessions with a device that is being taken out.
func (c *core) stopBanned() {
	for _, l := range c.liveSessions() {
		if i := slices.IndexFunc(l.slots, func(s wire.Slot) bool { return s != c.circle.slot && c.banned(s) }); l.signing() && !l.done && i >= 0 {
			c.failSession(l, silent{slot: l.slots[i], why: "is being removed"})
		}
	}
}

func encodeChain(chain roster.Chain) [][]byte {
	out := [][]byte{}
	for _, e := range chain {
		out = append(out, e.Bytes())
	}
	return out
}

func (c *core) highest() uint64 {
	if c.circle == nil {
		return 0
	}
	return c.circle.highest
}

// removedBy lists the identities that an attempt takes out.
func (c *core) removedBy(a *attempt) (out []wire.DeviceID) {
	for _, x := range a.proposal.Removed {
		if d, ok := c.parentOf(a).Device(x.Slot); ok {
			out = append(out, d.Identity)
		}
	}
	return out
}

// parentOf is the record whose shares an attempt deals.
func (c *core) parentOf(a *attempt) roster.Record {
	if a.parent != nil {
		return *a.parent
	}
	for _, chain := range []roster.Chain{a.chain, c.chain()} {
		for _, e := range chain {
			if e.Record.Hash() == a.proposal.Parent {
				a.parent = &e.Record
				return e.Record
			}
		}
	}
	return roster.Record{}
}

func (c *core) chain() roster.Chain {
	if c.circle == nil {
		return nil
	}
	return c.circle.chain
}

// addrsAfter is where the devices of the epoch to be are known to be.
func (c *core) addrsAfter(a *attempt) map[wire.Slot][]string {
	out := map[wire.Slot][]string{}
	for _, s := range a.live.slots {
		if c.circle != nil && len(c.circle.addrs[s]) > 0 {
			out[s] = c.circle.addrs[s]
		} else if len(a.addrs[s]) > 0 {
			out[s] = a.addrs[s]
		}
	}
	return out
}

// sealNewShares seals the shares that this device signs with from now on.
func (c *core) sealNewShares(a *attempt) (map[string][]byte, error) {
	keys, ok := a.machine.Shares()
	if !ok {
		return nil, nil
	}
	out := map[string][]byte{}
	var err error
	for name, key := range keys {
		err = errors.Join(err, key.Use(func(b *[secret.Size]byte) error {
			s, err := c.cfg.Keeper.SealShare(a.epochKey, shareName(name), b[:])
			out[name] = s
			return err
		}))
		key.Wipe()
	}
	if err != nil {
		return nil, fmt.Errorf("node: seal the new shares: %w", err)
	}
	return out, nil
}

// settleChain makes a certified and final epoch the head in memory.
func (c *core) settleChain(a *attempt, e roster.Entry) {
	if c.circle == nil {
		c.circle = &circle{chain: slices.Clone(a.chain), fenced: map[wire.DeviceID]bool{}, addrs: c.addrsAfter(a)}
	}
	k := c.circle
	if k.head().Record.Epoch < e.Record.Epoch {
		k.chain = append(slices.Clone(k.chain), e)
	}
	k.addrs, k.discovery, k.headKey = c.addrsAfter(a), a.discovery, a.epochKey
	if me, ok := e.Record.ByIdentity(c.self.public); ok {
		k.slot = me.Slot
	}
	c.followRecord()
}

// redealStep draws the consequences of what the machine has done: which epoch
// this device signs in, and who may connect.
func (c *core) redealStep() {
	c.wokenUp()
	a := c.attempt
	if a == nil {
		return
	}
	c.watchOut(a)
	switch in := a.machine.InForce(); {
	case in && !a.entered:
		rec, _ := a.machine.Record()
		a.entered = true
		c.enterEpoch(a, rec)
	case !in && a.entered:
		a.entered = false
		c.leaveEpoch()
	}
	if a.machine.Settled() && !a.settled {
		a.settled = true
		clear(c.grudges)
		for _, id := range slices.Sorted(maps.Keys(c.formerPeers())) {
			if c.link.Connected([]byte(id)) {
				c.tellFormer([]byte(id))
			}
		}
	}
	c.startTest()
	c.notifyAll()
}

// enterEpoch makes this device sign in the epoch of an attempt.
func (c *core) enterEpoch(a *attempt, rec roster.Record) {
	if c.circle == nil {
		c.circle = &circle{chain: slices.Clone(a.chain), fenced: map[wire.DeviceID]bool{}, addrs: c.addrsAfter(a), discovery: a.discovery}
	}
	k := c.circle
	k.record, k.hash, k.shareKey, k.evicted = rec, rec.Hash(), a.epochKey, nil
	if me, ok := rec.ByIdentity(c.self.public); ok {
		k.slot = me.Slot
	}
	c.founding = nil
	clear(c.pairing)
	c.log.Info("this device signs in a new epoch", "epoch", rec.Epoch)
	c.changeEpoch()
}

// leaveEpoch goes back to the certified head: the attempt came to nothing.
func (c *core) leaveEpoch() {
	if err := c.toHead(); err != nil {
		// This device would have been new, and is in no epoch of the chain.
		c.leaveCircle()
		return
	}
	c.log.Warn("this device is back in the epoch before", "epoch", c.circle.record.Epoch)
	c.changeEpoch()
}

// leaveCircle forgets a circle that this device did not come into, with all that
// has no meaning outside.
func (c *core) leaveCircle() {
	for _, l := range c.liveSessions() {
		if l.signing() {
			c.drop(l)
		}
	}
	c.circle, c.judge = nil, nil
	clear(c.requests)
	c.orphans = nil
	c.log.Warn("this device did not come into the circle")
	c.admit()
	c.notifyAll()
}

// changeEpoch ends what belonged to the other epoch. An approval counts in one
// epoch only, so what this device's person has approved is said again.
func (c *core) changeEpoch() {
	for _, l := range c.liveSessions() {
		if l.signing() {
			c.drop(l)
		}
	}
	c.admit()
	for _, r := range c.byAge() {
		c.renew(r)
	}
	c.prune() // approvals that are void hold nothing back
	for _, d := range c.members() {
		if d.Identity != c.self.public && c.link.Connected(d.Peer) {
			c.peer(d.Slot).online = true
		}
	}
	c.broadcast(msgHello, c.hello())
	c.adoptOrphans()
	c.tryAll()
}

// resumeRedeal goes on with the attempt that was in progress at the last stop.
func (c *core) resumeRedeal() error {
	var raw []byte
	if err := c.cfg.Journal.View(func(tx journal.Tx) (err error) {
		raw, err = tx.Get(bucketAttempt, currentKey)
		return err
	}); err != nil {
		return fmt.Errorf("node: read re-deal: %w", err)
	}
	if raw == nil {
		return nil
	}
	var s storedAttempt
	if err := wire.Unmarshal(raw, &s); err != nil || s.Version != 1 {
		return errors.New("node: the stored re-deal is damaged")
	}
	p, err := refresh.ParseProposal(s.Proposal)
	if err != nil {
		return fmt.Errorf("node: stored re-deal: %w", err)
	}
	a := &attempt{proposal: p, discovery: s.Discovery, request: s.Request, grounds: s.Grounds, stored: true}
	if a.addrs, err = unpackAddrs(s.Addrs); err != nil {
		return fmt.Errorf("node: stored re-deal: %w", err)
	}
	if a.chain, err = decodeChain(s.Chain); err != nil {
		return fmt.Errorf("node: stored re-deal: %w", err)
	}
	if c.circle != nil && c.circle.headKey != attemptKeyID(p) && c.circle.head().Record.Epoch >= p.Epoch {
		return nil // the circle has gone past it without this device
	}
	if c.dead[p.Session()] != nil {
		return nil // what this device said in it is lost, see loseAttempt
	}
	parent := c.parentOf(a)
	self, ok := selfIn(p, parent, c.self.public)
	if !ok {
		return errors.New("node: the stored re-deal does not list this device")
	}
	m, effects, err := c.reopen(a, parent, self, s.State)
	if err != nil {
		if !c.unreadable(err) {
			c.unopened++
		}
		if c.unopened < resumeTries || c.cfg.Keeper.Locked() {
			return err
		}
		return c.loseAttempt(a, err)
	}
	c.unopened = 0
	if m.Phase() == refresh.RolledBack && c.circle != nil {
		m.Close()
		c.circleRolledBack()
		return nil
	}
	c.hold(a, m)
	if c.circle != nil && c.circle.headKey == a.epochKey {
		a.entered = true // the stored head says so already
	}
	c.begin(a.live, effects)
	c.redealStep()
	return nil
}

// reopen makes the machine of an attempt out of its sealed state.
func (c *core) reopen(a *attempt, parent roster.Record, self wire.Slot, sealed []byte) (*refresh.Machine, []session.Effect, error) {
	state, err := c.cfg.Keeper.OpenShare(attemptKeyID(a.proposal), redealName, sealed)
	if err != nil {
		return nil, nil, fmt.Errorf("node: open the re-deal: %w", err)
	}
	defer clear(state)
	m, effects, err := refresh.Resume(c.redealConfig(a.proposal, parent, self), state)
	if err != nil {
		return nil, nil, fmt.Errorf("node: resume the re-deal: %w", err)
	}
	return m, effects, nil
}

// selfIn finds this device among those of a proposal.
func selfIn(p refresh.Proposal, parent roster.Record, id wire.DeviceID) (wire.Slot, bool) {
	for _, d := range slices.Concat(parent.Devices, p.Added) {
		if d.Identity == id && (slices.Contains(p.Members, d.Slot) || slices.Contains(p.Sleepers, d.Slot)) {
			return d.Slot, true
		}
	}
	return 0, false
}

func decodeChain(raw [][]byte) (roster.Chain, error) {
	var out roster.Chain
	for _, b := range raw {
		e, err := roster.ParseEntry(b)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// finishRedeal handles a machine at its end. One that retired stays at hand:
// others may still need what was said.
func (c *core) finishRedeal(l *live) {
	a := l.redeal
	c.redealStep()
	if a.machine.Phase() != refresh.Returned {
		c.log.Info("re-deal finished", "epoch", a.proposal.Epoch)
		if err := c.destroyOrphans(); err != nil {
			c.log.Warn("keys not cleaned up", "err", err)
		}
		c.broadcast(msgHello, c.hello())
		c.changeCircle()
		return
	}
	c.log.Warn("re-deal came to nothing", "epoch", a.proposal.Epoch)
	c.drop(l)
	if c.attempt == a {
		c.attempt = nil
	}
	if c.waking == a {
		c.waking = nil
	}
	c.redealFailed(a)
	if err := c.resumeRedeal(); err != nil { // the one before it, if it was set aside
		c.log.Error("re-deal not resumed", "err", err)
		c.pauseResume()
	}
	c.admit()
	c.broadcast(msgHello, c.hello()) // what was put off while it went on
	c.notifyAll()
}

// How long an attempt may take before its members give it up.
const (
	attemptLife = 60 * time.Second
	attemptLost = 15 * time.Second // without a connection to a member
)

// tickRedeal gives up an attempt that cannot go on, as far as that is still
// allowed.
func (c *core) tickRedeal() {
	a := c.attempt
	if a == nil || a.machine.Settled() {
		return
	}
	c.watchOut(a)
	c.startTest()
	if a.machine.Phase() == refresh.Aborted {
		// Most often the others say soon that they have aborted too.
		if c.now.Sub(a.started).Abs() >= 2*attemptLife {
			c.endAborted(a)
		}
		return
	}
	late := c.now.Sub(a.started) >= attemptLife || c.now.Before(a.started)
	for _, s := range a.machine.Waiting() {
		if s != c.circleSlot(a) && slices.Contains(a.proposal.Members, s) && !c.online(s) && c.now.Sub(latest(c.peer(s).lastSeen, a.started)) >= attemptLost {
			late = true
		}
	}
	if !late {
		return
	}
	effects, err := a.machine.Abort()
	if err != nil {
		return // too late to go back: it goes forward as soon as it can
	}
	c.log.Warn("re-deal given up", "epoch", a.proposal.Epoch, "waiting", c.names(a.machine.Waiting()))
	c.carryOut(a.live, effects)
	c.redealStep()
}

// endAborted ends an attempt that this device has voted against, if it need not
// hear that enough others have too.
func (c *core) endAborted(a *attempt) {
	effects, err := a.machine.Abort()
	if err != nil {
		if c.isNew(a) {
			c.stayOut(a)
		}
		return
	}
	c.carryOut(a.live, effects)
}

// isNew reports whether an attempt would have made this device a member.
func (c *core) isNew(a *attempt) bool {
	return slices.ContainsFunc(a.proposal.Added, func(d roster.Device) bool { return d.Identity == c.self.public })
}

// stayOut ends an attempt on a device that would have been new and has voted
// against it. It holds no share of the epoch before, and the attempt cannot
// succeed without its commit, so there is nothing that it must wait for; and
// the others, to whom it is a stranger, do not tell it that they went back.
func (c *core) stayOut(a *attempt) {
	c.drop(a.live)
	c.attempt = nil
	if err := c.discard(a); err != nil {
		c.log.Error("a dead re-deal is not forgotten", "err", err)
		c.pauseResume()
		return
	}
	c.log.Warn("this device did not come into the circle")
	c.admit()
	c.notifyAll()
}

// circleSlot is this device's slot in an attempt.
func (c *core) circleSlot(a *attempt) wire.Slot {
	s, _ := selfIn(a.proposal, c.parentOf(a), c.self.public)
	return s
}

// freshDiscovery draws the key under which the circle finds itself on a local
// network after a re-deal, unknown to whoever is out by then.
func (c *core) freshDiscovery() (key [32]byte, err error) {
	if _, err := io.ReadFull(c.cfg.Rand, key[:]); err != nil {
		return key, fmt.Errorf("node: draw discovery key: %w", err)
	}
	return key, nil
}

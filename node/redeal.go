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
	"strings"
	"time"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/node/journal"
	"github.com/warifu/warifu/roster"
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
	testAt  time.Time         // not before: the next test session
	needed  time.Time         // when this device first held new shares that want a test
	early   *earlyTest        // that this device was asked for before
	entered bool              // this device signs in its epoch
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
		c.drop(old.live)
	}
	c.prepare(a, m)
	c.attempt = a
	c.admit()
}

// prepare gives an attempt its machine.
func (c *core) prepare(a *attempt, m *refresh.Machine) {
	a.machine, a.started, a.epochKey, a.tests = m, c.now, attemptKeyID(a.proposal), map[string][]byte{}
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
		err := errors.Join(
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
	head := c.circle.head().Record
	if _, in := head.ByIdentity(c.self.public); !in {
		if _, was := head.IsFormer(c.self.public); !was {
			// It was about to become a member, and is none.
			c.circle, c.judge = nil, nil
			c.admit()
			return
		}
	}
	if err := c.toHead(); err != nil {
		// This device would have been new, and is in no epoch of the chain.
		c.circle, c.judge = nil, nil
		clear(c.requests)
		c.orphans = nil
		c.log.Warn("this device did not come into the circle")
		c.admit()
		return
	}
	c.log.Warn("this device is back in the epoch before", "epoch", c.circle.record.Epoch)
	c.changeEpoch()
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
	a := &attempt{proposal: p, discovery: s.Discovery, request: s.Request, grounds: s.Grounds}
	if a.addrs, err = unpackAddrs(s.Addrs); err != nil {
		return fmt.Errorf("node: stored re-deal: %w", err)
	}
	if a.chain, err = decodeChain(s.Chain); err != nil {
		return fmt.Errorf("node: stored re-deal: %w", err)
	}
	if c.circle != nil && c.circle.headKey != attemptKeyID(p) && c.circle.head().Record.Epoch >= p.Epoch {
		return nil // the circle has gone past it without this device
	}
	parent := c.parentOf(a)
	self, ok := selfIn(p, parent, c.self.public)
	if !ok {
		return errors.New("node: the stored re-deal does not list this device")
	}
	state, err := c.cfg.Keeper.OpenShare(attemptKeyID(p), redealName, s.State)
	if err != nil {
		return fmt.Errorf("node: open the re-deal: %w", err)
	}
	defer clear(state)
	m, effects, err := refresh.Resume(c.redealConfig(p, parent, self), state)
	if err != nil {
		return fmt.Errorf("node: resume the re-deal: %w", err)
	}
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

// oldEpochKeys lists the keeper's keys under which this device has shares of
// other epochs than the one of keep.
func oldEpochKeys(tx journal.Tx, keep string) (ids, records []string, err error) {
	keys, err := tx.Keys(bucketShares)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range keys {
		id, _, _ := strings.Cut(k, "/")
		if id == keep {
			continue
		}
		records = append(records, k)
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, records, nil
}

// erase destroys every share but those under one epoch key. The keys go first:
// a crash in between leaves sealed bytes that nothing opens.
func (c *core) erase(keep string) error {
	var ids, records []string
	if err := c.cfg.Journal.View(func(tx journal.Tx) (err error) {
		ids, records, err = oldEpochKeys(tx, keep)
		return err
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.cfg.Keeper.DestroyEpochKey(id); err != nil {
			return fmt.Errorf("node: destroy old shares: %w", err)
		}
	}
	if len(records) == 0 {
		return nil
	}
	c.log.Info("old shares destroyed", "epochs", len(ids))
	return c.cfg.Journal.Update(func(tx journal.Tx) error {
		var err error
		for _, k := range records {
			err = errors.Join(err, tx.Delete(bucketShares, k))
		}
		return err
	})
}

// liftFence lets this device sign again with members that a re-deal was to take
// out and did not: it is dead, or enough persons have taken it back.
func (c *core) liftFence(devices []roster.Device) {
	var ids []wire.DeviceID
	for _, d := range devices {
		if c.circle.fenced[d.Identity] {
			ids = append(ids, d.Identity)
		}
	}
	if len(ids) == 0 {
		return
	}
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error {
		var err error
		for _, id := range ids {
			err = errors.Join(err, tx.Delete(bucketFenced, id.Hex()))
		}
		return err
	}); err != nil {
		c.log.Error("fence not lifted", "err", err)
		return
	}
	for _, id := range ids {
		delete(c.circle.fenced, id)
	}
}

// discard destroys what belongs to a dead attempt, and nothing else. That it is
// dead is durable first, with the key that is to go: were the key to go first, a
// crash in between would leave a re-deal that nothing opens.
func (c *core) discard(a *attempt) error {
	if a == c.waking {
		return nil // nothing of it was ever stored
	}
	raw, dead := encodeDead(a.machine.LastWords(), a.epochKey)
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error {
		err := errors.Join(tx.Delete(bucketAttempt, currentKey), tx.Put(bucketDead, a.proposal.Attempt().Hex(), raw))
		for _, acc := range c.parentOf(a).Accounts {
			err = errors.Join(err, tx.Delete(bucketShares, shareRecord(a.epochKey, acc.Name)))
		}
		return errors.Join(err, c.unfence(tx, a))
	}); err != nil {
		return err
	}
	c.unfenced(a)
	c.dead[a.proposal.Session()] = dead
	if err := c.cfg.Keeper.DestroyEpochKey(a.epochKey); err != nil {
		return fmt.Errorf("node: destroy the shares of a dead attempt: %w", err)
	}
	return nil
}

// unfence ends what an attempt that came to nothing has put around those whom
// it would have taken out: the epoch before goes on with them. Whether anybody
// signs with them is for the judge to say again.
func (c *core) unfence(tx journal.Tx, a *attempt) (err error) {
	for _, id := range c.removedBy(a) {
		err = errors.Join(err, tx.Delete(bucketFenced, id.Hex()))
	}
	return err
}

func (c *core) unfenced(a *attempt) {
	for _, id := range c.removedBy(a) {
		if c.circle != nil {
			delete(c.circle.fenced, id)
		}
	}
}

// finishRedeal handles a machine at its end. One that retired stays at hand:
// others may still need what was said.
func (c *core) finishRedeal(l *live) {
	a := l.redeal
	c.redealStep()
	if a.machine.Phase() != refresh.Returned {
		c.log.Info("re-deal finished", "epoch", a.proposal.Epoch)
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
	c.startTest()
	if a.machine.Phase() == refresh.Aborted && c.now.Sub(a.started).Abs() >= 2*attemptLife && c.isNew(a) {
		c.stayOut(a)
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
		c.resumeAt = c.now.Add(resumePause)
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

package node

import (
	"crypto/ecdh"
	"slices"
	"time"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A redeals is this device's part in re-deals: the one that is under way or was the
// last, the one that it wakes up into, and those that are dead.
type redeals struct {
	me        *standing
	judging   *judging
	drive     *drive
	remains   *remains
	ledger    *ledger
	answering *answering

	attempt *attempt  // nil unless a re-deal is in progress, or settled and kept
	waking  *attempt  // nil unless this device hears of one that it slept through
	spent   wire.Hash // the attempt in which it has said more than it remembers, if any
	dead    deadAttempts

	resumeAt      time.Time // when to read back an interrupted re-deal
	resumed       int       // how often in a row, without a write that worked
	unopened      int       // times in a row that it did not open
	redealTrouble string

	around around
}

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
	unsure  bool              // the last write of it failed, and may have gone through
	after   bool              // it follows one that still keeps shares for sleepers
	entered bool              // this device signs in its epoch
	missing []wire.Slot       // whom it waited for while it could succeed
	doomed  time.Time         // when this device first knew that it does not
	against []wire.Slot       // who was against it then
	settled bool              // whoever is out has been told
}

// A dealt re-deal owns the session of an attempt's machine.
type dealt struct {
	c *redeals
	a *attempt
}

func (d dealt) persist(state []byte) error { return d.c.persistRedeal(d.a, state) }
func (d dealt) release() error             { return nil }
func (d dealt) erase() error               { return d.c.remains.erase(d.a.epochKey) }
func (d dealt) discard() error             { return d.c.discard(d.a) }

func (d dealt) heard(l *live, from wire.Slot, moved bool) {
	if !moved {
		d.c.remind(l, from)
	}
}

func (d dealt) stepped(*live)                   { d.c.redealStep() }
func (d dealt) finished(l *live)                { d.c.finishRedeal(l, d.a) }
func (d dealt) failed(_ *live, err error)       { d.c.redealBroke(d.a, err) }
func (d dealt) closed(*live, wire.Slot, closed) {} // what one device says ends no re-deal
func (d dealt) dropped(*live)                   {}
func (d dealt) personal() bool                  { return false }

// timing lets a re-deal repeat itself more and more seldom: it repeats all that was
// ever said in it, and whoever did not hear it ten times is most likely not there,
// and is told when it comes.
func (d dealt) timing(l *live) timing {
	c := d.c
	patience := 10 * attemptLife
	if d.a.machine.Settled() {
		patience = attemptLife
	}
	if c.me.now.Sub(l.opened).Abs() >= patience {
		return timing{resend: c.me.cfg.Timings.Inventory, rests: true}
	}
	return timing{resend: max(c.me.cfg.Timings.Resend, c.me.now.Sub(l.progress)/10)}
}

// again tells those whom a re-deal waits for of it: some may never have heard of it,
// and take its frames for those of a session that they are not in.
func (d dealt) again(_ *live, waiting []wire.Slot) { d.c.tellRedeal(d.a, waiting) }

// remind repeats what this device knows of a re-deal to a device that still
// speaks in it although this one is through, or rests: what the other lacks may
// have been lost on its way.
func (rd *redeals) remind(l *live, to wire.Slot) {
	pause := rd.me.cfg.Timings.Resend
	if !l.done {
		pause = attemptLife
	}
	if (l.done || rd.drive.resting(l)) && rd.me.now.Sub(l.resent).Abs() >= pause {
		l.resent = rd.me.now
		rd.drive.repeat(l, to)
	}
}

// What re-deals are around: the rooms beside that hear of them.
type around interface {
	// test goes on with the test of the new shares, if they want one.
	test()

	// tryAll opens the sessions that have become possible.
	tryAll()

	// failed hears that a re-deal came to nothing, succeeded that one has made an epoch,
	// and changed that the circle is as another one wants it.
	failed(a *attempt)
	succeeded()
	changed()

	// blame prefers others to the device in slot in the next.
	blame(slot wire.Slot, why string)

	// entered hears that this device is in a circle, and waits for none any more.
	entered()
}

// redealing reports whether a re-deal is under way that no other may follow
// yet, or may be: after a write of unknown outcome only the journal can tell.
func (rd *redeals) redealing() bool {
	return !rd.resumeAt.IsZero() || rd.attempt != nil && !rd.attempt.machine.Settled()
}

func (rd *redeals) redealConfig(p refresh.Proposal, parent roster.Record, self wire.Slot) refresh.Config {
	return refresh.Config{
		Proposal: p, Parent: parent, Self: self, Sign: rd.me.self.sign, Open: rd.openBox, Rand: rd.me.cfg.Rand,
	}
}

// openBox opens what was sealed to this device's box key.
func (rd *redeals) openBox(enc, info, data, ciphertext []byte) (plain []byte, err error) {
	err = rd.me.self.boxSeed.Use(func(seed *[32]byte) error {
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
func (rd *redeals) takeUp(a *attempt, parent roster.Record, self wire.Slot) error {
	cfg := rd.redealConfig(a.proposal, parent, self)
	if slices.Contains(a.proposal.Dealers, self) {
		cfg.Shares = map[string]secret.Key{}
		defer func() {
			for _, k := range cfg.Shares {
				k.Wipe()
			}
		}()
		for _, acc := range parent.Accounts {
			k, err := rd.me.loadShare(acc.Name)
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
	rd.hold(a, m)
	rd.drive.begin(a.live, effects)
	rd.redealStep()
	return nil
}

// hold makes a the attempt of this device, in place of a settled one.
func (rd *redeals) hold(a *attempt, m *refresh.Machine) {
	if w := rd.waking; w != nil {
		rd.waking = nil
		rd.drive.drop(w.live)
	}
	if old := rd.attempt; old != nil {
		a.after = keepsShares(old)
		rd.drive.drop(old.live)
	}
	rd.prepare(a, m)
	rd.attempt = a
}

// keys are those that the re-deals of this device may need.
func (rd *redeals) keys() redealKeys {
	of := redealKeys{busy: rd.redealing() || rd.waking != nil, stored: storedKeys}
	if rd.attempt != nil {
		of.key = rd.attempt.epochKey
	}
	return of
}

// keepsShares reports whether an attempt has made an epoch, so that others may
// still want what was said in it: sleepers their shares, which nobody can deal
// again once too few others are left, and members the locks that they have not
// heard. That this device needs neither any more, or that its person gave up on
// a sleeper, changes nothing for them.
func keepsShares(a *attempt) bool { return a.machine.Settled() }

// prepare gives an attempt its machine.
func (rd *redeals) prepare(a *attempt, m *refresh.Machine) {
	a.machine, a.started, a.epochKey, a.tests = m, rd.me.now, attemptKeyID(a.proposal), map[string][]byte{}
	a.joined = map[wire.Slot]int{}
	slots := slices.Concat(a.proposal.Members, a.proposal.Sleepers)
	slices.Sort(slots)
	a.live = &live{id: a.proposal.Session(), machine: m, slots: slots, owner: dealt{rd, a}}
	rd.me.log.Info("re-deal", "attempt", a.live.id, "epoch", a.proposal.Epoch, "kind", a.proposal.Kind,
		"members", rd.me.names(a.proposal.Members), "sleepers", rd.me.names(a.proposal.Sleepers))
}

// stopBanned ends signing sessions with a device that is being taken out.
func (rd *redeals) stopBanned() {
	for _, l := range rd.drive.liveSessions() {
		if i := slices.IndexFunc(l.slots, func(s wire.Slot) bool { return s != rd.me.circle.slot && rd.judging.banned(s) }); l.owner.personal() && !l.done && i >= 0 {
			rd.drive.failSession(l, silent{slot: l.slots[i], why: "is being removed"})
		}
	}
}

// removedBy lists the identities that an attempt takes out.
func (rd *redeals) removedBy(a *attempt) (out []wire.DeviceID) {
	for _, x := range a.proposal.Removed {
		if d, ok := rd.parentOf(a).Device(x.Slot); ok {
			out = append(out, d.Identity)
		}
	}
	return out
}

// going are the identities that a re-deal which is under way takes out.
func (rd *redeals) going() []wire.DeviceID {
	if a := rd.attempt; a != nil && !a.machine.Settled() {
		return rd.removedBy(a)
	}
	return nil
}

// parentOf is the record whose shares an attempt deals.
func (rd *redeals) parentOf(a *attempt) roster.Record {
	if a.parent != nil {
		return *a.parent
	}
	for _, chain := range []roster.Chain{a.chain, rd.chain()} {
		for _, e := range chain {
			if e.Record.Hash() == a.proposal.Parent {
				a.parent = &e.Record
				return e.Record
			}
		}
	}
	return roster.Record{}
}

// addrsAfter is where the devices of the epoch to be are known to be.
func (rd *redeals) addrsAfter(a *attempt) map[wire.Slot][]string {
	out := map[wire.Slot][]string{}
	for _, s := range a.live.slots {
		if rd.me.circle != nil && len(rd.me.circle.addrs[s]) > 0 {
			out[s] = rd.me.circle.addrs[s]
		} else if len(a.addrs[s]) > 0 {
			out[s] = a.addrs[s]
		}
	}
	return out
}

// redealStep draws the consequences of what the machine has done: which epoch
// this device signs in, and who may connect.
func (rd *redeals) redealStep() {
	rd.wokenUp()
	a := rd.attempt
	if a == nil {
		return
	}
	rd.watchOut(a)
	switch in := a.machine.InForce(); {
	case in && !a.entered:
		rec, _ := a.machine.Record()
		a.entered = true
		rd.enterEpoch(a, rec)
	case !in && a.entered:
		a.entered = false
		rd.leaveEpoch()
	}
	if a.machine.Settled() && !a.settled {
		a.settled = true
		rd.around.succeeded()
		// An attempt that this one has overtaken on a device that was away has
		// left its key; it may take long until all old shares are destroyed.
		rd.remains.cleanUp(rd.keys())
		rd.remains.tellFormers()
	}
	rd.around.test()
}

// finishRedeal handles a machine at its end. One that retired stays at hand:
// others may still need what was said.
func (rd *redeals) finishRedeal(l *live, a *attempt) {
	rd.redealStep()
	if a.machine.Phase() != refresh.Returned {
		rd.me.log.Info("re-deal finished", "epoch", a.proposal.Epoch)
		a.machine.Close() // what it held is in the journal, where signing looks for it
		rd.remains.cleanUp(rd.keys())
		rd.me.broadcast(msgHello, rd.me.hello())
		rd.remains.tellFormers()
		rd.around.changed()
		return
	}
	rd.me.log.Warn("re-deal came to nothing", "epoch", a.proposal.Epoch)
	rd.drive.drop(l)
	if rd.attempt == a {
		rd.attempt = nil
	}
	if rd.waking == a {
		rd.waking = nil
	}
	rd.around.failed(a)
	if err := rd.resumeRedeal(); err != nil { // the one before it, if it was set aside
		rd.me.log.Error("re-deal not resumed", "err", err)
		rd.pauseResume()
	}
	rd.me.broadcast(msgHello, rd.me.hello()) // what was put off while it went on
}

// How long an attempt may take before its members give it up.
const (
	attemptLife = 60 * time.Second
	attemptLost = 15 * time.Second // without a connection to a member
)

// holdsKeys reports whether the machine of an attempt has new shares in memory.
func holdsKeys(a *attempt) bool {
	keys, ok := a.machine.Shares()
	for _, k := range keys {
		k.Wipe()
	}
	return ok
}

// wakeRedeal goes on with a re-deal that rested while this device was locked.
func (rd *redeals) wakeRedeal() {
	a := rd.attempt
	if a == nil || !a.machine.Resting() || rd.me.cfg.Keeper.Locked() {
		return
	}
	rd.drive.drop(a.live)
	rd.attempt = nil
	if err := rd.resumeRedeal(); err != nil {
		rd.resumeLater(err)
	}
}

// tickRedeal gives up an attempt that cannot go on, as far as that is still
// allowed.
func (rd *redeals) tickRedeal() {
	rd.wakeRedeal() // whoever unlocked may have gone before the loop was told
	a := rd.attempt
	if a == nil || a.machine.Settled() {
		return
	}
	rd.watchOut(a)
	rd.around.test()
	rd.reconsider()
	if rd.attempt != a || a.machine.Settled() {
		return
	}
	if a.machine.Phase() == refresh.Aborted {
		// Most often the others say soon that they have aborted too.
		if rd.me.now.Sub(a.started).Abs() >= 2*attemptLife {
			rd.endAborted(a)
		}
		return
	}
	late := rd.me.now.Sub(a.started) >= attemptLife || rd.me.now.Before(a.started)
	for _, s := range a.machine.Waiting() {
		if s != rd.circleSlot(a) && slices.Contains(a.proposal.Members, s) && !rd.me.online(s) && rd.me.now.Sub(latest(rd.me.peer(s).there, a.started)) >= attemptLost {
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
	rd.me.log.Warn("re-deal given up", "epoch", a.proposal.Epoch, "waiting", rd.me.names(a.machine.Waiting()))
	rd.drive.carryOut(a.live, effects)
	rd.redealStep()
}

// reconsider votes against a removal that this device has not said ready to, and
// would not take part in any more: it has heard whom the others take for silent,
// or persons have taken back what they said. From ready on it is too late, for
// others may have committed because of it.
func (rd *redeals) reconsider() {
	a := rd.attempt
	if a == nil || rd.judging.vigil.Judge == nil || a.machine.Phase() != refresh.Dealing || rd.isNew(a) || !slices.Contains(a.proposal.Members, rd.circleSlot(a)) {
		return
	}
	why := rd.judging.objectionToEviction(a.proposal)
	if why == "" {
		return
	}
	effects, err := a.machine.Abort()
	if err != nil {
		rd.me.log.Error("re-deal not given up", "err", err)
		return
	}
	rd.me.log.Warn("re-deal given up", "epoch", a.proposal.Epoch, "why", why)
	rd.drive.carryOut(a.live, effects)
	rd.redealStep()
}

// endAborted ends an attempt that this device has voted against, if it need not
// hear that enough others have too.
func (rd *redeals) endAborted(a *attempt) {
	effects, err := a.machine.Abort()
	if err != nil {
		if rd.isNew(a) {
			rd.stayOut(a)
		}
		return
	}
	rd.drive.carryOut(a.live, effects)
}

// isNew reports whether an attempt would have made this device a member.
func (rd *redeals) isNew(a *attempt) bool {
	return slices.ContainsFunc(a.proposal.Added, func(d roster.Device) bool { return d.Identity == rd.me.self.public })
}

// stayOut ends an attempt on a device that would have been new and has voted
// against it. It holds no share of the epoch before, and the attempt cannot
// succeed without its commit, so there is nothing that it must wait for; and
// the others, to whom it is a stranger, do not tell it that they went back.
func (rd *redeals) stayOut(a *attempt) {
	rd.drive.drop(a.live)
	rd.attempt = nil
	if err := rd.discard(a); err != nil {
		rd.me.log.Error("a dead re-deal is not forgotten", "err", err)
		rd.pauseResume()
		return
	}
	rd.me.log.Warn("this device did not come into the circle")
}

// circleSlot is this device's slot in an attempt.
func (rd *redeals) circleSlot(a *attempt) wire.Slot {
	s, _ := selfIn(a.proposal, rd.parentOf(a), rd.me.self.public)
	return s
}

// tellRedeal sends an attempt to those who take part in it.
func (rd *redeals) tellRedeal(a *attempt, slots []wire.Slot) {
	msg := redeal{
		Proposal: a.proposal.Bytes(), Discovery: a.discovery, Request: a.request, Grounds: a.grounds, Addrs: packAddrs(a.addrs), Chain: [][]byte{},
	}
	for _, s := range slots {
		m := msg
		if slices.ContainsFunc(a.proposal.Added, func(d roster.Device) bool { return d.Slot == s }) {
			// All epochs up to the one that is dealt.
			for _, e := range rd.me.circle.chain {
				if e.Record.Epoch < a.proposal.Epoch {
					m.Chain = append(m.Chain, e.Bytes())
				}
			}
		}
		rd.me.sync(s, msgRedeal, m)
	}
}

// watchOut remembers whom an attempt waits for, as long as it may succeed, and
// who was against it when this device first heard that it does not.
func (rd *redeals) watchOut(a *attempt) {
	switch phase := a.machine.Phase(); {
	case phase == refresh.Dealing || phase == refresh.Prepared:
		a.missing = a.machine.Waiting()
	case phase != refresh.Aborted && phase != refresh.Returned || !a.doomed.IsZero():
	default:
		a.doomed = rd.me.now
		for _, s := range a.machine.Against() {
			if s != rd.circleSlot(a) {
				a.against = append(a.against, s)
			}
		}
	}
}

// An earlyTest was asked for before this device held a new share.
type earlyTest struct {
	from wire.Slot
	test test
}

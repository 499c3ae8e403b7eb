package redeal

import (
	"crypto/ecdh"
	"slices"
	"time"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// Redeals is this device's part in re-deals: the one that is under way or was the
// last, the one that it wakes up into, and those that are dead.
type Redeals struct {
	me        *standing.Standing
	judging   *judging.Judging
	drive     *drive.Drive
	remains   *Remains
	ledger    *ledger.Ledger
	answering *ledger.Answers

	Attempt *Attempt  // nil unless a re-deal is in progress, or settled and kept
	Waking  *Attempt  // nil unless this device hears of one that it slept through
	Spent   wire.Hash // the attempt in which it has said more than it remembers, if any
	Dead    DeadAttempts

	ResumeAt      time.Time // when to read back an interrupted re-deal
	resumed       int       // how often in a row, without a write that worked
	unopened      int       // times in a row that it did not open
	RedealTrouble string

	around Around
}

// New makes one without re-deals.
func New(me *standing.Standing, j *judging.Judging, d *drive.Drive, rm *Remains, l *ledger.Ledger, a *ledger.Answers, r Around) *Redeals {
	return &Redeals{me: me, judging: j, drive: d, remains: rm, ledger: l, answering: a, around: r, Dead: DeadAttempts{}}
}

// An Attempt is one re-deal on this device: in progress, or settled and kept
// to help those who are behind.
type Attempt struct {
	Proposal  refresh.Proposal
	Discovery [32]byte
	Request   wire.RequestID // that it rests on, zero if the devices act by themselves
	Grounds   []message.Item
	Addrs     map[wire.Slot][]string
	chain     roster.Chain // on a device that is new: the epochs before
	EpochKey  string
	parent    *roster.Record // whose shares are dealt, once it was looked up
	Machine   *refresh.Machine
	Live      *drive.Session

	Started time.Time
	tests   map[string][]byte // test signatures so far, by account
	joined  map[wire.Slot]int // tests that another device opened and this one joined
	testAt  time.Time         // not before: the next test session
	needed  time.Time         // when this device first held new shares that want a test
	early   *earlyTest        // that this device was asked for before
	Stored  bool              // some state of it is in the journal
	unsure  bool              // the last write of it failed, and may have gone through
	After   bool              // it follows one that still keeps shares for sleepers
	Entered bool              // this device signs in its epoch
	Missing []wire.Slot       // whom it waited for while it could succeed
	Doomed  time.Time         // when this device first knew that it does not
	Against []wire.Slot       // who was against it then
	settled bool              // whoever is out has been told
}

// A dealt re-deal owns the session of an attempt's machine.
type dealt struct {
	c *Redeals
	a *Attempt
}

func (d dealt) Persist(state []byte) error { return d.c.persistRedeal(d.a, state) }
func (d dealt) Release() error             { return nil }
func (d dealt) Erase() error               { return d.c.remains.Erase(d.a.EpochKey) }
func (d dealt) Discard() error             { return d.c.discard(d.a) }

func (d dealt) Heard(l *drive.Session, from wire.Slot, moved bool) {
	if !moved {
		d.c.remind(l, from)
	}
}

func (d dealt) Stepped(*drive.Session)                           { d.c.RedealStep() }
func (d dealt) Finished(l *drive.Session)                        { d.c.finishRedeal(l, d.a) }
func (d dealt) Failed(_ *drive.Session, err error)               { d.c.RedealBroke(d.a, err) }
func (d dealt) Closed(*drive.Session, wire.Slot, message.Closed) {} // what one device says ends no re-deal
func (d dealt) Dropped(*drive.Session)                           {}
func (d dealt) Personal() bool                                   { return false }

// Timing lets a re-deal repeat itself more and more seldom: it repeats all that was
// ever said in it, and whoever did not hear it ten times is most likely not there,
// and is told when it comes.
func (d dealt) Timing(l *drive.Session) drive.Timing {
	c := d.c
	patience := 10 * AttemptLife
	if d.a.Machine.Settled() {
		patience = AttemptLife
	}
	if c.me.Now.Sub(l.Opened).Abs() >= patience {
		return drive.Timing{Resend: c.me.Config.Timings.Inventory, Rests: true}
	}
	return drive.Timing{Resend: max(c.me.Config.Timings.Resend, c.me.Now.Sub(l.Progress)/10)}
}

// Again tells those whom a re-deal waits for of it: some may never have heard of it,
// and take its frames for those of a session that they are not in.
func (d dealt) Again(_ *drive.Session, waiting []wire.Slot) { d.c.TellRedeal(d.a, waiting) }

// remind repeats what this device knows of a re-deal to a device that still
// speaks in it although this one is through, or rests: what the other lacks may
// have been lost on its way.
func (rd *Redeals) remind(l *drive.Session, to wire.Slot) {
	pause := rd.me.Config.Timings.Resend
	if !l.Done {
		pause = AttemptLife
	}
	if (l.Done || rd.drive.Resting(l)) && rd.me.Now.Sub(l.Resent).Abs() >= pause {
		l.Resent = rd.me.Now
		rd.drive.Repeat(l, to)
	}
}

// Around is who hears of re-deals, above this room and beside it.
type Around interface {
	// Test goes on with the test of the new shares, if they want one.
	Test()

	// Failed hears that a re-deal came to nothing, and Succeeded that one has made an
	// epoch.
	Failed(a *Attempt)
	Succeeded()

	// Blame prefers others to the device in slot in the next.
	Blame(slot wire.Slot, why string)

	// Entered hears that this device is in a circle, and waits for none any more.
	Entered()
}

// Redealing reports whether a re-deal is under way that no other may follow
// yet, or may be: after a write of unknown outcome only the journal can tell.
func (rd *Redeals) Redealing() bool {
	return !rd.ResumeAt.IsZero() || rd.Attempt != nil && !rd.Attempt.Machine.Settled()
}

// RedealConfig is what this device brings to an attempt, but for its shares.
func (rd *Redeals) RedealConfig(p refresh.Proposal, parent roster.Record, self wire.Slot) refresh.Config {
	return refresh.Config{
		Proposal: p, Parent: parent, Self: self, Sign: rd.me.Self.Sign, Open: rd.openBox, Rand: rd.me.Config.Rand,
	}
}

// openBox opens what was sealed to this device's box key.
func (rd *Redeals) openBox(enc, info, data, ciphertext []byte) (plain []byte, err error) {
	err = rd.me.Self.BoxSeed.Use(func(seed *[32]byte) error {
		k, err := ecdh.X25519().NewPrivateKey(seed[:])
		if err != nil {
			return err
		}
		plain, err = refresh.OpenBox(k, enc, info, data, ciphertext)
		return err
	})
	return plain, err
}

// TakeUp starts this device's part in an attempt. parent is the record whose
// shares are dealt.
func (rd *Redeals) TakeUp(a *Attempt, parent roster.Record, self wire.Slot) error {
	cfg := rd.RedealConfig(a.Proposal, parent, self)
	if slices.Contains(a.Proposal.Dealers, self) {
		cfg.Shares = map[string]secret.Key{}
		defer func() {
			for _, k := range cfg.Shares {
				k.Wipe()
			}
		}()
		for _, acc := range parent.Accounts {
			k, err := rd.me.LoadShare(acc.Name)
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
	rd.Hold(a, m)
	rd.drive.Begin(a.Live, effects)
	rd.RedealStep()
	return nil
}

// Hold makes a the attempt of this device, in place of a settled one.
func (rd *Redeals) Hold(a *Attempt, m *refresh.Machine) {
	if w := rd.Waking; w != nil {
		rd.Waking = nil
		rd.drive.Drop(w.Live)
	}
	if old := rd.Attempt; old != nil {
		a.After = KeepsShares(old)
		rd.drive.Drop(old.Live)
	}
	rd.Prepare(a, m)
	rd.Attempt = a
}

// Keys are those that the re-deals of this device may need.
func (rd *Redeals) Keys() redealKeys {
	of := redealKeys{busy: rd.Redealing() || rd.Waking != nil, stored: storedKeys}
	if rd.Attempt != nil {
		of.key = rd.Attempt.EpochKey
	}
	return of
}

// KeepsShares reports whether an attempt has made an epoch, so that others may
// still want what was said in it: sleepers their shares, which nobody can deal
// again once too few others are left, and members the locks that they have not
// heard. That this device needs neither any more, or that its person gave up on
// a sleeper, changes nothing for them.
func KeepsShares(a *Attempt) bool { return a.Machine.Settled() }

// Prepare gives an attempt its machine.
func (rd *Redeals) Prepare(a *Attempt, m *refresh.Machine) {
	a.Machine, a.Started, a.EpochKey, a.tests = m, rd.me.Now, AttemptKeyID(a.Proposal), map[string][]byte{}
	a.joined = map[wire.Slot]int{}
	slots := slices.Concat(a.Proposal.Members, a.Proposal.Sleepers)
	slices.Sort(slots)
	a.Live = &drive.Session{ID: a.Proposal.Session(), Machine: m, Slots: slots, Owner: dealt{rd, a}}
	rd.me.Log.Info("re-deal", "attempt", a.Live.ID, "epoch", a.Proposal.Epoch, "kind", a.Proposal.Kind,
		"members", rd.me.Names(a.Proposal.Members), "sleepers", rd.me.Names(a.Proposal.Sleepers))
}

// stopBanned ends signing sessions with a device that is being taken out.
func (rd *Redeals) stopBanned() {
	for _, l := range rd.drive.LiveSessions() {
		if i := slices.IndexFunc(l.Slots, func(s wire.Slot) bool { return s != rd.me.Circle.Slot && rd.judging.Banned(s) }); l.Owner.Personal() && !l.Done && i >= 0 {
			rd.drive.FailSession(l, drive.Silent{Slot: l.Slots[i], Why: "is being removed"})
		}
	}
}

// RemovedBy lists the identities that an attempt takes out.
func (rd *Redeals) RemovedBy(a *Attempt) (out []wire.DeviceID) {
	for _, x := range a.Proposal.Removed {
		if d, ok := rd.ParentOf(a).Device(x.Slot); ok {
			out = append(out, d.Identity)
		}
	}
	return out
}

// Going are the identities that a re-deal which is under way takes out.
func (rd *Redeals) Going() []wire.DeviceID {
	if a := rd.Attempt; a != nil && !a.Machine.Settled() {
		return rd.RemovedBy(a)
	}
	return nil
}

// ParentOf is the record whose shares an attempt deals.
func (rd *Redeals) ParentOf(a *Attempt) roster.Record {
	if a.parent != nil {
		return *a.parent
	}
	for _, chain := range []roster.Chain{a.chain, rd.chain()} {
		for _, e := range chain {
			if e.Record.Hash() == a.Proposal.Parent {
				a.parent = &e.Record
				return e.Record
			}
		}
	}
	return roster.Record{}
}

// addrsAfter is where the devices of the epoch to be are known to be.
func (rd *Redeals) addrsAfter(a *Attempt) map[wire.Slot][]string {
	out := map[wire.Slot][]string{}
	for _, s := range a.Live.Slots {
		if rd.me.Circle != nil && len(rd.me.Circle.Addrs[s]) > 0 {
			out[s] = rd.me.Circle.Addrs[s]
		} else if len(a.Addrs[s]) > 0 {
			out[s] = a.Addrs[s]
		}
	}
	return out
}

// RedealStep draws the consequences of what the machine has done: which epoch
// this device signs in, and who may connect.
func (rd *Redeals) RedealStep() {
	rd.wokenUp()
	a := rd.Attempt
	if a == nil {
		return
	}
	rd.watchOut(a)
	switch in := a.Machine.InForce(); {
	case in && !a.Entered:
		rec, _ := a.Machine.Record()
		a.Entered = true
		rd.EnterEpoch(a, rec)
	case !in && a.Entered:
		a.Entered = false
		rd.LeaveEpoch()
	}
	if a.Machine.Settled() && !a.settled {
		a.settled = true
		rd.around.Succeeded()
		// An attempt that this one has overtaken on a device that was away has
		// left its key; it may take long until all old shares are destroyed.
		rd.remains.cleanUp(rd.Keys())
		rd.remains.tellFormers()
	}
	rd.around.Test()
}

// finishRedeal handles a machine at its end. One that retired stays at hand:
// others may still need what was said.
func (rd *Redeals) finishRedeal(l *drive.Session, a *Attempt) {
	rd.RedealStep()
	if a.Machine.Phase() != refresh.Returned {
		rd.me.Log.Info("re-deal finished", "epoch", a.Proposal.Epoch)
		a.Machine.Close() // what it held is in the journal, where signing looks for it
		rd.remains.cleanUp(rd.Keys())
		rd.me.Broadcast(message.MsgHello, rd.me.Hello())
		rd.remains.tellFormers()
		rd.me.Stir()
		return
	}
	rd.me.Log.Warn("re-deal came to nothing", "epoch", a.Proposal.Epoch)
	rd.drive.Drop(l)
	if rd.Attempt == a {
		rd.Attempt = nil
	}
	if rd.Waking == a {
		rd.Waking = nil
	}
	rd.around.Failed(a)
	if err := rd.ResumeRedeal(); err != nil { // the one before it, if it was set aside
		rd.me.Log.Error("re-deal not resumed", "err", err)
		rd.pauseResume()
	}
	rd.me.Broadcast(message.MsgHello, rd.me.Hello()) // what was put off while it went on
}

// How long an attempt may take before its members give it up.
const (
	AttemptLife = 60 * time.Second
	AttemptLost = 15 * time.Second // without a connection to a member
)

// HoldsKeys reports whether the machine of an attempt has new shares in memory.
func HoldsKeys(a *Attempt) bool {
	keys, ok := a.Machine.Shares()
	for _, k := range keys {
		k.Wipe()
	}
	return ok
}

// WakeRedeal goes on with a re-deal that rested while this device was locked.
func (rd *Redeals) WakeRedeal() {
	a := rd.Attempt
	if a == nil || !a.Machine.Resting() || rd.me.Config.Keeper.Locked() {
		return
	}
	rd.drive.Drop(a.Live)
	rd.Attempt = nil
	if err := rd.ResumeRedeal(); err != nil {
		rd.ResumeLater(err)
	}
}

// TickRedeal gives up an attempt that cannot go on, as far as that is still
// allowed.
func (rd *Redeals) TickRedeal() {
	rd.WakeRedeal() // whoever unlocked may have gone before the loop was told
	a := rd.Attempt
	if a == nil || a.Machine.Settled() {
		return
	}
	rd.watchOut(a)
	rd.around.Test()
	rd.Reconsider()
	if rd.Attempt != a || a.Machine.Settled() {
		return
	}
	if a.Machine.Phase() == refresh.Aborted {
		// Most often the others say soon that they have aborted too.
		if rd.me.Now.Sub(a.Started).Abs() >= 2*AttemptLife {
			rd.endAborted(a)
		}
		return
	}
	late := rd.me.Now.Sub(a.Started) >= AttemptLife || rd.me.Now.Before(a.Started)
	for _, s := range a.Machine.Waiting() {
		if s != rd.CircleSlot(a) && slices.Contains(a.Proposal.Members, s) && !rd.me.Online(s) && rd.me.Now.Sub(standing.Latest(rd.me.Peer(s).There, a.Started)) >= AttemptLost {
			late = true
		}
	}
	if !late {
		return
	}
	effects, err := a.Machine.Abort()
	if err != nil {
		return // too late to go back: it goes forward as soon as it can
	}
	rd.me.Log.Warn("re-deal given up", "epoch", a.Proposal.Epoch, "waiting", rd.me.Names(a.Machine.Waiting()))
	rd.drive.CarryOut(a.Live, effects)
	rd.RedealStep()
}

// Reconsider votes against a removal that this device has not said ready to, and
// would not take part in any more: it has heard whom the others take for silent,
// or persons have taken back what they said. From ready on it is too late, for
// others may have committed because of it.
func (rd *Redeals) Reconsider() {
	a := rd.Attempt
	if a == nil || rd.judging.Vigil.Judge == nil || a.Machine.Phase() != refresh.Dealing || rd.IsNew(a) || !slices.Contains(a.Proposal.Members, rd.CircleSlot(a)) {
		return
	}
	why := rd.judging.ObjectionToEviction(a.Proposal)
	if why == "" {
		return
	}
	effects, err := a.Machine.Abort()
	if err != nil {
		rd.me.Log.Error("re-deal not given up", "err", err)
		return
	}
	rd.me.Log.Warn("re-deal given up", "epoch", a.Proposal.Epoch, "why", why)
	rd.drive.CarryOut(a.Live, effects)
	rd.RedealStep()
}

// endAborted ends an attempt that this device has voted against, if it need not
// hear that enough others have too.
func (rd *Redeals) endAborted(a *Attempt) {
	effects, err := a.Machine.Abort()
	if err != nil {
		if rd.IsNew(a) {
			rd.stayOut(a)
		}
		return
	}
	rd.drive.CarryOut(a.Live, effects)
}

// IsNew reports whether an attempt would have made this device a member.
func (rd *Redeals) IsNew(a *Attempt) bool {
	return slices.ContainsFunc(a.Proposal.Added, func(d roster.Device) bool { return d.Identity == rd.me.Self.Public })
}

// stayOut ends an attempt on a device that would have been new and has voted
// against it. It holds no share of the epoch before, and the attempt cannot
// succeed without its commit, so there is nothing that it must wait for; and
// the others, to whom it is a stranger, do not tell it that they went back.
func (rd *Redeals) stayOut(a *Attempt) {
	rd.drive.Drop(a.Live)
	rd.Attempt = nil
	if err := rd.discard(a); err != nil {
		rd.me.Log.Error("a dead re-deal is not forgotten", "err", err)
		rd.pauseResume()
		return
	}
	rd.me.Log.Warn("this device did not come into the circle")
}

// CircleSlot is this device's slot in an attempt.
func (rd *Redeals) CircleSlot(a *Attempt) wire.Slot {
	s, _ := SelfIn(a.Proposal, rd.ParentOf(a), rd.me.Self.Public)
	return s
}

// TellRedeal sends an attempt to those who take part in it.
func (rd *Redeals) TellRedeal(a *Attempt, slots []wire.Slot) {
	msg := message.Redeal{
		Proposal: a.Proposal.Bytes(), Discovery: a.Discovery, Request: a.Request, Grounds: a.Grounds, Addrs: standing.PackAddrs(a.Addrs), Chain: [][]byte{},
	}
	for _, s := range slots {
		m := msg
		if slices.ContainsFunc(a.Proposal.Added, func(d roster.Device) bool { return d.Slot == s }) {
			// All epochs up to the one that is dealt.
			for _, e := range rd.me.Circle.Chain {
				if e.Record.Epoch < a.Proposal.Epoch {
					m.Chain = append(m.Chain, e.Bytes())
				}
			}
		}
		rd.me.Sync(s, message.MsgRedeal, m)
	}
}

// watchOut remembers whom an attempt waits for, as long as it may succeed, and
// who was against it when this device first heard that it does not.
func (rd *Redeals) watchOut(a *Attempt) {
	switch phase := a.Machine.Phase(); {
	case phase == refresh.Dealing || phase == refresh.Prepared:
		a.Missing = a.Machine.Waiting()
	case phase != refresh.Aborted && phase != refresh.Returned || !a.Doomed.IsZero():
	default:
		a.Doomed = rd.me.Now
		for _, s := range a.Machine.Against() {
			if s != rd.CircleSlot(a) {
				a.Against = append(a.Against, s)
			}
		}
	}
}

// An earlyTest was asked for before this device held a new share.
type earlyTest struct {
	from wire.Slot
	test message.Test
}

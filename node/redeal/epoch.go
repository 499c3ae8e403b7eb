package redeal

import (
	"slices"

	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

func (rd *Redeals) highest() uint64 {
	if rd.me.Circle == nil {
		return 0
	}
	return rd.me.Circle.Highest
}

func (rd *Redeals) chain() roster.Chain {
	if rd.me.Circle == nil {
		return nil
	}
	return rd.me.Circle.Chain
}

// settleChain makes a certified and final epoch the head in memory.
func (rd *Redeals) settleChain(a *Attempt, e roster.Entry) {
	if rd.me.Circle == nil {
		rd.me.Circle = &standing.Circle{Chain: slices.Clone(a.chain), Fenced: map[wire.DeviceID]bool{}, Addrs: rd.addrsAfter(a)}
	}
	k := rd.me.Circle
	if k.Head().Record.Epoch < e.Record.Epoch {
		k.Chain = append(slices.Clone(k.Chain), e)
	}
	k.Addrs, k.Older, k.Discovery, k.HeadKey = rd.addrsAfter(a), rd.olderKeys(a), a.Discovery, a.EpochKey
	if me, ok := e.Record.ByIdentity(rd.me.Self.Public); ok {
		k.Slot = me.Slot
	}
	rd.FollowRecord()
}

// EnterEpoch makes this device sign in the epoch of an attempt.
func (rd *Redeals) EnterEpoch(a *Attempt, rec roster.Record) {
	if rd.me.Circle == nil {
		rd.me.Circle = &standing.Circle{Chain: slices.Clone(a.chain), Fenced: map[wire.DeviceID]bool{}, Addrs: rd.addrsAfter(a), Discovery: a.Discovery}
	}
	k := rd.me.Circle
	k.Record, k.Hash, k.ShareKey, k.Evicted = rec, rec.Hash(), a.EpochKey, nil
	if me, ok := rec.ByIdentity(rd.me.Self.Public); ok {
		k.Slot = me.Slot
	}
	rd.around.Entered()
	clear(rd.me.Pairing)
	rd.me.Log.Info("this device signs in a new epoch", "epoch", rec.Epoch)
	rd.ChangeEpoch()
}

// LeaveEpoch goes back to the certified head: the attempt came to nothing.
func (rd *Redeals) LeaveEpoch() {
	if err := rd.me.ToHead(); err != nil {
		// This device would have been new, and is in no epoch of the chain.
		rd.LeaveCircle()
		return
	}
	rd.me.Log.Warn("this device is back in the epoch before", "epoch", rd.me.Circle.Record.Epoch)
	rd.ChangeEpoch()
}

// LeaveCircle forgets a circle that this device did not come into, with all that
// has no meaning outside.
func (rd *Redeals) LeaveCircle() {
	for _, l := range rd.drive.LiveSessions() {
		if l.Owner.Personal() {
			rd.drive.Drop(l)
		}
	}
	rd.me.Circle, rd.judging.Vigil.Judge = nil, nil
	rd.ledger.ForgetAll()
	rd.me.Log.Warn("this device did not come into the circle")
}

// ChangeEpoch ends what belonged to the other epoch. An approval counts in one
// epoch only, so what this device's person has approved is said again.
func (rd *Redeals) ChangeEpoch() {
	for _, l := range rd.drive.LiveSessions() {
		if l.Owner.Personal() {
			rd.drive.Drop(l)
		}
	}
	rd.ledger.Expire() // what is over must not be said again
	for _, r := range rd.ledger.ByAge() {
		rd.answering.Renew(r)
	}
	rd.ledger.Prune() // approvals that are void hold nothing back
	for _, d := range rd.me.Members() {
		if d.Identity != rd.me.Self.Public && rd.me.Link.Connected(d.Peer) {
			rd.me.Peer(d.Slot).Online = true
		}
	}
	rd.me.Broadcast(message.MsgHello, rd.me.Hello())
	rd.ledger.TakeWaiting(func(ledger.EarlyAnswer) bool { return true })
	rd.me.Stir()
}

// olderKeys are the discovery keys under which members may still show
// themselves that have not locked into the epoch of an attempt: they were
// asleep, and where addresses change meanwhile nobody else can bring the two
// together. When all have, nobody needs them any more. If they are too many,
// those in the middle go: who sleeps for long has one of the first.
func (rd *Redeals) olderKeys(a *Attempt) [][32]byte {
	if rd.me.Circle == nil || a.Machine.AllLocked() {
		return nil
	}
	older := slices.Clone(rd.me.Circle.Older)
	if rd.me.Circle.Discovery != a.Discovery {
		older = append(older, rd.me.Circle.Discovery)
	}
	if n := len(older); n > standing.MaxOlder {
		older = slices.Delete(older, n/2, n/2+1)
	}
	return older
}

package node

import (
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

func (rd *redeals) highest() uint64 {
	if rd.me.circle == nil {
		return 0
	}
	return rd.me.circle.highest
}

func (rd *redeals) chain() roster.Chain {
	if rd.me.circle == nil {
		return nil
	}
	return rd.me.circle.chain
}

// settleChain makes a certified and final epoch the head in memory.
func (rd *redeals) settleChain(a *attempt, e roster.Entry) {
	if rd.me.circle == nil {
		rd.me.circle = &circle{chain: slices.Clone(a.chain), fenced: map[wire.DeviceID]bool{}, addrs: rd.addrsAfter(a)}
	}
	k := rd.me.circle
	if k.head().Record.Epoch < e.Record.Epoch {
		k.chain = append(slices.Clone(k.chain), e)
	}
	k.addrs, k.older, k.discovery, k.headKey = rd.addrsAfter(a), rd.olderKeys(a), a.discovery, a.epochKey
	if me, ok := e.Record.ByIdentity(rd.me.self.public); ok {
		k.slot = me.Slot
	}
	rd.followRecord()
}

// enterEpoch makes this device sign in the epoch of an attempt.
func (rd *redeals) enterEpoch(a *attempt, rec roster.Record) {
	if rd.me.circle == nil {
		rd.me.circle = &circle{chain: slices.Clone(a.chain), fenced: map[wire.DeviceID]bool{}, addrs: rd.addrsAfter(a), discovery: a.discovery}
	}
	k := rd.me.circle
	k.record, k.hash, k.shareKey, k.evicted = rec, rec.Hash(), a.epochKey, nil
	if me, ok := rec.ByIdentity(rd.me.self.public); ok {
		k.slot = me.Slot
	}
	rd.around.entered()
	clear(rd.me.pairing)
	rd.me.log.Info("this device signs in a new epoch", "epoch", rec.Epoch)
	rd.changeEpoch()
}

// leaveEpoch goes back to the certified head: the attempt came to nothing.
func (rd *redeals) leaveEpoch() {
	if err := rd.me.toHead(); err != nil {
		// This device would have been new, and is in no epoch of the chain.
		rd.leaveCircle()
		return
	}
	rd.me.log.Warn("this device is back in the epoch before", "epoch", rd.me.circle.record.Epoch)
	rd.changeEpoch()
}

// leaveCircle forgets a circle that this device did not come into, with all that
// has no meaning outside.
func (rd *redeals) leaveCircle() {
	for _, l := range rd.drive.liveSessions() {
		if l.owner.personal() {
			rd.drive.drop(l)
		}
	}
	rd.me.circle, rd.judging.vigil.Judge = nil, nil
	rd.ledger.forgetAll()
	rd.me.log.Warn("this device did not come into the circle")
}

// changeEpoch ends what belonged to the other epoch. An approval counts in one
// epoch only, so what this device's person has approved is said again.
func (rd *redeals) changeEpoch() {
	for _, l := range rd.drive.liveSessions() {
		if l.owner.personal() {
			rd.drive.drop(l)
		}
	}
	rd.ledger.expire() // what is over must not be said again
	for _, r := range rd.ledger.byAge() {
		rd.answering.renew(r)
	}
	rd.ledger.prune() // approvals that are void hold nothing back
	for _, d := range rd.me.members() {
		if d.Identity != rd.me.self.public && rd.me.link.Connected(d.Peer) {
			rd.me.peer(d.Slot).online = true
		}
	}
	rd.me.broadcast(msgHello, rd.me.hello())
	rd.ledger.takeWaiting(func(earlyAnswer) bool { return true })
	rd.around.tryAll()
}

// olderKeys are the discovery keys under which members may still show
// themselves that have not locked into the epoch of an attempt: they were
// asleep, and where addresses change meanwhile nobody else can bring the two
// together. When all have, nobody needs them any more. If they are too many,
// those in the middle go: who sleeps for long has one of the first.
func (rd *redeals) olderKeys(a *attempt) [][32]byte {
	if rd.me.circle == nil || a.machine.AllLocked() {
		return nil
	}
	older := slices.Clone(rd.me.circle.older)
	if rd.me.circle.discovery != a.discovery {
		older = append(older, rd.me.circle.discovery)
	}
	if n := len(older); n > maxOlder {
		older = slices.Delete(older, n/2, n/2+1)
	}
	return older
}

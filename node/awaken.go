package node

import "time"

// wokenUp makes an attempt that this device has woken up into its own.
func (rd *redeals) wokenUp() {
	w := rd.waking
	if w == nil || !w.machine.InForce() {
		return
	}
	if old := rd.attempt; old != nil {
		rd.drive.drop(old.live)
	}
	rd.waking, rd.attempt = nil, w
	for _, p := range rd.me.peers {
		p.wokeAt = time.Time{} // who told of it told the truth
	}
}

// sleepOn drops a re-deal that this device was waking up into, once the circle
// has gone past its epoch. The share that it would find there is worth nothing
// any more, and must not pass for one of the newest.
func (rd *redeals) sleepOn() {
	head := rd.me.circle.head().Record
	if w := rd.waking; w != nil && head.Epoch >= w.proposal.Epoch && head.Change.Attempt != w.proposal.Attempt() {
		rd.waking = nil
		rd.drive.drop(w.live)
	}
}

// followRecord tells the judge of a newer certified epoch.
func (rd *redeals) followRecord() {
	rd.sleepOn()
	rd.judging.vigil.Forget()
	rd.judging.lastBeat = time.Time{} // others hear soon that this device is in it
	if rd.judging.vigil.Judge == nil || rd.me.circle.evicted != nil {
		if err := rd.judging.startJudge(); err != nil {
			rd.me.log.Error("judge not started", "err", err)
		}
		return
	}
	rd.judging.vigil.Follow(rd.me.circle.head().Record, rd.me.now)
}

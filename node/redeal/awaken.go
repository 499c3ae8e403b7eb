package redeal

import "time"

// wokenUp makes an attempt that this device has woken up into its own.
func (rd *Redeals) wokenUp() {
	w := rd.Waking
	if w == nil || !w.Machine.InForce() {
		return
	}
	if old := rd.Attempt; old != nil {
		rd.drive.Drop(old.Live)
	}
	rd.Waking, rd.Attempt = nil, w
	for _, p := range rd.me.Peers {
		p.WokeAt = time.Time{} // who told of it told the truth
	}
}

// sleepOn drops a re-deal that this device was waking up into, once the circle
// has gone past its epoch. The share that it would find there is worth nothing
// any more, and must not pass for one of the newest.
func (rd *Redeals) sleepOn() {
	head := rd.me.Circle.Head().Record
	if w := rd.Waking; w != nil && head.Epoch >= w.Proposal.Epoch && head.Change.Attempt != w.Proposal.Attempt() {
		rd.Waking = nil
		rd.drive.Drop(w.Live)
	}
}

// FollowRecord tells the judge of a newer certified epoch.
func (rd *Redeals) FollowRecord() {
	rd.sleepOn()
	rd.judging.Vigil.Forget()
	rd.judging.LastBeat = time.Time{} // others hear soon that this device is in it
	if rd.judging.Vigil.Judge == nil || rd.me.Circle.Evicted != nil {
		if err := rd.judging.StartJudge(); err != nil {
			rd.me.Log.Error("judge not started", "err", err)
		}
		return
	}
	rd.judging.Vigil.Follow(rd.me.Circle.Head().Record, rd.me.Now)
}

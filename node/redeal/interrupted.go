package redeal

import (
	"errors"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/share/refresh"
)

// Interrupted reports whether a write of a re-deal failed and has not been read
// back yet. Until then this device does not know what it has voted for, and
// does nothing that could contradict it.
func (rd *Redeals) Interrupted() bool { return !rd.ResumeAt.IsZero() }

// RedealBroke handles a re-deal whose machine stopped: a write of unknown
// outcome, or a store that was set back. What the journal holds decides.
func (rd *Redeals) RedealBroke(a *Attempt, err error) {
	rd.me.Log.Error("re-deal interrupted", "epoch", a.Proposal.Epoch, "err", err)
	if rd.Waking == a {
		rd.Waking = nil
		if errors.Is(err, refresh.ErrRolledBack) {
			rd.Spent = a.Proposal.Attempt()
		}
		if !a.unsure && !a.Stored {
			return // it has not said a word yet, and will be told again
		}
		// It is, or may be, in the place of the one before: this device has gone
		// all the way in one step, and what failed is the end of it. Were it to
		// begin anew, it would take its own vote for that of a copy of itself.
		if old := rd.Attempt; old != nil {
			rd.drive.Drop(old.Live)
		}
	}
	// What this device says and does from here on must wait for what it reads.
	rd.pauseResume()
	rd.Attempt = nil
	if a.Entered && rd.me.Circle != nil && len(rd.me.Circle.Chain) > 0 && rd.me.Circle.HeadKey != a.EpochKey {
		rd.LeaveEpoch()
	}
	rd.RedealTrouble = err.Error()
	if errors.Is(err, refresh.ErrRolledBack) && rd.me.Circle != nil {
		rd.ResumeAt = time.Time{}
		rd.circleRolledBack()
		return
	}
}

// How long a device waits before it reads back what it could not be sure to have
// written: longer if the next write fails as well, for a full disk stays full.
const (
	ResumePause    = 3 * time.Second
	MaxResumePause = 96 * time.Second
)

func (rd *Redeals) pauseResume() {
	rd.ResumeAt = rd.me.Now.Add(min(ResumePause<<min(rd.resumed, 16), MaxResumePause))
	rd.resumed++
}

// circleRolledBack keeps a device from signing whose store was set back: the
// shares that it holds may be of an epoch that the others have left.
func (rd *Redeals) circleRolledBack() {
	rd.me.Circle.ShareKey, rd.me.Circle.HeadKey = "", ""
	if err := rd.me.Config.Journal.Update(func(tx journal.Tx) error { return tx.Put(standing.BucketCircle, standing.ShareKeyKey, nil) }); err != nil {
		rd.me.Log.Error("roll-back not noted", "err", err)
	}
	rd.RedealTrouble = refresh.ErrRolledBack.Error()
}

// TickResume reads back a re-deal that was interrupted by a failed write.
func (rd *Redeals) TickResume() {
	if rd.ResumeAt.IsZero() || rd.me.Now.Before(rd.ResumeAt) && rd.ResumeAt.Sub(rd.me.Now) <= MaxResumePause {
		return
	}
	// What is resumed may be interrupted again.
	rd.ResumeAt, rd.RedealTrouble = time.Time{}, ""
	out := rd.me.Circle == nil
	grew, err := rd.reread()
	if err == nil {
		err = errors.Join(rd.Dead.Destroy(rd.me.Config.Keeper), rd.ResumeRedeal())
	}
	if out && rd.me.Circle != nil {
		err = errors.Join(err, rd.me.LoadAlarms(), rd.ledger.LoadRequests())
	}
	if err != nil {
		rd.ResumeLater(err)
	}
	if grew {
		rd.FollowRecord()
		rd.ChangeEpoch()
	}
}

// ResumeLater tries again to read back what could not be read.
func (rd *Redeals) ResumeLater(err error) {
	rd.ResumeAt = rd.me.Now.Add(ResumePause)
	rd.RedealTrouble = err.Error()
	rd.me.Log.Error("re-deal not resumed", "err", err)
}

// reread takes over what the journal holds of the circle and of dead re-deals:
// after a write of unknown outcome that may be more than this device knows. It
// reports whether the chain did grow.
func (rd *Redeals) reread() (grew bool, err error) {
	was := rd.me.Circle
	if err := errors.Join(rd.Dead.Load(rd.me.Config.Journal), rd.me.LoadCircle()); err != nil || rd.me.Circle == nil {
		rd.me.Circle = was
		return false, err
	}
	return was == nil || rd.me.Circle.Hash != was.Hash, nil
}

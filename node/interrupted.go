package node

import (
	"errors"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/share/refresh"
)

// interrupted reports whether a write of a re-deal failed and has not been read
// back yet. Until then this device does not know what it has voted for, and
// does nothing that could contradict it.
func (rd *redeals) interrupted() bool { return !rd.resumeAt.IsZero() }

// redealBroke handles a re-deal whose machine stopped: a write of unknown
// outcome, or a store that was set back. What the journal holds decides.
func (rd *redeals) redealBroke(a *attempt, err error) {
	rd.me.log.Error("re-deal interrupted", "epoch", a.proposal.Epoch, "err", err)
	if rd.waking == a {
		rd.waking = nil
		if errors.Is(err, refresh.ErrRolledBack) {
			rd.spent = a.proposal.Attempt()
		}
		if !a.unsure && !a.stored {
			return // it has not said a word yet, and will be told again
		}
		// It is, or may be, in the place of the one before: this device has gone
		// all the way in one step, and what failed is the end of it. Were it to
		// begin anew, it would take its own vote for that of a copy of itself.
		if old := rd.attempt; old != nil {
			rd.drive.drop(old.live)
		}
	}
	// What this device says and does from here on must wait for what it reads.
	rd.pauseResume()
	rd.attempt = nil
	if a.entered && rd.me.circle != nil && len(rd.me.circle.chain) > 0 && rd.me.circle.headKey != a.epochKey {
		rd.leaveEpoch()
	}
	rd.redealTrouble = err.Error()
	if errors.Is(err, refresh.ErrRolledBack) && rd.me.circle != nil {
		rd.resumeAt = time.Time{}
		rd.circleRolledBack()
		return
	}
}

// How long a device waits before it reads back what it could not be sure to have
// written: longer if the next write fails as well, for a full disk stays full.
const (
	resumePause    = 3 * time.Second
	maxResumePause = 96 * time.Second
)

func (rd *redeals) pauseResume() {
	rd.resumeAt = rd.me.now.Add(min(resumePause<<min(rd.resumed, 16), maxResumePause))
	rd.resumed++
}

// circleRolledBack keeps a device from signing whose store was set back: the
// shares that it holds may be of an epoch that the others have left.
func (rd *redeals) circleRolledBack() {
	rd.me.circle.shareKey, rd.me.circle.headKey = "", ""
	if err := rd.me.cfg.Journal.Update(func(tx journal.Tx) error { return tx.Put(bucketCircle, shareKeyKey, nil) }); err != nil {
		rd.me.log.Error("roll-back not noted", "err", err)
	}
	rd.redealTrouble = refresh.ErrRolledBack.Error()
}

// tickResume reads back a re-deal that was interrupted by a failed write.
func (rd *redeals) tickResume() {
	if rd.resumeAt.IsZero() || rd.me.now.Before(rd.resumeAt) && rd.resumeAt.Sub(rd.me.now) <= maxResumePause {
		return
	}
	// What is resumed may be interrupted again.
	rd.resumeAt, rd.redealTrouble = time.Time{}, ""
	out := rd.me.circle == nil
	grew, err := rd.reread()
	if err == nil {
		err = errors.Join(rd.dead.destroy(rd.me.cfg.Keeper), rd.resumeRedeal())
	}
	if out && rd.me.circle != nil {
		err = errors.Join(err, rd.me.loadAlarms(), rd.ledger.loadRequests())
	}
	if err != nil {
		rd.resumeLater(err)
	}
	if grew {
		rd.followRecord()
		rd.changeEpoch()
	}
}

// resumeLater tries again to read back what could not be read.
func (rd *redeals) resumeLater(err error) {
	rd.resumeAt = rd.me.now.Add(resumePause)
	rd.redealTrouble = err.Error()
	rd.me.log.Error("re-deal not resumed", "err", err)
}

// reread takes over what the journal holds of the circle and of dead re-deals:
// after a write of unknown outcome that may be more than this device knows. It
// reports whether the chain did grow.
func (rd *redeals) reread() (grew bool, err error) {
	was := rd.me.circle
	if err := errors.Join(rd.dead.load(rd.me.cfg.Journal), rd.me.loadCircle()); err != nil || rd.me.circle == nil {
		rd.me.circle = was
		return false, err
	}
	return was == nil || rd.me.circle.hash != was.hash, nil
}

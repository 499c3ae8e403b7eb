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
func (c *core) interrupted() bool { return !c.resumeAt.IsZero() }

// redealBroke handles a re-deal whose machine stopped: a write of unknown
// outcome, or a store that was set back. What the journal holds decides.
func (c *core) redealBroke(a *attempt, err error) {
	c.log.Error("re-deal interrupted", "epoch", a.proposal.Epoch, "err", err)
	if c.waking == a {
		c.waking = nil
		if errors.Is(err, refresh.ErrRolledBack) {
			c.spent = a.proposal.Attempt()
		}
		if !a.unsure && !a.stored {
			return // it has not said a word yet, and will be told again
		}
		// It is, or may be, in the place of the one before: this device has gone
		// all the way in one step, and what failed is the end of it. Were it to
		// begin anew, it would take its own vote for that of a copy of itself.
		if old := c.attempt; old != nil {
			c.drop(old.live)
		}
	}
	// What this device says and does from here on must wait for what it reads.
	c.pauseResume()
	c.attempt = nil
	if a.entered && c.circle != nil && len(c.circle.chain) > 0 && c.circle.headKey != a.epochKey {
		c.leaveEpoch()
	}
	c.redealTrouble = err.Error()
	if errors.Is(err, refresh.ErrRolledBack) && c.circle != nil {
		c.resumeAt = time.Time{}
		c.circleRolledBack()
		return
	}
}

// How long a device waits before it reads back what it could not be sure to have
// written: longer if the next write fails as well, for a full disk stays full.
const (
	resumePause    = 3 * time.Second
	maxResumePause = 96 * time.Second
)

func (c *core) pauseResume() {
	c.resumeAt = c.now.Add(min(resumePause<<min(c.resumed, 16), maxResumePause))
	c.resumed++
}

// circleRolledBack keeps a device from signing whose store was set back: the
// shares that it holds may be of an epoch that the others have left.
func (c *core) circleRolledBack() {
	c.circle.shareKey, c.circle.headKey = "", ""
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return tx.Put(bucketCircle, shareKeyKey, nil) }); err != nil {
		c.log.Error("roll-back not noted", "err", err)
	}
	c.redealTrouble = refresh.ErrRolledBack.Error()
}

// tickResume reads back a re-deal that was interrupted by a failed write.
func (c *core) tickResume() {
	if c.resumeAt.IsZero() || c.now.Before(c.resumeAt) && c.resumeAt.Sub(c.now) <= maxResumePause {
		return
	}
	// What is resumed may be interrupted again.
	c.resumeAt, c.redealTrouble = time.Time{}, ""
	out := c.circle == nil
	grew, err := c.reread()
	if err == nil {
		err = errors.Join(c.dead.destroy(c.cfg.Keeper), c.resumeRedeal())
	}
	if out && c.circle != nil {
		err = errors.Join(err, c.loadAlarms(), c.loadRequests())
	}
	if err != nil {
		c.resumeLater(err)
	}
	if grew {
		c.followRecord()
		c.changeEpoch()
	}
}

// resumeLater tries again to read back what could not be read.
func (c *core) resumeLater(err error) {
	c.resumeAt = c.now.Add(resumePause)
	c.redealTrouble = err.Error()
	c.log.Error("re-deal not resumed", "err", err)
}

// reread takes over what the journal holds of the circle and of dead re-deals:
// after a write of unknown outcome that may be more than this device knows. It
// reports whether the chain did grow.
func (c *core) reread() (grew bool, err error) {
	was := c.circle
	if err := errors.Join(c.dead.load(c.cfg.Journal), c.loadCircle()); err != nil || c.circle == nil {
		c.circle = was
		return false, err
	}
	return was == nil || c.circle.hash != was.hash, nil
}

package redeal

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/standing"
)

// ResumeTries is how often a device tries to open a re-deal that was in progress
// before it takes what it said in it for lost. Only tries count that show that
// this one key is the trouble, see [Redeals.unreadable].
const ResumeTries = 5

// unreadable reports whether a re-deal did not open because nothing can be read
// where the keys are: the system says so, or not even the key is there that
// every device has from its first day on. A disk that is not mounted, or
// whose files this process may not read, has lost nothing, and may be back in a
// week.
func (rd *Redeals) unreadable(err error) bool {
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return true
	}
	ids, err := rd.me.Config.Keeper.ListEpochKeys()
	return err != nil || !slices.Contains(ids, standing.PresenceID)
}

// loseAttempt ends this device's part in a re-deal that does not open any more,
// because its key is gone or damaged. It does not know what it has voted for, so
// that it never votes in it again, and does not know in which of two epochs it
// is, so that it signs in neither before the next re-deal. Nothing is deleted.
func (rd *Redeals) loseAttempt(a *Attempt, cause error) error {
	raw, dead := encodeDead(nil, "")
	keep := rd.me.Circle == nil || rd.me.Circle.HeadKey == AttemptKeyID(a.Proposal) && rd.me.HeadOpens()
	if err := rd.me.Config.Journal.Update(func(tx journal.Tx) error {
		err := tx.Put(standing.BucketDead, a.Proposal.Attempt().Hex(), raw)
		if !keep {
			err = errors.Join(err, tx.Put(standing.BucketCircle, standing.ShareKeyKey, nil))
		}
		return err
	}); err != nil {
		return standing.StoreError(err)
	}
	rd.Dead[a.Proposal.Session()] = dead
	rd.me.Log.Error("a re-deal does not open", "epoch", a.Proposal.Epoch, "err", cause)
	if keep {
		return nil
	}
	rd.me.Circle.ShareKey, rd.me.Circle.HeadKey = "", ""
	rd.RedealTrouble = fmt.Sprintf("what this device said in that of epoch %d does not open any more, so that it votes no more in it and signs nothing before the next; is a file in epochs/ missing?", a.Proposal.Epoch)
	return nil
}

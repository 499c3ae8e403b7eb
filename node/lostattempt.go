package node

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/warifu/warifu/journal"
)

// resumeTries is how often a device tries to open a re-deal that was in progress
// before it takes what it said in it for lost. Only tries count that show that
// this one key is the trouble, see [redeals.unreadable].
const resumeTries = 5

// unreadable reports whether a re-deal did not open because nothing can be read
// where the keys are: the system says so, or not even the key is there that
// every device has from its first day on. A disk that is not mounted, or
// whose files this process may not read, has lost nothing, and may be back in a
// week.
func (rd *redeals) unreadable(err error) bool {
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return true
	}
	ids, err := rd.me.cfg.Keeper.ListEpochKeys()
	return err != nil || !slices.Contains(ids, presenceID)
}

// loseAttempt ends this device's part in a re-deal that does not open any more,
// because its key is gone or damaged. It does not know what it has voted for, so
// that it never votes in it again, and does not know in which of two epochs it
// is, so that it signs in neither before the next re-deal. Nothing is deleted.
func (rd *redeals) loseAttempt(a *attempt, cause error) error {
	raw, dead := encodeDead(nil, "")
	keep := rd.me.circle == nil || rd.me.circle.headKey == attemptKeyID(a.proposal) && rd.me.headOpens()
	if err := rd.me.cfg.Journal.Update(func(tx journal.Tx) error {
		err := tx.Put(bucketDead, a.proposal.Attempt().Hex(), raw)
		if !keep {
			err = errors.Join(err, tx.Put(bucketCircle, shareKeyKey, nil))
		}
		return err
	}); err != nil {
		return storeError(err)
	}
	rd.dead[a.proposal.Session()] = dead
	rd.me.log.Error("a re-deal does not open", "epoch", a.proposal.Epoch, "err", cause)
	if keep {
		return nil
	}
	rd.me.circle.shareKey, rd.me.circle.headKey = "", ""
	rd.redealTrouble = fmt.Sprintf("what this device said in that of epoch %d does not open any more, so that it votes no more in it and signs nothing before the next; is a file in epochs/ missing?", a.proposal.Epoch)
	return nil
}

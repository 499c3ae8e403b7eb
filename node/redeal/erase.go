package redeal

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/standing"
)

// What becomes of shares and re-deals that are over, and what must not go with
// them.

// Remains sees to what is left of epochs that are over.
type Remains struct{ me *standing.Standing }

// NewRemains looks after what is left on a device.
func NewRemains(me *standing.Standing) *Remains { return &Remains{me} }

// Erase destroys every share but those under one epoch key. The keys go first:
// a crash in between leaves sealed bytes that nothing opens.
func (rm *Remains) Erase(keep string) error {
	var ids, records []string
	if err := rm.me.Config.Journal.View(func(tx journal.Tx) (err error) {
		ids, records, err = standing.OldEpochKeys(tx, keep)
		return err
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if err := rm.me.Config.Keeper.DestroyEpochKey(id); err != nil {
			return fmt.Errorf("node: destroy old shares: %w", err)
		}
	}
	if len(records) == 0 {
		return nil
	}
	rm.me.Log.Info("old shares destroyed", "epochs", len(ids))
	return rm.me.Config.Journal.Update(func(tx journal.Tx) error {
		var err error
		for _, k := range records {
			err = errors.Join(err, tx.Delete(standing.BucketShares, k))
		}
		return err
	})
}

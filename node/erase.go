package node

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/journal"
)

// What becomes of shares and re-deals that are over, and what must not go with
// them.

// A remains sees to what is left of epochs that are over.
type remains struct{ me *standing }

// erase destroys every share but those under one epoch key. The keys go first:
// a crash in between leaves sealed bytes that nothing opens.
func (rm *remains) erase(keep string) error {
	var ids, records []string
	if err := rm.me.cfg.Journal.View(func(tx journal.Tx) (err error) {
		ids, records, err = oldEpochKeys(tx, keep)
		return err
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if err := rm.me.cfg.Keeper.DestroyEpochKey(id); err != nil {
			return fmt.Errorf("node: destroy old shares: %w", err)
		}
	}
	if len(records) == 0 {
		return nil
	}
	rm.me.log.Info("old shares destroyed", "epochs", len(ids))
	return rm.me.cfg.Journal.Update(func(tx journal.Tx) error {
		var err error
		for _, k := range records {
			err = errors.Join(err, tx.Delete(bucketShares, k))
		}
		return err
	})
}

package node

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/journal"
)

// What becomes of shares and re-deals that are over, and what must not go with
// them.

// erase destroys every share but those under one epoch key. The keys go first:
// a crash in between leaves sealed bytes that nothing opens.
func (c *core) erase(keep string) error {
	var ids, records []string
	if err := c.cfg.Journal.View(func(tx journal.Tx) (err error) {
		ids, records, err = oldEpochKeys(tx, keep)
		return err
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.cfg.Keeper.DestroyEpochKey(id); err != nil {
			return fmt.Errorf("node: destroy old shares: %w", err)
		}
	}
	if len(records) == 0 {
		return nil
	}
	c.log.Info("old shares destroyed", "epochs", len(ids))
	return c.cfg.Journal.Update(func(tx journal.Tx) error {
		var err error
		for _, k := range records {
			err = errors.Join(err, tx.Delete(bucketShares, k))
		}
		return err
	})
}

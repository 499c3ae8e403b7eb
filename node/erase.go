package node

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/wire"
)

// What becomes of shares and re-deals that are over, and what must not go with
// them.

// asideKey holds, while an attempt is under way, the one before it in which
// shares wait for sleepers. Should the new one come to nothing, they still do.
const asideKey = "aside"

// setAside keeps the last re-deal until it is sure that another one takes its
// place: the one of the given proposal, which may be there already if the write
// that said that it failed went through.
func setAside(tx journal.Tx, proposal []byte) error {
	raw, err := tx.Get(bucketAttempt, currentKey)
	if err != nil || raw == nil {
		return err
	}
	var s storedAttempt
	if err := wire.Unmarshal(raw, &s); err == nil && bytes.Equal(s.Proposal, proposal) {
		return nil
	}
	return tx.Put(bucketAttempt, asideKey, raw)
}

// takeBack undoes setAside.
func takeBack(tx journal.Tx) error {
	raw, err := tx.Get(bucketAttempt, asideKey)
	if err != nil || raw == nil {
		return errors.Join(err, tx.Delete(bucketAttempt, currentKey))
	}
	return errors.Join(tx.Put(bucketAttempt, currentKey, raw), tx.Delete(bucketAttempt, asideKey))
}

// oldEpochKeys lists the keeper's keys under which this device has shares of
// other epochs than the one of keep.
func oldEpochKeys(tx journal.Tx, keep string) (ids, records []string, err error) {
	keys, err := tx.Keys(bucketShares)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range keys {
		id, _, _ := strings.Cut(k, "/")
		if id == keep {
			continue
		}
		records = append(records, k)
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, records, nil
}

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

// discard destroys what belongs to a dead attempt, and nothing else. That it is
// dead is durable first, with the key that is to go: were the key to go first, a
// crash in between would leave a re-deal that nothing opens.
func (c *core) discard(a *attempt) error {
	if a == c.waking {
		return nil // nothing of it was ever stored
	}
	raw, dead := encodeDead(a.machine.LastWords(), a.epochKey)
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error {
		err := errors.Join(takeBack(tx), tx.Put(bucketDead, a.proposal.Attempt().Hex(), raw))
		for _, acc := range c.parentOf(a).Accounts {
			err = errors.Join(err, tx.Delete(bucketShares, shareRecord(a.epochKey, acc.Name)))
		}
		return errors.Join(err, c.unfence(tx, a))
	}); err != nil {
		return err
	}
	c.unfenced(a)
	c.dead[a.proposal.Session()] = dead
	if err := c.cfg.Keeper.DestroyEpochKey(a.epochKey); err != nil {
		return fmt.Errorf("node: destroy the shares of a dead attempt: %w", err)
	}
	return nil
}

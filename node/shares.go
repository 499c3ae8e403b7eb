package node

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/journal"
)

// loadShare reads this device's share of an account. The caller wipes it.
func (c *core) loadShare(account string) (secret.Key, error) {
	if !c.hasShare() {
		return secret.Key{}, errors.New("node: this device holds no share of this epoch")
	}
	var sealed []byte
	if err := c.cfg.Journal.View(func(tx journal.Tx) (err error) {
		sealed, err = tx.Get(bucketShares, shareRecord(c.circle.shareKey, account))
		return err
	}); err != nil {
		return secret.Key{}, fmt.Errorf("node: read share: %w", err)
	}
	if sealed == nil {
		return secret.Key{}, fmt.Errorf("node: no share of %s is stored", account)
	}
	b, err := c.cfg.Keeper.OpenShare(c.circle.shareKey, shareName(account), sealed)
	if err != nil {
		return secret.Key{}, fmt.Errorf("node: open share: %w", err)
	}
	return secret.TakeSlice(b)
}

func shareName(account string) string { return "share/" + account }

// hasShare reports whether this device can sign in the epoch it is in.
func (c *core) hasShare() bool {
	return c.circle != nil && c.circle.shareKey != "" && c.circle.evicted == nil
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

// oldestShare is the oldest epoch of which this device holds a share, or the
// current one if it holds none.
func (c *core) oldestShare() uint64 {
	if c.circle == nil {
		return 0
	}
	oldest := c.circle.record.Epoch
	if err := c.cfg.Journal.View(func(tx journal.Tx) error {
		ids, _, err := oldEpochKeys(tx, "")
		for _, id := range ids {
			text, _, _ := strings.Cut(id, "-")
			if e, err := strconv.ParseUint(text, 16, 64); err == nil {
				oldest = min(oldest, e)
			}
		}
		return err
	}); err != nil {
		return 0 // what cannot be read may well be there
	}
	return oldest
}

// holdsShares reports whether there is a share of any epoch on this device, or
// may be.
func (c *core) holdsShares() bool {
	var keys []string
	err := c.cfg.Journal.View(func(tx journal.Tx) (err error) {
		keys, err = tx.Keys(bucketShares)
		return err
	})
	return err != nil || len(keys) > 0
}

// headOpens reports whether this device's shares of the newest certified epoch
// are there and open.
func (c *core) headOpens() bool {
	k := c.circle
	if k.headKey == "" || k.shareKey != k.headKey || k.hash != k.head().Record.Hash() {
		return false
	}
	for _, acc := range k.record.Accounts {
		key, err := c.loadShare(acc.Name)
		if err != nil {
			return false
		}
		key.Wipe()
	}
	return true
}

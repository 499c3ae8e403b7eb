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
func (me *standing) loadShare(account string) (secret.Key, error) {
	if !me.hasShare() {
		return secret.Key{}, errors.New("node: this device holds no share of this epoch")
	}
	var sealed []byte
	if err := me.cfg.Journal.View(func(tx journal.Tx) (err error) {
		sealed, err = tx.Get(bucketShares, shareRecord(me.circle.shareKey, account))
		return err
	}); err != nil {
		return secret.Key{}, fmt.Errorf("node: read share: %w", err)
	}
	if sealed == nil {
		return secret.Key{}, fmt.Errorf("node: no share of %s is stored", account)
	}
	b, err := me.cfg.Keeper.OpenShare(me.circle.shareKey, shareName(account), sealed)
	if err != nil {
		return secret.Key{}, fmt.Errorf("node: open share: %w", err)
	}
	return secret.TakeSlice(b)
}

func shareName(account string) string { return "share/" + account }

// hasShare reports whether this device can sign in the epoch it is in.
func (me *standing) hasShare() bool {
	return me.circle != nil && me.circle.shareKey != "" && me.circle.evicted == nil
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
func (me *standing) oldestShare() uint64 {
	if me.circle == nil {
		return 0
	}
	oldest := me.circle.record.Epoch
	if err := me.cfg.Journal.View(func(tx journal.Tx) error {
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
func (me *standing) holdsShares() bool {
	var keys []string
	err := me.cfg.Journal.View(func(tx journal.Tx) (err error) {
		keys, err = tx.Keys(bucketShares)
		return err
	})
	return err != nil || len(keys) > 0
}

// headOpens reports whether this device's shares of the newest certified epoch
// are there and open.
func (me *standing) headOpens() bool {
	k := me.circle
	if k.headKey == "" || k.shareKey != k.headKey || k.hash != k.head().Record.Hash() {
		return false
	}
	for _, acc := range k.record.Accounts {
		key, err := me.loadShare(acc.Name)
		if err != nil {
			return false
		}
		key.Wipe()
	}
	return true
}

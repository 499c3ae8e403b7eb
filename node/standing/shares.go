package standing

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/journal"
)

// LoadShare reads this device's share of an account. The caller wipes it.
func (me *Standing) LoadShare(account string) (secret.Key, error) {
	if !me.HasShare() {
		return secret.Key{}, errors.New("node: this device holds no share of this epoch")
	}
	var sealed []byte
	if err := me.Config.Journal.View(func(tx journal.Tx) (err error) {
		sealed, err = tx.Get(BucketShares, ShareRecord(me.Circle.ShareKey, account))
		return err
	}); err != nil {
		return secret.Key{}, fmt.Errorf("node: read share: %w", err)
	}
	if sealed == nil {
		return secret.Key{}, fmt.Errorf("node: no share of %s is stored", account)
	}
	b, err := me.Config.Keeper.OpenShare(me.Circle.ShareKey, ShareName(account), sealed)
	if err != nil {
		return secret.Key{}, fmt.Errorf("node: open share: %w", err)
	}
	return secret.TakeSlice(b)
}

// ShareName names the share of an account to the keeper.
func ShareName(account string) string { return "share/" + account }

// HasShare reports whether this device can sign in the epoch it is in.
func (me *Standing) HasShare() bool {
	return me.Circle != nil && me.Circle.ShareKey != "" && me.Circle.Evicted == nil
}

// OldEpochKeys lists the keeper's keys under which this device has shares of
// other epochs than the one of keep.
func OldEpochKeys(tx journal.Tx, keep string) (ids, records []string, err error) {
	keys, err := tx.Keys(BucketShares)
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

// OldestShare is the oldest epoch of which this device holds a share, or the
// current one if it holds none.
func (me *Standing) OldestShare() uint64 {
	if me.Circle == nil {
		return 0
	}
	oldest := me.Circle.Record.Epoch
	if err := me.Config.Journal.View(func(tx journal.Tx) error {
		ids, _, err := OldEpochKeys(tx, "")
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

// HoldsShares reports whether there is a share of any epoch on this device, or
// may be.
func (me *Standing) HoldsShares() bool {
	var keys []string
	err := me.Config.Journal.View(func(tx journal.Tx) (err error) {
		keys, err = tx.Keys(BucketShares)
		return err
	})
	return err != nil || len(keys) > 0
}

// HeadOpens reports whether this device's shares of the newest certified epoch
// are there and open.
func (me *Standing) HeadOpens() bool {
	k := me.Circle
	if k.HeadKey == "" || k.ShareKey != k.HeadKey || k.Hash != k.Head().Record.Hash() {
		return false
	}
	for _, acc := range k.Record.Accounts {
		key, err := me.LoadShare(acc.Name)
		if err != nil {
			return false
		}
		key.Wipe()
	}
	return true
}

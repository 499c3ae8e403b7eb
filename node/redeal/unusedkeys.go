package redeal

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/standing"
)

// redealKeys say what keys a re-deal in memory may need.
type redealKeys struct {
	busy   bool                               // one is under way, or interrupted, and a key may be there before its record
	key    string                             // of the one that is kept, "" if none is
	stored func(journal.Tx) ([]string, error) // of all that are in the journal
}

// DestroyUnusedKeys destroys epoch keys that nothing needs any more. There are
// such: a crash between a key and the record that it seals, a re-deal that was
// overtaken. What they sealed may still lie in free pages of the journal, or in
// a copy of it, and is a share of the key.
//
// A key that is needed must never go, and that there is no record of it in this
// journal is not enough to know: the journal may be an older copy, or another
// device's. So a key goes only if all of this holds:
//
//   - Its name is that of an attempt. Those of foundings, also of such that were
//     put aside, and that of the presence key look different.
//   - Its epoch is not above the newest certified one in this journal. What a
//     newer state of this journal would need is: a share of a later epoch, or an
//     attempt, whose number is above that of every epoch before it. So putting an
//     older copy back costs nothing that putting the newer one back would need.
//   - This device's shares of that newest epoch are in this journal and open with
//     the keys that are there now. In an older copy that missed a re-deal they do
//     not, once the key of before was destroyed; and if it was not, the key of the
//     later epoch is above the newest one that the copy knows. With another
//     device's keys nothing opens. The exception of the rule above, a sleeper that
//     finds its share of the newest epoch after it learnt of the epoch, is closed,
//     too: an older copy from in between has no such share.
//   - No record refers to it: not a share, not the attempt in progress or kept,
//     not the head. All are read in one transaction, and an error ends it.
//   - No re-deal is under way or interrupted, in which a key may be there before
//     its record.
//
// A crash in the middle leaves some keys for the next time.
func (rm *Remains) DestroyUnusedKeys(of redealKeys) error {
	if rm.me.Circle == nil || rm.me.Circle.Evicted != nil || of.busy || rm.me.Config.Keeper.Locked() || !rm.me.HeadOpens() {
		return nil
	}
	var used map[string]bool
	if err := rm.me.Config.Journal.View(func(tx journal.Tx) (err error) {
		used, err = usedKeys(tx, of)
		return err
	}); err != nil {
		return fmt.Errorf("node: look which keys are needed: %w", err)
	}
	ids, err := rm.me.Config.Keeper.ListEpochKeys()
	if err != nil {
		return fmt.Errorf("node: look which keys are there: %w", err)
	}
	used[rm.me.Circle.HeadKey], used[rm.me.Circle.ShareKey] = true, true
	if of.key != "" {
		used[of.key] = true
	}
	for _, id := range ids {
		epoch, ok := attemptEpoch(id)
		if !ok || used[id] || epoch > rm.me.Circle.Head().Record.Epoch {
			continue
		}
		if err := rm.me.Config.Keeper.DestroyEpochKey(id); err != nil {
			return fmt.Errorf("node: destroy a key that nothing needs: %w", err)
		}
		rm.me.Log.Info("a key that nothing needs is destroyed", "epoch", epoch)
	}
	return nil
}

// cleanUp is destroyUnusedKeys where nothing hangs on it: the next start does it
// again.
func (rm *Remains) cleanUp(of redealKeys) {
	if err := rm.DestroyUnusedKeys(of); err != nil {
		rm.me.Log.Warn("keys not cleaned up", "err", err)
	}
}

// usedKeys lists the keys that records refer to.
func usedKeys(tx journal.Tx, of redealKeys) (map[string]bool, error) {
	used := map[string]bool{}
	shares, err := tx.Keys(standing.BucketShares)
	if err != nil {
		return nil, err
	}
	for _, k := range shares {
		id, _, _ := strings.Cut(k, "/")
		used[id] = true
	}
	head, err := tx.Get(standing.BucketCircle, standing.ShareKeyKey)
	if err != nil {
		return nil, err
	}
	used[string(head)] = true
	stored, err := of.stored(tx)
	for _, id := range stored {
		used[id] = true
	}
	return used, err
}

// attemptEpoch reads the epoch in the name of a key, and reports whether it is
// that of an attempt: see [AttemptKeyID].
func attemptEpoch(id string) (uint64, bool) {
	text, attempt, ok := strings.Cut(id, "-")
	epoch, err := strconv.ParseUint(text, 16, 64)
	return epoch, ok && err == nil && epoch > 0 && len(attempt) == 32
}

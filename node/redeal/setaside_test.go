package redeal

import (
	"bytes"
	"testing"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// TestSetAsideOnce: the first write of a re-deal said that it failed and went
// through. The one that follows must not put that re-deal in the place of the
// one before, in which shares wait for sleepers.
func TestSetAsideOnce(t *testing.T) {
	t.Parallel()
	store := journaltest.New()
	old, next := StoredAttempt{Version: 1, Proposal: []byte("old")}, StoredAttempt{Version: 1, Proposal: []byte("next")}
	put := func(tx journal.Tx, s StoredAttempt) error {
		return tx.Put(standing.BucketAttempt, standing.CurrentKey, wire.Marshal(s))
	}
	update := func(f func(journal.Tx) error) {
		t.Helper()
		if err := store.Update(f); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx journal.Tx) error { return put(tx, old) })
	for range 2 {
		update(func(tx journal.Tx) error {
			if err := setAside(tx, next.Proposal); err != nil {
				return err
			}
			return put(tx, next)
		})
	}
	update(takeBack)
	if err := store.View(func(tx journal.Tx) error {
		raw, err := tx.Get(standing.BucketAttempt, standing.CurrentKey)
		if !bytes.Equal(raw, wire.Marshal(old)) {
			t.Error("the re-deal before is gone")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

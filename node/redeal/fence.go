package redeal

import (
	"errors"
	"slices"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// The fence is around devices that a re-deal takes out: once this device was ready
// for it, it never signs with them again, unless the re-deal comes to nothing.

// LiftFence lets this device sign again with members that a re-deal was to take
// out and did not: it is dead, or enough persons have taken it back. One that is
// under way, and takes out those that are going, may yet take them out, whatever persons say: this device was ready
// for it, and others sign in its epoch for that. Should it die, its fence goes.
func (rm *Remains) LiftFence(devices []roster.Device, going []wire.DeviceID) {
	var ids []wire.DeviceID
	for _, d := range devices {
		if rm.me.Circle.Fenced[d.Identity] && !slices.Contains(going, d.Identity) {
			ids = append(ids, d.Identity)
		}
	}
	if len(ids) == 0 {
		return
	}
	if err := rm.me.Config.Journal.Update(func(tx journal.Tx) error {
		var err error
		for _, id := range ids {
			err = errors.Join(err, tx.Delete(standing.BucketFenced, id.Hex()))
		}
		return err
	}); err != nil {
		rm.me.Log.Error("fence not lifted", "err", err)
		return
	}
	for _, id := range ids {
		delete(rm.me.Circle.Fenced, id)
	}
}

// Unfence ends what an attempt that came to nothing has put around those whom
// it would have taken out: the epoch before goes on with them. Whether anybody
// signs with them is for the judge to say again.
func (rm *Remains) Unfence(tx journal.Tx, removed []wire.DeviceID) (err error) {
	for _, id := range removed {
		err = errors.Join(err, tx.Delete(standing.BucketFenced, id.Hex()))
	}
	return err
}

// Unfenced is [Remains.Unfence] in memory.
func (rm *Remains) Unfenced(removed []wire.DeviceID) {
	for _, id := range removed {
		if rm.me.Circle != nil {
			delete(rm.me.Circle.Fenced, id)
		}
	}
}

package standing

import (
	"fmt"
	"strconv"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/wire"
)

// Alarm counts a failed check against a device, durably: three of them are a
// reason to remove it.
func (me *Standing) Alarm(slot wire.Slot, check string) {
	me.Alarms[slot]++
	n := me.Alarms[slot]
	me.Log.Error("a device failed a check of the protocol", "device", me.Name(slot), "check", check, "times", n)
	if err := me.Config.Journal.Update(func(tx journal.Tx) error {
		return tx.Put(BucketAlarms, strconv.Itoa(int(slot)), wire.Marshal(n))
	}); err != nil {
		me.Log.Error("alarm not stored", "err", err)
	}
}

// LoadAlarms reads what was counted, of a device in a circle.
func (me *Standing) LoadAlarms() error {
	if me.Circle == nil {
		return nil
	}
	return me.Config.Journal.View(func(tx journal.Tx) error {
		return journal.Each(tx, BucketAlarms, func(k string, raw []byte) error {
			slot, err := strconv.ParseUint(k, 10, 16)
			var n int
			if err == nil {
				err = wire.Unmarshal(raw, &n)
			}
			if err != nil {
				return fmt.Errorf("node: stored alarm: %w", err)
			}
			me.Alarms[wire.Slot(slot)] = n
			return nil
		})
	})
}

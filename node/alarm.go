package node

import (
	"fmt"
	"strconv"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/wire"
)

// alarm counts a failed check against a device, durably: three of them are a
// reason to remove it.
func (me *standing) alarm(slot wire.Slot, check string) {
	me.alarms[slot]++
	n := me.alarms[slot]
	me.log.Error("a device failed a check of the protocol", "device", me.name(slot), "check", check, "times", n)
	if err := me.cfg.Journal.Update(func(tx journal.Tx) error {
		return tx.Put(bucketAlarms, strconv.Itoa(int(slot)), wire.Marshal(n))
	}); err != nil {
		me.log.Error("alarm not stored", "err", err)
	}
}

// loadAlarms reads what was counted, of a device in a circle.
func (me *standing) loadAlarms() error {
	if me.circle == nil {
		return nil
	}
	return me.cfg.Journal.View(func(tx journal.Tx) error {
		return journal.Each(tx, bucketAlarms, func(k string, raw []byte) error {
			slot, err := strconv.ParseUint(k, 10, 16)
			var n int
			if err == nil {
				err = wire.Unmarshal(raw, &n)
			}
			if err != nil {
				return fmt.Errorf("node: stored alarm: %w", err)
			}
			me.alarms[wire.Slot(slot)] = n
			return nil
		})
	})
}

package node

import (
	"fmt"
	"strconv"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/wire"
)

// alarm counts a failed check against a device, durably: three of them are a
// reason to remove it.
func (c *core) alarm(slot wire.Slot, check string) {
	c.alarms[slot]++
	n := c.alarms[slot]
	c.log.Error("a device failed a check of the protocol", "device", c.name(slot), "check", check, "times", n)
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error {
		return tx.Put(bucketAlarms, strconv.Itoa(int(slot)), wire.Marshal(n))
	}); err != nil {
		c.log.Error("alarm not stored", "err", err)
	}
}

func (c *core) loadAlarms(tx journal.Tx) error {
	keys, err := tx.Keys(bucketAlarms)
	if err != nil {
		return err
	}
	for _, k := range keys {
		raw, err := tx.Get(bucketAlarms, k)
		if err != nil {
			return err
		}
		slot, err := strconv.ParseUint(k, 10, 16)
		var n int
		if err == nil {
			err = wire.Unmarshal(raw, &n)
		}
		if err != nil {
			return fmt.Errorf("node: stored alarm: %w", err)
		}
		c.alarms[wire.Slot(slot)] = n
	}
	return nil
}

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

// loadAlarms reads what was counted, of a device in a circle.
func (c *core) loadAlarms() error {
	if c.circle == nil {
		return nil
	}
	return c.cfg.Journal.View(func(tx journal.Tx) error {
		return journal.Each(tx, bucketAlarms, func(k string, raw []byte) error {
			slot, err := strconv.ParseUint(k, 10, 16)
			var n int
			if err == nil {
				err = wire.Unmarshal(raw, &n)
			}
			if err != nil {
				return fmt.Errorf("node: stored alarm: %w", err)
			}
			c.alarms[wire.Slot(slot)] = n
			return nil
		})
	})
}

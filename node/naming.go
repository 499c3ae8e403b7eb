package node

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/journal"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// What persons call devices. A name comes back when a device takes the place of
// another; then whoever had it before is told by fingerprint and date.

// name returns what a person calls the device in slot, or called it while it was
// in the circle, so that no two devices are called the same.
func (c *core) name(slot wire.Slot) string {
	if d, ok := c.device(slot); ok {
		if slices.ContainsFunc(c.members(), func(o roster.Device) bool { return o.Slot != slot && strings.EqualFold(o.Name, d.Name) }) {
			return fmt.Sprintf("%s (%s)", d.Name, fingerprint(d)) // while one replaces the other
		}
		return d.Name
	}
	if c.circle != nil {
		for _, f := range c.circle.record.Former {
			if f.Slot == slot {
				return c.formerName(f)
			}
		}
	}
	return fmt.Sprintf("device %d", slot)
}

// formerName is what a device is called that is out: by its name alone as long as
// no other device has or had it.
func (c *core) formerName(f roster.Former) string {
	other := func(slot wire.Slot, name string) bool { return slot != f.Slot && strings.EqualFold(name, f.Name) }
	if !slices.ContainsFunc(c.members(), func(d roster.Device) bool { return other(d.Slot, d.Name) }) &&
		!slices.ContainsFunc(c.circle.record.Former, func(o roster.Former) bool { return other(o.Slot, o.Name) }) {
		return f.Name
	}
	what := "removed"
	if f.State == roster.Left {
		what = "left"
	}
	when := fmt.Sprintf("in epoch %d", f.Epoch)
	if at, ok := c.circle.dates[f.Epoch]; ok {
		when = at.UTC().Format("2 Jan 2006")
	}
	print := f.Identity.String()
	if d, ok := c.everDevice(f.Slot); ok {
		print = fingerprint(d)
	}
	return fmt.Sprintf("%s (%s %s, %s)", f.Name, what, when, print)
}

func (c *core) names(slots []wire.Slot) []string {
	out := make([]string, 0, len(slots))
	for _, s := range slots {
		out = append(out, c.name(s))
	}
	return out
}

// viewFormer lists the devices that are out.
func (c *core) viewFormer() []api.Former {
	out := []api.Former{}
	for _, f := range c.circle.record.Former {
		v := api.Former{Slot: int(f.Slot), Device: f.Identity.Hex(), Name: f.Name, Called: c.formerName(f), State: f.State.String(), Epoch: f.Epoch}
		if d, ok := c.everDevice(f.Slot); ok {
			v.Fingerprint = fingerprint(d)
		}
		if at, ok := c.circle.dates[f.Epoch]; ok {
			at = at.UTC()
			v.At = &at
		}
		out = append(out, v)
	}
	return out
}

// everDevice returns the device that has the slot, or had it.
func (c *core) everDevice(slot wire.Slot) (roster.Device, bool) {
	if d, ok := c.device(slot); ok || c.circle == nil {
		return d, ok
	}
	for _, e := range slices.Backward(c.circle.chain) {
		if d, ok := e.Record.Device(slot); ok {
			return d, true
		}
	}
	return roster.Device{}, false
}

// redealtAt is when the re-deal of a was proposed, by the clock of who proposed it:
// the same on all devices that have the proposal.
func (a *attempt) redealtAt() time.Time {
	return time.Unix(int64(min(a.proposal.Expires, 1<<40)), 0).Add(-attemptLife)
}

// putDate notes when an epoch came about. A device that hears of one only by its
// certificate does not know, and neither does one of a release before this.
func putDate(tx journal.Tx, epoch uint64, at time.Time) error {
	return tx.Put(bucketDates, chainKey(epoch), binary.BigEndian.AppendUint64(nil, unix(at)))
}

// loadDates reads what [putDate] wrote.
func loadDates(tx journal.Tx) (map[uint64]time.Time, error) {
	keys, err := tx.Keys(bucketDates)
	if err != nil {
		return nil, err
	}
	dates := map[uint64]time.Time{}
	for _, k := range keys {
		raw, err := tx.Get(bucketDates, k)
		if err != nil {
			return nil, err
		}
		epoch, err := strconv.ParseUint(k, 16, 64)
		if err != nil || len(raw) != 8 {
			continue // it is shown, and nothing rests on it
		}
		dates[epoch] = time.Unix(int64(min(binary.BigEndian.Uint64(raw), 1<<40)), 0)
	}
	return dates, nil
}

package refresh_test

import (
	"fmt"
	"slices"

	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// The oracles look at disks, never at what machines believe.

// entered reports whether d signs in the new epoch when it starts from its
// disk.
func (d *device) entered() bool {
	switch d.view.Phase {
	case refresh.Committed, refresh.Locked, refresh.Retiring, refresh.Retired:
		return true
	}
	return false
}

// honest are the devices that are neither liars nor burnt.
func (w *world) honest() (list []*device) {
	for _, slot := range w.slots() {
		if d := w.devices[slot]; slot != w.liar && !d.burnt {
			list = append(list, d)
		}
	}
	return list
}

// census counts durable shares of the two epochs, and who signs in which.
func (w *world) census() (old, young, inOld, inYoung int) {
	mailbox := false
	for _, d := range w.honest() {
		mailbox = mailbox || w.knowsAll(d)
	}
	for _, d := range w.honest() {
		if d.parent {
			old++
			if !d.entered() {
				inOld++
			}
		}
		if len(d.view.Shares) > 0 {
			young++
			if d.entered() {
				inYoung++
			}
		} else if mailbox && slices.Contains(w.p.Sleepers, d.slot) && d.view.Phase == refresh.Dealing && !w.deaf {
			young++ // sealed, at the others
		}
	}
	return old, young, inOld, inYoung
}

// knowsAll reports whether the disk of d has all a sleeper needs.
func (w *world) knowsAll(d *device) bool {
	for _, s := range w.p.Dealers {
		if !d.view.Has(refresh.Deal, s) {
			return false
		}
	}
	for _, s := range w.p.Members {
		if !d.view.Has(refresh.Ready, s) {
			return false
		}
	}
	return true
}

// check holds the invariants that internal/model looks for against the disks.
func (w *world) check() error {
	old, young, inOld, inYoung := w.census()
	t := w.c.parent.Threshold
	if old < t && young < w.p.Threshold {
		return fmt.Errorf("%w: %d old, %d new", errLost, old, young)
	}
	if 2*t > len(w.c.parent.Devices) && inOld >= t && inYoung >= w.p.Threshold {
		return fmt.Errorf("%w: %d in the old one, %d in the new one", errTwoLive, inOld, inYoung)
	}
	if w.liar != 0 {
		return nil
	}
	returned, locked := false, false
	for _, d := range w.honest() {
		returned = returned || d.view.Phase == refresh.Returned && slices.Contains(w.p.Members, d.slot)
		locked = locked || d.view.Has(refresh.Lock, d.slot)
	}
	if returned && locked {
		return errSplit
	}
	return nil
}

// mayErase holds invariant D when d is about to erase its parent shares.
func (w *world) mayErase(d *device) error {
	if d.slot == w.liar {
		return nil
	}
	for _, slot := range w.slots() {
		o := w.devices[slot]
		if slot == w.liar || o.burnt {
			continue // a burnt one has locked before, or nobody would be here
		}
		if slices.Contains(w.p.Sleepers, slot) && d.view.Presence {
			continue
		}
		if !o.view.Has(refresh.Lock, slot) || len(o.view.Shares) == 0 {
			return fmt.Errorf("%w: by device %d, while device %d is %v", errEarly, d.slot, slot, o.view.Phase)
		}
	}
	return nil
}

// finish checks, after faults have stopped, that the devices that are left can
// sign, and tries every set of shares that is still on a disk.
func (w *world) finish() error {
	old, young, inOld, inYoung := w.census()
	t := w.c.parent.Threshold
	if w.liar == 0 && inOld < t && inYoung < w.p.Threshold {
		return fmt.Errorf("%w: %d hold old shares, %d new ones; %d in the old epoch, %d in the new one: %v", errStuck, old, young, inOld, inYoung, w.phases())
	}
	return w.reconstruct()
}

func (w *world) phases() map[wire.Slot]refresh.Phase {
	out := map[wire.Slot]refresh.Phase{}
	for slot, d := range w.devices {
		out[slot] = d.view.Phase
	}
	return out
}

// A held share is one on some disk, or at a thief.
type held struct {
	slot  wire.Slot
	young bool
	share []byte
}

// reconstruct tries every combination of shares on disks, and those of devices
// that were removed: thresholds of one epoch make the key, and nothing else
// does.
func (w *world) reconstruct() error {
	for i, a := range w.c.parent.Accounts {
		var all []held
		for _, slot := range w.slots() {
			d := w.devices[slot]
			if d.parent {
				all = append(all, held{slot, false, expose(w.c.t, w.c.shares[slot][a.Name])})
			}
			if len(d.view.Shares) > 0 {
				all = append(all, held{slot, true, d.view.Shares[i][:]})
			}
		}
		for _, x := range w.p.Removed {
			all = append(all, held{x.Slot, false, expose(w.c.t, w.c.shares[x.Slot][a.Name])})
		}
		for _, size := range []int{w.c.parent.Threshold, w.p.Threshold} {
			for set := range subsets(len(all), size) {
				if err := w.try(a.Name, i, all, set); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (w *world) try(name string, account int, all []held, set []int) error {
	var at []wire.Slot
	var shares [][]byte
	young := 0
	pick := make([]held, 0, len(set))
	for _, i := range set {
		pick = append(pick, all[i])
	}
	slices.SortFunc(pick, func(a, b held) int { return int(a.slot) - int(b.slot) })
	for i, h := range pick {
		if i > 0 && h.slot == pick[i-1].slot {
			return nil // both shares of one device cannot stand at one place
		}
		at, shares = append(at, h.slot), append(shares, h.share)
		if h.young {
			young++
		}
	}
	k, err := refresh.Interpolate(w.c.parent.Accounts[account].Suite, at, shares)
	if err != nil {
		return err
	}
	want := young == 0 && len(set) >= w.c.parent.Threshold || young == len(set) && len(set) >= w.p.Threshold
	if got := [32]byte(expose(w.c.t, k)) == w.c.key[name]; got != want {
		return fmt.Errorf("%w: %s from devices %v, %d of them with new shares: %t", errOracle, name, at, young, got)
	}
	return nil
}

// subsets yields every set of size of the first n numbers.
func subsets(n, size int) func(yield func([]int) bool) {
	return func(yield func([]int) bool) {
		set := make([]int, 0, size)
		var rec func(from int) bool
		rec = func(from int) bool {
			if len(set) == size {
				return yield(slices.Clone(set))
			}
			for i := from; i < n; i++ {
				set = append(set, i)
				if !rec(i + 1) {
					return false
				}
				set = set[:len(set)-1]
			}
			return true
		}
		rec(0)
	}
}

package roster

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/warifu/warifu/wire"
)

// A ChangeKind says why an epoch follows the one before. Values are wire
// format.
type ChangeKind uint8

const (
	Founding    ChangeKind = 0 // epoch 0
	Refresh     ChangeKind = 1 // the same devices, fresh shares
	Remove      ChangeKind = 2 // devices that are lost
	Add         ChangeKind = 3 // new devices
	Replace     ChangeKind = 4 // both at once
	Leave       ChangeKind = 5 // devices that chose to go
	Rethreshold ChangeKind = 6 // another number of signers
)

func (k ChangeKind) String() string {
	names := [...]string{"founding", "refresh", "remove", "add", "replace", "leave", "threshold"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("change %d", uint8(k))
}

// A Change is how an epoch came about: who took part in the re-deal that made
// it, and who was left out. It is zero at the founding. Slots are ascending.
type Change struct {
	_ struct{} `cbor:",toarray"`

	Kind     ChangeKind
	Attempt  wire.Hash   // hash of the proposal that all members agreed on
	Members  []wire.Slot // W: took part and hold a share since then
	Dealers  []wire.Slot // Q: as many as the parent's threshold
	Sleepers []wire.Slot // stay in the circle, and find their share when they wake
	Added    []wire.Slot // members that the parent did not have
}

// A FormerState says how a device left. Values are wire format.
type FormerState uint8

const (
	Silent FormerState = 1 // was not heard of for too long; may come back as a new member
	Stolen FormerState = 2 // declared lost by a person; its keys never return
	Left   FormerState = 3 // its person took it out
)

func (s FormerState) String() string {
	switch s {
	case Silent:
		return "silent"
	case Stolen:
		return "stolen"
	case Left:
		return "left"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// A Former is a device that was once a member. Nobody signs with it again, in
// any epoch, and its slot is never given to another.
type Former struct {
	_ struct{} `cbor:",toarray"`

	Slot     wire.Slot
	Name     string
	Identity wire.DeviceID
	State    FormerState
	Epoch    uint64 // the first without it
}

// maxFormer bounds what a circle remembers of devices that left.
const maxFormer = 64

// RedealQuorum returns how many holders of a share of r must take part in a re-deal:
// enough to deal, and so many that the rest cannot sign without them
// (docs/adr/0013).
func (r Record) RedealQuorum() int {
	n, t := len(r.Devices), r.Threshold
	return max(t, n-t+1)
}

// IsFormer returns the most recent departure of the device with that identity.
func (r Record) IsFormer(id wire.DeviceID) (Former, bool) {
	for _, f := range slices.Backward(r.Former) {
		if f.Identity == id {
			return f, true
		}
	}
	return Former{}, false
}

// NextSlot returns the slot for the next device that is added.
func (r Record) NextSlot() wire.Slot {
	var top wire.Slot
	for _, d := range r.Devices {
		top = max(top, d.Slot)
	}
	for _, f := range r.Former {
		top = max(top, f.Slot)
	}
	return top + 1
}

// checkChange looks at r alone.
func (r Record) checkChange() error {
	c := r.Change
	for _, s := range [][]wire.Slot{c.Members, c.Dealers, c.Sleepers, c.Added} {
		if s != nil && wire.CheckSlots(s) != nil {
			return errors.New("roster: slots of a change are not ascending")
		}
	}
	if len(r.Former) == 0 && r.Former != nil || len(r.Former) > maxFormer {
		return fmt.Errorf("roster: %d former devices", len(r.Former))
	}
	for _, f := range r.Former {
		if err := CheckName(f.Name); err != nil {
			return err
		}
		if _, in := r.Device(f.Slot); in || f.Slot == 0 || f.State < Silent || f.State > Left || f.Epoch == 0 || f.Epoch > r.Epoch {
			return fmt.Errorf("roster: former device in slot %d", f.Slot)
		}
	}
	if err := r.Settings.Check(); err != nil {
		return err
	}
	if r.Epoch == 0 {
		if !reflect.DeepEqual(c, Change{}) || r.Former != nil {
			return errors.New("roster: a founding changes nothing")
		}
		return nil
	}
	if c.Kind < Refresh || c.Kind > Rethreshold || c.Attempt == (wire.Hash{}) {
		return fmt.Errorf("roster: epoch %d of kind %d", r.Epoch, c.Kind)
	}
	if !slices.Equal(merge(c.Members, c.Sleepers), r.Slots()) {
		return errors.New("roster: members and sleepers are not the devices of the epoch")
	}
	if !subset(c.Dealers, c.Members) || !subset(c.Added, c.Members) {
		return errors.New("roster: dealers and new devices must take part")
	}
	return nil
}

// CheckNext reports whether next may follow r: every rule of a re-deal that
// can be seen from the two records.
func (r Record) CheckNext(next Record) error {
	c := next.Change
	switch {
	case next.Circle != r.Circle || next.Parent != r.Hash() || next.Epoch <= r.Epoch:
		return fmt.Errorf("roster: epoch %d does not follow epoch %d", next.Epoch, r.Epoch)
	case len(next.Former) < len(r.Former) || !slices.Equal(next.Former[:len(r.Former)], r.Former):
		return errors.New("roster: the memory of former devices was changed")
	}
	removed, err := r.checkRemoved(next)
	if err != nil {
		return err
	}
	if err := r.checkDevices(next, removed); err != nil {
		return err
	}
	holders := 0
	for _, s := range c.Members {
		if _, ok := r.Device(s); ok {
			holders++
		}
	}
	if holders < r.RedealQuorum() {
		return fmt.Errorf("roster: %d holders took part, and %d must", holders, r.RedealQuorum())
	}
	if len(c.Dealers) != r.Threshold {
		return fmt.Errorf("roster: %d dealers, and exactly %d deal", len(c.Dealers), r.Threshold)
	}
	for i, a := range next.Accounts {
		old := r.Accounts[i]
		if !bytes.Equal(a.GroupKey(), old.GroupKey()) || a.ChainCode != old.ChainCode {
			return fmt.Errorf("roster: the key of account %q was changed", old.Name)
		}
	}
	return checkKind(c, len(removed), next.Threshold != r.Threshold)
}

// checkRemoved returns the slots of r's devices that next has as newly former.
func (r Record) checkRemoved(next Record) (map[wire.Slot]bool, error) {
	removed := map[wire.Slot]bool{}
	for _, f := range next.Former[len(r.Former):] {
		d, ok := r.Device(f.Slot)
		if !ok || d.Identity != f.Identity || d.Name != f.Name || f.Epoch != next.Epoch || removed[f.Slot] {
			return nil, fmt.Errorf("roster: device %d cannot become a former one", f.Slot)
		}
		if left := f.State == Left; left != (next.Change.Kind == Leave) {
			return nil, fmt.Errorf("roster: device %d is said to be %v", f.Slot, f.State)
		}
		removed[f.Slot] = true
	}
	return removed, nil
}

// checkDevices compares who is in before and after.
func (r Record) checkDevices(next Record, removed map[wire.Slot]bool) error {
	for _, d := range r.Devices {
		now, in := next.Device(d.Slot)
		if in == removed[d.Slot] || in && !d.equal(now) {
			return fmt.Errorf("roster: device %d was changed or lost", d.Slot)
		}
	}
	first := r.NextSlot()
	for _, d := range next.Devices {
		if _, old := r.Device(d.Slot); old == slices.Contains(next.Change.Added, d.Slot) {
			return fmt.Errorf("roster: device %d is neither old nor new", d.Slot)
		} else if old {
			continue
		}
		if d.Slot < first {
			return fmt.Errorf("roster: slot %d is given twice", d.Slot)
		}
		if f, was := next.IsFormer(d.Identity); was && f.State == Stolen {
			return fmt.Errorf("roster: the keys of device %d were stolen", f.Slot)
		}
	}
	return nil
}

func checkKind(c Change, removed int, threshold bool) error {
	var ok bool
	switch added := len(c.Added); c.Kind {
	case Refresh:
		ok = added == 0 && removed == 0 && !threshold
	case Remove, Leave:
		ok = added == 0 && removed > 0
	case Add:
		ok = added > 0 && removed == 0
	case Replace:
		ok = added > 0 && removed > 0
	case Rethreshold:
		ok = added == 0 && removed == 0 && threshold
	}
	if !ok {
		return fmt.Errorf("roster: what changed is not a %v", c.Kind)
	}
	return nil
}

func (d Device) equal(o Device) bool {
	return d.Slot == o.Slot && d.Name == o.Name && d.Kind == o.Kind && d.Identity == o.Identity &&
		bytes.Equal(d.Peer, o.Peer) && d.Box == o.Box && d.Presence == o.Presence
}

// merge returns the ascending union of two ascending lists, with a slot that
// is in both twice.
func merge(a, b []wire.Slot) []wire.Slot {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return out
}

func subset(a, b []wire.Slot) bool {
	return !slices.ContainsFunc(a, func(s wire.Slot) bool { return !slices.Contains(b, s) })
}

package recovery

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// check reports whether s is a state that a judge can be in, as far as its form
// goes. What it says is believed: it comes from this device's own disk.
func (s *state) check() error {
	if s.Version != Version {
		return fmt.Errorf("recovery: judge version %d", s.Version)
	}
	if len(s.Peers) > roster.MaxDevices+maxFormer || len(s.Words) > maxWords || len(s.Notices) > maxNotices ||
		len(s.Charges) > roster.MaxDevices*(roster.MaxDevices+1) || len(s.Mutes) > roster.MaxDevices ||
		len(s.Thaws) > roster.MaxDevices || len(s.Doubts) > roster.MaxDevices {
		return errors.New("recovery: judge with too long a list")
	}
	var last wire.Slot
	for i := range s.Peers {
		p := &s.Peers[i]
		if p.Slot <= last || p.Slot == s.Self {
			return errors.New("recovery: devices of a judge are out of order")
		}
		last = p.Slot
		if p.State < Live || p.State > Pending {
			return fmt.Errorf("recovery: device %d in an impossible state", p.Slot)
		}
		if max(p.Since, p.Heard, p.Rumour, p.GraceAt) > s.Now {
			return fmt.Errorf("recovery: device %d was heard in the future", p.Slot)
		}
		if p.Vetoes > maxVetoes || p.Due && p.State != Frozen && p.State != Evicting {
			return fmt.Errorf("recovery: device %d in an impossible state", p.Slot)
		}
		if err := checkSeen(p.Seen, p.Slot); err != nil {
			return err
		}
		var by wire.Slot
		for _, c := range p.Claims {
			if c.By <= by || c.By == p.Slot {
				return fmt.Errorf("recovery: suspicions of device %d are out of order", p.Slot)
			}
			by = c.By
		}
	}
	var n uint64
	for _, x := range s.Notices {
		if x.N <= n || x.N > s.Noticed {
			return errors.New("recovery: notices are out of order")
		}
		n = x.N
	}
	return nil
}

// fits reports whether the peers are the devices of the circle.
func (s *state) fits(c *circle) error {
	if !c.member(s.Self) {
		return fmt.Errorf("recovery: device %d is not in the circle", s.Self)
	}
	for _, d := range c.Devices {
		if d.Slot != s.Self && s.Peers.of(d.Slot) == nil {
			return fmt.Errorf("recovery: judge knows nothing of device %d", d.Slot)
		}
	}
	for _, p := range s.Peers {
		if _, left := c.former(p.Slot); c.member(p.Slot) == p.former() || left != p.former() {
			return fmt.Errorf("recovery: device %d cannot be %v", p.Slot, p.State)
		}
	}
	return nil
}

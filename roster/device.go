package roster

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/warifu/warifu/wire"
)

// A Kind is the sort of thing a device is. It tells a person which of their
// devices is meant and decides nothing.
type Kind string

// The kinds of devices. The strings are wire format.
const (
	Phone   Kind = "phone"
	Laptop  Kind = "laptop"
	Tablet  Kind = "tablet"
	Desktop Kind = "desktop"
	Server  Kind = "server"
	Browser Kind = "browser"
)

// ParseKind returns the kind that s names.
func ParseKind(s string) (Kind, error) {
	switch k := Kind(s); k {
	case Phone, Laptop, Tablet, Desktop, Server, Browser:
		return k, nil
	}
	return "", errors.New("roster: unknown kind of device; known are phone, laptop, tablet, desktop, server, browser")
}

// A Device is a member of a circle. Its encoding is part of what is signed;
// a new field means a new [Version].
type Device struct {
	_ struct{} `cbor:",toarray"`

	Slot     wire.Slot
	Name     string
	Kind     Kind
	Identity wire.DeviceID // Ed25519, signs statements
	Peer     []byte        // libp2p peer id: a transport key under another name
	Box      [32]byte      // X25519, for what is sealed to the device
	Presence [32]byte      // Ed25519, used only when its person is there
}

// Check reports whether d can be part of a record.
func (d Device) Check() error {
	if d.Slot == 0 {
		return errors.New("roster: device in slot 0")
	}
	if err := checkIntroduction(d.Name, d.Kind, d.Identity, d.Peer, d.Box, d.Presence); err != nil {
		return fmt.Errorf("roster: device %d: %w", d.Slot, err)
	}
	return nil
}

// checkIntroduction holds what devices and cards have in common.
func checkIntroduction(name string, kind Kind, identity wire.DeviceID, peer []byte, box, presence [32]byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if _, err := ParseKind(string(kind)); err != nil {
		return err
	}
	if len(peer) == 0 || len(peer) > MaxPeer {
		return fmt.Errorf("roster: peer id of %d bytes", len(peer))
	}
	if identity == (wire.DeviceID{}) || box == ([32]byte{}) || presence == ([32]byte{}) {
		return errors.New("roster: a key is zero")
	}
	if [32]byte(identity) == presence {
		// Presence must mean that a person was there, so that what signs
		// without one must not be able to say so.
		return errors.New("roster: identity and presence are the same key")
	}
	return nil
}

// CheckDevices reports whether devices can form a circle: 2 to [MaxDevices] of
// them, each valid, in ascending slots, no two with one name or one key. Names
// that differ only in letter case count as the same, for a person has to tell
// them apart.
func CheckDevices(devices []Device) error {
	if len(devices) < MinThreshold || len(devices) > MaxDevices {
		return fmt.Errorf("roster: %d devices, want %d to %d", len(devices), MinThreshold, MaxDevices)
	}
	for i, d := range devices {
		if err := d.Check(); err != nil {
			return err
		}
		if i > 0 && d.Slot <= devices[i-1].Slot {
			return errors.New("roster: slots not strictly ascending")
		}
		for _, o := range devices[:i] {
			if strings.EqualFold(d.Name, o.Name) {
				return fmt.Errorf("roster: devices %d and %d have one name", o.Slot, d.Slot)
			}
			if d.Identity == o.Identity || d.Box == o.Box || d.Presence == o.Presence || bytes.Equal(d.Peer, o.Peer) ||
				[32]byte(d.Identity) == o.Presence || d.Presence == [32]byte(o.Identity) {
				return fmt.Errorf("roster: devices %d and %d share a key", o.Slot, d.Slot)
			}
		}
	}
	return nil
}

package wire

import (
	"encoding/hex"
	"fmt"
)

// A Slot is the number of a device in its circle: never 0, never given to a
// second device. It is also the x coordinate of the device's shares.
type Slot uint16

// A Hash is the 32-byte output of [Sum].
type Hash [32]byte

// A SessionID names one run of one protocol machine among chosen devices. It
// is the [Sum] of the canonical proposal of that run, never chosen.
type SessionID [32]byte

// A CircleID names a circle for its whole life.
type CircleID [32]byte

// A RequestID is the [Sum] of a request's canonical bytes.
type RequestID [32]byte

// A DeviceID is a device's Ed25519 identity public key.
type DeviceID [32]byte

// String returns the first 8 hex digits, which is what a person compares.
func (h Hash) String() string      { return hex.EncodeToString(h[:4]) }
func (s SessionID) String() string { return hex.EncodeToString(s[:4]) }
func (c CircleID) String() string  { return hex.EncodeToString(c[:4]) }
func (r RequestID) String() string { return hex.EncodeToString(r[:4]) }
func (d DeviceID) String() string  { return hex.EncodeToString(d[:4]) }

// Hex returns all 64 hex digits.
func (h Hash) Hex() string      { return hex.EncodeToString(h[:]) }
func (s SessionID) Hex() string { return hex.EncodeToString(s[:]) }
func (c CircleID) Hex() string  { return hex.EncodeToString(c[:]) }
func (r RequestID) Hex() string { return hex.EncodeToString(r[:]) }
func (d DeviceID) Hex() string  { return hex.EncodeToString(d[:]) }

// CheckSlots reports whether slots are strictly ascending, free of 0 and not
// empty, which is the only order in which slots appear in anything hashed.
func CheckSlots(slots []Slot) error {
	if len(slots) == 0 {
		return fmt.Errorf("wire: no slots")
	}
	var last Slot
	for _, s := range slots {
		if s <= last {
			return fmt.Errorf("wire: slots not strictly ascending from 1")
		}
		last = s
	}
	return nil
}

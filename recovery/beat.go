package recovery

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"math"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Version is the version of the beats, suspicions and judges that this package
// writes.
const Version = 1

const tagBeat wire.Tag = "recovery/beat"

// Never is the presence age of a device that its person has not used since it
// started.
const Never = math.MaxUint64

// A Beat says that a device is alive, and whom it hears. It is evidence to its
// receiver, at the time at which the receiver gets it, by whatever way it came.
// A new field means a new [Version].
type Beat struct {
	_ struct{} `cbor:",toarray"`

	Version     uint8
	Circle      wire.CircleID
	Slot        wire.Slot
	Seq         uint64  // above that of every beat before
	Boot        [8]byte // random, new at each start of the daemon
	Epoch       uint64  // of the newest record that the sender knows
	Record      wire.Hash
	Holds       bool   // the sender has a share of that epoch
	Wall        uint64 // the sender's clock in Unix seconds; for display only
	Unlocked    bool   // the share can be used without a person
	PresenceAge uint64 // seconds since a person proved presence, or Never
	Seen        []Seen // the latest beat of each device heard, ascending slots
	Sig         [64]byte
}

// Seen is the number of the latest beat that the sender has of another device.
type Seen struct {
	_ struct{} `cbor:",toarray"`

	Slot wire.Slot
	Seq  uint64
}

func (b Beat) message() []byte {
	b.Sig = [64]byte{}
	h := wire.Sum(tagBeat, wire.Marshal(b))
	return h[:]
}

// SignBeat returns b with its signature, made by sign with the identity key of
// the device in b.Slot.
func SignBeat(b Beat, sign func(msg []byte) [64]byte) Beat {
	b.Sig = sign(b.message())
	return b
}

// ErrSignature is wrapped by errors about what the device in question did not sign.
var ErrSignature = errors.New("not signed by it")

// Verify reports whether the device with that identity signed b.
func (b Beat) Verify(identity wire.DeviceID) error {
	if !ed25519.Verify(identity[:], b.message(), b.Sig[:]) {
		return fmt.Errorf("recovery: beat of device %d: %w", b.Slot, ErrSignature)
	}
	return nil
}

// Bytes returns the canonical encoding of b.
func (b Beat) Bytes() []byte { return wire.Marshal(b) }

// ParseBeat decodes the canonical encoding of a beat and checks its form. The
// signature is for [Judge.Heard] to verify, which knows who is who.
func ParseBeat(b []byte) (Beat, error) {
	var v Beat
	if len(b) > maxBeat {
		return Beat{}, fmt.Errorf("recovery: beat of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	if err := wire.Unmarshal(b, &v); err != nil {
		return Beat{}, fmt.Errorf("recovery: parse beat: %w", err)
	}
	if v.Version != Version {
		return Beat{}, fmt.Errorf("recovery: beat version %d", v.Version)
	}
	if v.Slot == 0 || v.Seq == 0 {
		return Beat{}, errors.New("recovery: beat without slot or number")
	}
	if err := checkSeen(v.Seen, v.Slot); err != nil {
		return Beat{}, err
	}
	return v, nil
}

// checkSeen reports whether seen is the list that the device in slot may send.
func checkSeen(seen []Seen, slot wire.Slot) error {
	// An empty list has one encoding.
	if len(seen) > roster.MaxDevices || seen != nil && len(seen) == 0 {
		return fmt.Errorf("recovery: beat lists %d devices", len(seen))
	}
	var last wire.Slot
	for _, s := range seen {
		if s.Slot <= last || s.Slot == slot || s.Seq == 0 {
			return errors.New("recovery: beat lists devices out of order")
		}
		last = s.Slot
	}
	return nil
}

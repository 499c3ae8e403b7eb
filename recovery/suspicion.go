package recovery

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/warifu/warifu/wire"
)

const tagSuspicion wire.Tag = "recovery/suspicion"

// A Suspicion says that a device has not heard another for too long. It is a
// statement about the sender's own observation, so that nobody can make or
// exaggerate it for another.
type Suspicion struct {
	_ struct{} `cbor:",toarray"`

	Version uint8
	Circle  wire.CircleID
	Record  wire.Hash // the epoch that it is about
	By      wire.Slot
	About   wire.Slot
	Last    uint64 // number of the latest beat that By has of About, 0 if none
	Beat    uint64 // number of By's own latest beat: the newer statement counts
	Silent  uint64 // seconds of By's own time since it heard About
	Agree   bool   // By would take part in the removal now
	Sig     [64]byte
}

func (s Suspicion) message() []byte {
	s.Sig = [64]byte{}
	h := wire.Sum(tagSuspicion, wire.Marshal(s))
	return h[:]
}

// SignSuspicion returns s with its signature, made by sign with the identity
// key of the device in s.By.
func SignSuspicion(s Suspicion, sign func(msg []byte) [64]byte) Suspicion {
	s.Sig = sign(s.message())
	return s
}

// Verify reports whether the device with that identity signed s.
func (s Suspicion) Verify(identity wire.DeviceID) error {
	if !ed25519.Verify(identity[:], s.message(), s.Sig[:]) {
		return fmt.Errorf("recovery: suspicion of device %d: %w", s.By, ErrSignature)
	}
	return nil
}

// Bytes returns the canonical encoding of s.
func (s Suspicion) Bytes() []byte { return wire.Marshal(s) }

// ParseSuspicion decodes the canonical encoding of a suspicion and checks its
// form. The signature is for [Judge.Suspected] to verify.
func ParseSuspicion(b []byte) (Suspicion, error) {
	var s Suspicion
	if len(b) > maxSuspicion {
		return Suspicion{}, fmt.Errorf("recovery: suspicion of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	if err := wire.Unmarshal(b, &s); err != nil {
		return Suspicion{}, fmt.Errorf("recovery: parse suspicion: %w", err)
	}
	if s.Version != Version {
		return Suspicion{}, fmt.Errorf("recovery: suspicion version %d", s.Version)
	}
	if s.By == 0 || s.About == 0 || s.By == s.About {
		return Suspicion{}, errors.New("recovery: suspicion that names no two devices")
	}
	return s, nil
}

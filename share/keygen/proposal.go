package keygen

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

const (
	version     = 1
	maxProposal = 6 << 10 // bytes; nine devices take less than half

	tagProposal wire.Tag = "keygen/proposal"
)

// A Proposal says who founds a circle with which threshold. Every device must
// run on the same one; its hash is the session. Nonce is random, so that two
// attempts of the same devices are two sessions.
type Proposal struct {
	_ struct{} `cbor:",toarray"`

	Version   uint8
	Nonce     [32]byte
	Threshold int
	Devices   []roster.Device // in slots 1 to n
	Settings  roster.Settings
}

// Bytes returns the canonical encoding of p.
func (p Proposal) Bytes() []byte { return wire.Marshal(p) }

// Session returns the session that p names.
func (p Proposal) Session() wire.SessionID { return wire.SessionID(wire.Sum(tagProposal, p.Bytes())) }

// ParseProposal decodes the canonical encoding of a proposal that passes
// [Proposal.Check].
func ParseProposal(b []byte) (Proposal, error) {
	var p Proposal
	if len(b) > maxProposal {
		return Proposal{}, fmt.Errorf("keygen: proposal of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	if err := wire.Unmarshal(b, &p); err != nil {
		return Proposal{}, fmt.Errorf("keygen: parse proposal: %w", err)
	}
	if err := p.Check(); err != nil {
		return Proposal{}, err
	}
	return p, nil
}

// Check reports whether a circle can be founded as p says. Its errors are fit
// to be shown to the person who asked.
func (p Proposal) Check() error {
	if p.Version != version {
		return fmt.Errorf("keygen: proposal version %d", p.Version)
	}
	if p.Nonce == ([32]byte{}) {
		return errors.New("keygen: proposal without nonce")
	}
	if err := checkThreshold(p.Threshold, len(p.Devices)); err != nil {
		return err
	}
	if err := roster.CheckDevices(p.Devices); err != nil {
		return fmt.Errorf("keygen: proposal: %w", err)
	}
	for i, d := range p.Devices {
		if int(d.Slot) != i+1 {
			return errors.New("keygen: the slots of a founding are 1 to n")
		}
	}
	return p.Settings.Check()
}

// checkThreshold reports whether a circle of n devices may need t of them to
// sign.
func checkThreshold(t, n int) error {
	switch {
	case n < 2 || n > roster.MaxDevices:
		return fmt.Errorf("keygen: a circle has 2 to %d devices, not %d", roster.MaxDevices, n)
	case t < roster.MinThreshold:
		return fmt.Errorf("keygen: threshold %d would let one device sign alone; it must be at least %d", t, roster.MinThreshold)
	case t > n:
		return fmt.Errorf("keygen: threshold %d cannot be met by %d devices", t, n)
	case 2*t <= n:
		return fmt.Errorf("keygen: threshold %d of %d devices would let two groups sign without knowing of each other; it must be at least %d", t, n, n/2+1)
	}
	return nil
}

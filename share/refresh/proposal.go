package refresh

import (
	"errors"
	"fmt"
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

const (
	// Version is the version of the proposals that this package reads.
	Version = 1

	maxProposal = 12 << 10 // bytes

	tagProposal wire.Tag = "refresh/proposal"
)

// A Removal says which device leaves and how.
type Removal struct {
	_ struct{} `cbor:",toarray"`

	Slot  wire.Slot
	State roster.FormerState
}

// A Proposal says what a re-deal changes and who takes part. Every device must
// run on the same one; its hash names the attempt. Nonce is random, so that no
// two attempts are the same.
type Proposal struct {
	_ struct{} `cbor:",toarray"`

	Version   uint8
	Circle    wire.CircleID
	Parent    wire.Hash // of the record whose shares are dealt
	Epoch     uint64    // of the record to be; above every one that was ever proposed
	Kind      roster.ChangeKind
	Threshold int
	Members   []wire.Slot // W
	Dealers   []wire.Slot // Q
	Sleepers  []wire.Slot
	Added     []roster.Device
	Removed   []Removal // ascending slots
	Settings  roster.Settings
	Proposer  wire.Slot
	Expires   uint64 // Unix seconds by the proposer's clock; each device counts its own time
	Nonce     [32]byte
}

// Bytes returns the canonical encoding of p.
func (p Proposal) Bytes() []byte { return wire.Marshal(p) }

// Attempt returns the hash that names the attempt.
func (p Proposal) Attempt() wire.Hash { return wire.Sum(tagProposal, p.Bytes()) }

// Session returns the session of the attempt.
func (p Proposal) Session() wire.SessionID { return wire.SessionID(p.Attempt()) }

// ParseProposal decodes the canonical encoding of a proposal. Whether it may
// follow a record is for [Proposal.Check] to say.
func ParseProposal(b []byte) (Proposal, error) {
	var p Proposal
	if len(b) > maxProposal {
		return Proposal{}, fmt.Errorf("refresh: proposal of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	if err := wire.Unmarshal(b, &p); err != nil {
		return Proposal{}, fmt.Errorf("refresh: parse proposal: %w", err)
	}
	if p.Version != Version {
		return Proposal{}, fmt.Errorf("refresh: proposal version %d", p.Version)
	}
	return p, nil
}

// Check reports whether the shares of parent may be dealt as p says. Its
// errors are fit to be shown to the person who asked.
func (p Proposal) Check(parent roster.Record) error {
	if p.Version != Version {
		return fmt.Errorf("refresh: proposal version %d", p.Version)
	}
	if p.Nonce == ([32]byte{}) {
		return errors.New("refresh: proposal without nonce")
	}
	if !slices.Contains(p.Members, p.Proposer) || !slices.Contains(parent.Slots(), p.Proposer) {
		return errors.New("refresh: the proposer does not take part")
	}
	if p.Threshold < parent.Threshold && p.Kind != roster.Rethreshold {
		return fmt.Errorf("refresh: the threshold would fall from %d to %d", parent.Threshold, p.Threshold)
	}
	next, err := p.draft(parent)
	if err != nil {
		return err
	}
	n := len(next.Devices)
	if len(p.Members) < p.Threshold {
		return fmt.Errorf("refresh: %d devices take part and %d must be able to sign", len(p.Members), p.Threshold)
	}
	if 2*parent.Threshold > len(parent.Devices) && p.Threshold+parent.Threshold <= n {
		// While the votes are under way some are in the old epoch and some in
		// the new one, and not both must be able to sign.
		return fmt.Errorf("refresh: from threshold %d to %d of %d devices: two parts of the circle could sign apart on the way; do it in two steps",
			parent.Threshold, p.Threshold, n)
	}
	if 2*p.Threshold <= n && (2*parent.Threshold > len(parent.Devices) || n > len(parent.Devices)) {
		return fmt.Errorf("refresh: threshold %d of %d devices: two halves of the circle could sign apart", p.Threshold, n)
	}
	if err := next.Check(); err != nil {
		return err
	}
	for _, d := range next.Devices {
		if checkBox(d.Box) != nil {
			return fmt.Errorf("refresh: nothing can be sealed to device %d", d.Slot)
		}
	}
	return parent.CheckNext(next)
}

// draft returns the record to be but for its commitments and transcript, which
// stand in as something of the right shape.
func (p Proposal) draft(parent roster.Record) (roster.Record, error) {
	r := roster.Record{
		Version: roster.Version, Circle: p.Circle, Epoch: p.Epoch, Parent: p.Parent, Threshold: p.Threshold,
		Settings: p.Settings, Former: slices.Clone(parent.Former), Transcript: p.Attempt(),
		Change: roster.Change{Kind: p.Kind, Attempt: p.Attempt(), Members: p.Members, Dealers: p.Dealers, Sleepers: p.Sleepers},
	}
	gone := map[wire.Slot]bool{}
	var last wire.Slot
	for _, x := range p.Removed {
		d, ok := parent.Device(x.Slot)
		if !ok || x.Slot <= last {
			return r, fmt.Errorf("refresh: device %d cannot be removed", x.Slot)
		}
		last, gone[x.Slot] = x.Slot, true
		r.Former = append(r.Former, roster.Former{Slot: d.Slot, Name: d.Name, Identity: d.Identity, State: x.State, Epoch: p.Epoch})
	}
	for _, d := range parent.Devices {
		if !gone[d.Slot] {
			r.Devices = append(r.Devices, d)
		}
	}
	for _, d := range p.Added {
		r.Devices = append(r.Devices, d)
		r.Change.Added = append(r.Change.Added, d.Slot)
	}
	if p.Threshold < 1 || p.Threshold > roster.MaxDevices {
		return r, fmt.Errorf("refresh: threshold %d", p.Threshold)
	}
	for _, a := range parent.Accounts {
		b := a
		b.Commitments = nil
		for range p.Threshold {
			b.Commitments = append(b.Commitments, a.GroupKey())
		}
		r.Accounts = append(r.Accounts, b)
	}
	return r, nil
}

// receivers are the devices that a dealing has a sub-share for, ascending:
// members and sleepers.
func (p Proposal) receivers() []wire.Slot {
	out := slices.Concat(p.Members, p.Sleepers)
	slices.Sort(out)
	return out
}

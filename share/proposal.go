package share

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Version is the version of the proposals that this package writes and reads.
// A new field means a new version: mixed releases must fail here, not at a
// signature.
const Version = 1

// VersionSigned is the version of a proposal whose signers sign what they say to
// all in each round, so that they can be held to it when the session fails. Its
// fields are those of [Version]. Between two signers that proves nothing more.
const VersionSigned = 2

// VersionFor returns the version of what a device proposes to so many signers.
func VersionFor(signers int) uint8 {
	if signers > 2 {
		return VersionSigned
	}
	return Version
}

const tagSession wire.Tag = "share/session"

// DigestSize is the length in bytes of the message of a [roster.Secp256k1]
// account: a digest that every device recomputed from the request it decoded.
const DigestSize = 32

// A Proposal is what the signers of one session agree on before any secret of
// the session exists (docs/crypto.md, "What a session is bound to").
type Proposal struct {
	_ struct{} `cbor:",toarray"`

	Version   uint8
	Suite     roster.Suite
	Circle    wire.CircleID
	Epoch     uint64
	Record    wire.Hash // of the epoch's record
	Account   string
	GroupKey  []byte
	Signers   []wire.Slot // ascending, exactly as many as the threshold
	Path      []uint32    // below the account node; empty for the account key
	ChildKey  []byte      // GroupKey derived along Path
	Purpose   string      // what the signature is for, as intent names it
	Message   []byte      // 32-byte digest for Secp256k1, the message for Ed25519
	Request   wire.RequestID
	Intent    wire.Hash // of the words that people are shown
	Initiator wire.Slot // one of Signers
	Expires   uint64    // Unix time in seconds; the caller has the clock
	Nonce     [32]byte  // of the initiator, fresh for every session
}

// Bytes returns the canonical encoding of p, in which an empty list has one
// form.
func (p Proposal) Bytes() []byte {
	if p.Path == nil {
		p.Path = []uint32{}
	}
	return wire.Marshal(p)
}

// ParseProposal decodes the canonical encoding of a proposal that obeys the
// rules of the format. [Proposal.Check] compares it with an epoch.
func ParseProposal(b []byte) (Proposal, error) {
	if len(b) > maxProposal {
		return Proposal{}, fmt.Errorf("share: proposal of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	var p Proposal
	if err := wire.Unmarshal(b, &p); err != nil {
		return Proposal{}, fmt.Errorf("share: parse proposal: %w", err)
	}
	if err := p.checkFormat(); err != nil {
		return Proposal{}, err
	}
	// CBOR has a null beside the empty list.
	if !bytes.Equal(p.Bytes(), b) {
		return Proposal{}, fmt.Errorf("share: parse proposal: not canonical: %w", wire.ErrMalformed)
	}
	return p, nil
}

// Session returns the name of the session that p proposes. It covers every
// field, so that a frame of one session means nothing in another.
func (p Proposal) Session() wire.SessionID {
	return wire.SessionID(wire.Sum(tagSession, p.Bytes()))
}

// Check reports whether p can be signed under rec, which is the record of a
// certified epoch: every public value in p is recomputed from rec, nothing is
// taken from p on trust. It does not look at the clock, nor whether the
// message is what a person approved.
func (p Proposal) Check(rec roster.Record) error {
	if err := p.checkFormat(); err != nil {
		return err
	}
	if err := rec.Check(); err != nil {
		return fmt.Errorf("share: check proposal: %w", err)
	}
	if p.Circle != rec.Circle {
		return errors.New("share: proposal of another circle")
	}
	if p.Epoch != rec.Epoch {
		return fmt.Errorf("share: proposal of epoch %d in epoch %d", p.Epoch, rec.Epoch)
	}
	if p.Record != rec.Hash() {
		return errors.New("share: proposal under another record of the epoch")
	}
	// More signers than the threshold would still interpolate, but each one is
	// a further device whose abort costs the session (ToB-SILA-15).
	if len(p.Signers) != rec.Threshold {
		return fmt.Errorf("share: proposal with %d signers, threshold is %d", len(p.Signers), rec.Threshold)
	}
	for _, s := range p.Signers {
		if _, ok := rec.Device(s); !ok {
			return fmt.Errorf("share: proposal with signer %d, which is no member", s)
		}
	}
	return p.checkAccount(rec)
}

func (p Proposal) checkAccount(rec roster.Record) error {
	acc, ok := rec.Account(p.Account)
	if !ok {
		return errors.New("share: proposal for an account that the circle does not hold")
	}
	if p.Suite != acc.Suite {
		return fmt.Errorf("share: proposal for account %q with suite %v", acc.Name, p.Suite)
	}
	if !bytes.Equal(p.GroupKey, acc.GroupKey()) {
		return fmt.Errorf("share: proposal for account %q with another group key", acc.Name)
	}
	_, child, _, err := Derive(acc, p.Path)
	if err != nil {
		return fmt.Errorf("share: check proposal: %w", err)
	}
	if !bytes.Equal(p.ChildKey, child) {
		return fmt.Errorf("share: proposal for account %q with another child key", acc.Name)
	}
	return nil
}

// checkFormat holds the rules that need no record.
func (p Proposal) checkFormat() error {
	if p.Version != Version && p.Version != VersionSigned {
		return fmt.Errorf("share: proposal version %d", p.Version)
	}
	if err := p.checkMessage(); err != nil {
		return err
	}
	if err := checkPath(p.Path); err != nil {
		return err
	}
	if err := wire.CheckSlots(p.Signers); err != nil {
		return fmt.Errorf("share: proposal: %w", err)
	}
	if len(p.Signers) > roster.MaxDevices {
		return fmt.Errorf("share: proposal with %d signers", len(p.Signers))
	}
	if !slices.Contains(p.Signers, p.Initiator) {
		return fmt.Errorf("share: proposal by device %d, which does not sign", p.Initiator)
	}
	if err := checkPurpose(p.Purpose); err != nil {
		return err
	}
	// A message without request and intent is a bare digest: nobody was shown
	// what it means.
	if p.Request == (wire.RequestID{}) || p.Intent == (wire.Hash{}) {
		return errors.New("share: proposal without request or intent")
	}
	if p.Expires == 0 {
		return errors.New("share: proposal without expiry")
	}
	// A constant nonce would give two sessions for one request one name.
	if p.Nonce == [32]byte{} {
		return errors.New("share: proposal without nonce")
	}
	return nil
}

func (p Proposal) checkMessage() error {
	n := len(p.Message)
	switch p.Suite {
	case roster.Secp256k1:
		if n != DigestSize {
			return fmt.Errorf("share: proposal with a digest of %d bytes, want %d", n, DigestSize)
		}
	case roster.Ed25519:
		if n == 0 || n > MaxMessage {
			return fmt.Errorf("share: proposal with a message of %d bytes, want 1 to %d", n, MaxMessage)
		}
	default:
		return fmt.Errorf("share: proposal with unknown %v", p.Suite)
	}
	return nil
}

// checkPurpose wants printable ASCII without spaces: purposes are names in
// programs, compared by their bytes and never typed by people.
func checkPurpose(s string) error {
	if len(s) == 0 || len(s) > MaxPurpose {
		return fmt.Errorf("share: proposal with a purpose of %d bytes, want 1 to %d", len(s), MaxPurpose)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return errors.New("share: proposal with a purpose that is not printable ASCII")
		}
	}
	return nil
}

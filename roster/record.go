package roster

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/warifu/warifu/wire"
)

// Version is the version of the records and cards that this package writes.
const Version = 1

const tagRecord wire.Tag = "roster/record"

// A Suite says over which group an account is shared and how it signs. Values
// are wire format.
type Suite uint8

const (
	// Secp256k1 is threshold ECDSA; points are 33 bytes, compressed (SEC 1,
	// section 2.3.3), scalars 32 bytes big-endian.
	Secp256k1 Suite = 1

	// Ed25519 is FROST (RFC 9591); points are 32 bytes (RFC 8032, section
	// 5.1.2), scalars 32 bytes little-endian.
	Ed25519 Suite = 2
)

// PointSize returns the length of a point of s in bytes, 0 if s is unknown.
func (s Suite) PointSize() int {
	switch s {
	case Secp256k1:
		return 33
	case Ed25519:
		return 32
	}
	return 0
}

func (s Suite) String() string {
	switch s {
	case Secp256k1:
		return "secp256k1"
	case Ed25519:
		return "ed25519"
	}
	return fmt.Sprintf("suite %d", uint8(s))
}

// The accounts of every circle, in the order in which records list them, and
// the derivation path whose node the group key of the first is declared to be.
const (
	Ethereum       = "ethereum"
	SSH            = "ssh"
	EthereumOrigin = "m/44'/60'/0'"
)

// An Account is the public side of a key that the circle holds. Commitments
// are those of the sum of all dealers' polynomials, C_k = Σ_i F_{i,k}: as many
// points as the threshold, the first of which is the group key.
type Account struct {
	_ struct{} `cbor:",toarray"`

	Name        string
	Suite       Suite
	Origin      string   // derivation path that the group key stands for, or ""
	ChainCode   [32]byte // BIP-32; zero where nothing is derived
	Commitments [][]byte
}

// GroupKey returns the public key of the account.
func (a Account) GroupKey() []byte { return a.Commitments[0] }

// accounts is what a record must list: everything but keys.
var accounts = [...]Account{
	{Name: Ethereum, Suite: Secp256k1, Origin: EthereumOrigin},
	{Name: SSH, Suite: Ed25519},
}

// A Record is one epoch of a circle. Parent is the hash of the record before
// and zero in epoch 0. Transcript binds every broadcast of the ceremony that
// made the epoch.
type Record struct {
	_ struct{} `cbor:",toarray"`

	Version    uint8
	Circle     wire.CircleID
	Epoch      uint64
	Parent     wire.Hash
	Threshold  int
	Devices    []Device // ascending slots
	Accounts   []Account
	Transcript wire.Hash
	Settings   Settings
	Change     Change   // how the epoch came about
	Former     []Former // in the order in which they left; nil if nobody did
}

// Bytes returns the canonical encoding of r.
func (r Record) Bytes() []byte { return wire.Marshal(r) }

// Hash returns what names r everywhere: in certificates, proposals and the
// words that people compare.
func (r Record) Hash() wire.Hash { return wire.Sum(tagRecord, r.Bytes()) }

// ParseRecord decodes the canonical encoding of a record that passes
// [Record.Check].
func ParseRecord(b []byte) (Record, error) {
	var r Record
	if len(b) > maxRecord {
		return Record{}, fmt.Errorf("roster: record of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	if err := wire.Unmarshal(b, &r); err != nil {
		return Record{}, fmt.Errorf("roster: parse record: %w", err)
	}
	if err := r.Check(); err != nil {
		return Record{}, err
	}
	return r, nil
}

// Check reports whether r obeys every rule of the format. It does not look at
// signatures, nor whether commitments are points of their group.
func (r Record) Check() error {
	if r.Version != Version {
		return fmt.Errorf("roster: record version %d", r.Version)
	}
	if r.Circle == (wire.CircleID{}) || r.Transcript == (wire.Hash{}) {
		return errors.New("roster: record without circle or transcript")
	}
	if (r.Epoch == 0) != (r.Parent == wire.Hash{}) {
		return errors.New("roster: exactly the record of epoch 0 has no parent")
	}
	if err := CheckDevices(r.Devices); err != nil {
		return err
	}
	if r.Threshold < MinThreshold || r.Threshold > len(r.Devices) {
		return fmt.Errorf("roster: threshold %d of %d devices", r.Threshold, len(r.Devices))
	}
	if len(r.Accounts) != len(accounts) {
		return fmt.Errorf("roster: %d accounts, want %d", len(r.Accounts), len(accounts))
	}
	for i, a := range r.Accounts {
		if err := a.check(accounts[i], r.Threshold); err != nil {
			return err
		}
	}
	return r.checkChange()
}

func (a Account) check(want Account, threshold int) error {
	if a.Name != want.Name || a.Suite != want.Suite || a.Origin != want.Origin {
		return fmt.Errorf("roster: an account is not the expected %q", want.Name)
	}
	// A chain code of all zeros is what a circle without contributions would
	// have; where nothing is derived, anything else is a covert channel.
	if (a.ChainCode == [32]byte{}) != (a.Origin == "") {
		return fmt.Errorf("roster: account %q: exactly an account that derives has a chain code", want.Name)
	}
	// The number of commitments is the number of devices that sign: a longer
	// list would silently raise it.
	if len(a.Commitments) != threshold {
		return fmt.Errorf("roster: account %q: %d commitments for threshold %d", want.Name, len(a.Commitments), threshold)
	}
	for _, c := range a.Commitments {
		if len(c) != a.Suite.PointSize() {
			return fmt.Errorf("roster: account %q: commitment of %d bytes", want.Name, len(c))
		}
	}
	return nil
}

// Slots returns the slots of all devices, ascending.
func (r Record) Slots() []wire.Slot {
	slots := make([]wire.Slot, len(r.Devices))
	for i, d := range r.Devices {
		slots[i] = d.Slot
	}
	return slots
}

// Device returns the device in the given slot.
func (r Record) Device(slot wire.Slot) (Device, bool) {
	return r.find(func(d Device) bool { return d.Slot == slot })
}

// ByIdentity returns the device with the given identity key.
func (r Record) ByIdentity(id wire.DeviceID) (Device, bool) {
	return r.find(func(d Device) bool { return d.Identity == id })
}

// ByPeer returns the device with the given libp2p peer id.
func (r Record) ByPeer(peer []byte) (Device, bool) {
	return r.find(func(d Device) bool { return bytes.Equal(d.Peer, peer) })
}

func (r Record) find(is func(Device) bool) (Device, bool) {
	i := slices.IndexFunc(r.Devices, is)
	if i < 0 {
		return Device{}, false
	}
	return r.Devices[i], true
}

// Account returns the account of the given name.
func (r Record) Account(name string) (Account, bool) {
	i := slices.IndexFunc(r.Accounts, func(a Account) bool { return a.Name == name })
	if i < 0 {
		return Account{}, false
	}
	return r.Accounts[i], true
}

// Words returns the first 66 bits of h as six words of the English list of
// BIP-39, eleven bits each, for people to compare on two screens.
func Words(h wire.Hash) (words [6]string) {
	var acc, bits uint32
	next := h[:]
	for i := range words {
		for bits < 11 {
			acc, next, bits = acc<<8|uint32(next[0]), next[1:], bits+8
		}
		bits -= 11
		words[i] = english[acc>>bits&0x7ff]
	}
	return words
}

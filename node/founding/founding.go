package founding

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// Foundings brings circles about, and newcomers into this one.
type Foundings struct {
	me      *standing.Standing
	judging *judging.Judging
	drive   *drive.Drive
	ledger  *ledger.Ledger

	Joining  *Joining  // nil unless this device was invited, and waits
	Founding *Founding // nil unless one is in progress or pending
	Inviting *Inviting // nil unless somebody is invited into the circle

	ended func(err error) // a founding has, and those who wait for it here hear why
}

// New makes one without a founding. Those who wait here for one are told by ended why it
// has ended.
func New(me *standing.Standing, j *judging.Judging, d *drive.Drive, l *ledger.Ledger, ended func(error)) *Foundings {
	return &Foundings{me: me, judging: j, drive: d, ledger: l, ended: ended}
}

// A Founding is a circle that does not stand yet. Until this device has said
// ready it lives in memory only, and a crash of any device ends it. From then
// on it is pending: durable, never deleted by itself, and finished whenever
// the signatures of all devices have come together.
type Founding struct {
	// While devices are being invited, by the founder.
	Threshold, Devices int
	Settings           roster.Settings
	Joined             []meet.Newcomer

	// From the proposal on.
	Proposal  *keygen.Proposal
	Session   wire.SessionID
	Addrs     map[wire.Slot][]string
	Discovery [32]byte
	live      *drive.Session
	Machine   *keygen.Machine

	Review  *roster.Record // what the person is asked about
	agreed  bool           // the person said yes
	Pending bool
	Trouble string
	Touched time.Time
}

// storedFounding is a pending founding. State is the keygen machine's, sealed
// by the keeper under the key of the epoch to be.
type storedFounding struct {
	Version   uint8    `cbor:"1,keyasint"`
	Proposal  []byte   `cbor:"2,keyasint"`
	Discovery [32]byte `cbor:"3,keyasint"`
	Addrs     []byte   `cbor:"4,keyasint"`
	State     []byte   `cbor:"5,keyasint"`
}

const keygenName = "keygen"

// epochKeyID names the keeper's key for the shares of a founding.
func epochKeyID(session wire.SessionID) string { return "0-" + hex.EncodeToString(session[:16]) }

// RecordHash is the hash of the record that persons are asked about, zero before there
// is one.
func (f *Founding) RecordHash() wire.Hash {
	if f.Review == nil {
		return wire.Hash{}
	}
	return f.Review.Hash()
}

// A State says how far a founding is.
type State string

// The states of a founding.
const (
	InvitingDevices State = "inviting"
	Generating      State = "generating"
	Confirming      State = "confirming" // this device's person must say yes or no
	Pending         State = "pending"    // durable; waits for the others
)

// State says how far a founding is.
func (f *Founding) State() State {
	switch {
	case f.Pending:
		return Pending
	case f.Review != nil && !f.agreed:
		return Confirming
	case f.Proposal != nil:
		return Generating
	}
	return InvitingDevices
}

// FreeToFound says why this device cannot begin a founding, or nil.
func (fd *Foundings) FreeToFound() error {
	switch {
	case fd.me.Circle != nil:
		return say.New(say.CircleExists, fd.me.Circle.Record.Circle)
	case fd.Founding != nil && fd.Founding.Pending:
		return say.New(say.FoundingWaits, standing.List(fd.FoundingMissing()))
	case fd.Founding != nil || fd.Joining != nil:
		return say.New(say.FoundingInProgress)
	case fd.me.Config.Keeper.Locked():
		return say.New(say.Locked)
	}
	return fd.me.OwnNameError()
}

// BeginInviting starts a founding with this device as the first.
func (fd *Foundings) BeginInviting(threshold, devices int, settings roster.Settings) error {
	if err := fd.FreeToFound(); err != nil {
		return err
	}
	if err := CheckShape(threshold, devices); err != nil {
		return err
	}
	if err := settings.Check(); err != nil {
		return ledger.BadArgument(err)
	}
	fd.Founding = &Founding{Threshold: threshold, Devices: devices, Settings: settings, Touched: fd.me.Now}
	return nil
}

// CheckShape refuses thresholds that do not protect, in words.
func CheckShape(threshold, devices int) error {
	switch {
	case devices < 2 || devices > standing.MaxDevices:
		return say.New(say.CircleSize, standing.MaxDevices, devices)
	case threshold < 2:
		return say.New(say.ThresholdOfOne, threshold).Hinted(devices, devices/2+1)
	case threshold > devices:
		return say.New(say.ThresholdTooHigh, threshold, devices).Hinted(devices, devices/2+1)
	case 2*threshold <= devices:
		return say.New(say.ThresholdOfHalves, threshold, devices).Hinted(devices/2 + 1)
	}
	return nil
}

// AdmitNewcomer takes a device that was introduced into a founding.
func (fd *Foundings) AdmitNewcomer(n meet.Newcomer) error {
	if fd.Inviting != nil {
		if err := fd.fitsCircle(n.Card); err != nil {
			return err
		}
		fd.me.Pairing[string(n.Card.Peer)] = n.Addrs
		return nil
	}
	f := fd.Founding
	if f == nil || f.Proposal != nil {
		return errNotInviting
	}
	if err := fd.Fits(n.Card); err != nil {
		return err
	}
	f.Joined = append(f.Joined, n)
	f.Touched = fd.me.Now
	fd.me.Pairing[string(n.Card.Peer)] = n.Addrs
	fd.me.Log.Info("device joined", "device", n.Card.Name)
	return nil
}

var (
	errNotInviting = errors.New("node: no founding is inviting")
	ErrSameDevice  = errors.New("node: this device is in already")
	errFull        = errors.New("node: all devices have joined")
)

// Fits compares a card with the devices that are in already.
func (fd *Foundings) Fits(card roster.Card) error {
	if fd.Inviting != nil {
		return fd.fitsCircle(card)
	}
	f := fd.Founding
	if f == nil {
		return errNotInviting
	}
	if len(f.Joined)+1 >= f.Devices {
		return errFull
	}
	if err := standing.CheckNewName(card.Name); err != nil {
		return err
	}
	in := []roster.Card{fd.OwnCard([32]byte{})}
	for _, n := range f.Joined {
		in = append(in, n.Card)
	}
	for _, other := range in {
		if other.Identity == card.Identity || bytes.Equal(other.Peer, card.Peer) || other.Box == card.Box || other.Presence == card.Presence {
			return ErrSameDevice
		}
		if roster.Alike(other.Name, card.Name) {
			return standing.ErrSameName
		}
	}
	return nil
}

// OwnCard introduces this device.
func (fd *Foundings) OwnCard(nonce [32]byte) roster.Card {
	return roster.SignCard(roster.Card{
		Name: fd.me.Self.Name, Kind: fd.me.Self.Kind, Identity: fd.me.Self.Public, Peer: fd.me.Link.ID(),
		Box: fd.me.Self.Box, Presence: fd.me.Self.Presence, Nonce: nonce,
	}, fd.me.Self.Sign)
}

// Propose starts the protocol once everybody has joined.
func (fd *Foundings) Propose() error {
	f := fd.Founding
	if f == nil || f.Proposal != nil || len(f.Joined)+1 != f.Devices {
		return errNotInviting
	}
	key, nonce, err := fd.me.FreshDiscovery()
	if err != nil {
		return err
	}
	f.Discovery = key
	p := keygen.Proposal{Version: keygen.Version, Threshold: f.Threshold, Settings: f.Settings, Nonce: nonce}
	f.Addrs = map[wire.Slot][]string{1: fd.me.Link.Addrs()}
	p.Devices = []roster.Device{fd.OwnCard([32]byte{}).Device(1)}
	for i, n := range f.Joined {
		slot := wire.Slot(i + 2)
		p.Devices = append(p.Devices, n.Card.Device(slot))
		f.Addrs[slot] = n.Addrs
	}
	return fd.StartKeygen(p)
}

func (fd *Foundings) foundMessage() message.Found {
	f := fd.Founding
	m := message.Found{Proposal: f.Proposal.Bytes(), Discovery: f.Discovery}
	for _, d := range f.Proposal.Devices {
		addrs := f.Addrs[d.Slot]
		if addrs == nil {
			addrs = []string{}
		}
		m.Addrs = append(m.Addrs, addrs)
	}
	return m
}

// OnFoundAgain hears the proposal once more, from a founder that has slots by
// now. It matters only if it contradicts the first.
func (fd *Foundings) OnFoundAgain(from wire.Slot, m message.Found) error {
	f := fd.Founding
	if f == nil || f.Proposal == nil || bytes.Equal(m.Proposal, f.Proposal.Bytes()) {
		return nil
	}
	return fmt.Errorf("node: %s proposed a second founding while one is in progress", fd.me.Name(from))
}

// Timeouts of a founding. Only the last is of one that is pending.
const (
	FoundingLost   = 20 * time.Second // without a connection to a device that is needed
	FoundingSilent = 60 * time.Second // connected, and without a step
	foundingRest   = 20 * time.Second // between a machine that stopped and the next
)

// Introduce says who this device is, and what circle it invites into.
func (fd *Foundings) Introduce(nonce [32]byte) meet.Self {
	self := meet.Self{Card: fd.OwnCard(nonce), Addrs: fd.me.Link.Addrs()}
	if fd.Inviting != nil {
		self.Threshold, self.Devices = fd.me.Circle.Record.Threshold, len(fd.me.Circle.Record.Devices)
	} else if f := fd.Founding; f != nil {
		self.Threshold, self.Devices = f.Threshold, f.Devices
	}
	return self
}

// Refusal says what a visitor is told that does not fit.
func Refusal(err error) error {
	code := pairing.Refused
	switch {
	case errors.Is(err, ErrSameDevice):
		code = pairing.SameDevice
	case errors.Is(err, standing.ErrSameName):
		code = pairing.NameTaken
	case errors.Is(err, errFull):
		code = pairing.CircleFull
	case standing.IsBadName(err):
		code = pairing.BadName
	}
	return &meet.Refusal{Code: code, Err: err}
}

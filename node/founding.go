package node

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// A foundings brings circles about, and newcomers into this one.
type foundings struct {
	me      *standing
	judging *judging
	drive   *drive
	ledger  *ledger

	joining  *joining  // nil unless this device was invited, and waits
	founding *founding // nil unless one is in progress or pending
	inviting *inviting // nil unless somebody is invited into the circle

	ended func(err error) // a founding has, and those who wait for it here hear why
}

// A founding is a circle that does not stand yet. Until this device has said
// ready it lives in memory only, and a crash of any device ends it. From then
// on it is pending: durable, never deleted by itself, and finished whenever
// the signatures of all devices have come together.
type founding struct {
	// While devices are being invited, by the founder.
	threshold, devices int
	settings           roster.Settings
	joined             []meet.Newcomer

	// From the proposal on.
	proposal  *keygen.Proposal
	session   wire.SessionID
	addrs     map[wire.Slot][]string
	discovery [32]byte
	live      *live
	machine   *keygen.Machine

	review  *roster.Record // what the person is asked about
	agreed  bool           // the person said yes
	pending bool
	trouble string
	touched time.Time
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

func (f *founding) recordHash() wire.Hash {
	if f.review == nil {
		return wire.Hash{}
	}
	return f.review.Hash()
}

func (f *founding) state() string {
	switch {
	case f.pending:
		return api.FoundingPending
	case f.review != nil && !f.agreed:
		return api.FoundingConfirming
	case f.proposal != nil:
		return api.FoundingGenerating
	}
	return api.FoundingInviting
}

// freeToFound says why this device cannot begin a founding, or nil.
func (fd *foundings) freeToFound() error {
	switch {
	case fd.me.circle != nil:
		return api.Errorf(api.CodeCircleExists, "this device is in circle %v already", fd.me.circle.record.Circle)
	case fd.founding != nil && fd.founding.pending:
		return api.Errorf(api.CodeFounding, "a founding is waiting for %s", list(fd.foundingMissing())).
			WithHint("start those devices; or, if they are lost, \"warifu found --abandon\" on every device and begin again")
	case fd.founding != nil || fd.joining != nil:
		return api.Errorf(api.CodeFounding, "a founding is in progress").
			WithHint("let it finish, or give it up with \"warifu found --abandon\"")
	case fd.me.cfg.Keeper.Locked():
		return api.Errorf(api.CodeLocked, "this device is locked").WithHint("warifu unlock")
	}
	return fd.me.ownNameError()
}

// beginInviting starts a founding with this device as the first.
func (fd *foundings) beginInviting(threshold, devices int, settings roster.Settings) error {
	if err := fd.freeToFound(); err != nil {
		return err
	}
	if err := checkShape(threshold, devices); err != nil {
		return err
	}
	if err := settings.Check(); err != nil {
		return badArgument(err)
	}
	fd.founding = &founding{threshold: threshold, devices: devices, settings: settings, touched: fd.me.now}
	return nil
}

// settingsOf reads the timers of a circle to be. Who shortens the grace shortens
// what belongs to it.
func settingsOf(args api.FoundArgs) roster.Settings {
	s := roster.DefaultSettings()
	set := func(to *uint64, d api.Duration) {
		if d > 0 {
			*to = max(uint64(time.Duration(d)/time.Second), 1)
		}
	}
	set(&s.Quiet, args.Quiet)
	set(&s.Suspect, args.Suspect)
	set(&s.SuspectOnline, args.Online)
	set(&s.Grace, args.Grace)
	if args.Grace > 0 {
		s.GraceNoSpare = 2 * s.Grace
		s.Budget, s.BudgetNoSpare = min(s.Budget, s.Grace), min(s.BudgetNoSpare, s.Grace)
	}
	return s
}

// checkShape refuses thresholds that do not protect, in words.
func checkShape(threshold, devices int) error {
	switch {
	case devices < 2 || devices > maxDevices:
		return api.Errorf(api.CodeBadArgument, "a circle has 2 to %d devices, not %d", maxDevices, devices)
	case threshold < 2:
		return api.Errorf(api.CodeBadArgument, "threshold %d: one device alone could sign", threshold).
			WithHint("a circle of %d devices wants --threshold %d", devices, devices/2+1)
	case threshold > devices:
		return api.Errorf(api.CodeBadArgument, "threshold %d: there are only %d devices", threshold, devices).
			WithHint("a circle of %d devices wants --threshold %d", devices, devices/2+1)
	case 2*threshold <= devices:
		return api.Errorf(api.CodeBadArgument, "threshold %d of %d: two halves of the circle could each sign without the other", threshold, devices).
			WithHint("more than half of the devices must sign: --threshold %d", devices/2+1)
	}
	return nil
}

// admitNewcomer takes a device that was introduced into a founding.
func (fd *foundings) admitNewcomer(n meet.Newcomer) error {
	if fd.inviting != nil {
		if err := fd.fitsCircle(n.Card); err != nil {
			return err
		}
		fd.me.pairing[string(n.Card.Peer)] = n.Addrs
		return nil
	}
	f := fd.founding
	if f == nil || f.proposal != nil {
		return errNotInviting
	}
	if err := fd.fits(n.Card); err != nil {
		return err
	}
	f.joined = append(f.joined, n)
	f.touched = fd.me.now
	fd.me.pairing[string(n.Card.Peer)] = n.Addrs
	fd.me.log.Info("device joined", "device", n.Card.Name)
	return nil
}

var (
	errNotInviting = errors.New("node: no founding is inviting")
	errSameDevice  = errors.New("node: this device is in already")
	errFull        = errors.New("node: all devices have joined")
)

// fits compares a card with the devices that are in already.
func (fd *foundings) fits(card roster.Card) error {
	if fd.inviting != nil {
		return fd.fitsCircle(card)
	}
	f := fd.founding
	if f == nil {
		return errNotInviting
	}
	if len(f.joined)+1 >= f.devices {
		return errFull
	}
	if err := CheckNewName(card.Name); err != nil {
		return err
	}
	in := []roster.Card{fd.ownCard([32]byte{})}
	for _, n := range f.joined {
		in = append(in, n.Card)
	}
	for _, other := range in {
		if other.Identity == card.Identity || bytes.Equal(other.Peer, card.Peer) || other.Box == card.Box || other.Presence == card.Presence {
			return errSameDevice
		}
		if roster.Alike(other.Name, card.Name) {
			return errSameName
		}
	}
	return nil
}

// ownCard introduces this device.
func (fd *foundings) ownCard(nonce [32]byte) roster.Card {
	return roster.SignCard(roster.Card{
		Name: fd.me.self.name, Kind: fd.me.self.kind, Identity: fd.me.self.public, Peer: fd.me.link.ID(),
		Box: fd.me.self.box, Presence: fd.me.self.presence, Nonce: nonce,
	}, fd.me.self.sign)
}

// propose starts the protocol once everybody has joined.
func (fd *foundings) propose() error {
	f := fd.founding
	if f == nil || f.proposal != nil || len(f.joined)+1 != f.devices {
		return errNotInviting
	}
	key, nonce, err := fd.me.freshDiscovery()
	if err != nil {
		return err
	}
	f.discovery = key
	p := keygen.Proposal{Version: keygen.Version, Threshold: f.threshold, Settings: f.settings, Nonce: nonce}
	f.addrs = map[wire.Slot][]string{1: fd.me.link.Addrs()}
	p.Devices = []roster.Device{fd.ownCard([32]byte{}).Device(1)}
	for i, n := range f.joined {
		slot := wire.Slot(i + 2)
		p.Devices = append(p.Devices, n.Card.Device(slot))
		f.addrs[slot] = n.Addrs
	}
	return fd.startKeygen(p)
}

func (fd *foundings) foundMessage() found {
	f := fd.founding
	m := found{Proposal: f.proposal.Bytes(), Discovery: f.discovery}
	for _, d := range f.proposal.Devices {
		addrs := f.addrs[d.Slot]
		if addrs == nil {
			addrs = []string{}
		}
		m.Addrs = append(m.Addrs, addrs)
	}
	return m
}

// onFoundAgain hears the proposal once more, from a founder that has slots by
// now. It matters only if it contradicts the first.
func (fd *foundings) onFoundAgain(from wire.Slot, m found) error {
	f := fd.founding
	if f == nil || f.proposal == nil || bytes.Equal(m.Proposal, f.proposal.Bytes()) {
		return nil
	}
	return fmt.Errorf("node: %s proposed a second founding while one is in progress", fd.me.name(from))
}

// Timeouts of a founding. Only the last is of one that is pending.
const (
	foundingLost   = 20 * time.Second // without a connection to a device that is needed
	foundingSilent = 60 * time.Second // connected, and without a step
	foundingRest   = 20 * time.Second // between a machine that stopped and the next
)

// introduce says who this device is, and what circle it invites into.
func (fd *foundings) introduce(nonce [32]byte) meet.Self {
	self := meet.Self{Card: fd.ownCard(nonce), Addrs: fd.me.link.Addrs()}
	if fd.inviting != nil {
		self.Threshold, self.Devices = fd.me.circle.record.Threshold, len(fd.me.circle.record.Devices)
	} else if f := fd.founding; f != nil {
		self.Threshold, self.Devices = f.threshold, f.devices
	}
	return self
}

// refusal says what a visitor is told that does not fit.
func refusal(err error) error {
	code := pairing.Refused
	switch {
	case errors.Is(err, errSameDevice):
		code = pairing.SameDevice
	case errors.Is(err, errSameName):
		code = pairing.NameTaken
	case errors.Is(err, errFull):
		code = pairing.CircleFull
	case isBadName(err):
		code = pairing.BadName
	}
	return &meet.Refusal{Code: code, Err: err}
}

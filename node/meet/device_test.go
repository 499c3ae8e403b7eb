package meet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"sync"

	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A device takes in whoever has a name that no other has, as long as there is room.
type device struct {
	card               roster.Card // without a nonce
	key                ed25519.PrivateKey
	threshold, devices int

	mu     sync.Mutex
	joined []Newcomer
}

var (
	errStopped = errors.New("the device is stopping")
	errFull    = errors.New("all devices have joined")
	errName    = errors.New("another device has this name")
	errShape   = errors.New("a circle of no shape")
)

// newDevice makes a device that is connected to nobody. It panics where random fails.
func newDevice(name string, random io.Reader) *device {
	var seed [5][32]byte
	for i := range seed {
		if _, err := io.ReadFull(random, seed[i][:]); err != nil {
			panic(err)
		}
	}
	key := func(i int) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(seed[i][:]) }
	public := func(i int) [32]byte { return [32]byte(key(i).Public().(ed25519.PublicKey)) }
	return &device{key: key(0), card: roster.Card{
		Name: name, Kind: roster.Phone, Identity: wire.DeviceID(public(0)),
		Peer: append([]byte(name), make([]byte, 38-len(name))...), Box: seed[2], Presence: public(3),
	}}
}

func (d *device) Introduce(_ context.Context, nonce [32]byte) (Self, error) {
	card := d.card
	card.Nonce = nonce
	card = roster.SignCard(card, func(msg []byte) [64]byte { return [64]byte(ed25519.Sign(d.key, msg)) })
	return Self{Card: card, Addrs: []string{"/ip4/127.0.0.1/tcp/" + d.card.Name}, Threshold: d.threshold, Devices: d.devices}, nil
}

func (d *device) fits(who roster.Card) error {
	if len(d.joined)+1 >= d.devices {
		return &Refusal{Code: pairing.CircleFull, Err: errFull}
	}
	for _, n := range d.joined {
		if n.Card.Name == who.Name {
			return &Refusal{Code: pairing.NameTaken, Err: errName}
		}
	}
	return nil
}

func (d *device) Consider(ctx context.Context, who roster.Card, nonce [32]byte) (Self, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fits(who); err != nil {
		return Self{}, err
	}
	return d.Introduce(ctx, nonce)
}

func (d *device) Admit(_ context.Context, who Newcomer, still func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := still()
	if err == nil {
		err = d.fits(who.Card)
	}
	if err == nil {
		d.joined = append(d.joined, who)
	}
	return err
}

func (*device) WouldJoin(threshold, devices int) error {
	if threshold < 2 || 2*threshold <= devices {
		return errShape
	}
	return nil
}

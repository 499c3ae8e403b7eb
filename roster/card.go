package roster

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/warifu/warifu/wire"
)

const tagCard wire.Tag = "roster/card"

// A Card is how a device introduces itself before it has a slot: its name and
// its public keys, signed with its identity key so that nobody can introduce
// it with keys that it did not choose. Nonce is chosen by whoever asks, which
// makes a card an answer and not a recording.
type Card struct {
	Name     string
	Kind     Kind
	Identity wire.DeviceID
	Peer     []byte
	Box      [32]byte
	Presence [32]byte
	Nonce    [32]byte
	Sig      [64]byte // by Identity
}

// cardBody is what a card's signature covers.
type cardBody struct {
	_ struct{} `cbor:",toarray"`

	Version  uint8
	Name     string
	Kind     Kind
	Identity wire.DeviceID
	Peer     []byte
	Box      [32]byte
	Presence [32]byte
	Nonce    [32]byte
}

type signedCard struct {
	_ struct{} `cbor:",toarray"`

	Body cardBody
	Sig  [64]byte
}

func (c Card) body() cardBody {
	return cardBody{Version: Version, Name: c.Name, Kind: c.Kind, Identity: c.Identity, Peer: c.Peer,
		Box: c.Box, Presence: c.Presence, Nonce: c.Nonce}
}

func (c Card) message() []byte {
	h := wire.Sum(tagCard, wire.Marshal(c.body()))
	return h[:]
}

// SignCard returns c with its signature, made by sign with the key of
// c.Identity.
func SignCard(c Card, sign func(msg []byte) [64]byte) Card {
	c.Sig = sign(c.message())
	return c
}

// Bytes returns the canonical encoding of c.
func (c Card) Bytes() []byte { return wire.Marshal(signedCard{Body: c.body(), Sig: c.Sig}) }

// ParseCard decodes the canonical encoding of a card, checks its contents and
// verifies its signature. The caller compares the nonce.
func ParseCard(b []byte) (Card, error) {
	var s signedCard
	if len(b) > maxCard {
		return Card{}, fmt.Errorf("roster: card of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	if err := wire.Unmarshal(b, &s); err != nil {
		return Card{}, fmt.Errorf("roster: parse card: %w", err)
	}
	if s.Body.Version != Version {
		return Card{}, fmt.Errorf("roster: card version %d", s.Body.Version)
	}
	c := Card{Name: s.Body.Name, Kind: s.Body.Kind, Identity: s.Body.Identity, Peer: s.Body.Peer,
		Box: s.Body.Box, Presence: s.Body.Presence, Nonce: s.Body.Nonce, Sig: s.Sig}
	if err := checkIntroduction(c.Name, c.Kind, c.Identity, c.Peer, c.Box, c.Presence); err != nil {
		return Card{}, fmt.Errorf("roster: card: %w", err)
	}
	if !ed25519.Verify(c.Identity[:], c.message(), c.Sig[:]) {
		return Card{}, errors.New("roster: card is not signed by the device that it names")
	}
	return c, nil
}

// Device returns the member that c becomes in the given slot.
func (c Card) Device(slot wire.Slot) Device {
	return Device{Slot: slot, Name: c.Name, Kind: c.Kind, Identity: c.Identity, Peer: c.Peer,
		Box: c.Box, Presence: c.Presence}
}

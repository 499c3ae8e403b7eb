package meet

import (
	"errors"

	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// introduction is what two devices tell each other once each has proved to
// know the invitation.
type introduction struct {
	Version   uint8    `cbor:"1,keyasint"`
	Card      []byte   `cbor:"2,keyasint"`
	Addrs     []string `cbor:"3,keyasint"`
	Threshold int      `cbor:"4,keyasint"` // of the circle to be; 0 from the one who joins
	Devices   int      `cbor:"5,keyasint"`
}

const tagCardNonce wire.Tag = "node/card-nonce"

// cardNonce ties a card to one meeting of two throw-away hosts.
func cardNonce(shower, typist []byte) [32]byte { return wire.Sum(tagCardNonce, shower, typist) }

// encode returns the introduction of a device as it is sent.
func (s Self) encode() []byte {
	return wire.Marshal(introduction{Version: 1, Card: s.Card.Bytes(), Addrs: s.Addrs[:min(len(s.Addrs), reach.Max)],
		Threshold: s.Threshold, Devices: s.Devices})
}

func parseIntroduction(b []byte, shower, typist []byte) (introduction, Newcomer, error) {
	var in introduction
	if err := wire.Unmarshal(b, &in); err != nil {
		return in, Newcomer{}, err
	}
	if in.Version != 1 {
		return in, Newcomer{}, pairing.VersionError(int(in.Version), 1)
	}
	if err := reach.Check(in.Addrs); err != nil {
		return in, Newcomer{}, err
	}
	card, err := roster.ParseCard(in.Card)
	if err != nil {
		return in, Newcomer{}, err
	}
	if card.Nonce != cardNonce(shower, typist) {
		return in, Newcomer{}, errors.New("node: a card that was made for another meeting")
	}
	return in, Newcomer{Card: card, Addrs: in.Addrs}, nil
}

// unfit is the code for an introduction that err is wrong with.
func unfit(err error) string {
	if _, version := errors.AsType[*pairing.Error](err); version {
		return pairing.Version
	}
	return pairing.Malformed
}

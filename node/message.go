package node

import (
	"fmt"

	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// The messages of [wire.ProtocolSync]. Each is one byte of type and a CBOR
// body; the transport says who sent it.
const (
	msgHello   uint8 = 1
	msgBeat    uint8 = 2
	msgHave    uint8 = 3
	msgWant    uint8 = 4
	msgItems   uint8 = 5
	msgOpen    uint8 = 6
	msgClose   uint8 = 7
	msgFound   uint8 = 8
	msgUnfound uint8 = 9
	msgEntry   uint8 = 10
	msgChain   uint8 = 11
	msgRedeal  uint8 = 12
	msgTest    uint8 = 13
	msgShow    uint8 = 14
)

// hello is the first message on every connection.
type hello struct {
	Circle  [32]byte `cbor:"1,keyasint"` // zero before there is one
	Epoch   uint64   `cbor:"2,keyasint"`
	Record  [32]byte `cbor:"3,keyasint"` // hash of the current record, or of a pending one
	Pending bool     `cbor:"4,keyasint"` // said ready, holds no certificate
	Wall    uint64   `cbor:"5,keyasint"` // the sender's clock in Unix seconds
	Addrs   []string `cbor:"6,keyasint"` // where the sender can be dialled
	Share   bool     `cbor:"7,keyasint"` // the sender holds a share of Record
	Oldest  uint64   `cbor:"8,keyasint"` // the oldest epoch of which it holds one
	Head    uint64   `cbor:"9,keyasint"` // the newest epoch that the sender knows to be certified
}

// beat says that the sender is alive.
type beat struct {
	Wall   uint64 `cbor:"1,keyasint"`
	Epoch  uint64 `cbor:"2,keyasint"`
	Locked bool   `cbor:"3,keyasint"`

	// The newest signed heartbeat of every device that the sender has, its own
	// among them, and what it has to say about silent ones.
	Beats  [][]byte `cbor:"4,keyasint"`
	Doubts [][]byte `cbor:"5,keyasint"`
}

// have and want list item ids; items carries items.
type (
	have struct {
		_   struct{} `cbor:",toarray"`
		IDs []wire.Hash
	}
	want struct {
		_   struct{} `cbor:",toarray"`
		IDs []wire.Hash
	}
	items struct {
		_     struct{} `cbor:",toarray"`
		Items []item
	}
)

// open asks a device to take part in a signing session that it has approved.
// The approvals of all signers ride along, so that it need not have seen them.
type open struct {
	Proposal  []byte `cbor:"1,keyasint"`
	Approvals []item `cbor:"2,keyasint"`
}

// closed ends a session, with the reason as a stable word and the slot that
// the sender blames, or 0.
type closed struct {
	Session [32]byte `cbor:"1,keyasint"`
	Reason  string   `cbor:"2,keyasint"`
	Blame   uint16   `cbor:"3,keyasint"`
	Check   string   `cbor:"4,keyasint"`
}

// found starts a founding: the proposal, where each device can be dialled, and
// the key under which the circle finds itself on a local network.
type found struct {
	Proposal  []byte     `cbor:"1,keyasint"`
	Addrs     [][]string `cbor:"2,keyasint"` // in the order of the proposal's devices
	Discovery [32]byte   `cbor:"3,keyasint"`
}

// unfound ends a founding that is not pending yet.
type unfound struct {
	Session [32]byte `cbor:"1,keyasint"`
	Reason  string   `cbor:"2,keyasint"`
	Blame   uint16   `cbor:"3,keyasint"`
}

// chain carries certified epochs, in their order, to a device that has slept
// through them.
type chain struct {
	_       struct{} `cbor:",toarray"`
	Entries [][]byte
}

// redeal asks a device to take part in an attempt, or tells a sleeper of one.
// Grounds are the request and the approvals on which it rests, if any.
type redeal struct {
	Proposal  []byte   `cbor:"1,keyasint"`
	Discovery [32]byte `cbor:"2,keyasint"` // LAN key of the epoch to be
	Request   [32]byte `cbor:"3,keyasint"` // zero if devices act by themselves
	Grounds   []item   `cbor:"4,keyasint"`
	Addrs     []byte   `cbor:"5,keyasint"` // where the devices can be dialled
	Chain     [][]byte `cbor:"6,keyasint"` // all epochs, for a device that is new
}

// test asks a member to make the test signature of one account.
type test struct {
	Attempt  [32]byte `cbor:"1,keyasint"`
	Proposal []byte   `cbor:"2,keyasint"`
}

// show says what the sender said and heard in a signing session, each word signed
// by its maker, so that whoever lied in it is found.
type show struct {
	Session    [32]byte          `cbor:"1,keyasint"`
	Statements []share.Statement `cbor:"2,keyasint"`
}

// entry carries a certified epoch to a device that has only its pending half.
type entry struct {
	Entry []byte `cbor:"1,keyasint"`
}

func encodeMessage(typ uint8, body any) []byte {
	return append([]byte{typ}, wire.Marshal(body)...)
}

// splitMessage returns the type of a message and its body's bytes.
func splitMessage(b []byte) (uint8, []byte, error) {
	if len(b) < 2 {
		return 0, nil, fmt.Errorf("node: message of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	return b[0], b[1:], nil
}

// maxInventory bounds what a message may list: ids in have and want, 128 KiB.
const maxInventory = 4000

package message

import (
	"fmt"

	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// The messages of [wire.ProtocolSync]. Each is one byte of type and a CBOR
// body; the transport says who sent it.
const (
	MsgHello   uint8 = 1
	MsgBeat    uint8 = 2
	MsgHave    uint8 = 3
	MsgWant    uint8 = 4
	MsgItems   uint8 = 5
	MsgOpen    uint8 = 6
	MsgClose   uint8 = 7
	MsgFound   uint8 = 8
	MsgUnfound uint8 = 9
	MsgEntry   uint8 = 10
	MsgChain   uint8 = 11
	MsgRedeal  uint8 = 12
	MsgTest    uint8 = 13
	MsgShow    uint8 = 14
)

// Hello is the first message on every connection.
type Hello struct {
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

// Beat says that the sender is alive.
type Beat struct {
	Wall   uint64 `cbor:"1,keyasint"`
	Epoch  uint64 `cbor:"2,keyasint"`
	Locked bool   `cbor:"3,keyasint"`

	// The newest signed heartbeat of every device that the sender has, its own
	// among them, and what it has to say about silent ones.
	Beats  [][]byte `cbor:"4,keyasint"`
	Doubts [][]byte `cbor:"5,keyasint"`
}

// Have and want list item ids; items carries items.
type (
	Have struct {
		_   struct{} `cbor:",toarray"`
		IDs []wire.Hash
	}
	Want struct {
		_   struct{} `cbor:",toarray"`
		IDs []wire.Hash
	}
	Items struct {
		_     struct{} `cbor:",toarray"`
		Items []Item
	}
)

// Open asks a device to take part in a signing session that it has approved.
// The approvals of all signers ride along, so that it need not have seen them.
type Open struct {
	Proposal  []byte `cbor:"1,keyasint"`
	Approvals []Item `cbor:"2,keyasint"`
}

// Closed ends a session, with the reason as a stable word and the slot that
// the sender blames, or 0.
type Closed struct {
	Session [32]byte `cbor:"1,keyasint"`
	Reason  string   `cbor:"2,keyasint"`
	Blame   uint16   `cbor:"3,keyasint"`
	Check   string   `cbor:"4,keyasint"`
}

// Found starts a founding: the proposal, where each device can be dialled, and
// the key under which the circle finds itself on a local network.
type Found struct {
	Proposal  []byte     `cbor:"1,keyasint"`
	Addrs     [][]string `cbor:"2,keyasint"` // in the order of the proposal's devices
	Discovery [32]byte   `cbor:"3,keyasint"`
}

// Unfound ends a founding that is not pending yet.
type Unfound struct {
	Session [32]byte `cbor:"1,keyasint"`
	Reason  string   `cbor:"2,keyasint"`
	Blame   uint16   `cbor:"3,keyasint"`
}

// Chain carries certified epochs, in their order, to a device that has slept
// through them.
type Chain struct {
	_       struct{} `cbor:",toarray"`
	Entries [][]byte
}

// Redeal asks a device to take part in an attempt, or tells a sleeper of one.
// Grounds are the request and the approvals on which it rests, if any.
type Redeal struct {
	Proposal  []byte   `cbor:"1,keyasint"`
	Discovery [32]byte `cbor:"2,keyasint"` // LAN key of the epoch to be
	Request   [32]byte `cbor:"3,keyasint"` // zero if devices act by themselves
	Grounds   []Item   `cbor:"4,keyasint"`
	Addrs     []byte   `cbor:"5,keyasint"` // where the devices can be dialled
	Chain     [][]byte `cbor:"6,keyasint"` // all epochs, for a device that is new
}

// Test asks a member to make the test signature of one account.
type Test struct {
	Attempt  [32]byte `cbor:"1,keyasint"`
	Proposal []byte   `cbor:"2,keyasint"`
}

// Show says what the sender said and heard in a signing session, each word signed
// by its maker, so that whoever lied in it is found.
type Show struct {
	Session    [32]byte          `cbor:"1,keyasint"`
	Statements []share.Statement `cbor:"2,keyasint"`
}

// Entry carries a certified epoch to a device that has only its pending half.
type Entry struct {
	Entry []byte `cbor:"1,keyasint"`
}

// EncodeMessage returns the bytes of a message: its type, and its body in CBOR.
func EncodeMessage(typ uint8, body any) []byte {
	return append([]byte{typ}, wire.Marshal(body)...)
}

// SplitMessage returns the type of a message and its body's bytes.
func SplitMessage(b []byte) (uint8, []byte, error) {
	if len(b) < 2 {
		return 0, nil, fmt.Errorf("node: message of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	return b[0], b[1:], nil
}

// MaxInventory bounds what a message may list: ids in have and want, 128 KiB.
const MaxInventory = 4000

package message

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/wire"
)

// Items are the durable statements that devices replicate to each other:
// requests, answers and receipts. Each is signed by the identity of the device
// that made it, so that it can be passed on by anybody.
const (
	ItemRequest uint8 = 1
	ItemAnswer  uint8 = 2
	ItemReceipt uint8 = 3
)

const (
	tagItem    wire.Tag = "node/item"    // what the identity signs
	tagItemID  wire.Tag = "node/item-id" // the name of an item in inventories
	tagRequest wire.Tag = "node/request" // the id of a request
)

// An Item is a statement with its signature.
type Item struct {
	_    struct{} `cbor:",toarray"`
	Type uint8
	From wire.Slot
	Body []byte
	Sig  []byte
}

// ItemMessage is what the identity of the device in slot from signs of an item, 32
// bytes.
func ItemMessage(circle wire.CircleID, typ uint8, from wire.Slot, body []byte) []byte {
	h := wire.Sum(tagItem, circle[:], []byte{typ}, wire.U16(from), body)
	return h[:]
}

// ID names the item in inventories.
func (it Item) ID() wire.Hash { return wire.Sum(tagItemID, wire.Marshal(it)) }

// About returns the request that the item makes or belongs to.
func (it Item) About() (wire.RequestID, error) {
	switch it.Type {
	case ItemRequest:
		return RequestID(it.Body), nil
	case ItemAnswer:
		a, err := ParseAnswer(it.Body)
		return a.Request, err
	case ItemReceipt:
		p, err := ParseReceipt(it.Body)
		return p.Request, err
	}
	return wire.RequestID{}, fmt.Errorf("node: item of unknown type %d", it.Type)
}

// Bounds of a request.
const (
	MinLifetime = 60            // seconds
	MaxLifetime = 7 * 24 * 3600 // seconds
	MaxSteps    = 4             // of a path below the account
)

// A Request is something that the circle is asked to sign. Its id is the
// labelled hash of its canonical bytes. New fields get new keys and a new
// version.
type Request struct {
	Version  uint8    `cbor:"1,keyasint"`
	Circle   [32]byte `cbor:"2,keyasint"`
	From     uint16   `cbor:"3,keyasint"`
	Account  string   `cbor:"4,keyasint"`
	Path     []uint32 `cbor:"5,keyasint"`
	Kind     string   `cbor:"6,keyasint"`
	Payload  []byte   `cbor:"7,keyasint"`
	Created  uint64   `cbor:"8,keyasint"` // the initiator's clock, in Unix seconds; shown, and what its sessions expire by
	Lifetime uint32   `cbor:"9,keyasint"` // seconds, counted by each device from its own receipt
	Nonce    [16]byte `cbor:"10,keyasint"`
}

var errRequest = errors.New("node: malformed request")

// ParseRequest reads a request that the device in slot from made in a circle, within
// its bounds.
func ParseRequest(circle wire.CircleID, from wire.Slot, body []byte) (Request, error) {
	var r Request
	if err := wire.Unmarshal(body, &r); err != nil {
		return r, err
	}
	if r.Version != 1 || r.Circle != circle || r.From != uint16(from) || len(r.Path) > MaxSteps ||
		r.Lifetime < MinLifetime || r.Lifetime > MaxLifetime || len(r.Payload) > intent.MaxPayload {
		return r, errRequest
	}
	return r, nil
}

// RequestID is the id of a request, of its canonical bytes.
func RequestID(body []byte) wire.RequestID { return wire.RequestID(wire.Sum(tagRequest, body)) }

// Verdicts of an answer.
const (
	VerdictApprove uint8 = 1
	VerdictDeny    uint8 = 2

	// A part of a signature left the device, or may have, before it heard that
	// the request was closed. Nobody asked; it is said for those who denied.
	VerdictReleased uint8 = 3
)

// An Answer is one device's word on one request, given in one epoch. It
// counts only while the circle is in that epoch.
type Answer struct {
	Version uint8    `cbor:"1,keyasint"`
	Request [32]byte `cbor:"2,keyasint"`
	Verdict uint8    `cbor:"3,keyasint"`
	Epoch   uint64   `cbor:"4,keyasint"`
	Record  [32]byte `cbor:"5,keyasint"` // hash of the epoch's record

	// Presence is a signature with the presence key, in the approval of a
	// change of the circle: a person was there.
	Presence []byte `cbor:"6,keyasint,omitempty"`
}

var errAnswer = errors.New("node: malformed answer")

// ParseAnswer reads an answer.
func ParseAnswer(body []byte) (Answer, error) {
	var a Answer
	if err := wire.Unmarshal(body, &a); err != nil {
		return a, err
	}
	if a.Version != 1 || a.Verdict < VerdictApprove || a.Verdict > VerdictReleased || len(a.Presence) != 0 && len(a.Presence) != 64 {
		return a, errAnswer
	}
	return a, nil
}

// A Receipt carries the signature that came of a request. It proves itself:
// every device verifies the signature against the request it has decoded.
type Receipt struct {
	Version uint8    `cbor:"1,keyasint"`
	Request [32]byte `cbor:"2,keyasint"`
	Epoch   uint64   `cbor:"3,keyasint"`
	Signers []uint16 `cbor:"4,keyasint"`
	Raw     []byte   `cbor:"5,keyasint"` // r, s, parity (65 bytes), or an Ed25519 signature (64)
}

var errReceipt = errors.New("node: malformed receipt")

// ParseReceipt reads a receipt.
func ParseReceipt(body []byte) (Receipt, error) {
	var r Receipt
	if err := wire.Unmarshal(body, &r); err != nil {
		return r, err
	}
	if r.Version != 1 || len(r.Raw) != 64 && len(r.Raw) != 65 || len(r.Signers) == 0 || len(r.Signers) > 9 {
		return r, errReceipt
	}
	return r, nil
}

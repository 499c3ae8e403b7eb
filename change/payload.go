package change

import (
	"bytes"
	"errors"
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A Payload is the payload of a request to change the circle. Which fields count
// depends on the request's kind; the others are zero.
type Payload struct {
	Version uint8    `cbor:"1,keyasint"` // 2 with Device, else 1
	Slot    uint16   `cbor:"2,keyasint"` // lost, replace, vacation, veto, remove: the device
	Card    []byte   `cbor:"3,keyasint"` // add, replace: who comes in
	Addrs   []string `cbor:"4,keyasint"` // where that device can be dialled
	Until   uint64   `cbor:"5,keyasint"` // vacation: Unix seconds
	Epoch   uint64   `cbor:"6,keyasint"` // refresh: the epoch that is to end

	Threshold uint16 `cbor:"7,keyasint"` // threshold: how many must sign then

	// Device is the identity of the device in Slot. What a person has agreed to
	// holds in every epoch, and a slot that was given in a re-deal that died may
	// be another device's in the next. Version 1, of earlier releases, has none.
	Device []byte `cbor:"8,keyasint,omitempty"`
}

func (p Payload) version() uint8 {
	if len(p.Device) > 0 {
		return 2
	}
	return 1
}

// Bytes returns the canonical encoding of p in the version that has all it says.
func (p Payload) Bytes() []byte {
	p.Version = p.version()
	if p.Addrs == nil {
		p.Addrs = []string{}
	}
	if p.Card == nil {
		p.Card = []byte{}
	}
	return wire.Marshal(p)
}

// says returns the fields of p that are not zero.
func (p Payload) says() (f Fields) {
	note := func(field Fields, said bool) {
		if said {
			f |= field
		}
	}
	note(Device, p.Slot != 0)
	note(Card, len(p.Card) > 0)
	note(Until, p.Until != 0)
	note(Epoch, p.Epoch != 0)
	note(Signers, p.Threshold != 0)
	return f
}

// ErrFields says that a change has a field that its kind does not have, or lacks
// one.
var ErrFields = errors.New("the change says too much or too little")

var errMalformed = errors.New("the change is malformed")

// Parse reads the change in the payload of a request of that kind, which is one
// of the kinds of change. Whether its addresses will do, checkAddrs says. The card
// of who comes in is not read yet: see [Change.ReadCard].
func Parse(kind Kind, payload []byte, checkAddrs func([]string) error) (*Change, error) {
	var p Payload
	if err := wire.Unmarshal(payload, &p); err != nil || p.Version != p.version() {
		return nil, errMalformed
	}
	if err := checkAddrs(p.Addrs); err != nil {
		return nil, err
	}
	ch := New(kind, p)
	if len(p.Device) != 0 && (!kind.Has(Device) || len(p.Device) != len(wire.DeviceID{})) {
		return nil, errMalformed
	}
	// The epoch 0 cannot be told from none.
	if p.says()|ch.rule.fields&Epoch != ch.rule.fields {
		return nil, ErrFields
	}
	return ch, nil
}

// Subject returns the slot of the device that p is about, as the records know it.
// It is 0 if p is about none, or about one that is in none of them in that slot.
func (p Payload) Subject(records ...roster.Record) wire.Slot {
	slot := wire.Slot(p.Slot)
	for _, rec := range records {
		d, in := rec.Device(slot)
		if in && p.means(d.Identity) || slices.ContainsFunc(rec.Former, func(f roster.Former) bool {
			return f.Slot == slot && p.means(f.Identity)
		}) {
			return slot
		}
	}
	return 0
}

// means reports whether p can be about the device with that identity, if it is
// in the right slot. Requests of earlier releases name the slot only.
func (p Payload) means(id wire.DeviceID) bool {
	return len(p.Device) == 0 || bytes.Equal(p.Device, id[:])
}

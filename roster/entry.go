package roster

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/warifu/warifu/wire"
)

const tagReady wire.Tag = "roster/ready"

// ReadyMessage returns the bytes that a device signs with its identity key to
// say: my share of this record is durable, and my person has confirmed it.
func ReadyMessage(record wire.Hash) []byte {
	h := wire.Sum(tagReady, record[:])
	return h[:]
}

// A Signature is one device's signature under something that the context
// names.
type Signature struct {
	_ struct{} `cbor:",toarray"`

	Slot wire.Slot
	Sig  [64]byte // Ed25519
}

// An Entry is an epoch with its certificate. For a founding that is the READY
// signature of every device of the record, in the order of its devices.
type Entry struct {
	_ struct{} `cbor:",toarray"`

	Record Record
	Ready  []Signature
}

// Bytes returns the canonical encoding of e.
func (e Entry) Bytes() []byte { return wire.Marshal(e) }

// ParseEntry decodes the canonical encoding of an entry whose record passes
// [Record.Check] and whose certificate passes [Entry.Verify].
func ParseEntry(b []byte) (Entry, error) {
	var e Entry
	if len(b) > maxEntry {
		return Entry{}, fmt.Errorf("roster: entry of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	if err := wire.Unmarshal(b, &e); err != nil {
		return Entry{}, fmt.Errorf("roster: parse entry: %w", err)
	}
	if err := e.Verify(); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// Verify reports whether the record obeys the format and every one of its
// devices has signed it. With one signature missing the epoch does not exist:
// that device may hold no share, and money sent to the key might never move
// again.
func (e Entry) Verify() error {
	if err := e.Record.Check(); err != nil {
		return err
	}
	if e.Record.Epoch != 0 {
		return errors.New("roster: only the certificate of a founding is known")
	}
	if len(e.Ready) != len(e.Record.Devices) {
		return fmt.Errorf("roster: certificate has %d signatures of %d", len(e.Ready), len(e.Record.Devices))
	}
	msg := ReadyMessage(e.Record.Hash())
	for i, d := range e.Record.Devices {
		s := e.Ready[i]
		if s.Slot != d.Slot {
			return fmt.Errorf("roster: certificate lists device %d where %d belongs", s.Slot, d.Slot)
		}
		if !ed25519.Verify(d.Identity[:], msg, s.Sig[:]) {
			return fmt.Errorf("roster: signature of device %d on its certificate is wrong", d.Slot)
		}
	}
	return nil
}

// A Chain is the history of a circle from its founding on.
type Chain []Entry

// Verify reports whether the chain is a certified history: one entry for each
// epoch from 0 on. Since only foundings can be certified so far, that is one.
func (c Chain) Verify() error {
	if len(c) == 0 {
		return errors.New("roster: chain is empty")
	}
	for i, e := range c {
		if err := e.Verify(); err != nil {
			return fmt.Errorf("roster: epoch %d: %w", i, err)
		}
		if e.Record.Epoch != uint64(i) {
			return fmt.Errorf("roster: epoch %d where %d belongs", e.Record.Epoch, i)
		}
	}
	return nil
}

// Head returns the newest entry, and whether there is one.
func (c Chain) Head() (Entry, bool) {
	if len(c) == 0 {
		return Entry{}, false
	}
	return c[len(c)-1], true
}

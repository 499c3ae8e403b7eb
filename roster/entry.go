package roster

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/warifu/warifu/wire"
)

const (
	tagReady  wire.Tag = "roster/ready"
	tagCommit wire.Tag = "roster/commit"
)

// ReadyMessage returns the bytes that a device signs with its identity key to
// say: my share of this record is durable, and my person has confirmed it.
func ReadyMessage(record wire.Hash) []byte {
	h := wire.Sum(tagReady, record[:])
	return h[:]
}

// CommitMessage returns the bytes that a member of a re-deal signs with its
// identity key to say: every member holds a durable share of this record, and
// I sign in its epoch from now on.
func CommitMessage(attempt, record wire.Hash) []byte {
	h := wire.Sum(tagCommit, attempt[:], record[:])
	return h[:]
}

// A Signature is one device's signature under something that the context
// names.
type Signature struct {
	_ struct{} `cbor:",toarray"`

	Slot wire.Slot
	Sig  [64]byte // Ed25519
}

// An Entry is an epoch with its certificate, in the order of slots. For a
// founding that is the signature of every device under [ReadyMessage], for a
// re-deal that of every member under [CommitMessage].
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

// Verify reports whether the record obeys the format and everybody has signed
// it who must. With one signature missing the epoch does not exist: that device
// may hold no share, and money sent to the key might never move again.
func (e Entry) Verify() error {
	if err := e.Record.Check(); err != nil {
		return err
	}
	signers, msg := e.Record.Slots(), ReadyMessage(e.Record.Hash())
	if e.Record.Epoch > 0 {
		signers, msg = e.Record.Change.Members, CommitMessage(e.Record.Change.Attempt, e.Record.Hash())
	}
	if len(e.Ready) != len(signers) {
		return fmt.Errorf("roster: certificate has %d signatures of %d", len(e.Ready), len(signers))
	}
	for i, slot := range signers {
		s := e.Ready[i]
		if s.Slot != slot {
			return fmt.Errorf("roster: certificate lists device %d where %d belongs", s.Slot, slot)
		}
		d, _ := e.Record.Device(slot)
		if !ed25519.Verify(d.Identity[:], msg, s.Sig[:]) {
			return fmt.Errorf("roster: signature of device %d on its certificate is wrong", slot)
		}
	}
	return nil
}

// A Chain is the history of a circle from its founding on.
type Chain []Entry

// Verify reports whether the chain is a certified history: it begins with a
// founding, each entry is certified, and each may follow the one before. Epoch
// numbers rise and may skip, for an attempt that died keeps its number.
func (c Chain) Verify() error {
	if len(c) == 0 {
		return errors.New("roster: chain is empty")
	}
	for i, e := range c {
		if err := e.Verify(); err != nil {
			return fmt.Errorf("roster: epoch %d: %w", e.Record.Epoch, err)
		}
		if i == 0 {
			if e.Record.Epoch != 0 {
				return errors.New("roster: chain does not begin with a founding")
			}
			continue
		}
		if err := c[i-1].Record.CheckNext(e.Record); err != nil {
			return err
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

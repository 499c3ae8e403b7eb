package share

import (
	"bytes"
	"crypto/ed25519"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// Among three and more signers a session can fail because one of them told two
// others different things, or said that it had heard what it had not. Neither
// shows on one device alone. So in a session of [VersionSigned] each signer signs
// what it says to all, and after a failure they show each other what they said
// and heard. Two things that one device signed, or a view that is not of what its
// maker shows, are evidence for everybody.

const tagStatement wire.Tag = "share/statement"

// MaxSaid bounds in bytes what a signer says to all in one round.
const MaxSaid = 192

// A Statement is what one signer said to all others in one round, with its
// signature. It proves itself.
type Statement struct {
	_ struct{} `cbor:",toarray"`

	Slot wire.Slot
	Kind wire.Kind
	Said []byte // the leading part of the body, which is the same for all
	Sig  []byte // 64 bytes, by the identity of Slot over [StatementMessage]
}

// StatementMessage returns the 32 bytes that the signer in slot signs for what it
// says in one round of a session.
func StatementMessage(id wire.SessionID, slot wire.Slot, kind wire.Kind, said []byte) []byte {
	h := wire.Sum(tagStatement, id[:], wire.U16(slot), []byte{byte(kind)}, said)
	return h[:]
}

// Verify reports whether the device that rec has in the slot made s in the
// session.
func (s Statement) Verify(id wire.SessionID, rec roster.Record) bool {
	d, ok := rec.Device(s.Slot)
	return ok && len(s.Said) <= MaxSaid && len(s.Sig) == ed25519.SignatureSize &&
		ed25519.Verify(d.Identity[:], StatementMessage(id, s.Slot, s.Kind, s.Said), s.Sig)
}

// A ViewCheck reports whether the view in what a signer said in a round is the
// one of whoever heard what heard returns, which is nil for what was not heard.
// It is true for a round without a view.
type ViewCheck func(p Proposal, kind wire.Kind, said []byte, heard func(wire.Slot, wire.Kind) []byte) bool

// A place is where a statement belongs: each has room for one.
type place struct {
	slot wire.Slot
	kind wire.Kind
}

func (s Statement) place() place { return place{s.Slot, s.Kind} }

// Judge compares what the device in slot from shows of a failed session with what
// this device, in slot self, said and heard in it, and returns whom that convicts,
// or nil. shown must have come from that device itself, after all that it said in
// the session; mine must have been verified.
//
// No honest device is convicted: it signs one thing in each round, shows only what
// it verified, and shows everything that its views are of. One that was set back
// to an older state and ran the session again has signed twice, and is named.
func Judge(p Proposal, rec roster.Record, check ViewCheck, self, from wire.Slot, mine, shown []Statement) *session.Fault {
	id := p.Session()
	known, theirs := map[place]Statement{}, map[place]Statement{}
	for _, s := range mine {
		known[s.place()] = s
	}
	var twice *session.Fault
	for _, s := range shown {
		// What is known to the byte was verified when it came.
		if k, ok := known[s.place()]; !ok || !s.equal(k) {
			if !s.Verify(id, rec) {
				return &session.Fault{Slot: from, Class: session.Malformed, Check: "shown-statement"}
			}
			// A word of this device that it does not remember convicts nobody else.
			if ok && s.Slot != self && !bytes.Equal(s.Said, k.Said) {
				twice = &session.Fault{Slot: s.Slot, Class: session.Equivocation, Check: "signed-twice"}
			}
		}
		// One that shows two words of a place shows what no honest device keeps.
		if _, again := theirs[s.place()]; again {
			return &session.Fault{Slot: from, Class: session.Malformed, Check: "shown-statement"}
		}
		theirs[s.place()] = s
	}
	if twice != nil {
		return twice
	}
	heard := func(slot wire.Slot, kind wire.Kind) []byte { return theirs[place{slot, kind}].Said }
	for _, list := range [][]Statement{mine, shown} {
		for _, s := range list {
			if s.Slot == from && !check(p, s.Kind, s.Said, heard) {
				return &session.Fault{Slot: from, Class: session.Cheat, Check: "view"}
			}
		}
	}
	return nil
}

func (s Statement) equal(o Statement) bool {
	return bytes.Equal(s.Said, o.Said) && bytes.Equal(s.Sig, o.Sig)
}

// A Witness signs what one signer says to all, and keeps that and what it heard.
// The zero value is of a session in which nothing is signed.
type Witness struct {
	id   wire.SessionID
	rec  roster.Record
	self wire.Slot
	sign func(msg []byte) [64]byte
	all  []Statement
}

// NewWitness returns the witness of a session of [VersionSigned] in the slot self,
// whose identity key signs.
func NewWitness(p Proposal, rec roster.Record, self wire.Slot, sign func(msg []byte) [64]byte) Witness {
	return Witness{id: p.Session(), rec: rec, self: self, sign: sign}
}

// Size is the length in bytes of what [Witness.Say] adds to a body.
func (w *Witness) Size() int {
	if w.sign == nil {
		return 0
	}
	return ed25519.SignatureSize
}

// Say signs what this device says in a round, and returns the signature: the end of
// each body of that round. It is empty where nothing is signed.
func (w *Witness) Say(kind wire.Kind, said []byte) []byte {
	if w.sign == nil {
		return nil
	}
	sig := w.sign(StatementMessage(w.id, w.self, kind, said))
	w.all = append(w.all, Statement{Slot: w.self, Kind: kind, Said: bytes.Clone(said), Sig: sig[:]})
	return sig[:]
}

// Hear verifies the signature at the end of a body whose first n bytes its maker
// said to all, and keeps the two.
func (w *Witness) Hear(slot wire.Slot, kind wire.Kind, body []byte, n int) bool {
	if w.sign == nil {
		return true
	}
	s := Statement{Slot: slot, Kind: kind, Said: bytes.Clone(body[:n]), Sig: bytes.Clone(body[len(body)-ed25519.SignatureSize:])}
	if !s.Verify(w.id, w.rec) {
		return false
	}
	w.all = append(w.all, s)
	return true
}

// Statements returns all that this device said and heard. None of it is secret.
func (w *Witness) Statements() []Statement { return w.all }

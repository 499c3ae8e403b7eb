package refresh

import (
	"crypto/ed25519"
	"io"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/poly"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

// A Kind of statement.
type Kind = kind

// Kinds of statements, for devices that cheat.
const (
	Deal      = deal
	Ready     = ready
	TestShown = tested
	Commit    = commit
	Abort     = abort
	Lock      = lock
	Complain  = complaint
)

// PlainAbort is the body of an abort of a device that has not committed.
var PlainAbort = plainAbort

// A Statement is one that a test may change and sign as it likes.
type Statement = statement

// KindStatement is the kind of all frames.
const KindStatement = kindStatement

// StatementIn returns what a frame says.
func StatementIn(f wire.Frame) Statement {
	var s statement
	if err := wire.Unmarshal(f.Body, &s); err != nil {
		panic(err)
	}
	return s
}

// Signed returns s with a signature.
func (s statement) Signed(p Proposal, key ed25519.PrivateKey) Statement {
	s.Sig = [64]byte(ed25519.Sign(key, s.message(p.Attempt())))
	return s
}

// Frame signs s and puts it in a frame.
func (s statement) Frame(p Proposal, from wire.Slot, key ed25519.PrivateKey) wire.Frame {
	return wire.Frame{Session: p.Session(), From: from, Kind: kindStatement, Body: wire.Marshal(s.Signed(p, key))}
}

// Proposal returns what m runs.
func (m *Machine) Proposal() Proposal { return m.p }

// FlipAbort is the body of an abort after a commit.
func FlipAbort(because Statement) []byte { return flipAbort(because) }

// Said returns what m knows that the device in slot said.
func (m *Machine) Said(k kind, slot wire.Slot) (Statement, bool) {
	s, ok := m.votes.words[k][slot]
	return s, ok
}

// LockBody returns what m says when it locks, if it knows enough.
func (m *Machine) LockBody() ([]byte, bool) {
	if !m.votes.all(commit, m.p.Members) {
		return nil, false
	}
	return m.votes.lockBody(), true
}

// State returns what m would persist now.
func (m *Machine) State() []byte { return m.persist().(session.Persist).State }

// FlipFreely votes to abort after a commit, because of nothing.
func (m *Machine) FlipFreely() []session.Effect { return m.giveUp() }

// StateFields are the parts of a state, open to be changed.
type StateFields = state

// ReadState takes apart what a device persisted.
func ReadState(b []byte) StateFields {
	var s state
	if err := wire.Unmarshal(b, &s); err != nil {
		panic(err)
	}
	return s
}

// EditState returns the encoding of a state after a change.
func EditState(b []byte, edit func(*StateFields)) []byte {
	s := ReadState(b)
	edit(&s)
	return wire.Marshal(s)
}

// Has reports whether the state holds a statement.
func (s state) Has(k kind, slot wire.Slot) bool {
	return slices.ContainsFunc(s.Words, func(w statement) bool { return w.Kind == k && w.Slot == slot })
}

// Interpolate returns what the shares at the given slots make at 0.
func Interpolate(s roster.Suite, at []wire.Slot, shares [][]byte) (secret.Key, error) {
	return algebraOf(s).combineShares(at, shares)
}

// Cancel returns the point that, dealt by the second of two dealers, cancels
// what the first has dealt in its place.
func Cancel(s roster.Suite, dealers []wire.Slot, second wire.Slot, point []byte) []byte {
	if s == roster.Ed25519 {
		return cancel(poly.Ed25519(), ed.MulVartime, dealers, second, point)
	}
	return cancel(poly.Secp256k1(), secp.MulVartime, dealers, second, point)
}

func cancel[S interface {
	poly.Scalar[S]
	Neg() S
}, K poly.Secret[K, S], P poly.Point[P]](g poly.Group[S, K, P], mul func(S, P) P, dealers []wire.Slot, second wire.Slot, point []byte) []byte {
	p, err := g.ParsePoint(point)
	if err != nil {
		panic(err)
	}
	first := dealers[0]
	if first == second {
		first = dealers[1]
	}
	mine, _ := g.Lagrange(dealers, second, 0)
	theirs, _ := g.Lagrange(dealers, first, 0)
	return g.EncodePoint(mul(theirs.Mul(mine.Inv()).Neg(), p))
}

// DealtParts is a dealing, open to be changed.
type DealtParts struct {
	Commitments [][][]byte // by account
	Sealed      [][]byte   // by receiver
}

// ParseDealing takes apart the body of a deal statement.
func ParseDealing(p Proposal, parent roster.Record, b []byte) DealtParts {
	d, ok := parseDealing(p, parent, slices.Clone(b))
	if !ok {
		panic("no dealing")
	}
	return DealtParts{d.commitments, d.sealed}
}

// Bytes puts a dealing together again.
func (d DealtParts) Bytes() []byte { return dealing{d.Commitments, d.Sealed}.bytes() }

// DealAnything deals polynomials with t coefficients of any shares, and seals
// what edit makes of each receiver's part.
func (m *Machine) DealAnything(shares map[string]secret.Key, t int, r io.Reader, edit func(to wire.Slot, plain []byte)) []byte {
	receivers := m.p.receivers()
	plains := make([][]byte, len(receivers))
	var d dealing
	for _, a := range m.parent.Accounts {
		c, at, err := algebraOf(a.Suite).deal(shares[a.Name], t, receivers, r)
		if err != nil {
			panic(err)
		}
		d.commitments = append(d.commitments, c)
		for i, k := range at {
			if err := k.Use(func(b *[secret.Size]byte) error { plains[i] = append(plains[i], b[:]...); return nil }); err != nil {
				panic(err)
			}
		}
	}
	for i, slot := range receivers {
		if edit != nil {
			edit(slot, plains[i])
		}
		box, err := m.dealings.sealTo(slot, d.commitmentBytes(), plains[i])
		if err != nil {
			panic(err)
		}
		d.sealed = append(d.sealed, box)
	}
	return d.bytes()
}

// CheckBox reports whether something can be sealed to a box key.
func CheckBox(key [32]byte) error { return checkBox(key) }

package keygen

import (
	"crypto/ed25519"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

const (
	KindHello       = kindHello
	KindCommit      = kindCommit
	KindReveal      = kindReveal
	KindShare       = kindShare
	KindVerified    = kindVerified
	KindReady       = kindReady
	KindCertificate = kindCertificate
	KindComplaint   = kindComplaint
)

// State returns what m would persist now.
func (m *Machine) State() []byte { return m.persist().(session.Persist).State }

// Hash returns the hash of the record of m.
func (m *Machine) Hash() wire.Hash { return m.hash }

// A Reveal is the contents of a reveal frame, open to be changed.
type Reveal struct {
	View        wire.Hash
	Salt, Chain []byte
	Parts       []Part
}

// A Part is a contribution to one account.
type Part struct {
	F    [][]byte
	T, Z []byte
}

func ParseReveal(b []byte, t int) Reveal {
	r := parseReveal(b, t)
	out := Reveal{View: r.view, Salt: r.salt, Chain: r.chain}
	for _, p := range r.parts {
		out.Parts = append(out.Parts, Part{F: p.f, T: p.t, Z: p.z})
	}
	return out
}

func (r Reveal) inside() reveal {
	in := reveal{view: r.View, salt: r.Salt, chain: r.Chain}
	for _, p := range r.Parts {
		in.parts = append(in.parts, part{f: p.F, t: p.T, z: p.Z})
	}
	return in
}

func (r Reveal) Bytes() []byte { return r.inside().bytes() }

// Contribution returns what m is going to reveal, before anybody else may see
// it. Zeros stand in for the answers of proofs, which do not exist yet.
func (m *Machine) Contribution() Reveal {
	r := m.contribution()
	for i := range r.parts {
		r.parts[i].z = make([]byte, scalarSize)
	}
	return ParseReveal(r.bytes(), m.cfg.Proposal.Threshold)
}

// Commitment returns what commits the device in slot i to r.
func (r Reveal) Commitment(sid wire.Hash, i wire.Slot) wire.Hash {
	return r.inside().commitment(sid, i)
}

// Challenge returns the beginning of the stream of a challenge.
func (r Reveal) Challenge(sid wire.Hash, i wire.Slot, account int, view wire.Hash) (h wire.Hash) {
	r.inside().parts[account].challenge(sid, i, account, view).Read(h[:])
	return h
}

// A Cheater is a device that follows the protocol but for its edits, and
// computes everything that depends on them as the best of cheaters would.
type Cheater struct {
	M *Machine

	// Commit edits the contribution before it is committed to, Reveal after
	// the proofs have been made.
	Commit, Reveal func(*Reveal)

	// CopyOf, if set, is the device whose commitment it repeats.
	CopyOf *Machine

	committed *Reveal
}

// Filter changes what the machine is about to send.
func (c *Cheater) Filter(effects []session.Effect) []session.Effect {
	for i, e := range effects {
		s, ok := e.(session.Send)
		if !ok {
			continue
		}
		switch s.Frame.Kind {
		case kindCommit:
			s.Frame.Body = c.commit()
		case kindReveal:
			s.Frame.Body = c.reveal(s.Frame.Body)
		}
		effects[i] = s
	}
	return effects
}

func (c *Cheater) commit() []byte {
	m := c.M
	if v := c.CopyOf; v != nil {
		com := v.contribution().commitment(m.sid, v.cfg.Self)
		m.got[kindCommit][m.self()] = com[:]
	}
	if c.committed == nil && c.Commit != nil {
		edited := m.Contribution()
		c.Commit(&edited)
		c.committed = &edited
		com := edited.inside().commitment(m.sid, m.cfg.Self)
		m.got[kindCommit][m.self()] = com[:]
	}
	return m.got[kindCommit][m.self()]
}

func (c *Cheater) reveal(body []byte) []byte {
	m := c.M
	r := ParseReveal(append([]byte(nil), body...), m.cfg.Proposal.Threshold)
	if c.committed != nil {
		r.Salt, r.Chain = c.committed.Salt, c.committed.Chain
		for i := range r.Parts {
			r.Parts[i].F, r.Parts[i].T = c.committed.Parts[i].F, c.committed.Parts[i].T
		}
	}
	if c.Reveal != nil {
		c.Reveal(&r)
	}
	m.got[kindReveal][m.self()] = r.Bytes()
	return r.Bytes()
}

// Complain returns the body of a complaint signed with key.
func Complain(s wire.SessionID, by, against wire.Slot, check string, share []byte, key ed25519.PrivateKey) []byte {
	c := complaint{Against: against, Check: check, Share: share}
	c.Sig = [sigSize]byte(ed25519.Sign(key, c.message(s, by)))
	return wire.Marshal(c)
}

// Add adds up the commitments of dealers, as the record of n devices does.
func Add(suite roster.Suite, dealers [][][]byte, n int) error {
	g := algebraOf(suite)
	var parsed []commitments
	for _, d := range dealers {
		c, err := g.parse(d)
		if err != nil {
			return err
		}
		parsed = append(parsed, c)
	}
	_, err := g.sum(parsed, n)
	return err
}

// ErrIdentity is what Add returns for a sum that is no sharing.
var ErrIdentity = errIdentity

// Secrets returns handles on every key that m holds.
func (m *Machine) Secrets() []secret.Key { return append(slices.Clone(m.keys), m.outgoing...) }

// Values returns a function that evaluates the polynomials that m has drawn,
// for as long as they exist.
func (m *Machine) Values() func() []secret.Key {
	dealings := m.dealings
	return func() (keys []secret.Key) {
		for _, d := range dealings {
			keys = append(keys, d.value(1))
		}
		return keys
	}
}

// DealtToUs returns how many shares of single dealers m holds.
func (m *Machine) DealtToUs() (n int) {
	for _, b := range m.got[kindShare] {
		if b != nil {
			n++
		}
	}
	return n
}

// Evidence returns the share in the body of a complaint.
func Evidence(body []byte) []byte {
	var c complaint
	if err := wire.Unmarshal(body, &c); err != nil {
		panic(err)
	}
	return c.Share
}

// StateFields are the parts of a state, open to be changed.
type StateFields = state

// EditState returns the encoding of a state after a change.
func EditState(b []byte, edit func(*StateFields)) []byte {
	var s state
	if err := wire.Unmarshal(b, &s); err != nil {
		panic(err)
	}
	edit(&s)
	return wire.Marshal(s)
}

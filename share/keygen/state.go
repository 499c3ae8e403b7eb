package keygen

import (
	"errors"
	"fmt"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// state is what a [session.Persist] holds: PENDING if Ready has our signature
// alone, certified if it has all.
type state struct {
	_ struct{} `cbor:",toarray"`

	Version uint8
	Session wire.SessionID
	Record  roster.Record
	Shares  [][scalarSize]byte // secret, by account
	Ready   []roster.Signature
}

const maxState = 16 << 10 // bytes

func (m *Machine) persist() session.Effect {
	s := state{Version: version, Session: m.session, Record: m.record}
	for _, k := range m.keys {
		use(k, func(b *[scalarSize]byte) { s.Shares = append(s.Shares, *b) })
	}
	for i, sig := range m.ready {
		if m.phase == certified || i == m.self() {
			s.Ready = append(s.Ready, roster.Signature{Slot: slotOf(i), Sig: [sigSize]byte(sig)})
		}
	}
	defer s.wipe()
	return session.Persist{State: wire.Marshal(s)}
}

func (s *state) wipe() { clear(s.Shares) }

var errState = errors.New("keygen: state is not one that this device wrote in this founding")

// Resume continues from a state written by an earlier [session.Persist]. The
// person has confirmed it and READY may have been said, so that Resume says it
// again. Cfg.Rand is not used. The caller keeps the state and wipes it.
func Resume(cfg Config, b []byte) (*Machine, []session.Effect, error) {
	if err := cfg.check(); err != nil {
		return nil, nil, err
	}
	var s state
	if len(b) > maxState {
		return nil, nil, errState
	}
	if err := wire.Unmarshal(b, &s); err != nil {
		return nil, nil, fmt.Errorf("keygen: parse state: %w", err)
	}
	defer s.wipe()
	m := blank(cfg)
	if err := m.restore(&s); err != nil {
		m.Close()
		return nil, nil, err
	}
	out := m.Resend()
	if m.phase == certified {
		out = append(out, session.Done{})
	}
	return m, out, nil
}

// restore takes over s, every part of which must be what this device would
// have written.
func (m *Machine) restore(s *state) error {
	p := m.cfg.Proposal
	if s.Version != version || s.Session != m.session || len(s.Shares) != len(accounts) {
		return errState
	}
	if err := s.Record.Check(); err != nil {
		return fmt.Errorf("keygen: state: %w", err)
	}
	if s.Record.Epoch != 0 || s.Record.Threshold != p.Threshold || s.Record.Settings != p.Settings ||
		!slices.EqualFunc(s.Record.Devices, p.Devices, equalDevice) {
		return errState
	}
	for a, acc := range s.Record.Accounts {
		// A share that does not fit its commitments would make signatures that
		// nobody else can explain. A damaged disk is found here, by name.
		c, err := algebraOf(acc.Suite).parse(acc.Commitments)
		if err != nil || !c.checkShare(s.Shares[a][:], m.cfg.Self) {
			return fmt.Errorf("keygen: state: the share of %s does not fit the record", acc.Name)
		}
		own := s.Shares[a]
		m.keys = append(m.keys, secret.Take(&own))
	}
	m.record, m.hash = s.Record, s.Record.Hash()

	switch len(s.Ready) {
	case 1:
		m.phase = awaitReady
	case m.n:
		m.phase = certified
	default:
		return errState
	}
	for i, r := range s.Ready {
		want := m.cfg.Self
		if m.phase == certified {
			want = slotOf(i)
		}
		if r.Slot != want || !m.rightReady(r.Slot, r.Sig[:]) {
			return errState
		}
		m.ready[r.Slot-1] = r.Sig[:]
	}
	own := m.ready[m.self()]
	m.got[kindVerified][m.self()] = m.hash[:]
	m.got[kindReady][m.self()] = append(m.hash[:], own...)
	return nil
}

func equalDevice(a, b roster.Device) bool {
	return a.Slot == b.Slot && a.Name == b.Name && a.Kind == b.Kind && a.Identity == b.Identity &&
		slices.Equal(a.Peer, b.Peer) && a.Box == b.Box && a.Presence == b.Presence
}

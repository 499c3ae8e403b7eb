package keygen

import (
	"crypto/ed25519"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// Entry returns the certified epoch 0 of the circle, and whether it is
// complete. Certificates of two devices may differ in the signatures of a
// dishonest third and are worth the same; the record is one.
func (m *Machine) Entry() (roster.Entry, bool) {
	if m.phase != certified {
		return roster.Entry{}, false
	}
	e := roster.Entry{Record: m.record}
	for i, sig := range m.ready {
		e.Ready = append(e.Ready, roster.Signature{Slot: slotOf(i), Sig: [sigSize]byte(sig)})
	}
	return e, true
}

// Shares returns this device's shares by account, and whether the certificate
// is complete: before that they must not be used. The caller owns them.
func (m *Machine) Shares() (map[string]secret.Key, bool) {
	if m.phase != certified {
		return nil, false
	}
	shares := make(map[string]secret.Key)
	for a, acc := range accounts {
		shares[acc.name] = m.keys[a].Clone()
	}
	return shares, true
}

// Resend implements [session.Machine].
func (m *Machine) Resend() (out []session.Effect) {
	broadcast := func(k wire.Kind) {
		if body := m.got[k][m.self()]; body != nil {
			out = append(out, m.send(k, 0, body))
		}
	}
	switch m.phase {
	case over:
		if m.complaint != nil {
			out = append(out, m.send(kindComplaint, 0, m.complaint))
		}
		return out
	case certified:
		e, _ := m.Entry()
		return append(out, session.Send{Frame: CertificateFrame(m.session, m.cfg.Self, e)})
	}
	if m.phase < awaitPerson {
		// Who has verified the record needs nothing of this any more, and
		// after a restart it is gone.
		broadcast(kindHello)
		broadcast(kindCommit)
		if m.outgoing != nil {
			out = append(out, m.sendReveal()...)
		}
	}
	broadcast(kindVerified)
	broadcast(kindReady)
	return out
}

// Waiting implements [session.Machine].
func (m *Machine) Waiting() (slots []wire.Slot) {
	heard := func(i int) bool {
		switch m.phase {
		case awaitHello:
			return m.got[kindHello][i] != nil
		case awaitCommit:
			return m.got[kindCommit][i] != nil
		case awaitReveal:
			return m.held[i]
		case awaitVerified:
			return m.got[kindVerified][i] != nil || m.got[kindReady][i] != nil
		case awaitReady:
			return m.ready[i] != nil
		}
		return true
	}
	for i := range m.n {
		if !heard(i) {
			slots = append(slots, slotOf(i))
		}
	}
	return slots
}

// Close implements [session.Machine]. What is durable stays so: a PENDING
// share is only ever given up by a person.
func (m *Machine) Close() {
	m.forgetDealing()
	for _, k := range m.keys {
		k.Wipe()
	}
	m.keys = nil
	m.phase = over
}

// forgetDealing wipes all that was dealt, by us and to us.
func (m *Machine) forgetDealing() {
	for _, d := range m.dealings {
		d.wipe()
	}
	for _, k := range m.outgoing {
		k.Wipe()
	}
	m.dealings, m.outgoing = nil, nil
	m.forgetReceived()
}

func (m *Machine) forgetReceived() {
	for i, b := range m.got[kindShare] {
		clear(b)
		m.got[kindShare][i] = nil
	}
}

// rightReady reports whether sig is the signature of device i under the record
// of this run.
func (m *Machine) rightReady(i wire.Slot, sig []byte) bool { return m.validReady(i, m.hash, sig) }

func (m *Machine) validReady(i wire.Slot, record wire.Hash, sig []byte) bool {
	id := m.cfg.Proposal.Devices[i-1].Identity
	return ed25519.Verify(id[:], roster.ReadyMessage(record), sig)
}

func (m *Machine) send(k wire.Kind, to wire.Slot, body []byte) session.Effect {
	return session.Send{Frame: wire.Frame{Session: m.session, From: m.cfg.Self, To: to, Kind: k, Body: body}}
}

func (m *Machine) self() int { return int(m.cfg.Self) - 1 }

func (m *Machine) member(x wire.Slot) bool { return x >= 1 && int(x) <= m.n }

func slotOf(i int) wire.Slot { return wire.Slot(i + 1) }

func complete(bodies [][]byte) bool {
	return !slices.ContainsFunc(bodies, func(b []byte) bool { return b == nil })
}

// use calls f with the bytes of k, which is not empty.
func use(k secret.Key, f func(*[secret.Size]byte)) {
	if err := k.Use(func(b *[secret.Size]byte) error { f(b); return nil }); err != nil {
		panic("keygen: internal error: " + err.Error())
	}
}

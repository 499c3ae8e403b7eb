package keygen

import (
	"bytes"
	"fmt"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// The functions of this file end one phase each when everything that it waits
// for is there. Machine.advance calls them.

// afterHello fixes the inner session id and commits to our contribution.
func (m *Machine) afterHello() ([]session.Effect, error) {
	for i, nonce := range m.got[kindHello] {
		// Our own nonce makes the run new to us, unless it is somebody's echo
		// that we hash twice.
		if i != m.self() && nonce != nil && bytes.Equal(nonce, m.got[kindHello][m.self()]) {
			return nil, &session.Fault{Slot: slotOf(i), Class: session.Cheat, Check: checkNonce}
		}
	}
	if !complete(m.got[kindHello]) {
		return nil, nil
	}
	fields := [][]byte{m.session[:]}
	for i, nonce := range m.got[kindHello] {
		fields = append(fields, wire.U16(slotOf(i)), nonce)
	}
	m.sid = wire.Sum(tagSid, fields...)
	com := m.contribution().commitment(m.sid, m.cfg.Self)
	m.got[kindCommit][m.self()] = com[:]
	m.phase = awaitCommit
	return []session.Effect{m.send(kindCommit, 0, com[:])}, nil
}

// contribution returns our reveal but for the view and the proofs.
func (m *Machine) contribution() reveal {
	r := reveal{salt: m.salt, chain: m.chain}
	for _, d := range m.dealings {
		r.parts = append(r.parts, part{f: d.commitments(), t: d.proofNonce()})
	}
	return r
}

// afterCommit opens our commitment, proves that we know what is in it, and
// deals. It happens once: two answers under one proof nonce would reveal the
// polynomial, which is why nothing before PENDING can be resumed.
func (m *Machine) afterCommit() ([]session.Effect, error) {
	if !complete(m.got[kindCommit]) {
		return nil, nil
	}
	m.view = wire.Sum(tagView, append([][]byte{m.sid[:]}, m.got[kindCommit]...)...)
	r := m.contribution()
	r.view = m.view
	for a, d := range m.dealings {
		r.parts[a].z = d.prove(r.parts[a].challenge(m.sid, m.cfg.Self, a, m.view))
	}
	m.outgoing = make([]secret.Key, m.n*len(accounts))
	for i := range m.n {
		for a, d := range m.dealings {
			m.outgoing[i*len(accounts)+a] = d.value(slotOf(i))
		}
	}
	for _, d := range m.dealings {
		d.wipe()
	}
	m.dealings = nil

	i := m.self()
	m.got[kindReveal][i], m.got[kindShare][i] = r.bytes(), m.share(m.cfg.Self)
	own := &opened{chain: r.chain}
	for a, p := range r.parts {
		f, err := algebraOf(accounts[a].suite).parse(p.f)
		if err != nil {
			return nil, fmt.Errorf("keygen: own contribution: %w", err)
		}
		own.parts = append(own.parts, f)
	}
	m.revealed[i], m.held[i] = own, true
	m.phase = awaitReveal
	return m.sendReveal(), nil
}

// share returns the body of the frame that deals to the device in slot x.
func (m *Machine) share(x wire.Slot) []byte {
	body := make([]byte, 0, shareSize)
	for a := range accounts {
		use(m.outgoing[int(x-1)*len(accounts)+a], func(b *[scalarSize]byte) { body = append(body, b[:]...) })
	}
	return body
}

func (m *Machine) sendReveal() []session.Effect {
	out := []session.Effect{m.send(kindReveal, 0, m.got[kindReveal][m.self()])}
	for i := range m.n {
		if i != m.self() {
			out = append(out, m.send(kindShare, slotOf(i), m.share(slotOf(i))))
		}
	}
	return out
}

// afterReveal checks each reveal and each share as soon as it can be checked,
// and makes the record when all are in.
func (m *Machine) afterReveal() ([]session.Effect, error) {
	for i, body := range m.got[kindReveal] {
		if body == nil || m.revealed[i] != nil {
			continue
		}
		r, err := m.open(slotOf(i), parseReveal(body, m.cfg.Proposal.Threshold))
		if err != nil {
			return nil, err
		}
		m.revealed[i] = r
	}
	for i, body := range m.got[kindShare] {
		if body == nil || m.revealed[i] == nil || m.held[i] {
			continue
		}
		if !m.rightShare(slotOf(i), body, m.cfg.Self) {
			return nil, &session.Fault{Slot: slotOf(i), Class: session.Cheat, Check: checkShare}
		}
		m.held[i] = true
	}
	for _, ok := range m.held {
		if !ok {
			return nil, nil
		}
	}
	if err := m.finish(); err != nil {
		return nil, err
	}
	m.got[kindVerified][m.self()] = m.hash[:]
	m.phase = awaitVerified
	return []session.Effect{m.send(kindVerified, 0, m.hash[:])}, nil
}

// open checks all that device i reveals to everybody.
func (m *Machine) open(i wire.Slot, r reveal) (*opened, error) {
	fault := func(c session.Class, check string) (*opened, error) {
		return nil, &session.Fault{Slot: i, Class: c, Check: check}
	}
	// A different view comes first. Everything else that i says is bound to
	// it, and would make an honest device that was lied to look like a liar.
	if r.view != m.view {
		return nil, session.ErrViewMismatch
	}
	if com := r.commitment(m.sid, i); !bytes.Equal(com[:], m.got[kindCommit][i-1]) {
		return fault(session.Cheat, checkOpening)
	}
	o := &opened{chain: r.chain}
	for a, p := range r.parts {
		f, err := algebraOf(accounts[a].suite).parse(p.f)
		if err != nil {
			return fault(session.Malformed, checkPoints)
		}
		switch f.checkProof(p.t, p.z, p.challenge(m.sid, i, a, m.view)) {
		case nil:
		case errNonce:
			return fault(session.Malformed, checkPoints)
		default:
			return fault(session.Cheat, checkProof)
		}
		o.parts = append(o.parts, f)
	}
	return o, nil
}

// rightShare reports whether body is what dealer owes to x, according to its
// reveal, which has been checked.
func (m *Machine) rightShare(dealer wire.Slot, body []byte, x wire.Slot) bool {
	ok := true
	for a, f := range m.revealed[dealer-1].parts {
		ok = f.checkShare(body[a*scalarSize:(a+1)*scalarSize], x) && ok
	}
	return ok
}

// finish computes our shares and the record.
func (m *Machine) finish() error {
	fields := [][]byte{m.sid[:]}
	for _, k := range []wire.Kind{kindHello, kindCommit, kindReveal} {
		fields = append(fields, m.got[k]...)
	}
	m.record = roster.Record{
		Version:    roster.Version,
		Circle:     wire.CircleID(wire.Sum(tagCircle, m.sid[:])),
		Threshold:  m.cfg.Proposal.Threshold,
		Settings:   m.cfg.Proposal.Settings,
		Devices:    m.cfg.Proposal.Devices,
		Transcript: wire.Sum(tagTranscript, fields...),
	}
	for a, acc := range accounts {
		g := algebraOf(acc.suite)
		dealers, shares := make([]commitments, m.n), make([][]byte, m.n)
		for i, r := range m.revealed {
			dealers[i] = r.parts[a]
			shares[i] = m.got[kindShare][i][a*scalarSize : (a+1)*scalarSize]
		}
		sum, err := g.sum(dealers, m.n)
		if err != nil {
			// Nobody can bring this about, for each contribution was fixed
			// before the others were known.
			return fmt.Errorf("%w: %w", session.ErrUnattributable, err)
		}
		key, err := g.sumShares(shares)
		if err != nil {
			return fmt.Errorf("keygen: add shares: %w", err)
		}
		m.keys = append(m.keys, key)
		account := roster.Account{Name: acc.name, Suite: acc.suite, Origin: acc.origin, Commitments: sum}
		if acc.origin != "" {
			account.ChainCode = m.chainCode()
		}
		m.record.Accounts = append(m.record.Accounts, account)
	}
	m.forgetReceived()
	if err := m.record.Check(); err != nil {
		return fmt.Errorf("keygen: record: %w", err)
	}
	m.hash = m.record.Hash()
	return nil
}

func (m *Machine) chainCode() [32]byte {
	fields := [][]byte{m.sid[:]}
	for _, r := range m.revealed {
		fields = append(fields, r.chain)
	}
	return wire.Sum(tagChain, fields...)
}

// afterVerified waits until all devices have computed the same record. A READY
// says no less than that.
func (m *Machine) afterVerified() error {
	missing := false
	for i, body := range m.got[kindVerified] {
		if body == nil && m.got[kindReady][i] == nil {
			missing = true
		} else if body != nil && !bytes.Equal(body, m.hash[:]) {
			return session.ErrViewMismatch
		}
	}
	if missing {
		return nil
	}
	// All have what they need of us.
	m.forgetDealing()
	m.phase = awaitPerson
	return nil
}

// afterReady checks signatures and, after our own, makes the certificate.
func (m *Machine) afterReady() ([]session.Effect, error) {
	for i, body := range m.got[kindReady] {
		if body == nil || m.ready[i] != nil {
			continue
		}
		hash, sig := wire.Hash(body[:hashSize]), body[hashSize:]
		if !m.validReady(slotOf(i), hash, sig) {
			return nil, &session.Fault{Slot: slotOf(i), Class: session.Cheat, Check: checkReady}
		}
		if hash != m.hash {
			return nil, session.ErrViewMismatch
		}
		m.ready[i] = sig
	}
	if m.phase != awaitReady || !complete(m.ready) {
		return nil, nil
	}
	return m.certify(), nil
}

// certificate takes over what another device has collected, so that a circle
// can be completed by any device that has heard all the others.
func (m *Machine) certificate(from wire.Slot, body []byte) ([]session.Effect, error) {
	if m.phase != awaitReady {
		return nil, nil
	}
	if wire.Hash(body[:hashSize]) != m.hash {
		return nil, session.ErrViewMismatch
	}
	sigs := bytes.Clone(body[hashSize:])
	for i := range m.n {
		if !m.rightReady(slotOf(i), sigs[i*sigSize:(i+1)*sigSize]) {
			return nil, &session.Fault{Slot: from, Class: session.Cheat, Check: checkCertificate}
		}
	}
	for i := range m.n {
		if m.ready[i] == nil {
			m.ready[i] = sigs[i*sigSize : (i+1)*sigSize]
		}
	}
	return m.certify(), nil
}

func (m *Machine) certify() []session.Effect {
	m.phase = certified
	return []session.Effect{m.persist(), session.Done{}}
}

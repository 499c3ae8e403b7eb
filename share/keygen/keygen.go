package keygen

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// Config is what a device brings to a founding. Proposal must be the same at
// every device.
type Config struct {
	Proposal Proposal
	Self     wire.Slot

	// Sign signs with the identity key that Proposal lists for Self.
	Sign func(msg []byte) [64]byte

	// Rand is a source fit for keys. It is read by [New] only.
	Rand io.Reader
}

func (c Config) check() error {
	if err := c.Proposal.Check(); err != nil {
		return err
	}
	if c.Self < 1 || int(c.Self) > len(c.Proposal.Devices) {
		return fmt.Errorf("keygen: device %d is not in the proposal", c.Self)
	}
	if c.Sign == nil {
		return errors.New("keygen: config without signer")
	}
	return nil
}

// A phase says what the machine waits for. Phases are passed in order; a
// failure at any time leads to the last.
type phase uint8

const (
	awaitHello    phase = iota // nonces
	awaitCommit                // commitments
	awaitReveal                // reveals and shares
	awaitVerified              // agreement on the record
	awaitPerson                // Confirm
	awaitReady                 // PENDING: signatures
	certified
	over
)

// The names of the checks in a [session.Fault].
const (
	checkAddress        = "frame-address"
	checkLength         = "message-length"
	checkTwice          = "two-messages"
	checkNonce          = "nonce-copied"
	checkOpening        = "commitment-opening"
	checkPoints         = "points"
	checkProof          = "proof-of-knowledge"
	checkShare          = "share"
	checkReady          = "ready-signature"
	checkCertificate    = "certificate"
	checkComplaint      = "complaint-format"
	checkFalseComplaint = "false-complaint"
)

// A Machine is one device's view of one founding. It implements
// [session.Machine].
//
// When Deliver fails with a [*session.Fault], one effect comes with it: the
// Send of a complaint, which the driver carries out although the session is
// over. Resend repeats it.
type Machine struct {
	cfg     Config
	session wire.SessionID
	n       int
	phase   phase

	// got holds the bodies received or sent, by kind and slot−1; nil if there
	// is none yet. Only the first of each is kept.
	got [kinds][][]byte

	// Ours until it has been revealed, by account.
	dealings    []dealing
	salt, chain []byte

	// The shares for the others by slot−1, kept until all have verified them.
	outgoing []secret.Key

	sid      wire.Hash
	view     wire.Hash
	revealed []*opened // by slot−1
	held     []bool    // by slot−1; its share is checked too

	record    roster.Record
	hash      wire.Hash    // of record
	keys      []secret.Key // our shares, by account
	ready     [][]byte     // verified READY signatures, by slot−1
	complaint []byte       // ours, if we ended the session for a fault
}

var _ session.Machine = (*Machine)(nil)

// New starts a founding. All of this device's randomness is drawn here.
func New(cfg Config) (*Machine, []session.Effect, error) {
	if err := cfg.check(); err != nil {
		return nil, nil, err
	}
	if cfg.Rand == nil {
		return nil, nil, errors.New("keygen: config without randomness")
	}
	m := blank(cfg)
	random := make([]byte, 3*hashSize)
	if _, err := io.ReadFull(cfg.Rand, random); err != nil {
		return nil, nil, fmt.Errorf("keygen: read randomness: %w", err)
	}
	m.salt, m.chain = random[:hashSize:hashSize], random[hashSize:2*hashSize:2*hashSize]
	for _, a := range accounts {
		d, err := algebraOf(a.suite).deal(cfg.Proposal.Threshold, cfg.Rand)
		if err != nil {
			m.Close()
			return nil, nil, fmt.Errorf("keygen: deal %s: %w", a.name, err)
		}
		m.dealings = append(m.dealings, d)
	}
	m.got[kindHello][m.self()] = random[2*hashSize:]
	return m, m.Resend(), nil
}

func blank(cfg Config) *Machine {
	m := &Machine{cfg: cfg, session: cfg.Proposal.Session(), n: len(cfg.Proposal.Devices)}
	m.cfg.Rand = nil
	for k := range m.got {
		m.got[k] = make([][]byte, m.n)
	}
	m.revealed, m.held, m.ready = make([]*opened, m.n), make([]bool, m.n), make([][]byte, m.n)
	return m
}

// Deliver implements [session.Machine].
func (m *Machine) Deliver(f wire.Frame) ([]session.Effect, error) {
	if m.phase >= certified || f.Session != m.session || f.From == m.cfg.Self || !m.member(f.From) ||
		f.To != 0 && f.To != m.cfg.Self {
		return nil, nil
	}
	out, err := m.deliver(f)
	if err == nil {
		return out, nil
	}
	if fault := (*session.Fault)(nil); errors.As(err, &fault) {
		out = []session.Effect{m.complain(fault)}
	} else {
		out = nil
	}
	m.Close()
	return out, err
}

func (m *Machine) deliver(f wire.Frame) ([]session.Effect, error) {
	i := f.From - 1
	fault := func(c session.Class, check string) ([]session.Effect, error) {
		return nil, &session.Fault{Slot: f.From, Class: c, Check: check}
	}
	if (f.Kind == kindShare) != (f.To != 0) && f.Kind > 0 && f.Kind < kinds {
		return fault(session.Malformed, checkAddress)
	}
	if f.Kind == kindComplaint {
		if m.phase >= awaitReady {
			// Everybody had verified everything. What counts now is whether
			// the certificate comes together.
			return nil, nil
		}
		return nil, m.judge(f.From, f.Body)
	}
	size, ok := bodySize(f.Kind, m.cfg.Proposal.Threshold, m.n)
	if !ok || m.phase >= awaitReady && f.Kind < kindReady {
		return nil, nil
	}
	if len(f.Body) != size {
		return fault(session.Malformed, checkLength)
	}
	if f.Kind == kindCertificate {
		return m.certificate(f.From, f.Body)
	}
	if f.Kind == kindShare && m.phase > awaitReveal {
		return nil, nil // ours is in the sum, and wiped
	}
	if old := m.got[f.Kind][i]; old != nil {
		if !bytes.Equal(old, f.Body) {
			return fault(session.Equivocation, checkTwice)
		}
		return nil, nil
	}
	m.got[f.Kind][i] = bytes.Clone(f.Body)
	return m.advance()
}

// advance goes on as far as the messages received so far allow.
func (m *Machine) advance() (out []session.Effect, err error) {
	for {
		before := m.phase
		var eff []session.Effect
		switch m.phase {
		case awaitHello:
			eff, err = m.afterHello()
		case awaitCommit:
			eff, err = m.afterCommit()
		case awaitReveal:
			eff, err = m.afterReveal()
		case awaitVerified:
			err = m.afterVerified()
		case awaitPerson, awaitReady:
			eff, err = m.afterReady()
		}
		out = append(out, eff...)
		if err != nil || m.phase == before {
			return out, err
		}
	}
}

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

// Review returns the record that the person must confirm, and whether there is
// one: all devices have verified it. It is not certified yet, so that nothing
// may be received at its keys.
func (m *Machine) Review() (roster.Record, bool) {
	return m.record, m.phase == awaitPerson
}

// Confirm says that the person has compared the names and [roster.Words] of
// the record that [Machine.Review] returned. It makes the share durable and
// then says READY. Once the person has confirmed it does nothing.
func (m *Machine) Confirm() ([]session.Effect, error) {
	if m.phase == awaitReady || m.phase == certified {
		return nil, nil
	}
	if m.phase != awaitPerson {
		return nil, errors.New("keygen: nothing to confirm")
	}
	sig := m.cfg.Sign(roster.ReadyMessage(m.hash))
	if !m.rightReady(m.cfg.Self, sig[:]) {
		return nil, errors.New("keygen: own signature does not fit the identity key in the proposal")
	}
	m.ready[m.self()] = sig[:]
	m.got[kindReady][m.self()] = append(m.hash[:], sig[:]...)
	m.phase = awaitReady
	// The share must be durable before anybody hears that it is: a
	// certificate without it would be a key that nobody can use.
	out := []session.Effect{m.persist(), m.send(kindReady, 0, m.got[kindReady][m.self()])}
	more, err := m.advance()
	return append(out, more...), err
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

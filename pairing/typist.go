package pairing

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
)

// A TypistConfig is what a [Typist] is made from.
type TypistConfig struct {
	// Password is what the device was told. The Typist copies what it needs.
	Password Password

	// Self and Peer are the libp2p peer ids of the two throw-away hosts, as
	// the transport has authenticated them: 1 to 64 bytes each.
	Self, Peer []byte

	// Payload is said to the other device once it has proved itself: at most
	// [MaxPayload] bytes.
	Payload []byte
}

// A Typist is the machine of the device that was told the secret. It is not
// safe for concurrent use. Whatever it returns to be sent is sent before its
// error is acted upon; after an error it stays dead.
type Typist struct {
	mode    Mode
	ci, sid []byte
	payload []byte
	ex      *exchange
	agreed  *agreed
	ch      *channel
	state   state
	err     error
	result  []byte
}

// A state says what a machine waits for.
type state uint8

const (
	waitHello   state = iota + 1 // Shower: the first message
	waitAnswer                   // Typist: Yb
	waitProve                    // Shower: Ta
	waitConfirm                  // Typist: Tb
	waitPayload                  // Shower: what the Typist has to say
	waitVerdict                  // Typist: accept or refuse
	deciding                     // either: its own side
	waitAck                      // Shower: the Typist has it
	done
	dead
)

// NewTypist starts a run with randomness from rand.
func NewTypist(cfg TypistConfig, rand io.Reader) (*Typist, error) {
	if err := checkPeers(cfg.Self, cfg.Peer); err != nil {
		return nil, err
	}
	if cfg.Password.empty() {
		return nil, errors.New("pairing: no password")
	}
	if len(cfg.Payload) > MaxPayload {
		return nil, fmt.Errorf("pairing: payload of %d bytes, at most %d", len(cfg.Payload), MaxPayload)
	}
	m := &Typist{
		mode:    cfg.Password.mode,
		ci:      channelID(cfg.Password.mode, cfg.Self, cfg.Peer),
		sid:     make([]byte, sidSize),
		payload: bytes.Clone(cfg.Payload),
		state:   waitAnswer,
	}
	if _, err := io.ReadFull(rand, m.sid); err != nil {
		return nil, fmt.Errorf("pairing: read randomness: %w", err)
	}
	err := cfg.Password.use(func(prs []byte) (err error) {
		m.ex, err = newExchange(true, prs, m.ci, m.sid, adTypist, rand)
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func checkPeers(self, peer []byte) error {
	if len(self) == 0 || len(self) > maxPeer || len(peer) == 0 || len(peer) > maxPeer {
		return fmt.Errorf("pairing: peer ids of %d and %d bytes", len(self), len(peer))
	}
	if bytes.Equal(self, peer) {
		return failure(SameDevice, "this device cannot pair with itself")
	}
	return nil
}

// Start returns the first message.
func (m *Typist) Start() [][]byte {
	return [][]byte{message(kindHello, []byte{byte(m.mode)}, m.sid, m.ex.share)}
}

// Deliver handles the next message of the stream and returns what to send. Its
// error is an *[Error] and final. It does not retain msg.
func (m *Typist) Deliver(msg []byte) ([][]byte, error) {
	if m.state == dead {
		return nil, m.err
	}
	k, body, err := parse(msg)
	if err != nil {
		return nil, m.fail(err)
	}
	if k == kindRefusal && (m.state == waitAnswer || m.state == waitConfirm) {
		e := reason(body[0]).error()
		e.Unproven = true
		if e.Code == WrongCode && m.mode == ModeCode {
			e.Text += fmt.Sprintf("; tries left: %d", body[1])
		}
		return nil, m.fail(e)
	}
	switch {
	case m.state == waitAnswer && k == kindAnswer:
		return m.answer(body)
	case m.state == waitConfirm && k == kindConfirm:
		return m.confirm(body)
	case m.state == waitVerdict && k == kindSealed:
		return nil, m.verdict(body)
	}
	return nil, m.fail(errUnexpected(k))
}

func errUnexpected(k kind) *Error {
	return failure(Malformed, "the other device sent a message of kind %d out of turn", k)
}

func (m *Typist) answer(Yb []byte) ([][]byte, error) {
	Ya := m.ex.share
	a, err := m.ex.finish(Yb, adShower)
	if err != nil {
		return nil, m.fail(failure(Malformed, "the other device sent an %v", err))
	}
	m.agreed, m.ch = a, newChannel(a.isk[:], m.ci, m.sid, Ya, Yb, true)
	m.state = waitConfirm
	return [][]byte{message(kindProve, a.mine[:])}, nil
}

func (m *Typist) confirm(Tb []byte) ([][]byte, error) {
	ok := subtle.ConstantTimeCompare(Tb, m.agreed.theirs[:]) == 1
	m.agreed.wipe()
	if !ok {
		return nil, m.fail(failure(WrongCode, "the other device does not know the code or invitation; another device answered, or somebody is in between"))
	}
	m.state = waitVerdict
	return [][]byte{m.ch.seal(whatPayload, m.payload)}, nil
}

func (m *Typist) verdict(box []byte) error {
	w, body, ok := m.ch.open(box)
	switch {
	case ok && w == whatAccept:
		m.result = body
		m.state = deciding
		return nil
	case ok && w == whatRefuse && len(body) == 1:
		return m.fail(reason(body[0]).error())
	}
	return m.fail(errSealed)
}

var errSealed = failure(Malformed, "the other device sent something that cannot be read after it had proved itself")

// Payload returns the other device's payload once it has accepted. The caller
// checks it and then calls Ack or Refuse.
func (m *Typist) Payload() ([]byte, bool) {
	return m.result, m.state == deciding || m.state == done
}

// Ack says that the other device's payload is good, and ends the run.
func (m *Typist) Ack() ([][]byte, error) {
	if m.state != deciding {
		return nil, errTurn
	}
	out := [][]byte{m.ch.seal(whatAck, nil)}
	m.state = done
	m.ch.wipe()
	return out, nil
}

// Refuse ends the run for a reason, one of the codes of this package: the
// other device's payload is not acceptable, or the person does not want.
func (m *Typist) Refuse(code string) ([][]byte, error) {
	if m.state != deciding {
		return nil, errTurn
	}
	e, r := errorOf(code)
	out := [][]byte{m.ch.seal(whatRefuse, []byte{byte(r)})}
	m.fail(e)
	return out, nil
}

var errTurn = errors.New("pairing: it is not this side's turn to decide")

// Done reports whether the run has ended well.
func (m *Typist) Done() bool { return m.state == done }

// Close wipes every secret and ends the run if it has not ended. Closing twice
// is harmless.
func (m *Typist) Close() {
	if m.state != done && m.state != dead {
		m.fail(failure(Cancelled, "the pairing was given up"))
	}
}

// fail wipes everything and returns err, which is final. A run that is done
// stays done.
func (m *Typist) fail(err error) error {
	m.ex.wipe()
	if m.agreed != nil {
		m.agreed.wipe()
	}
	if m.ch != nil {
		m.ch.wipe()
	}
	if m.state != done {
		m.state, m.err, m.result = dead, err, nil
	}
	return err
}

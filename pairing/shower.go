package pairing

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
)

// A ShowerConfig is what a [Shower] is made from.
type ShowerConfig struct {
	// Window holds the secret and counts the attempts. Several Showers share
	// it, one for each stream that was opened.
	Window *Window

	// Self and Peer are the libp2p peer ids of the two throw-away hosts, as
	// the transport has authenticated them: 1 to 64 bytes each.
	Self, Peer []byte
}

// A Shower is the machine of the device that shows the secret, for one stream.
// It is not safe for concurrent use. Whatever it returns to be sent is sent
// before its error is acted upon; after an error it stays dead. Its owner
// closes it whatever happens, for that ends an attempt that a peer abandoned.
type Shower struct {
	window     *Window
	self, peer []byte
	rand       io.Reader
	mode       Mode // which secret the visitor was told; 0 before it said so
	running    bool // the window counts an attempt of ours as not ended
	guessed    bool // it was one at the code
	agreed     *agreed
	ch         *channel
	state      state
	err        error
	result     []byte
}

// NewShower waits for the first message of a stream. It reads 64 bytes of rand
// for each attempt that the window admits.
func NewShower(cfg ShowerConfig, rand io.Reader) (*Shower, error) {
	if err := checkPeers(cfg.Self, cfg.Peer); err != nil {
		return nil, err
	}
	if cfg.Window == nil {
		return nil, errors.New("pairing: no window")
	}
	return &Shower{
		window: cfg.Window,
		self:   bytes.Clone(cfg.Self),
		peer:   bytes.Clone(cfg.Peer),
		rand:   rand,
		state:  waitHello,
	}, nil
}

// Deliver handles the next message of the stream, received at now in Unix
// seconds, and returns what to send. What it returns is sent even if there is
// an error, because it tells the peer why. The error is an *[Error] unless
// randomness failed, and final. It does not retain msg.
func (m *Shower) Deliver(now uint64, msg []byte) ([][]byte, error) {
	if m.state == dead {
		return nil, m.err
	}
	k, body, err := parse(msg)
	if err != nil {
		return m.refuseOpenly(err)
	}
	switch {
	case m.state == waitHello && k == kindHello:
		return m.hello(now, body)
	case m.state == waitProve && k == kindProve:
		return m.prove(now, body)
	case m.state == waitPayload && k == kindSealed:
		return nil, m.receive(body)
	case m.state == waitAck && k == kindSealed:
		return nil, m.ack(body)
	}
	return m.refuseOpenly(errUnexpected(k))
}

func (m *Shower) hello(now uint64, body []byte) ([][]byte, error) {
	mode, sid, Ya := Mode(body[0]), body[1:1+sidSize], body[1+sidSize:]
	if !mode.valid() {
		return m.refuseOpenly(failure(Malformed, "the other device asked for mode %d, which does not exist", mode))
	}
	m.mode = mode
	if err := m.window.Begin(now, mode); err != nil {
		return m.refuseOpenly(err)
	}
	m.running, m.guessed = true, mode == ModeCode
	ci := channelID(mode, m.peer, m.self)
	var ex *exchange
	err := m.window.password(mode).use(func(prs []byte) (err error) {
		ex, err = newExchange(false, prs, ci, bytes.Clone(sid), adShower, m.rand)
		return err
	})
	if err != nil {
		return nil, m.fail(err)
	}
	Yb := ex.share
	a, err := ex.finish(Ya, adTypist)
	if err != nil {
		return m.refuseOpenly(failure(Malformed, "the other device sent an %v", err))
	}
	m.agreed, m.ch = a, newChannel(a.isk[:], ci, sid, Ya, Yb, false)
	m.state = waitProve
	return [][]byte{message(kindAnswer, Yb)}, nil
}

func (m *Shower) prove(now uint64, Ta []byte) ([][]byte, error) {
	if subtle.ConstantTimeCompare(Ta, m.agreed.theirs[:]) != 1 {
		m.endAttempt()
		if m.mode == ModeInvitation {
			return m.refuseOpenly(failure(WrongCode, "another device tried a wrong invitation"))
		}
		return m.refuseOpenly(failure(WrongCode, "another device tried a wrong code; tries left: %d", m.window.TriesLeft()))
	}
	m.running = false
	if err := m.window.Succeed(now, m.mode); err != nil {
		return m.refuseOpenly(err)
	}
	out := [][]byte{message(kindConfirm, m.agreed.mine[:])}
	m.agreed.wipe()
	m.state = waitPayload
	return out, nil
}

func (m *Shower) receive(box []byte) error {
	w, body, ok := m.ch.open(box)
	if !ok || w != whatPayload {
		return m.fail(errSealed)
	}
	m.result = body
	m.state = deciding
	return nil
}

func (m *Shower) ack(box []byte) error {
	w, body, ok := m.ch.open(box)
	switch {
	case ok && w == whatAck && len(body) == 0:
		m.state = done
		m.ch.wipe()
		return nil
	case ok && w == whatRefuse && len(body) == 1:
		return m.fail(reason(body[0]).error())
	}
	return m.fail(errSealed)
}

// Payload returns the other device's payload, which proved to know the secret,
// once it is there. The caller decides and calls Accept or Refuse.
func (m *Shower) Payload() ([]byte, bool) {
	return m.result, m.state == deciding || m.state == waitAck || m.state == done
}

// Accept answers the other device's payload with ours, of at most [MaxPayload]
// bytes. The devices are paired when the other has acknowledged it: see Done.
func (m *Shower) Accept(payload []byte) ([][]byte, error) {
	if m.state != deciding {
		return nil, errTurn
	}
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("pairing: payload of %d bytes, at most %d", len(payload), MaxPayload)
	}
	m.state = waitAck
	return [][]byte{m.ch.seal(whatAccept, payload)}, nil
}

// Refuse ends the run for a reason, one of the codes of this package, such as
// [Refused], [SameDevice] or [CircleFull].
func (m *Shower) Refuse(code string) ([][]byte, error) {
	if m.state != deciding {
		return nil, errTurn
	}
	e, r := errorOf(code)
	out := [][]byte{m.ch.seal(whatRefuse, []byte{byte(r)})}
	m.fail(e)
	return out, nil
}

// Guessed reports whether the other device has used up a try at the code.
func (m *Shower) Guessed() bool { return m.guessed }

// Proved reports whether the other device has proved to know the secret, in a
// run that has not failed.
func (m *Shower) Proved() bool { return m.state >= waitPayload && m.state != dead }

// Done reports whether the run has ended well: the other device has our
// payload and found it good.
func (m *Shower) Done() bool { return m.state == done }

// Close wipes every secret, and ends the run and its attempt if they have not
// ended. Closing twice is harmless.
func (m *Shower) Close() {
	if m.state != done && m.state != dead {
		m.fail(failure(Cancelled, "the pairing was given up"))
	}
}

func (m *Shower) endAttempt() {
	if m.running {
		m.running = false
		m.window.Fail(m.mode)
	}
}

// refuseOpenly fails and tells the peer why, unless it has proved itself: from
// then on it believes nothing that is said in clear.
func (m *Shower) refuseOpenly(err error) ([][]byte, error) {
	early := m.state == waitHello || m.state == waitProve
	m.fail(err)
	e, ok := errors.AsType[*Error](err)
	if !early || !ok {
		return nil, err
	}
	_, r := errorOf(e.Code)
	return [][]byte{message(kindRefusal, []byte{byte(r), byte(m.window.TriesLeft())})}, err
}

// fail wipes everything and returns err, which is final. A run that is done
// stays done.
func (m *Shower) fail(err error) error {
	m.endAttempt()
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

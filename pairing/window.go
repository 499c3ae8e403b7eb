package pairing

import "io"

// A Window is the time in which a device shows one secret, as an invitation
// and as a code: [Lifetime] seconds, [MaxTries] attempts in either form
// together, one success. It wipes the secret when it dies.
//
// A Window and every [Shower] that refers to it belong to one goroutine, or to
// one lock. A device has one living Window at a time; its owner cancels the
// old one before it opens the next.
type Window struct {
	expires uint64
	tries   int    // attempts that may still begin
	running int    // attempts that have begun and not ended
	dead    string // the code of an Error, or empty while alive
	secret  Password
	code    Code
}

// NewWindow opens a window at now, in Unix seconds, with a secret and a code
// from rand.
func NewWindow(now uint64, rand io.Reader) (*Window, error) {
	s, err := newSecret(rand)
	if err != nil {
		return nil, err
	}
	c, err := newCode(rand)
	if err != nil {
		return nil, err
	}
	return &Window{expires: now + Lifetime, tries: MaxTries, secret: s, code: c}, nil
}

// Code returns the code of the window, valid while the window is alive. It
// has bytes of its own, so that what is on a screen does not change.
func (w *Window) Code() Code { return Code{w.code.p.clone()} }

// Invitation returns the invitation of the window, to be shown while the
// window is alive. peer and addrs are the throw-away host's id and binary
// multiaddrs.
func (w *Window) Invitation(peer []byte, addrs [][]byte) (Invitation, error) {
	if w.dead != "" {
		return Invitation{}, w.fault()
	}
	inv := Invitation{Peer: peer, Addrs: addrs, Expires: w.expires, secret: w.secret.clone()}
	return inv, inv.check()
}

// Expires returns when the window closes, in Unix seconds.
func (w *Window) Expires() uint64 { return w.expires }

// TriesLeft returns how many attempts may still begin.
func (w *Window) TriesLeft() int { return w.tries }

// Alive returns nil if the window still admits somebody at now, or the *[Error]
// that says why not.
func (w *Window) Alive(now uint64) error {
	if w.dead == "" && now >= w.expires {
		w.die(Expired)
	}
	if w.dead != "" {
		return w.fault()
	}
	return nil
}

// Begin counts an attempt. A device calls it before it answers anything that
// depends on the secret, so that no guess goes uncounted, whatever the peer
// does next. After nil the caller owes one Succeed or Fail.
func (w *Window) Begin(now uint64) error {
	if err := w.Alive(now); err != nil {
		return err
	}
	if w.tries == 0 {
		// The last attempts are still running, and one may yet succeed.
		e, _ := errorOf(TooManyTries)
		return e
	}
	w.tries--
	w.running++
	return nil
}

// Succeed ends an attempt whose peer has proved to know the secret. It errs if
// the window died in the meantime: then another was first, or it is too late.
func (w *Window) Succeed(now uint64) error {
	w.running--
	if err := w.Alive(now); err != nil {
		return err
	}
	w.die(Used)
	return nil
}

// Fail ends an attempt in any other way.
func (w *Window) Fail() {
	w.running--
	if w.tries == 0 && w.running == 0 {
		w.die(TooManyTries)
	}
}

// Cancel closes the window because its person wants so.
func (w *Window) Cancel() { w.die(Cancelled) }

// die closes the window for the first reason there is.
func (w *Window) die(code string) {
	if w.dead == "" {
		w.dead = code
		w.secret.Wipe()
		w.code.p.Wipe()
	}
}

func (w *Window) fault() *Error {
	e, _ := errorOf(w.dead)
	return e
}

func (w *Window) password(m Mode) Password {
	if m == ModeCode {
		return w.code.p
	}
	return w.secret
}

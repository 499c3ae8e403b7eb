package pairing

import "io"

// A Window is the time in which a device shows one secret, as an invitation
// and as a code: [Lifetime] seconds, one success. It wipes the secrets when it
// dies.
//
// An attempt at the invitation is an attempt at 128 bits, and nobody counts
// those. A code admits [MaxTries] attempts; then it is void, and [Window.Renew]
// draws another, as long as there are guesses left for it. So whoever guesses
// at codes uses up codes, and never the invitation.
//
// A Window and every [Shower] that refers to it belong to one goroutine, or to
// one lock. A device has one living Window at a time; its owner cancels the
// old one before it opens the next.
type Window struct {
	expires uint64
	guesses int    // attempts that may still begin at this code and all that follow it
	tries   int    // at this code
	running int    // attempts at this code that have begun and not ended
	dead    string // the code of an Error, or empty while alive
	secret  Password
	code    Code // zero while there is none
}

// NewWindow opens a window at now, in Unix seconds, with a secret and a code
// from rand, and with [MaxGuesses] guesses.
func NewWindow(now uint64, rand io.Reader) (*Window, error) {
	s, err := newSecret(rand)
	if err != nil {
		return nil, err
	}
	w := &Window{expires: now + Lifetime, guesses: MaxGuesses, secret: s}
	if err := w.Renew(rand); err != nil {
		return nil, err
	}
	return w, nil
}

// Limit leaves at most n attempts at codes, for a window that is one of several
// that share their guesses. With none left there is no code.
func (w *Window) Limit(n int) {
	w.guesses = min(w.guesses, n)
	w.tries = min(w.tries, w.guesses)
	if w.tries == 0 {
		w.code.p.Wipe()
		w.code = Code{}
	}
}

// Renew draws the next code from rand, once the one before is void. It does
// nothing if that still admits an attempt or has one under way, if no guess is
// left for another, or if the window is dead.
func (w *Window) Renew(rand io.Reader) error {
	if w.tries > 0 || w.running > 0 || w.guesses == 0 || w.dead != "" {
		return nil
	}
	c, err := newCode(rand)
	if err != nil {
		return err
	}
	w.code.p.Wipe()
	w.code, w.tries = c, min(MaxTries, w.guesses)
	return nil
}

// Code returns the code of the window, valid while the window is alive and
// [Window.HasCode] holds. It has bytes of its own, so that what is on a screen
// does not change.
func (w *Window) Code() Code { return Code{w.code.p.clone()} }

// HasCode reports whether there is a code that is not void.
func (w *Window) HasCode() bool { return w.dead == "" && (w.tries > 0 || w.running > 0) }

// Guesses returns how many attempts at codes may still begin.
func (w *Window) Guesses() int { return w.guesses }

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

// TriesLeft returns how many attempts at the code may still begin.
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
// depends on the secret, so that no guess at a code goes uncounted, whatever
// the peer does next. After nil the caller owes one Succeed or Fail for the
// code that it began with.
func (w *Window) Begin(now uint64, m Mode) error {
	if err := w.Alive(now); err != nil {
		return err
	}
	if m != ModeCode {
		return nil
	}
	if w.tries == 0 {
		// The last attempts are still running, and one may yet succeed.
		e, _ := errorOf(TooManyTries)
		return e
	}
	w.tries--
	w.guesses--
	w.running++
	return nil
}

// Succeed ends an attempt whose peer has proved to know the secret. It errs if
// the window died in the meantime: then another was first, or it is too late.
func (w *Window) Succeed(now uint64, m Mode) error {
	w.end(m)
	if err := w.Alive(now); err != nil {
		return err
	}
	w.die(Used)
	return nil
}

// Fail ends an attempt in any other way.
func (w *Window) Fail(m Mode) { w.end(m) }

func (w *Window) end(m Mode) {
	if m != ModeCode {
		return
	}
	w.running--
	if w.Void() {
		w.code.p.Wipe()
	}
}

// Void reports whether the code admits nobody any more, not even one who has
// begun.
func (w *Window) Void() bool { return w.dead == "" && w.tries == 0 && w.running == 0 }

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

package pairing_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/warifu/warifu/pairing"
)

const now = 1_790_000_000

var (
	typistPeer = bytes.Repeat([]byte{0x11}, 38)
	showerPeer = bytes.Repeat([]byte{0x22}, 38)
	card       = []byte("the new device's card")
	founding   = []byte("what the circle says")
)

// seeded returns deterministic randomness; the name of the test is the seed.
func seeded(name string) *rand.ChaCha8 {
	var s [32]byte
	copy(s[:], name)
	if len(name) > 32 {
		for i := 32; i < len(name); i++ {
			s[i%32] ^= name[i]
		}
	}
	return rand.NewChaCha8(s)
}

// pair is both machines of one run and the window that one of them shows.
type pair struct {
	t testing.TB
	w *pairing.Window
	a *pairing.Typist
	b *pairing.Shower
}

func newWindow(t testing.TB) *pairing.Window { return newWindowOf(t, t.Name()) }

func newWindowOf(t testing.TB, name string) *pairing.Window {
	t.Helper()
	w, err := pairing.NewWindow(now, seeded(name+"/window"))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func newTypist(t testing.TB, p pairing.Password, self, peer []byte) *pairing.Typist {
	t.Helper()
	a, err := pairing.NewTypist(pairing.TypistConfig{Password: p, Self: self, Peer: peer, Payload: card}, seeded(t.Name()+"/typist"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newShower(t testing.TB, w *pairing.Window, self, peer []byte) *pairing.Shower {
	t.Helper()
	b, err := pairing.NewShower(pairing.ShowerConfig{Window: w, Self: self, Peer: peer}, seeded(t.Name()+"/shower"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newPair(t testing.TB) *pair {
	t.Helper()
	w := newWindow(t)
	return &pair{t: t, w: w,
		a: newTypist(t, w.Code().Password(), typistPeer, showerPeer),
		b: newShower(t, w, showerPeer, typistPeer)}
}

func one(t testing.TB, out [][]byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
	if len(out) != 1 {
		t.Fatalf("%d messages, want 1", len(out))
	}
	return out[0]
}

func none(t testing.TB, out [][]byte, err error) {
	t.Helper()
	if err != nil || len(out) != 0 {
		t.Fatalf("%d messages and %v, want none", len(out), err)
	}
}

func wantCode(t testing.TB, err error, code string) *pairing.Error {
	t.Helper()
	e, ok := errors.AsType[*pairing.Error](err)
	if !ok || e.Code != code {
		t.Fatalf("error = %v, want code %s", err, code)
	}
	if e.Text == "" {
		t.Fatal("an error without text")
	}
	return e
}

// Each step runs the exchange up to and including one message and returns the
// next message on the wire.
func (p *pair) hello() []byte { return one(p.t, p.a.Start(), nil) }
func (p *pair) answer() []byte {
	p.t.Helper()
	out, err := p.b.Deliver(now, p.hello())
	return one(p.t, out, err)
}
func (p *pair) prove() []byte {
	p.t.Helper()
	out, err := p.a.Deliver(p.answer())
	return one(p.t, out, err)
}
func (p *pair) confirm() []byte {
	p.t.Helper()
	out, err := p.b.Deliver(now, p.prove())
	return one(p.t, out, err)
}
func (p *pair) payload() []byte {
	p.t.Helper()
	out, err := p.a.Deliver(p.confirm())
	return one(p.t, out, err)
}
func (p *pair) accept() []byte {
	p.t.Helper()
	out, err := p.b.Deliver(now, p.payload())
	none(p.t, out, err)
	out, err = p.b.Accept(founding)
	return one(p.t, out, err)
}
func (p *pair) ack() []byte {
	p.t.Helper()
	out, err := p.a.Deliver(p.accept())
	none(p.t, out, err)
	out, err = p.a.Ack()
	return one(p.t, out, err)
}

func TestPairs(t *testing.T) {
	t.Parallel()
	for name, password := range map[string]func(*pairing.Window) pairing.Password{
		"code": func(w *pairing.Window) pairing.Password {
			c, err := pairing.ParseCode(w.Code().Text())
			if err != nil {
				t.Fatal(err)
			}
			return c.Password()
		},
		"invitation": func(w *pairing.Window) pairing.Password {
			inv, err := w.Invitation(showerPeer, [][]byte{{1, 2, 3}})
			if err != nil {
				t.Fatal(err)
			}
			read, err := pairing.ParseInvitation(inv.Text())
			if err != nil {
				t.Fatal(err)
			}
			return read.Password()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWindow(t)
			p := &pair{t: t, w: w, a: newTypist(t, password(w), typistPeer, showerPeer), b: newShower(t, w, showerPeer, typistPeer)}
			out, err := p.b.Deliver(now, p.ack())
			none(t, out, err)
			if !p.a.Done() || !p.b.Done() {
				t.Fatal("not done")
			}
			if got, ok := p.b.Payload(); !ok || !bytes.Equal(got, card) {
				t.Errorf("shower has payload %q", got)
			}
			if got, ok := p.a.Payload(); !ok || !bytes.Equal(got, founding) {
				t.Errorf("typist has payload %q", got)
			}
			wantCode(t, w.Alive(now), pairing.Used)
			if !pairing.WipedTypist(p.a) || !pairing.WipedShower(p.b) || !pairing.WipedWindow(w) {
				t.Error("a secret outlives the run")
			}

			// Exactly one result: nothing that comes afterwards changes it.
			_, err = p.a.Deliver(pairing.Message(pairing.KindRefusal, []byte{1, 0}))
			wantCode(t, err, pairing.Malformed)
			_, err = p.b.Deliver(now, p.hello())
			wantCode(t, err, pairing.Malformed)
			if !p.a.Done() || !p.b.Done() {
				t.Error("a late message undid the result")
			}
		})
	}
}

func TestWrongCode(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	right := w.Code()
	wrong, err := pairing.NewCode(seeded("another code"))
	if err != nil {
		t.Fatal(err)
	}
	for try := 1; try <= pairing.MaxTries; try++ {
		p := &pair{t: t, w: w, a: newTypist(t, wrong.Password(), typistPeer, showerPeer), b: newShower(t, w, showerPeer, typistPeer)}
		proof := p.prove()
		if got, want := w.TriesLeft(), pairing.MaxTries-try; got != want {
			t.Fatalf("%d tries left after answer %d, want %d", got, try, want)
		}
		out, err := p.b.Deliver(now, proof)
		wantCode(t, err, pairing.WrongCode)
		if len(out) != 1 {
			t.Fatal("the typist is not told why")
		}
		_, err = p.a.Deliver(out[0])
		e := wantCode(t, err, pairing.WrongCode)
		if !e.Unproven {
			t.Error("a reason in clear is taken for proved")
		}
		if want := fmt.Sprintf("tries left: %d", pairing.MaxTries-try); !bytes.HasSuffix([]byte(e.Text), []byte(want)) {
			t.Errorf("text %q does not say %q", e.Text, want)
		}
		if !pairing.WipedTypist(p.a) || !pairing.WipedShower(p.b) {
			t.Error("a secret outlives the failure")
		}
	}
	if !pairing.WipedCode(w) {
		t.Error("a void code is still there")
	}
	// The right code comes too late.
	p := &pair{t: t, w: w, a: newTypist(t, right.Password(), typistPeer, showerPeer), b: newShower(t, w, showerPeer, typistPeer)}
	p.refused(pairing.TooManyTries)
}

// refused says hello and wants both sides to report code.
func (p *pair) refused(code string) {
	p.t.Helper()
	out, err := p.b.Deliver(now, p.hello())
	wantCode(p.t, err, code)
	if len(out) != 1 {
		p.t.Fatalf("%d messages, want the reason", len(out))
	}
	_, err = p.a.Deliver(out[0])
	if e := wantCode(p.t, err, code); !e.Unproven {
		p.t.Error("a reason in clear is taken for proved")
	}
}

// TestManInTheMiddle relays every message unchanged between two honest devices
// that are connected to the relay's two hosts and not to each other.
func TestManInTheMiddle(t *testing.T) {
	t.Parallel()
	left, right := bytes.Repeat([]byte{0x4c}, 38), bytes.Repeat([]byte{0x52}, 38)
	for name, peers := range map[string][2][]byte{
		"two-hosts":           {left, right},
		"poses-to-the-typist": {left, typistPeer},
		"poses-to-the-shower": {showerPeer, right},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWindow(t)
			p := &pair{t: t, w: w,
				a: newTypist(t, w.Code().Password(), typistPeer, peers[0]),
				b: newShower(t, w, showerPeer, peers[1])}
			_, err := p.b.Deliver(now, p.prove())
			wantCode(t, err, pairing.WrongCode)
			if p.b.Proved() {
				t.Error("proved by somebody in between")
			}
		})
	}
}

// TestChannelBinding changes one thing that CI binds and nothing else.
func TestChannelBinding(t *testing.T) {
	t.Parallel()
	t.Run("mode", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		hello := p.hello()
		hello[2] = byte(pairing.ModeInvitation)
		out, err := p.b.Deliver(now, hello)
		out, err = p.a.Deliver(one(t, out, err))
		_, err = p.b.Deliver(now, one(t, out, err))
		wantCode(t, err, pairing.WrongCode)
	})
	t.Run("sid", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		hello := p.hello()
		hello[3] ^= 1
		out, err := p.b.Deliver(now, hello)
		out, err = p.a.Deliver(one(t, out, err))
		_, err = p.b.Deliver(now, one(t, out, err))
		wantCode(t, err, pairing.WrongCode)
	})
}

// TestProved asks at every step of a run whether the typist has proved to know
// the secret: from the moment at which its tag was good, until the run fails.
func TestProved(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.prove()
	if p.b.Proved() {
		t.Error("proved before the tag has arrived")
	}
	p = newPair(t)
	p.confirm()
	if !p.b.Proved() {
		t.Error("not proved by a good tag")
	}
	p.b.Close()
	if p.b.Proved() {
		t.Error("proved in a run that was given up")
	}
	p = newPair(t)
	p.b.Deliver(now, p.ack())
	if !p.b.Done() || !p.b.Proved() {
		t.Error("not proved in a run that went well")
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	_, err := p.b.Deliver(now, nil)
	if err == nil || err.Error() != "pairing: "+wantCode(t, err, pairing.Malformed).Text {
		t.Errorf("error %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown code is accepted")
		}
	}()
	p = newPair(t)
	out, err := p.b.Deliver(now, p.payload())
	none(t, out, err)
	p.b.Refuse("no-such-code")
}

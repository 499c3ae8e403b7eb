package pairing_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/wire"
)

// step is one message on the wire of an honest run, and who receives it.
type step struct {
	name     string
	run      func(*pair) []byte
	toTypist bool
}

var steps = []step{
	{"hello", (*pair).hello, false},
	{"answer", (*pair).answer, true},
	{"prove", (*pair).prove, false},
	{"confirm", (*pair).confirm, true},
	{"payload", (*pair).payload, false},
	{"accept", (*pair).accept, true},
	{"ack", (*pair).ack, false},
}

func (s step) deliver(p *pair, msg []byte) ([][]byte, error) {
	if s.toTypist {
		return p.a.Deliver(msg)
	}
	return p.b.Deliver(now, msg)
}

// dead checks that the receiver of a bad message is dead, has no result and
// keeps no secret.
func (s step) dead(t *testing.T, p *pair, first error) {
	t.Helper()
	out, err := s.deliver(p, p.hello())
	if err != first || len(out) != 0 {
		t.Errorf("afterwards: %d messages and %v, want none and the first error", len(out), err)
	}
	if s.toTypist {
		_, result := p.a.Payload()
		_, acked := p.a.Ack()
		if result || acked == nil || p.a.Done() || !pairing.WipedTypist(p.a) {
			t.Error("the typist lives on")
		}
		return
	}
	_, result := p.b.Payload()
	_, accepted := p.b.Accept(nil)
	if result || p.b.Proved() || accepted == nil || p.b.Done() || !pairing.WipedShower(p.b) {
		t.Error("the shower lives on")
	}
}

// TestFaults damages each message of a run in each way.
func TestFaults(t *testing.T) {
	t.Parallel()
	flip := func(at func(msg []byte) int) func([]byte) []byte {
		return func(msg []byte) []byte {
			msg = bytes.Clone(msg)
			msg[at(msg)] ^= 1
			return msg
		}
	}
	damages := []struct {
		name   string
		damage func([]byte) []byte
		code   string // or any
	}{
		{"empty", func([]byte) []byte { return nil }, pairing.Malformed},
		{"one-byte", func(m []byte) []byte { return m[:1] }, pairing.Malformed},
		{"header-only", func(m []byte) []byte { return m[:2] }, pairing.Malformed},
		{"cut-by-one", func(m []byte) []byte { return m[:len(m)-1] }, pairing.Malformed},
		{"one-too-long", func(m []byte) []byte { return append(bytes.Clone(m), 0) }, pairing.Malformed},
		{"oversized", func(m []byte) []byte { return append(bytes.Clone(m), make([]byte, wire.MaxPairMessage)...) }, pairing.Malformed},
		{"other-version", func(m []byte) []byte { m = bytes.Clone(m); m[0] = 2; return m }, pairing.Version},
		{"unknown-kind", func(m []byte) []byte { m = bytes.Clone(m); m[1] = 99; return m }, pairing.Malformed},
		{"kind-zero", func(m []byte) []byte { m = bytes.Clone(m); m[1] = 0; return m }, pairing.Malformed},
		{"last-bit", flip(func(m []byte) int { return len(m) - 1 }), ""},
		{"middle-bit", flip(func(m []byte) int { return len(m) / 2 }), ""},
	}
	for _, s := range steps {
		for _, d := range damages {
			if s.name == "hello" && d.code == "" {
				continue // a changed hello is another hello: TestChannelBinding
			}
			t.Run(s.name+"/"+d.name, func(t *testing.T) {
				t.Parallel()
				p := newPair(t)
				out, err := s.deliver(p, d.damage(s.run(p)))
				// Only a peer that has proved nothing is told why in clear.
				if told := s.name == "hello" || s.name == "prove"; err != nil && (len(out) == 1) != told {
					t.Errorf("%d messages after the failure", len(out))
				}
				e, ok := errors.AsType[*pairing.Error](err)
				if !ok && s.name == "answer" && err == nil {
					// A valid group element, but not the one that the shower
					// has: it shows when the typist proves itself.
					return
				}
				if !ok || d.code != "" && e.Code != d.code {
					t.Fatalf("error = %v, want %s", err, d.code)
				}
				if e.Unproven {
					t.Error("our own judgement is called unproven")
				}
				s.dead(t, p, err)
			})
		}
	}
}

// TestOrder gives each receiver, at each point of a run, every other message
// of that run and of another one.
func TestOrder(t *testing.T) {
	t.Parallel()
	for i, s := range steps {
		for j, other := range steps {
			if i == j {
				continue
			}
			t.Run(s.name+"/gets-"+other.name, func(t *testing.T) {
				t.Parallel()
				stranger := newPair(t)
				msg := other.run(stranger)
				p := newPair(t)
				s.run(p)
				_, err := s.deliver(p, msg)
				wantCode(t, err, pairing.Malformed)
				s.dead(t, p, err)
			})
		}
	}
}

// TestReplay repeats to each receiver the message that it has just had.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			msg := s.run(p)
			if _, err := s.deliver(p, msg); err != nil {
				t.Fatal(err)
			}
			_, err := s.deliver(p, msg)
			wantCode(t, err, pairing.Malformed)
			if s.name != "ack" {
				s.dead(t, p, err)
			}
		})
	}
}

// TestReplayToAnotherRun gives a shower a whole recorded run. Its share is
// fresh, so that the recorded proof does not fit.
func TestReplayToAnotherRun(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	hello, proof := p.hello(), p.prove()
	b, err := pairing.NewShower(pairing.ShowerConfig{Window: p.w, Self: showerPeer, Peer: typistPeer}, seeded("another shower"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Deliver(now, hello); err != nil {
		t.Fatal(err)
	}
	_, err = b.Deliver(now, proof)
	wantCode(t, err, pairing.WrongCode)
}

// TestReflection gives the typist its own messages back, disguised as the
// answers to them.
func TestReflection(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	hello := p.hello()
	proof, err := p.a.Deliver(pairing.Message(pairing.KindAnswer, hello[len(hello)-32:]))
	tag := one(t, proof, err)[2:]
	_, err = p.a.Deliver(pairing.Message(pairing.KindConfirm, tag))
	wantCode(t, err, pairing.WrongCode)
}

// TestReflectedSealedMessages gives each side its own sealed message back:
// the directions have different keys.
func TestReflectedSealedMessages(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	_, err := p.a.Deliver(p.payload())
	wantCode(t, err, pairing.Malformed)
	p = newPair(t)
	_, err = p.b.Deliver(now, p.accept())
	wantCode(t, err, pairing.Malformed)
}

// TestClearRefusalAfterProof: once the shower has proved itself, nothing said
// in clear counts as its word.
func TestClearRefusalAfterProof(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.payload()
	_, err := p.a.Deliver(pairing.Message(pairing.KindRefusal, []byte{3, 0}))
	if e := wantCode(t, err, pairing.Malformed); e.Unproven {
		t.Error("unproven")
	}
}

func TestInvalidShares(t *testing.T) {
	t.Parallel()
	zero := make([]byte, 32) // the encoding of the neutral element
	t.Run("to-the-typist", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		_, err := p.a.Deliver(pairing.Message(pairing.KindAnswer, zero))
		wantCode(t, err, pairing.Malformed)
		if !pairing.WipedTypist(p.a) {
			t.Error("a secret is left")
		}
	})
	t.Run("to-the-shower", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		out, err := p.b.Deliver(now, pairing.Message(pairing.KindHello, []byte{byte(pairing.ModeCode)}, make([]byte, 16), zero))
		wantCode(t, err, pairing.Malformed)
		if len(out) != 1 || out[0][1] != pairing.KindRefusal {
			t.Error("the typist is not told")
		}
		if p.w.TriesLeft() != pairing.MaxTries-1 {
			t.Error("the attempt was not counted")
		}
	})
	t.Run("unknown-mode", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		hello := p.hello()
		hello[2] = 3
		_, err := p.b.Deliver(now, hello)
		wantCode(t, err, pairing.Malformed)
	})
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	for _, code := range []string{pairing.Refused, pairing.SameDevice, pairing.CircleFull, pairing.NameTaken, pairing.Cancelled} {
		t.Run("shower/"+code, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			out, err := p.b.Deliver(now, p.payload())
			none(t, out, err)
			out, err = p.b.Refuse(code)
			_, err = p.a.Deliver(one(t, out, err))
			if e := wantCode(t, err, code); e.Unproven {
				t.Error("a sealed reason is called unproven")
			}
			if _, ok := p.b.Payload(); ok || p.a.Done() || p.b.Done() {
				t.Error("a result in spite of the refusal")
			}
			if _, err := p.b.Accept(nil); err == nil {
				t.Error("accepted after a refusal")
			}
		})
		t.Run("typist/"+code, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			out, err := p.a.Deliver(p.accept())
			none(t, out, err)
			out, err = p.a.Refuse(code)
			_, err = p.b.Deliver(now, one(t, out, err))
			wantCode(t, err, code)
			if _, ok := p.a.Payload(); ok || p.a.Done() || p.b.Done() {
				t.Error("a result in spite of the refusal")
			}
		})
	}
}

// TestUnknownReason: a later release may refuse for a reason that we lack.
func TestUnknownReason(t *testing.T) {
	t.Parallel()
	for _, r := range []byte{0, 200} {
		p := newPair(t)
		_, err := p.a.Deliver(pairing.Message(pairing.KindRefusal, []byte{r, 0}))
		wantCode(t, err, pairing.Refused)
	}
}

// TestDecidesOnlyOnItsTurn calls what decides at each wrong moment.
func TestDecidesOnlyOnItsTurn(t *testing.T) {
	t.Parallel()
	for _, s := range steps {
		if s.name == "accept" || s.name == "ack" {
			continue
		}
		p := newPair(t)
		s.run(p)
		_, e1 := p.b.Accept(founding)
		_, e2 := p.b.Refuse(pairing.Refused)
		_, e3 := p.a.Ack()
		_, e4 := p.a.Refuse(pairing.Refused)
		if e1 == nil || e2 == nil || e3 == nil || e4 == nil {
			t.Errorf("before %s was delivered: %v %v %v %v", s.name, e1, e2, e3, e4)
		}
	}
}

func TestPayloadLimits(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	big := make([]byte, pairing.MaxPayload)
	a, err := pairing.NewTypist(pairing.TypistConfig{Password: w.Code().Password(), Self: typistPeer, Peer: showerPeer, Payload: big}, seeded("typist"))
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{t: t, w: w, a: a, b: newShower(t, w, showerPeer, typistPeer)}
	msg := p.payload()
	if len(msg) != wire.MaxPairMessage {
		t.Errorf("the largest message has %d bytes, want %d", len(msg), wire.MaxPairMessage)
	}
	out, err := p.b.Deliver(now, msg)
	none(t, out, err)
	if _, err := p.b.Accept(append(big, 0)); err == nil {
		t.Error("accepted with an oversized payload")
	}
	out, err = p.b.Accept(nil)
	out, err = p.a.Deliver(one(t, out, err))
	none(t, out, err)
	if got, ok := p.a.Payload(); !ok || len(got) != 0 {
		t.Errorf("payload of %d bytes, %v", len(got), ok)
	}
	if _, err := pairing.NewTypist(pairing.TypistConfig{Password: w.Code().Password(), Self: typistPeer, Peer: showerPeer, Payload: append(big, 0)}, seeded("typist")); err == nil {
		t.Error("an oversized payload was taken")
	}
}

func TestConfigs(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	code := w.Code().Password()
	for name, c := range map[string]pairing.TypistConfig{
		"no-password": {Self: typistPeer, Peer: showerPeer},
		"no-self":     {Password: code, Peer: showerPeer},
		"no-peer":     {Password: code, Self: typistPeer},
		"long-peer":   {Password: code, Self: typistPeer, Peer: make([]byte, 65)},
	} {
		if _, err := pairing.NewTypist(c, seeded(name)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	_, err := pairing.NewTypist(pairing.TypistConfig{Password: code, Self: typistPeer, Peer: typistPeer}, seeded("same"))
	wantCode(t, err, pairing.SameDevice)
	_, err = pairing.NewShower(pairing.ShowerConfig{Window: w, Self: typistPeer, Peer: typistPeer}, seeded("same"))
	wantCode(t, err, pairing.SameDevice)
	if _, err := pairing.NewShower(pairing.ShowerConfig{Self: showerPeer, Peer: typistPeer}, seeded("no window")); err == nil {
		t.Error("a shower without a window")
	}
}

// TestBrokenRandomness: nothing is answered without it, and the attempt ends.
func TestBrokenRandomness(t *testing.T) {
	t.Parallel()
	empty := bytes.NewReader(nil)
	w := newWindow(t)
	if _, err := pairing.NewTypist(pairing.TypistConfig{Password: w.Code().Password(), Self: typistPeer, Peer: showerPeer}, empty); err == nil {
		t.Error("a typist without randomness")
	}
	if _, err := pairing.NewWindow(now, empty); err == nil {
		t.Error("a window without randomness")
	}
	if _, err := pairing.NewWindow(now, bytes.NewReader(make([]byte, 18))); err == nil {
		t.Error("a window without randomness for its code")
	}
	b, err := pairing.NewShower(pairing.ShowerConfig{Window: w, Self: showerPeer, Peer: typistPeer}, empty)
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{t: t, w: w, a: newTypist(t, w.Code().Password(), typistPeer, showerPeer), b: b}
	out, err := b.Deliver(now, p.hello())
	if err == nil || len(out) != 0 {
		t.Errorf("%d messages and %v", len(out), err)
	}
}

// A faulty source fails in the middle of one of its reads and of no other.
type faulty struct {
	io.Reader
	calls, at int
}

func (f *faulty) Read(b []byte) (int, error) {
	if f.calls++; f.calls == f.at {
		n, _ := f.Reader.Read(b[:len(b)/2])
		return n, io.ErrUnexpectedEOF
	}
	return f.Reader.Read(b)
}

// TestEveryReadOfRandomnessCounts: a source that fails once must not leave
// zeros where something was to be drawn.
func TestEveryReadOfRandomnessCounts(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(io.Reader) error{
		"window": func(r io.Reader) error { _, err := pairing.NewWindow(now, r); return err },
		"typist": func(r io.Reader) error {
			_, err := pairing.NewTypist(pairing.TypistConfig{Password: newWindow(t).Code().Password(), Self: typistPeer, Peer: showerPeer}, r)
			return err
		},
		"shower": func(r io.Reader) error {
			w := newWindow(t)
			b, err := pairing.NewShower(pairing.ShowerConfig{Window: w, Self: showerPeer, Peer: typistPeer}, r)
			if err != nil {
				return err
			}
			p := &pair{t: t, w: w, a: newTypist(t, w.Code().Password(), typistPeer, showerPeer), b: b}
			_, err = b.Deliver(now, p.hello())
			return err
		},
	} {
		whole := &faulty{Reader: seeded(name)}
		if err := use(whole); err != nil || whole.calls == 0 {
			t.Fatalf("%s: %d reads, %v", name, whole.calls, err)
		}
		for at := 1; at <= whole.calls; at++ {
			if err := use(&faulty{Reader: seeded(name), at: at}); err == nil {
				t.Errorf("%s: read %d of %d fails, and nobody notices", name, at, whole.calls)
			}
		}
	}
}

// TestClose gives up at every point of a run.
func TestClose(t *testing.T) {
	t.Parallel()
	for _, s := range steps {
		p := newPair(t)
		s.run(p)
		p.a.Close()
		p.b.Close()
		p.a.Close()
		p.b.Close()
		if !pairing.WipedTypist(p.a) || !pairing.WipedShower(p.b) {
			t.Errorf("%s: a secret is left", s.name)
		}
		if s.name != "ack" && p.a.Done() || p.b.Done() {
			t.Errorf("%s: done", s.name)
		}
	}
}

// TestSealedButWrong: a peer that proved itself says, well sealed, what is not
// its turn to say.
func TestSealedButWrong(t *testing.T) {
	t.Parallel()
	big := make([]byte, pairing.MaxPayload+1)
	for name, msg := range map[string]func(*pair) []byte{
		"ack-for-payload":    func(p *pair) []byte { return pairing.SealTypist(p.a, pairing.WhatAck, nil) },
		"accept-for-payload": func(p *pair) []byte { return pairing.SealTypist(p.a, pairing.WhatAccept, card) },
		"refuse-for-payload": func(p *pair) []byte { return pairing.SealTypist(p.a, pairing.WhatRefuse, []byte{1}) },
		"unknown":            func(p *pair) []byte { return pairing.SealTypist(p.a, 99, nil) },
		"nothing":            func(p *pair) []byte { return pairing.SealNothing(p.a) },
		"oversized":          func(p *pair) []byte { return pairing.SealTypist(p.a, pairing.WhatPayload, big) },
	} {
		t.Run("payload/"+name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			out, err := p.b.Deliver(now, p.prove())
			one(t, out, err)
			_, err = p.b.Deliver(now, msg(p)) // with the first nonce
			wantCode(t, err, pairing.Malformed)
			steps[4].dead(t, p, err)
		})
	}
	for name, msg := range map[string]func(*pair) []byte{
		"payload-for-verdict":  func(p *pair) []byte { return pairing.SealShower(p.b, pairing.WhatPayload, card) },
		"ack-for-verdict":      func(p *pair) []byte { return pairing.SealShower(p.b, pairing.WhatAck, nil) },
		"refusal-of-no-length": func(p *pair) []byte { return pairing.SealShower(p.b, pairing.WhatRefuse, nil) },
		"refusal-of-length-2":  func(p *pair) []byte { return pairing.SealShower(p.b, pairing.WhatRefuse, []byte{1, 1}) },
		"oversized":            func(p *pair) []byte { return pairing.SealShower(p.b, pairing.WhatAccept, big) },
	} {
		t.Run("verdict/"+name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			out, err := p.b.Deliver(now, p.payload())
			none(t, out, err)
			_, err = p.a.Deliver(msg(p))
			wantCode(t, err, pairing.Malformed)
			steps[5].dead(t, p, err)
		})
	}
	for name, msg := range map[string]func(*pair) []byte{
		"empty-payload-for-ack": func(p *pair) []byte { return pairing.SealTypist(p.a, pairing.WhatPayload, nil) },
		"empty-accept-for-ack":  func(p *pair) []byte { return pairing.SealTypist(p.a, pairing.WhatAccept, nil) },
		"ack-with-a-body":       func(p *pair) []byte { return pairing.SealTypist(p.a, pairing.WhatAck, []byte{0}) },
		"refusal-of-no-length":  func(p *pair) []byte { return pairing.SealTypist(p.a, pairing.WhatRefuse, nil) },
	} {
		t.Run("ack/"+name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			out, err := p.a.Deliver(p.accept())
			none(t, out, err)
			_, err = p.b.Deliver(now, msg(p))
			wantCode(t, err, pairing.Malformed)
			steps[6].dead(t, p, err)
		})
	}
	t.Run("second-payload-while-deciding", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		out, err := p.b.Deliver(now, p.payload())
		none(t, out, err)
		_, err = p.b.Deliver(now, pairing.SealTypist(p.a, pairing.WhatPayload, []byte("another card")))
		wantCode(t, err, pairing.Malformed)
		steps[4].dead(t, p, err)
	})
}

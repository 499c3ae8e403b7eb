package pairing_test

import (
	"bytes"
	"testing"

	"github.com/warifu/warifu/pairing"
)

func TestRefusalsByTheWindow(t *testing.T) {
	t.Parallel()
	for code, kill := range map[string]func(*pairing.Window){
		pairing.Expired:   func(w *pairing.Window) { w.Alive(now + pairing.Lifetime) },
		pairing.Cancelled: func(w *pairing.Window) { w.Cancel() },
		pairing.Used:      func(w *pairing.Window) { w.Begin(now, pairing.ModeCode); w.Succeed(now, pairing.ModeCode) },
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			kill(p.w)
			p.refused(code)
			if !pairing.WipedWindow(p.w) {
				t.Error("the secret outlives its window")
			}
			if _, err := p.w.Invitation(showerPeer, [][]byte{{1}}); err == nil {
				t.Error("a dead window gives an invitation")
			}
		})
	}
}

func TestExpiryIsExact(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	if err := w.Alive(now + pairing.Lifetime - 1); err != nil {
		t.Errorf("a second before: %v", err)
	}
	wantCode(t, w.Alive(now+pairing.Lifetime), pairing.Expired)
	// A clock that goes back does not open it again.
	wantCode(t, w.Alive(now), pairing.Expired)
}

// TestExpiryBetweenHelloAndProof: knowing the secret is not enough, one must
// prove it in time.
func TestExpiryBetweenHelloAndProof(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	out, err := p.b.Deliver(now+pairing.Lifetime, p.prove())
	wantCode(t, err, pairing.Expired)
	if len(out) != 1 || out[0][1] != pairing.KindRefusal {
		t.Fatal("the typist is not told why, or is told more")
	}
}

// TestOneSuccess runs two attempts side by side, both with the right code.
func TestOneSuccess(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	var proofs [2][]byte
	var ps [2]*pair
	for i := range ps {
		peer := bytes.Repeat([]byte{byte(0x30 + i)}, 38)
		ps[i] = &pair{t: t, w: w, a: newTypist(t, w.Code().Password(), peer, showerPeer), b: newShower(t, w, showerPeer, peer)}
		proofs[i] = ps[i].prove()
	}
	out, err := ps[0].b.Deliver(now, proofs[0])
	one(t, out, err)
	out, err = ps[1].b.Deliver(now, proofs[1])
	wantCode(t, err, pairing.Used)
	_, err = ps[1].a.Deliver(out[0])
	wantCode(t, err, pairing.Used)
}

// TestAbandonedAttemptsCount opens runs and leaves them, as somebody would who
// hopes to be told something for nothing.
func TestAbandonedAttemptsCount(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	code := w.Code().Password()
	var open []*pairing.Shower
	for range pairing.MaxTries {
		p := &pair{t: t, w: w, a: newTypist(t, code, typistPeer, showerPeer), b: newShower(t, w, showerPeer, typistPeer)}
		p.answer()
		open = append(open, p.b)
	}
	if err := w.Alive(now); err != nil {
		t.Fatalf("dead while the last attempts run: %v", err)
	}
	p := &pair{t: t, w: w, a: newTypist(t, code, typistPeer, showerPeer), b: newShower(t, w, showerPeer, typistPeer)}
	p.refused(pairing.TooManyTries)
	for _, b := range open {
		b.Close()
		b.Close()
	}
	if err := w.Alive(now); err != nil || !w.Void() || w.HasCode() {
		t.Errorf("%v; void %v, there is a code %v", err, w.Void(), w.HasCode())
	}
}

// TestGarbageDoesNotCount: only a well-formed hello is an attempt.
func TestGarbageDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	for _, garbage := range [][]byte{
		[]byte("\x01\x01GET / HTTP/1.1"),
		pairing.Message(pairing.KindAnswer, make([]byte, 32)),
		pairing.Message(pairing.KindProve, make([]byte, 64)),
		pairing.Message(pairing.KindConfirm, make([]byte, 64)),
		pairing.Message(pairing.KindRefusal, make([]byte, 2)),
		pairing.Message(pairing.KindSealed),
		pairing.Message(pairing.KindSealed, make([]byte, 64)),
	} {
		b := newShower(t, w, showerPeer, typistPeer)
		_, err := b.Deliver(now, garbage)
		wantCode(t, err, pairing.Malformed)
	}
	if w.TriesLeft() != pairing.MaxTries {
		t.Errorf("%d tries left", w.TriesLeft())
	}
}

// TestLastTriesRunTogether: of three attempts that run at once one fails, and
// another is still good.
func TestLastTriesRunTogether(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	var ps [pairing.MaxTries]*pair
	var proofs [pairing.MaxTries][]byte
	for i := range ps {
		peer := bytes.Repeat([]byte{byte(0x30 + i)}, 38)
		ps[i] = &pair{t: t, w: w, a: newTypist(t, w.Code().Password(), peer, showerPeer), b: newShower(t, w, showerPeer, peer)}
		proofs[i] = ps[i].prove()
	}
	proofs[0][10] ^= 1
	_, err := ps[0].b.Deliver(now, proofs[0])
	wantCode(t, err, pairing.WrongCode)
	out, err := ps[1].b.Deliver(now, proofs[1])
	one(t, out, err)
}

// TestFirstReasonStays: what killed a window is what it says for ever.
func TestFirstReasonStays(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	if err := w.Begin(now, pairing.ModeInvitation); err != nil {
		t.Fatal(err)
	}
	if err := w.Succeed(now, pairing.ModeInvitation); err != nil {
		t.Fatal(err)
	}
	w.Cancel()
	wantCode(t, w.Alive(now+pairing.Lifetime), pairing.Used)
}

// TestShownSecretsStay: what is on a screen does not turn into zeros when the
// window dies.
func TestShownSecretsStay(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	code := w.Code()
	inv, err := w.Invitation(showerPeer, [][]byte{{1}})
	if err != nil {
		t.Fatal(err)
	}
	c, i := code.Text(), inv.Text()
	w.Cancel()
	if code.Text() != c || inv.Text() != i {
		t.Error("the shown secret changed")
	}
	if inv.Expires != w.Expires() || w.Expires() != now+pairing.Lifetime {
		t.Errorf("expires at %d and %d", inv.Expires, w.Expires())
	}
	code.Password().Wipe()
	if code.Text() == c {
		t.Error("a wiped code is still there")
	}
}

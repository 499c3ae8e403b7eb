package pairing_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/warifu/warifu/pairing"
)

// A guesser tries codes at a window, as many at once as it likes, and ends each
// attempt when and as it likes. Whenever a code is void its owner draws the
// next.
type guesser struct {
	t     *testing.T
	w     *pairing.Window
	rand  *rand.Rand
	codes map[string]bool // all that were shown
	open  []*pairing.Shower
	began int // attempts that the window admitted
}

func (g *guesser) look() {
	if g.w.HasCode() {
		g.codes[g.w.Code().Text()] = true
	}
}

// move makes one of the guesser's moves.
func (g *guesser) move(n int) {
	g.t.Helper()
	if len(g.open) > 0 && g.rand.IntN(2) == 0 {
		i := g.rand.IntN(len(g.open))
		if g.rand.IntN(2) == 0 {
			g.open[i].Deliver(now, pairing.Message(pairing.KindProve, make([]byte, 64)))
		}
		g.open[i].Close()
		g.open = append(g.open[:i], g.open[i+1:]...)
	} else {
		wrong, err := pairing.ParseCode(fmt.Sprintf("%08d", n))
		if err != nil {
			g.t.Fatal(err)
		}
		p := &pair{t: g.t, w: g.w, a: newTypist(g.t, wrong.Password(), typistPeer, showerPeer), b: newShower(g.t, g.w, showerPeer, typistPeer)}
		before := g.w.Guesses()
		_, err = p.b.Deliver(now, p.a.Start()[0])
		g.began += before - g.w.Guesses()
		if err == nil {
			g.open = append(g.open, p.b)
		}
	}
	if g.w.Void() {
		if err := g.w.Renew(seeded(fmt.Sprint("renew", n))); err != nil {
			g.t.Fatal(err)
		}
	}
	g.look()
}

// TestGuessesNeverReachTheInvitation: somebody guesses at codes for ever, in
// any order. As many guesses are answered as are allowed in all and no more,
// and at whatever moment the invitation comes, it is good.
func TestGuessesNeverReachTheInvitation(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		w := newWindow(t)
		inv, err := w.Invitation(showerPeer, [][]byte{{1}})
		if err != nil {
			t.Fatal(err)
		}
		g := &guesser{t: t, w: w, rand: rand.New(rand.NewPCG(seed, 1)), codes: map[string]bool{}}
		g.look()
		for n := range int(seed) {
			g.move(n)
		}
		if g.began > pairing.MaxGuesses || len(g.codes) > pairing.MaxGuesses/pairing.MaxTries {
			t.Fatalf("seed %d: %d guesses at %d codes were answered", seed, g.began, len(g.codes))
		}
		if seed > 100 && w.Guesses() != 0 {
			t.Fatalf("seed %d: this adversary has %d guesses left: the test tests nothing", seed, w.Guesses())
		}
		p := &pair{t: t, w: w, a: newTypist(t, inv.Password(), typistPeer, showerPeer), b: newShower(t, w, showerPeer, typistPeer)}
		out, err := p.b.Deliver(now, p.prove())
		one(t, out, err)
		if !p.b.Proved() {
			t.Fatalf("seed %d: the invitation is not good after %d guesses", seed, g.began)
		}
		wantCode(t, w.Alive(now), pairing.Used)
	}
}

// TestGuessesAreShared: windows that follow one another share their guesses, and
// the last has no code and is as good as any for its invitation.
func TestGuessesAreShared(t *testing.T) {
	t.Parallel()
	left := pairing.MaxGuesses
	for i, want := range []struct{ tries, left int }{{3, 7}, {3, 5}, {3, 3}, {3, 1}, {1, 0}, {0, 0}} {
		w := newWindow(t)
		w.Limit(left)
		if w.TriesLeft() != want.tries || w.HasCode() != (want.tries > 0) {
			t.Errorf("window %d: %d tries, has a code %v", i, w.TriesLeft(), w.HasCode())
		}
		for range min(2, want.tries) {
			if err := w.Begin(now, pairing.ModeCode); err != nil {
				t.Fatal(err)
			}
			w.Fail(pairing.ModeCode)
		}
		if left = w.Guesses(); left != want.left {
			t.Errorf("window %d: %d guesses left, want %d", i, left, want.left)
		}
	}
	w := newWindow(t)
	w.Limit(0)
	if err := w.Renew(seeded("again")); err != nil || w.HasCode() {
		t.Errorf("%v; a code without a guess", err)
	}
	wantCode(t, w.Begin(now, pairing.ModeCode), pairing.TooManyTries)
	if err := w.Begin(now, pairing.ModeInvitation); err != nil {
		t.Error(err)
	}
}

// TestWrongInvitationsAreNotCounted: 128 bits need no counter, and a try with
// the mode of an invitation is no guess at the code.
func TestWrongInvitationsAreNotCounted(t *testing.T) {
	t.Parallel()
	w, other := newWindow(t), newWindowOf(t, "other")
	wrong, err := other.Invitation(showerPeer, [][]byte{{1}})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		p := &pair{t: t, w: w, a: newTypist(t, wrong.Password(), typistPeer, showerPeer), b: newShower(t, w, showerPeer, typistPeer)}
		out, err := p.b.Deliver(now, p.prove())
		wantCode(t, err, pairing.WrongCode)
		if _, err = p.a.Deliver(out[0]); p.b.Guessed() {
			t.Fatal("counted as a guess at the code")
		}
		wantCode(t, err, pairing.WrongCode)
	}
	if w.TriesLeft() != pairing.MaxTries || w.Guesses() != pairing.MaxGuesses || w.Alive(now) != nil {
		t.Errorf("%d tries and %d guesses left", w.TriesLeft(), w.Guesses())
	}
}

// TestVoidCodeWaitsForWhoHasBegun: while an attempt at the last try is under way,
// the code is not replaced, and the attempt is good.
func TestVoidCodeWaitsForWhoHasBegun(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	for range pairing.MaxTries - 1 {
		w.Begin(now, pairing.ModeCode)
		w.Fail(pairing.ModeCode)
	}
	code := w.Code().Text()
	p := &pair{t: t, w: w, a: newTypist(t, w.Code().Password(), typistPeer, showerPeer), b: newShower(t, w, showerPeer, typistPeer)}
	proof := p.prove()
	if err := w.Renew(seeded("next")); err != nil || w.Void() || w.Code().Text() != code {
		t.Errorf("%v; the code was replaced under an attempt", err)
	}
	out, err := p.b.Deliver(now, proof)
	one(t, out, err)
}

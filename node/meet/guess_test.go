package meet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/pairing"
)

// guess has somebody try a wrong code at the door, and returns what it hears.
func (h *held) guess(t *testing.T, name string) string {
	t.Helper()
	v := newVisitor(name)
	h.street.come <- v
	e, _ := errors.AsType[*pairing.Error](v.visit(v.typist(t, wrong(t)), nil))
	<-v.hungUp
	synctest.Wait()
	if e == nil {
		t.Fatalf("%s: heard no reason", name)
	}
	return e.Code
}

// codes returns the codes that were shown, with "" for each time that the person
// heard that none is shown any more.
func (h *held) codes() (out []string) {
	for _, e := range h.events {
		if e.Event == api.EventCode || e.Event == api.EventInvitation && e.Code != "" {
			out = append(out, e.Code)
		}
	}
	return out
}

// TestGuessesDoNotEndTheInvitation: somebody on the network tries codes as long
// as the invitation is shown. A few guesses are answered, at a few codes, of
// each of which the person is told; and the invitation is as good as ever.
func TestGuessesDoNotEndTheInvitation(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		wrong := 0
		for i := range 60 {
			if h.guess(t, fmt.Sprint(i, " guesser")) == pairing.WrongCode {
				wrong++
			}
		}
		if wrong != pairing.MaxGuesses {
			t.Errorf("%d guesses were answered, want %d", wrong, pairing.MaxGuesses)
		}
		codes := h.codes()
		want := pairing.MaxGuesses/pairing.MaxTries + 1
		if len(codes) != want || codes[want-1] != "" || slices.Contains(codes[:want-1], "") {
			t.Errorf("%d codes were shown: %q", len(codes), codes)
		}
		if lines := strings.Count(h.log.String(), "\n"); lines > pairing.MaxGuesses+want+1 {
			t.Errorf("%d lines in the log", lines)
		}
		inv, err := pairing.ParseInvitation(h.events[0].Invitation)
		if err != nil {
			t.Fatal(err)
		}
		v := newVisitor("laptop")
		h.street.come <- v
		if err := v.visit(v.typist(t, inv.Password()), nil); err != nil {
			t.Errorf("the invitation: %v", err)
		}
		if err := h.end(); err != nil || h.who.Card.Name != "laptop" || !v.stays {
			t.Errorf("%v, %q came in", err, h.who.Card.Name)
		}
	})
}

// TestNewCodeIsGood: after three wrong tries the person types the code that is
// shown then, and the beacon is that of this code.
func TestNewCodeIsGood(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		for i := range pairing.MaxTries {
			h.guess(t, fmt.Sprint(i, " guesser"))
		}
		code := <-h.street.code
		if shown := h.codes(); len(shown) != 2 || shown[1] != code.Text() || shown[0] == shown[1] {
			t.Fatalf("shown %q, and the beacon is for another", shown)
		}
		v := newVisitor("laptop")
		h.street.come <- v
		if err := v.visit(v.typist(t, h.code.Password()), nil); err == nil {
			t.Error("the void code is good")
		}
		v = newVisitor("tablet")
		h.street.come <- v
		if err := v.visit(v.typist(t, code.Password()), nil); err != nil {
			t.Errorf("the new code: %v", err)
		}
	})
}

// TestInvitationsShareGuesses: three tries at each code are no bound while a new
// code follows at once, be it because the tries are used up or because the five
// minutes are over. Somebody who stops short of the last try, and goes on at the
// next invitation, has as many guesses in all as anybody.
func TestInvitationsShareGuesses(t *testing.T) {
	t.Parallel()
	holdWith(t, func(h *held) {
		answered := 0
		const invitations = 8
		for i := range invitations {
			for j := range pairing.MaxTries - 1 {
				if h.guess(t, fmt.Sprint(i, j, " guesser")) == pairing.WrongCode {
					answered++
				}
			}
			for len(h.invitations()) < i+2 {
				h.street.wait()
			}
			synctest.Wait()
		}
		if answered != pairing.MaxGuesses {
			t.Errorf("%d guesses were answered, want %d", answered, pairing.MaxGuesses)
		}
		shown := h.invitations()
		if shown[0].Code == "" || shown[len(shown)-1].Code != "" {
			t.Error("the first invitation has a code and the last has none")
		}
	}, func(ctx context.Context, r *Reception) (Newcomer, error) { return r.Welcome(ctx, 2) })
}

func (h *held) invitations() []api.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.events), func(e api.Event) bool { return e.Event != api.EventInvitation })
}

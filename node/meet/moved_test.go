package meet

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/pairing"
)

// TestInvitationFollowsTheNetwork: a device that shows an invitation is elsewhere
// a moment later. The invitation is shown again, once for each move, with the
// same code; nothing is shown while it is nowhere.
func TestInvitationFollowsTheNetwork(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		for _, addrs := range [][][]byte{{{1}}, {}, {{2}}, {{2}}, {}, {{2}}, {{2}, {3}}} {
			h.street.moved.Store(&addrs)
			time.Sleep(2 * addrsLook)
			synctest.Wait()
		}
		var shown []api.Event
		for _, e := range h.events {
			if e.Event == api.EventInvitation {
				shown = append(shown, e)
			}
		}
		if len(shown) != 3 {
			t.Fatalf("%d invitations are shown, want the first and two that follow", len(shown))
		}
		for i, want := range []string{"\x01", "\x02", "\x02\x03"} {
			inv, err := pairing.ParseInvitation(shown[i].Invitation)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, a := range inv.Addrs {
				got += string(a)
			}
			if got != want || shown[i].Code != shown[0].Code || !shown[i].Expires.Equal(*shown[0].Expires) {
				t.Errorf("invitation %d has the addresses %q, want %q, and %q as its code", i, got, want, shown[i].Code)
			}
		}
		right := newVisitor("laptop")
		h.street.come <- right
		if err := right.visit(right.typist(t, h.code.Password()), nil); err != nil {
			t.Errorf("by the code: %v", err)
		}
		if err := h.end(); err != nil {
			t.Error(err)
		}
	})
}

// A searched is a network on which codes are looked for.
type searched struct {
	*street
	found [][][]byte // the addresses at which one device is seen, one after the other
	up    string     // the address at which it is
	dials []string
}

func (l *searched) Find(ctx context.Context, _ pairing.Code, found func([]byte, [][]byte) bool) error {
	for _, addrs := range l.found {
		if !found([]byte("host"), addrs) {
			return nil
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func (l *searched) Dial(_ context.Context, _ []byte, addrs [][]byte) (Stream, error) {
	l.dials = append(l.dials, string(addrs[0]))
	if string(addrs[0]) != l.up {
		return nil, errors.New("no route to host")
	}
	v := newVisitor("laptop")
	close(v.hangsOut) // it does not speak
	return v, nil
}

// join lets a device join by a code and returns what its person is told.
func (l *searched) join(t *testing.T) (events []api.Event, err error) {
	t.Helper()
	random := &lockedReader{r: rand.NewChaCha8([32]byte{26})}
	g := New(Config{Device: newDevice("phone", random), Inviter: l, Now: time.Now, Words: say.Vocabulary{say.JoinAt: "join --at ADDRESS"}, Rand: random, Log: slog.New(slog.DiscardHandler)})
	defer g.End(errStopped)
	_, _, err = g.Answer(t.Context(), api.JoinArgs{Invitation: "1234 5678"}, func(e api.Event) { events = append(events, e) })
	return events, err
}

// TestCodeNotFoundHint: where no device sees another, the person who has typed a
// code learns within ten seconds what to type instead.
func TestCodeNotFoundHint(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		searched searched
		want     int // hints
	}{
		"nobody is seen":                   {searched{}, 1},
		"somebody is seen and not reached": {searched{found: [][][]byte{{{1}}}}, 1},
		"somebody is reached":              {searched{found: [][][]byte{{{1}}}, up: "\x01"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tc.searched.street = &street{}
				begin := time.Now()
				events, err := tc.searched.join(t)
				if waited := time.Since(begin); waited != findTimeout {
					t.Errorf("it was looked for for %v", waited)
				}
				if api.CodeOf(err) != api.CodeUnreachable {
					t.Errorf("err = %v", err)
				}
				hints := 0
				for _, e := range events {
					if strings.Contains(e.Reason, "type `join --at ADDRESS`") {
						hints++
					}
				}
				if hints != tc.want || findHint > 10*time.Second {
					t.Errorf("%d hints after %v, want %d within ten seconds: %+v", hints, findHint, tc.want, events)
				}
			})
		})
	}
}

// TestCodeHostIsVisitedWhereItIs: a device that shows the code is not reached at
// the addresses that are seen first, and tried again at others. Once it was
// reached it is not visited again: each visit is a guess for whoever is there.
func TestCodeHostIsVisitedWhereItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := searched{street: &street{}, found: [][][]byte{{{1}}, {{2}}, {{3}}, {{2}}}, up: "\x02"}
		if _, err := l.join(t); api.CodeOf(err) != api.CodeUnreachable {
			t.Errorf("err = %v", err)
		}
		if got := strings.Join(l.dials, ""); got != "\x01\x02" {
			t.Errorf("it was dialed at %q", got)
		}
	})
}

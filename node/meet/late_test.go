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
	"github.com/warifu/warifu/pairing"
)

// size returns how much runs.
func (l *latecare) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.running)
}

// TestLateVisitorsHearWhy: an invitation that was used, withdrawn or has ended
// is answered, also when the call that showed it is over: with the reason, by
// text as by code. When it would have ended anyway nobody answers any more.
func TestLateVisitorsHearWhy(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		over func(t *testing.T, h *held, withdraw func())
		want string
	}{
		"used": {func(t *testing.T, h *held, _ func()) {
			v := newVisitor("laptop")
			h.street.come <- v
			if err := v.visit(v.typist(t, h.code.Password()), nil); err != nil {
				t.Error(err)
			}
			if err := h.end(); err != nil {
				t.Error(err)
			}
		}, pairing.Used},
		"withdrawn": {func(_ *testing.T, h *held, withdraw func()) {
			withdraw()
			h.end()
		}, pairing.Cancelled},
		"expired": {func(_ *testing.T, h *held, _ func()) { h.end() }, pairing.Expired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var withdraw context.CancelFunc
			holdWith(t, func(h *held) {
				row.over(t, h, withdraw)
				inv, err := pairing.ParseInvitation(h.events[0].Invitation)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range []pairing.Password{inv.Password(), h.code.Password()} {
					v := newVisitor("tablet")
					h.street.come <- v
					e, _ := errors.AsType[*pairing.Error](v.visit(v.typist(t, p), nil))
					if e == nil || e.Code != row.want {
						t.Errorf("a late visitor hears %v, want %s", e, row.want)
					}
				}
				time.Sleep(pairing.Lifetime*time.Second + pairTimeout)
				synctest.Wait()
				if left := h.greeter.late.size(); left != 0 {
					t.Errorf("%d doors and beacons are left for ever", left)
				}
			}, func(ctx context.Context, r *Reception) (Newcomer, error) {
				ctx, withdraw = context.WithCancel(ctx)
				return r.show(ctx, 2)
			})
		})
	}
}

// TestLateDoorsAreBounded: somebody begins and interrupts foundings all day.
func TestLateDoorsAreBounded(t *testing.T) {
	t.Parallel()
	hosts, most := 0, 0
	holdWith(t, func(h *held) {
		h.street.wait()
		h.end()
		hosts = h.street.hosts
	}, func(ctx context.Context, r *Reception) (who Newcomer, err error) {
		for range 5 * maxLate {
			ctx, stop := context.WithCancel(ctx)
			stop()
			who, err = r.show(ctx, 2)
			most = max(most, r.greeter.late.size())
		}
		return who, err
	})
	if hosts != 5*maxLate || most != maxLate {
		t.Errorf("%d doors and beacons at once, of %d invitations", most, hosts)
	}
}

// away is a network on which nobody answers.
type away struct{ street }

var errRefused = errors.New("dial: connection refused")

func (*away) Dial(context.Context, []byte, [][]byte) (Stream, error) { return nil, errRefused }
func (*away) DialAt(context.Context, string) (Stream, error)         { return nil, errRefused }

// TestUnansweredInvitationSaysWhy: where nobody answers any more, an invitation
// whose time is over is told as that, and one whose time is not is not.
func TestUnansweredInvitationSaysWhy(t *testing.T) {
	t.Parallel()
	random := &lockedReader{r: rand.NewChaCha8([32]byte{33})}
	now := time.Unix(1_800_000_000, 0)
	g := New(Config{Device: newDevice("tablet", random), Inviter: new(away), Now: func() time.Time { return now }, Rand: random, Log: slog.New(slog.DiscardHandler)})
	w, err := pairing.NewWindow(unix(now), random)
	if err != nil {
		t.Fatal(err)
	}
	inv, err := w.Invitation([]byte("host"), [][]byte{{1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		after time.Duration
		ago   time.Duration // since it ended; -1 if it has not
	}{
		{pairing.Lifetime*time.Second - time.Second, -1},
		{pairing.Lifetime * time.Second, 0},
		{pairing.Lifetime*time.Second + 3*time.Hour, 3 * time.Hour},
	} {
		now = time.Unix(1_800_000_000, 0).Add(row.after)
		for _, at := range []string{"", "/ip4/192.0.2.1/tcp/1"} {
			_, _, err := g.Answer(t.Context(), api.JoinArgs{Invitation: inv.Text(), At: at}, func(api.Event) {})
			if expired, ok := errors.AsType[*Expired](err); row.ago >= 0 {
				if !ok || expired.Ago != row.ago {
					t.Errorf("after %v: %v", row.after, err)
				}
				continue
			}
			e := api.AsError(err)
			if e.Code != api.CodeUnreachable || !strings.Contains(e.Message, "nobody answers for this invitation: dial: connection refused") || e.Hint == "" {
				t.Errorf("after %v: %+v", row.after, e)
			}
		}
	}
}

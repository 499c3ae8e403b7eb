package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
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
			guesses := pairing.MaxGuesses
			var withdraw context.CancelFunc
			var n *Node
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
				if left := n.late.size(); left != 0 {
					t.Errorf("%d doors and beacons are left for ever", left)
				}
			}, func(ctx context.Context, node *Node, emit func(api.Event)) (newcomer, error) {
				n = node
				ctx, withdraw = context.WithCancel(ctx)
				return n.showInvitation(ctx, &guesses, 2, 3, emit)
			})
		})
	}
}

// TestLateDoorsAreBounded: somebody begins and interrupts foundings all day.
func TestLateDoorsAreBounded(t *testing.T) {
	t.Parallel()
	guesses := pairing.MaxGuesses
	hosts, most := 0, 0
	holdWith(t, func(h *held) {
		h.street.wait()
		h.end()
		hosts = h.street.hosts
	}, func(ctx context.Context, n *Node, emit func(api.Event)) (who newcomer, err error) {
		for range 5 * maxLate {
			ctx, stop := context.WithCancel(ctx)
			stop()
			who, err = n.showInvitation(ctx, &guesses, 2, 3, emit)
			most = max(most, n.late.size())
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

func (*away) Dial(context.Context, []byte, [][]byte) (PairStream, error) { return nil, errRefused }
func (*away) DialAt(context.Context, string) (PairStream, error)         { return nil, errRefused }

// TestUnansweredInvitationSaysWhy: where nobody answers any more, an invitation
// whose time is over is told as that, and one whose time is not is not.
func TestUnansweredInvitationSaysWhy(t *testing.T) {
	t.Parallel()
	store, keeper, random := journaltest.New(), &labKeeper{keys: map[string]bool{}}, &lockedReader{r: rand.NewChaCha8([32]byte{33})}
	if _, err := Init(store, keeper, random, "tablet", roster.Tablet); err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	n, err := Open(Config{Journal: store, Keeper: keeper, Rand: random, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	n.invite = new(away)
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
		code  api.Code
		words string
	}{
		{pairing.Lifetime*time.Second - time.Second, api.CodeUnreachable, "nobody answers for this invitation: dial: connection refused"},
		{pairing.Lifetime * time.Second, api.CodeInvitationOld, "has expired"},
		{pairing.Lifetime*time.Second + 3*time.Hour, api.CodeInvitationOld, "ended 3 hours ago"},
	} {
		now = time.Unix(1_800_000_000, 0).Add(row.after)
		for _, at := range []string{"", "/ip4/192.0.2.1/tcp/1"} {
			_, _, err := n.answerInvitation(t.Context(), api.JoinArgs{Invitation: inv.Text(), At: at}, func(api.Event) {})
			if e := api.AsError(err); e.Code != row.code || !strings.Contains(e.Message, row.words) || e.Hint == "" {
				t.Errorf("after %v: %+v", row.after, e)
			}
		}
	}
}

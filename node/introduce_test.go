package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/warifu/warifu/internal/commandline"
	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
)

// TestIntroducer: a device that founds a circle says which, and takes in who fits,
// unless the call that showed the invitation has ended meanwhile.
func TestIntroducer(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 313)
	store, keeper := journaltest.New(), &labKeeper{keys: map[string]bool{}}
	random := rand.NewChaCha8([32]byte{25})
	if _, err := standing.Init(store, keeper, random, "founder", roster.Phone); err != nil {
		t.Fatal(err)
	}
	n, err := Open(standing.Config{Words: commandline.Words, Journal: store, Keeper: keeper, Rand: random})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		n.Run(ctx, &labDevice{name: "founder", id: append([]byte("founder"), make([]byte, 31)...)}, nil)
	})
	if err := n.call(ctx, func(c *core) error { return c.BeginInviting(2, 3, roster.DefaultSettings()) }); err != nil {
		t.Fatal(err)
	}
	i := introducer{n}
	joined := func() (count int) {
		t.Helper()
		if err := n.look(ctx, func(c *core) error { count = len(c.Founding.Joined); return nil }); err != nil {
			t.Fatal(err)
		}
		return count
	}
	ended, nonce := errors.New("ended"), [32]byte{7}
	who := l.stranger(func(c *roster.Card) { c.Name = "new" })
	for name, say := range map[string]func() (meet.Self, error){
		"unasked":      func() (meet.Self, error) { return i.Introduce(ctx, nonce) },
		"to a visitor": func() (meet.Self, error) { return i.Consider(ctx, who.Card, nonce) },
	} {
		self, err := say()
		if err != nil || self.Card.Name != "founder" || self.Card.Nonce != nonce || self.Threshold != 2 || self.Devices != 3 || len(self.Addrs) != 1 {
			t.Errorf("%s it says of itself %+v: %v", name, self, err)
		}
	}
	if err := i.Admit(ctx, who, func() error { return ended }); !errors.Is(err, ended) || joined() != 0 {
		t.Errorf("after the call has ended: %v, and %d are in", err, joined())
	}
	if err := i.Admit(ctx, who, func() error { return nil }); err != nil || joined() != 1 {
		t.Errorf("who fits: %v, and %d are in", err, joined())
	}
	if _, err := i.Consider(ctx, who.Card, nonce); refusedWith(err) != pairing.SameDevice {
		t.Errorf("who is in already: %v", err)
	}
	if err := i.Admit(ctx, who, func() error { return nil }); !errors.Is(err, founding.ErrSameDevice) || joined() != 1 {
		t.Errorf("who is in already: %v, and %d are in", err, joined())
	}
	stop()
	all.Wait()
	if _, err := i.Introduce(t.Context(), nonce); !errors.Is(err, ErrStopped) {
		t.Errorf("when it has stopped: %v", err)
	}
}

func refusedWith(err error) string {
	if r, ok := errors.AsType[*meet.Refusal](err); ok {
		return r.Code
	}
	return ""
}

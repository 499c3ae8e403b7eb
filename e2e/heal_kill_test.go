package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

// killWithin is the time after the request of a re-deal in which the kill
// falls. A re-deal takes about half of it.
const killWithin = 800 * time.Millisecond

// TestKillWhileRedealing kills devices at random moments of re-deals and
// starts them again. Each time all end up in one epoch, and every pair signs
// at the same address. The disk of each is copied as the kill has left it: in
// the end every set of the shares on all copies is tried, those of re-deals that
// died among them, and only as many of one sharing as must sign give the key.
func TestKillWhileRedealing(t *testing.T) {
	t.Parallel()
	for i := range *circles {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := random(t)
			c := newCircle(t, 2, "laptop", "phone", "tablet")
			all := newLoot(c)
			for round := range *rounds {
				c.killIn(t, r, round, all)
			}
			c.notCopied(t)
			for _, d := range c.devices {
				eventually(t, d.name+" knows of no old share", func() bool { return d.status().OldSharesAlive == 0 })
			}
			for _, d := range c.devices {
				if code := d.stop(); code != 0 {
					t.Errorf("%s: exit %d after an interrupt:\n%s", d.name, code, d.stderr)
				}
				d.sound()
				if n := all.take(t, d); n != 1 {
					t.Errorf("%s holds shares of %d sharings in the end", d.name, n)
				}
			}
			good, bad := all.check(t, c.Threshold)
			t.Logf("%d shares on the copies: %d sets give the key, %d do not", len(all.shares), good, bad)
		})
	}
}

// killIn kills one or two devices in one re-deal.
func (c *circle) killIn(t testing.TB, r *rand.Rand, round int, all *loot) {
	t.Helper()
	asker := c.devices[r.IntN(3)]
	victims := []*device{c.devices[r.IntN(3)]}
	if r.IntN(4) == 0 {
		victims = append(victims, c.devices[(index(c, victims[0])+1+r.IntN(2))%3])
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var killed []func()
	refresh := asker.refresh()
	changed, _, err := tryChange(ctx, func(ctx context.Context, emit func(api.Event)) (api.Changed, error) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		return refresh(ctx, func(e api.Event) {
			if e.Event == api.EventRequest {
				// Nobody waits for the end of a change whose circle is being
				// killed.
				time.AfterFunc(2*killWithin, stop)
				for _, v := range victims {
					killed = append(killed, killInRound(r, v, killWithin, round))
				}
			}
			emit(e)
		})
	})
	if len(killed) == 0 {
		c.logs(t)
		t.Fatalf("round %d: no request: %v", round, err)
	}
	for i, wait := range killed {
		wait()
		victims[i].sound()
		all.take(t, victims[i])
		victims[i].up()
		t.Logf("round %d: %s asks, %s killed: epoch %d, %v", round, asker.name, victims[i].name, changed.Epoch, err)
	}
	c.settle(t, changed.Epoch)
	// What was asked comes about, sooner or later, or somebody has ended it.
	eventually(t, "no change is open", func() bool {
		for _, d := range c.devices {
			if len(d.status().Requests) > 0 {
				return false
			}
		}
		return true
	})
	c.settle(t, changed.Epoch)
	for i, asker := range c.devices {
		c.sign(t, fmt.Sprintf("round %d", round), asker, c.devices[(i+1)%3])
	}
}

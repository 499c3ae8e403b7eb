package e2e

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
)

// A kill is one death at one side of one write of a re-deal, named as
// cmd/warifu/lab.go does.
type kill struct {
	role  string
	side  string // before, after
	point string
}

// Roles of a killed device in a re-deal of three. The laptop is always the one
// that asks and proposes.
const (
	proposer = "proposer" // laptop: deals, too
	dealer   = "dealer"   // phone
	standBy  = "stand-by" // tablet: takes part, and does not deal
	sleeper  = "sleeper"  // tablet: is away until the others have committed
	quitter  = "quitter"  // phone: gives the re-deal up with the laptop, when the tablet has died in it
)

// unlink is the removal of the sealed old shares: the new ones have been written
// with the votes to commit and to lock, and with the intent to retire.
const unlink = "shares:4"

// kills lists every point of every role, from both sides.
func kills() (list []kill) {
	for _, x := range []struct {
		role   string
		points []string
	}{
		{proposer, []string{"key", "started", "ready", "commit", "lock", "retire", "destroy", unlink, "retired"}},
		{dealer, []string{"key", "started", "ready", "commit", "lock", "retire", "destroy", "retired"}},
		{standBy, []string{"key", "ready", "commit", "lock", "retire", "destroy", "retired"}},
		{sleeper, []string{"key", "commit", "lock", "retire", "destroy", "retired"}},
		{quitter, []string{"abort", "return", "dead", "destroy"}},
	} {
		for _, p := range x.points {
			list = append(list, kill{x.role, "before", p}, kill{x.role, "after", p})
		}
	}
	return list
}

// namedCircles share the kills among them.
const namedCircles = 6

// chosen is what the flags leave of the kills: a step that is odd, and no more than
// a role has kills, has both sides of every role.
func chosen() (list []kill) {
	for i, k := range kills() {
		if (i+*killStart)%*killEvery == 0 {
			list = append(list, k)
		}
	}
	return list
}

// TestKillAtNamedPoints kills each role of a re-deal just before and just after
// each of its writes, with no chance for a word in between. Whoever is killed
// starts again, what was asked comes about, all end up in one epoch, no old
// share is left, and every pair signs at the same address.
func TestKillAtNamedPoints(t *testing.T) {
	t.Parallel()
	all := chosen()
	n := min(namedCircles, 1+len(all)/8)
	var deaths atomic.Int32
	t.Run("circles", func(t *testing.T) {
		for i := range n {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				devices := make([]*device, 3)
				for k, name := range []string{"laptop", "phone", "tablet"} {
					devices[k] = newDevice(t, name)
					devices[k].toLab()
					devices[k].up()
				}
				c := found(t, 2, devices...)
				for round := i; round < len(all); round += n {
					deaths.Add(c.dieAt(t, all[round], round))
				}
				c.everyPair(t, "in the end")
				for _, d := range c.devices {
					if code := d.stop(); code != 0 {
						t.Errorf("%s: exit %d after an interrupt:\n%s", d.name, code, d.stderr)
					}
					d.sound()
				}
			})
		}
	})
	if n := int(deaths.Load()); !t.Failed() && (len(all) == 0 || n < len(all)) {
		t.Errorf("%d deaths at %d points", n, len(all))
	}
}

// dieAt has one re-deal in which a device dies where it is told to. It returns
// how many died.
func (c *circle) dieAt(t testing.TB, k kill, round int) (deaths int32) {
	t.Helper()
	t.Logf("round %d: the %s dies %s %s", round, k.role, k.side, k.point)
	defer func() {
		if t.Failed() {
			c.logs(t)
		}
	}()
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	for _, d := range c.devices {
		d.online()
	}
	epoch := laptop.status().Epoch
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	wish := "die=" + k.side + ":" + k.point
	victims := []*device{map[string]*device{proposer: laptop, dealer: phone, standBy: tablet, sleeper: tablet, quitter: phone}[k.role]}
	switch k.role {
	case sleeper:
		tablet.kill()
		if _, _, err := tryChange(ctx, laptop.refresh()); err != nil {
			t.Fatalf("round %d: refresh without the sleeper: %v", round, err)
		}
		tablet.wish(wish)
		tablet.launch(tablet.upArgs("--no-lan")...)
		tablet.dies()
	case quitter:
		tablet.wish("die=before:ready")
		changing := c.begins(ctx, laptop)
		tablet.dies()
		victims = append(victims, tablet)
		// More than the life of a re-deal passes at once.
		phone.wish("clock=70s," + wish)
		laptop.wish("clock=70s")
		phone.dies()
		defer func() {
			<-changing
			laptop.wish("")
		}()
	default:
		victims[0].wish(wish)
		changing := c.begins(ctx, laptop)
		victims[0].dies()
		defer func() { <-changing }()
	}
	for _, d := range victims {
		d.up()
	}
	c.settle(t, epoch+1)
	for _, d := range c.devices {
		eventually(t, d.name+" knows of no open request", func() bool { return len(d.status().Requests) == 0 })
		eventually(t, d.name+" knows of no old share", func() bool { return d.status().OldSharesAlive == 0 })
	}
	c.settle(t, epoch+1)
	c.sign(t, fmt.Sprintf("round %d", round), c.devices[round%3], c.devices[(round+1+round/3%2)%3])
	return int32(len(victims))
}

// begins asks for fresh shares, and says when nobody waits for them any more.
// If the device that was asked dies, what it was asked for comes about all the
// same; its persons just do not hear of it there.
func (c *circle) begins(ctx context.Context, at *device) (over <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _, _ = tryChange(ctx, at.refresh())
	}()
	return done
}

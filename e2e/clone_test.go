package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

const (
	// clonePatience bounds a re-deal in which two copies of one device take
	// turns. Each attempt that they spoil costs some of it.
	clonePatience = 4 * patience
)

// clone returns a device whose disk is a copy of d's, which must be down. The
// two have one name and one identity.
func (d *device) clone(t testing.TB) *device {
	t.Helper()
	x := &device{t: t, name: d.name, home: filepath.Join(tempDir(t), "h"), pass: d.pass,
		listen: fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", freePort(t))}
	copyHome(t, d.home, x.home)
	var err error
	if x.client, err = api.NewClient(x.home); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		x.client.Close()
		x.kill()
	})
	return x
}

// warns reports whether the status of d has a warning that begins like this.
func (d *device) warns(begin string) bool {
	d.t.Helper()
	return slices.ContainsFunc(d.status().Warnings, func(w string) bool { return strings.HasPrefix(w, begin) })
}

// notCopied checks that no device takes itself or another for two.
func (c *circle) notCopied(t testing.TB) {
	t.Helper()
	for _, d := range c.devices {
		s := d.status()
		for _, w := range s.Warnings {
			if strings.Contains(w, "a copy of it runs elsewhere") || strings.Contains(w, "seems to run twice") {
				t.Errorf("a device was only restarted, and %s says: %s", d.name, w)
			}
		}
	}
}

// TestCloneBesideTheOriginal starts a copy of a device's disk beside the
// device. Both run at the same time with one identity: the others notice and
// say whose disk it is, and sign. A re-deal goes on whatever the two do, also
// when the copy was made in the middle of one. Called lost, both are out.
func TestCloneBesideTheOriginal(t *testing.T) {
	t.Parallel()
	r := random(t)
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	others := &circle{Circle: c.Circle, devices: []*device{laptop, tablet}, address: c.address}
	phone.kill()
	clone := phone.clone(t)
	phone.up()
	for _, d := range c.devices {
		d.online()
	}
	c.sign(t, "a restart is no copy", phone, laptop)
	c.notCopied(t)
	clone.up()
	t.Cleanup(func() {
		if t.Failed() {
			for _, d := range append(slices.Clone(c.devices), clone) {
				t.Logf("%s (%s) said:\n%s", d.name, d.listen, d.stderr)
			}
		}
	})
	for _, d := range others.devices {
		within(t, clonePatience, d.name+" notices the copy", func() bool {
			return d.warns("phone seems to run twice") && d.sees(phone).State == api.DeviceTwice
		})
	}
	within(t, clonePatience, "one of the two knows", func() bool {
		const known = "This device's data was set back, or a copy of it runs elsewhere"
		return phone.warns(known) || clone.warns(known)
	})
	laptop.command(0, "status").has(t, "seems to run twice: `warifu lost phone` if you did not copy it")

	nonces := map[string]string{}
	sign := func(message string, asker *device, approvers ...*device) {
		t.Helper()
		sig := others.sign(t, message, asker, approvers...)
		if was, again := nonces[sig.Signature[:66]]; again {
			t.Errorf("%q and %q were signed with one nonce", was, message)
		}
		nonces[sig.Signature[:66]] = message
	}
	sign("the others sign", laptop, tablet)
	for round := range *rounds {
		if round > 0 {
			clone.kill()
			clone = phone.clonedIn(t, others, r)
		}
		others.endure(t, laptop.refresh())
		if on := laptop.status().OldSharesOn; !slices.Contains(on, "phone") {
			t.Errorf("the shares on the copy count as dead: %v", on)
		}
		sign(fmt.Sprintf("round %d", round), laptop, tablet)
		// Both copies approve, and one of them signs, or none.
		others.withBoth(t, fmt.Sprintf("with both, round %d", round), laptop, nonces, phone, clone)
	}

	ctx, cancel := context.WithTimeout(t.Context(), clonePatience)
	defer cancel()
	changed, _, err := tryChange(ctx, laptop.lost(phone), tablet)
	if err != nil {
		t.Fatal(err)
	}
	c.drop(phone)
	c.settle(t, changed.Epoch)
	c.everyPair(t, "without both")
	for _, d := range []*device{phone, clone} {
		d.cannotSign(t, api.CodeTimeout, api.CodeEvicted, api.CodeNoQuorum, api.CodeFrozen, api.CodeRolledBack)
	}
	for _, d := range c.devices {
		eventually(t, d.name+" knows of no old share but those of the phone", func() bool {
			return slices.Equal(d.status().OldSharesOn, []string{"phone"})
		})
		if s := d.status(); s.Epoch != changed.Epoch || s.Frozen != "" || d.warns("phone seems to run twice") {
			t.Errorf("%s: %+v", d.name, s)
		}
	}
}

// clonedIn kills d at a random moment of a re-deal that the others go through,
// and starts it again beside a copy of what was on its disk then.
func (d *device) clonedIn(t testing.TB, others *circle, r *rand.Rand) *device {
	t.Helper()
	var killed func()
	ctx, cancel := context.WithTimeout(t.Context(), clonePatience)
	defer cancel()
	refresh := others.devices[r.IntN(2)].refresh()
	_, _, err := tryChange(ctx, func(ctx context.Context, emit func(api.Event)) (api.Changed, error) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		return refresh(ctx, func(e api.Event) {
			if e.Event == api.EventRequest {
				time.AfterFunc(2*killWithin, stop)
				killed = killAfter(r, d, killWithin)
			}
			emit(e)
		})
	})
	if killed == nil {
		t.Fatalf("no request: %v", err)
	}
	killed()
	clone := d.clone(t)
	both := []*device{d, clone}
	for _, i := range r.Perm(2) {
		both[i].up()
	}
	return clone
}

// endure runs a change that must succeed, however long the copies delay it, and
// waits until all of c are in one epoch and nothing is under way.
func (c *circle) endure(t testing.TB, run changing) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clonePatience)
	defer cancel()
	changed, _, err := tryChange(ctx, run)
	if err != nil {
		t.Fatalf("change: %v", err)
	}
	within(t, clonePatience, "all are in one epoch", func() bool {
		first := c.devices[0].status().Epoch
		return !slices.ContainsFunc(c.devices, func(d *device) bool {
			s := d.status()
			// A request that was denied after a part of its signature had left stays
			// listed as one that may be signed: a copy that went away may hold the rest.
			open := slices.ContainsFunc(s.Requests, func(r api.Request) bool { return r.State != api.StateReleased })
			return s.Epoch != first || s.Epoch < changed.Epoch || s.Healing != "" || s.Frozen != "" || open
		})
	})
}

// withBoth asks for a signature that both copies approve. If there is one, it
// holds.
func (c *circle) withBoth(t testing.TB, message string, asker *device, nonces map[string]string, copies ...*device) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), thiefTries)
	defer cancel()
	ids := make(chan string, 1)
	var sig api.Signature
	var err error
	var all errgroup.Group
	all.Go(func() error {
		sig, err = asker.client.Sign(ctx, api.SignArgs{Kind: api.KindMessage, Message: []byte(message)}, func(e api.Event) {
			if e.Event == api.EventRequest {
				ids <- e.ID
			}
		})
		return nil
	})
	var id string
	select {
	case id = <-ids:
	case <-ctx.Done():
		t.Fatalf("no request: %v", ctx.Err())
	}
	for _, d := range copies {
		all.Go(func() error {
			_ = approve(ctx, d, id) // the request may not reach this copy
			return nil
		})
	}
	_ = all.Wait()
	if err == nil {
		c.check(t, message, sig)
		if was, again := nonces[sig.Signature[:66]]; again {
			t.Errorf("%q and %q were signed with one nonce", was, message)
		}
		nonces[sig.Signature[:66]] = message
	} else if _, err := asker.client.Deny(t.Context(), id); err != nil && api.CodeOf(err) != api.CodeRequestClosed {
		t.Errorf("deny: %v", err)
	}
}

package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

// present proves that the person of a device is there.
func present() api.PresenceArgs { return api.PresenceArgs{Passphrase: []byte(passphrase)} }

// A changing is a change of the circle that some device's person asks for.
type changing func(ctx context.Context, emit func(api.Event)) (api.Changed, error)

func (d *device) lost(other *device) changing {
	return func(ctx context.Context, emit func(api.Event)) (api.Changed, error) {
		return d.client.Lost(ctx, api.DeviceArgs{PresenceArgs: present(), Device: d.identity(other.name)}, emit)
	}
}

// identity is that of the device which d knows by a name.
func (d *device) identity(name string) string {
	d.t.Helper()
	for _, o := range d.status().Devices {
		if o.Name == name {
			return o.Device
		}
	}
	d.t.Fatalf("%s knows no %s", d.name, name)
	return ""
}

func (d *device) refresh() changing {
	return func(ctx context.Context, emit func(api.Event)) (api.Changed, error) {
		return d.client.Refresh(ctx, present(), emit)
	}
}

func (d *device) leave() changing {
	return func(ctx context.Context, emit func(api.Event)) (api.Changed, error) {
		return d.client.Leave(ctx, present(), emit)
	}
}

// tryChange runs a change, to which the persons of approvers say yes, and
// returns the id of its request as soon as there is one.
func tryChange(ctx context.Context, run changing, approvers ...*device) (changed api.Changed, id string, err error) {
	id, err = request(ctx, func(ctx context.Context, emit func(api.Event)) (err error) {
		changed, err = run(ctx, emit)
		return err
	}, approvePresent, approvers)
	return changed, id, err
}

// approvePresent waits until the request has come and says yes to it, with
// the passphrase.
func approvePresent(ctx context.Context, d *device, id string) error {
	for {
		_, err := d.client.Request(ctx, id)
		if err == nil {
			_, err = d.client.ApprovePresent(ctx, id, []byte(passphrase))
		}
		if api.CodeOf(err) != api.CodeUnknownRequest {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the request has not come: %w", ctx.Err())
		case <-time.After(poll):
		}
	}
}

// change runs a change that must succeed.
func (c *circle) change(t testing.TB, run changing, approvers ...*device) api.Changed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	changed, _, err := tryChange(ctx, run, approvers...)
	if err != nil {
		c.logs(t)
		t.Fatalf("change: %v", err)
	}
	return changed
}

func (c *circle) logs(t testing.TB) {
	for _, d := range c.devices {
		t.Logf("%s said:\n%s", d.name, d.stderr)
	}
}

// drop takes a device out of the test's list of devices.
func (c *circle) drop(gone *device) {
	c.devices = slices.DeleteFunc(slices.Clone(c.devices), func(d *device) bool { return d == gone })
}

// settle waits until all devices are in one epoch that is at least the given
// one, and no change is under way on any.
func (c *circle) settle(t testing.TB, epoch uint64) {
	t.Helper()
	c.settleWithin(t, patience, epoch)
}

func (c *circle) settleWithin(t testing.TB, limit time.Duration, epoch uint64) {
	t.Helper()
	within(t, limit, fmt.Sprintf("all are in epoch %d", epoch), func() bool {
		first := c.devices[0].status().Epoch
		for _, d := range c.devices {
			if s := d.status(); s.Epoch != first || s.Epoch < epoch || s.Healing != "" || s.Frozen != "" {
				return false
			}
		}
		return true
	})
}

// everyPair signs with each ordered pair of a circle of which two sign.
func (c *circle) everyPair(t testing.TB, message string) {
	t.Helper()
	for _, asker := range c.devices {
		for _, approver := range c.devices {
			if asker != approver {
				c.sign(t, fmt.Sprintf("%s: %s and %s", message, asker.name, approver.name), asker, approver)
			}
		}
	}
}

// invite lets a new device in and returns it.
func (c *circle) invite(t testing.TB, args api.InviteArgs, name string, by *device, approvers ...*device) (*device, api.Changed) {
	t.Helper()
	d := newDevice(t, name)
	d.up()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var joined api.Circle
	all, ctx := errgroup.WithContext(ctx)
	var changed api.Changed
	all.Go(func() (err error) {
		// Joining may end a moment after the change, whose context is over then.
		changed, _, err = tryChange(ctx, func(change context.Context, emit func(api.Event)) (api.Changed, error) {
			args.PresenceArgs = present()
			return by.client.Invite(change, args, func(e api.Event) {
				if e.Event == api.EventInvitation {
					all.Go(func() (err error) {
						if joined, err = d.client.Join(ctx, api.JoinArgs{Invitation: e.Invitation}, func(api.Event) {}); err != nil {
							return fmt.Errorf("%s joins: %w", d.name, err)
						}
						return nil
					})
				}
				emit(e)
			})
		}, approvers...)
		return err
	})
	c.devices = append(slices.Clone(c.devices), d)
	if err := all.Wait(); err != nil {
		c.logs(t)
		t.Fatalf("invite: %v", err)
	}
	if joined.Circle != c.Circle.Circle || !slices.Equal(joined.Accounts, c.Accounts) {
		t.Errorf("joined %+v", joined)
	}
	if !slices.Contains(changed.Added, name) {
		t.Errorf("added %v", changed.Added)
	}
	return d, changed
}

// done waits for an end without an error and returns what was printed.
func (r *running) done() string {
	r.t.Helper()
	out, failed := r.end()
	if failed != nil {
		r.t.Fatalf("%v: %v", r.cmd.Args[4:], failed)
	}
	return out
}

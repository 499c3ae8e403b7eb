package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

// thiefTries is how long the demo lets the thief try.
const thiefTries = 3 * time.Second

// stolen takes the phone away. Its home stays, as its disk would.
func (s *story) stolen(context.Context) error {
	s.chapter("The phone is stolen: its process %d is killed, and the thief has its disk, and its passphrase.", s.phone.cmd.Process.Pid)
	s.phone.kill()
	s.say("with the laptop, too, the thief would have the key; the old share must die before that")
	return nil
}

// lost heals the circle with the persons of laptop and tablet.
func (s *story) lost(ctx context.Context) error {
	s.chapter("Its owner says so on the laptop, and once more on the tablet: laptop and tablet deal fresh shares.")
	before := s.summary.Address
	began := time.Now()
	changed, err := s.change(ctx, s.laptop, s.tablet, func(ctx context.Context, p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
		return s.laptop.client.Lost(ctx, api.DeviceArgs{PresenceArgs: p, Device: s.phone.id}, emit)
	})
	if err != nil {
		return err
	}
	s.say("healed after %v: epoch %d, held by %s; old shares possibly alive: %d of %d", time.Since(began).Round(time.Millisecond),
		changed.Epoch, strings.Join(changed.Members, " and "), changed.OldSharesAlive, changed.Threshold)
	for _, d := range []*device{s.laptop, s.tablet} {
		st, err := s.settled(ctx, d, changed.Epoch)
		if err != nil {
			return err
		}
		if addr := ethereumAddress(st.Accounts); addr != before {
			return fmt.Errorf("the address was %s and is %s on %s", before, addr, d.name)
		}
	}
	s.say("the address is the same: %s", before)
	s.summary.HealSeconds = time.Since(began).Round(time.Millisecond).Seconds()
	return s.ask(ctx, s.tablet, s.laptop, "The phone is stolen and its share is dead")
}

// change runs a change of the circle on asker, and lets the person of
// approver say yes to it, with the passphrase of that device.
func (s *story) change(ctx context.Context, asker, approver *device, run func(context.Context, api.PresenceArgs, func(api.Event)) (api.Changed, error)) (changed api.Changed, err error) {
	err = s.request(ctx, approver, func(ctx context.Context, emit func(api.Event)) error {
		pass, err := asker.passphrase()
		if err != nil {
			return err
		}
		defer clear(pass)
		changed, err = run(ctx, api.PresenceArgs{Passphrase: pass}, emit)
		return err
	}, func(ctx context.Context, id string) error {
		pass, err := approver.passphrase()
		if err != nil {
			return err
		}
		defer clear(pass)
		if _, err := approver.client.ApprovePresent(ctx, id, pass); err != nil {
			return fmt.Errorf("%s approves: %w", approver.name, err)
		}
		s.say("%s approves, with its passphrase", approver.name)
		return nil
	})
	return changed, err
}

// passphrase reads what a person would type.
func (d *device) passphrase() ([]byte, error) {
	text, err := os.ReadFile(d.pass)
	if err != nil {
		return nil, fmt.Errorf("read the passphrase of %s: %w", d.name, err)
	}
	return bytes.TrimRight(text, "\n"), nil
}

// settled waits until d is in an epoch and no change is under way.
func (s *story) settled(ctx context.Context, d *device, epoch uint64) (api.Status, error) {
	var st api.Status
	err := until(ctx, func() (_ bool, err error) {
		if st, err = d.client.Status(ctx); err != nil {
			return false, fmt.Errorf("status of %s: %w", d.name, err)
		}
		return st.Epoch >= epoch && st.Healing == "" && st.Frozen == "", nil
	}, func() string { return fmt.Sprintf("%s is not in epoch %d (%s)", d.name, epoch, st.Healing) })
	return st, err
}

func ethereumAddress(accounts []api.Account) string {
	for _, acc := range accounts {
		if acc.Address != "" {
			return acc.Address
		}
	}
	return ""
}

// thief runs the stolen phone, unlocked, and lets it try.
func (s *story) thief(ctx context.Context) error {
	s.chapter("The thief starts the phone from its disk, unlocks it and tries to sign.")
	if _, err := s.phone.up(ctx); err != nil {
		return err
	}
	id, err := s.phone.tries(ctx, "everything to the thief", thiefTries)
	switch api.CodeOf(err) {
	case "":
		return errors.New("the stolen phone signed")
	case api.CodeTimeout, api.CodeEvicted, api.CodeNoQuorum, api.CodeFrozen:
	default:
		return fmt.Errorf("the stolen phone tries to sign: %w", err)
	}
	s.say("it says: %s", err.Error())
	if id != "" {
		for _, d := range []*device{s.laptop, s.tablet} {
			if _, err := d.client.Request(ctx, id); api.CodeOf(err) != api.CodeUnknownRequest {
				return fmt.Errorf("%s knows of the stolen phone's request: %w", d.name, err)
			}
		}
	}
	for _, d := range []*device{s.laptop, s.tablet} {
		st, err := d.client.Status(ctx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(st.Devices, func(other api.Device) bool { return other.Name == s.phone.name }) {
			return fmt.Errorf("%s still counts the stolen phone", d.name)
		}
	}
	s.say("laptop and tablet take nothing from it: no request, no signature; its share fits no other share that exists")
	s.phone.stop()
	return nil
}

// newPhone lets another phone in.
func (s *story) newPhone(ctx context.Context) error {
	s.chapter("A new phone joins: the laptop invites it, laptop and tablet say yes, and all three get fresh shares.")
	second, err := s.makeDevice(ctx, s.laptop.exe, "phone-2", "phone")
	if err != nil {
		return err
	}
	s.second = second
	if _, err := second.up(ctx); err != nil {
		return err
	}
	// Joining may end a moment after the change, whose context is over then.
	joining, stop := context.WithCancel(ctx)
	defer stop()
	var all errgroup.Group
	var joined api.Circle
	changed, err := s.change(ctx, s.laptop, s.tablet, func(ctx context.Context, p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
		return s.laptop.client.Invite(ctx, api.InviteArgs{PresenceArgs: p}, func(e api.Event) {
			if e.Event == api.EventInvitation {
				all.Go(func() (err error) {
					joined, err = second.client.Join(joining, api.JoinArgs{Invitation: e.Invitation}, func(api.Event) {})
					if err != nil {
						return fmt.Errorf("%s joins: %w", second.name, err)
					}
					return nil
				})
			}
			emit(e)
		})
	})
	if err != nil {
		stop()
	}
	if err = errors.Join(err, all.Wait()); err != nil {
		return err
	}
	if joined.Circle != s.summary.Circle || ethereumAddress(joined.Accounts) != s.summary.Address {
		return errors.New("the new phone holds another circle")
	}
	for _, d := range []*device{s.laptop, s.tablet, second} {
		if _, err := s.settled(ctx, d, changed.Epoch); err != nil {
			return err
		}
	}
	s.say("%s is in: epoch %d, any %d of %s sign", second.name, changed.Epoch, changed.Threshold, strings.Join(changed.Members, ", "))
	s.summary.Devices = changed.Members
	return nil
}

// everyPair signs with each two devices, and shows how the circle came to be.
func (s *story) everyPair(ctx context.Context) error {
	s.chapter("Every pair signs, at the same address as ever.")
	now := []*device{s.laptop, s.tablet, s.second}
	for i, asker := range now {
		approver := now[(i+1)%len(now)]
		if err := s.ask(ctx, asker, approver, fmt.Sprintf("%s and %s sign together", asker.name, approver.name)); err != nil {
			return err
		}
	}
	epochs, err := s.second.client.Epochs(ctx)
	if err != nil {
		return fmt.Errorf("epochs of %s: %w", s.second.name, err)
	}
	s.say("the chain of epochs, as the new phone has verified it:")
	for _, e := range epochs {
		s.say("    %d  %-8s %s", e.Epoch, e.Kind, strings.Join(e.Devices, ", "))
	}
	s.summary.Epochs = len(epochs)
	return nil
}

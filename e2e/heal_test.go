package e2e

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

// thiefTries is how long a test lets a device try to sign that must not.
const thiefTries = 2 * time.Second

// cannotSign checks that a device gets no signature, however it asks.
func (d *device) cannotSign(t testing.TB, codes ...api.Code) (id string) {
	t.Helper()
	sig, err := d.client.Sign(t.Context(), api.SignArgs{Kind: api.KindMessage, Message: []byte("to the thief"), Timeout: api.Duration(thiefTries)},
		func(e api.Event) {
			if e.Event == api.EventRequest {
				id = e.ID
			}
		})
	if err == nil {
		t.Fatalf("%s signed: %+v", d.name, sig)
	}
	if !slices.Contains(codes, api.CodeOf(err)) {
		t.Errorf("%s cannot sign, but for another reason than %v: %v", d.name, codes, err)
	}
	return id
}

// TestLostDeviceHeals kills a device and has the others go on without it, at
// the same address. Then a thief starts it from its disk, with its passphrase:
// nobody answers it, and its share fits no other that exists.
func TestLostDeviceHeals(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	c.sign(t, "before", laptop, phone)
	phone.kill()
	changed := c.change(t, laptop.lost(phone), tablet)
	if !slices.Equal(changed.Removed, []string{"phone"}) || !slices.Equal(changed.Members, []string{"laptop", "tablet"}) ||
		changed.Kind != "remove" || changed.Threshold != 2 || changed.OldSharesAlive != 1 {
		t.Errorf("changed: %+v", changed)
	}
	c.drop(phone)
	c.settle(t, changed.Epoch)
	c.everyPair(t, "after")

	phone.up()
	id := phone.cannotSign(t, api.CodeTimeout, api.CodeEvicted, api.CodeNoQuorum)
	for _, d := range c.devices {
		if _, err := d.client.Request(t.Context(), id); id != "" && api.CodeOf(err) != api.CodeUnknownRequest {
			t.Errorf("%s took the request of the lost device: %v", d.name, err)
		}
		s := d.status()
		if len(s.Devices) != 2 || s.Accounts[0].Address != c.address || s.Frozen != "" {
			t.Errorf("%s: %+v", d.name, s)
		}
		eventually(t, "all old shares but the lost one are gone", func() bool { return d.status().OldSharesAlive == 1 })
	}
	// What the thief says can neither remove others nor freeze them.
	for _, run := range []changing{phone.lost(laptop), phone.refresh()} {
		ctx, cancel := context.WithTimeout(t.Context(), thiefTries)
		if changed, _, err := tryChange(ctx, run); err == nil {
			t.Errorf("the lost device changed the circle: %+v", changed)
		}
		cancel()
	}
	if _, err := phone.client.Freeze(t.Context(), present()); err == nil {
		t.Log("the lost device has frozen itself")
	}
	c.everyPair(t, "while the thief talks")
	if s := laptop.status(); s.Epoch != changed.Epoch || s.Frozen != "" {
		t.Errorf("the thief changed something: %+v", s)
	}
}

// TestLostByCommand does the same with two people at two keyboards.
func TestLostByCommand(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	phone.kill()
	losing := laptop.begin("lost", "phone", "--yes", "--passphrase-file", laptop.pass)
	id := losing.await(api.EventRequest).ID
	eventually(t, "the circle is frozen on the tablet", func() bool { return tablet.status().Frozen != "" })
	tablet.run(0, "show", id[:8]).has(t, `"kind":"lost"`, "phone")
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("incorrect horse"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := tablet.run(1, "approve", id[:8], "--yes", "--passphrase-file", wrong); o.code(t) != api.CodeNotPresent {
		t.Errorf("wrong passphrase: %s", o.stderr)
	}
	if o := tablet.run(1, "approve", id[:8], "--yes"); o.code(t) != api.CodeBadArgument {
		t.Errorf("no passphrase: %s", o.stderr)
	}
	tablet.run(0, "approve", id[:8], "--yes", "--passphrase-file", tablet.pass)
	changed := decode[api.Changed](t, losing.done())
	if !slices.Equal(changed.Removed, []string{"phone"}) {
		t.Errorf("changed: %+v", changed)
	}
	c.drop(phone)
	c.settle(t, changed.Epoch)
	c.everyPair(t, "after")
	tablet.run(0, "show", id[:8], "--wait").has(t, `"state":"done"`)
	out := tablet.command(0, "epochs")
	out.has(t, "founding", "remove", "phone")
	if other := laptop.command(0, "epochs"); other.stdout != out.stdout {
		t.Errorf("the devices tell different stories:\n%s%s", out.stdout, other.stdout)
	}
	laptop.command(0, "status").has(t, "old shares possibly alive: 1 of 2, on phone: worth nothing")
	if o := laptop.run(1, "lost", "phone", "--yes", "--passphrase-file", laptop.pass); o.code(t) != api.CodeUnknown {
		t.Errorf("lost again: %s", o.stderr)
	}
	if o := laptop.run(1, "lost", "tablet", "--yes", "--passphrase-file", laptop.pass); o.code(t) != api.CodeStranded {
		t.Errorf("too many lost: %s", o.stderr)
	}
}

// TestAddDevice lets a device into a living circle.
func TestAddDevice(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone")
	tablet, changed := c.invite(t, api.InviteArgs{}, "tablet", c.devices[0], c.devices[1])
	c.settle(t, changed.Epoch)
	c.everyPair(t, "three")
	tablet.kill()
	tablet.sound()
	tablet.up()
	tablet.online()
	c.sign(t, "after a restart", tablet, c.devices[0])
	// But for when each has heard of it, which is its own to tell.
	story := func(d *device) string {
		return regexp.MustCompile(`(?m)^ *here since .*\n`).ReplaceAllString(d.command(0, "epochs").stdout, "")
	}
	if got, want := story(tablet), story(c.devices[0]); got != want {
		t.Errorf("the new device tells another story:\n%s\nthan\n%s", got, want)
	}
}

// TestReplaceDevice puts a new device into the place of one that is gone.
func TestReplaceDevice(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	phone.kill()
	c.drop(phone)
	_, changed := c.invite(t, api.InviteArgs{Replace: laptop.identity("phone")}, "phone-2", laptop, tablet)
	if !slices.Equal(changed.Removed, []string{"phone"}) {
		t.Errorf("changed: %+v", changed)
	}
	c.settle(t, changed.Epoch)
	c.everyPair(t, "replaced")
	phone.up()
	phone.cannotSign(t, api.CodeTimeout, api.CodeEvicted, api.CodeNoQuorum)
}

func TestLeave(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop := c.devices[0]
	changed := c.change(t, laptop.leave())
	if changed.Kind != "leave" || !slices.Equal(changed.Removed, []string{"laptop"}) {
		t.Errorf("changed: %+v", changed)
	}
	c.drop(laptop)
	c.settle(t, changed.Epoch)
	c.everyPair(t, "without the laptop")
	laptop.cannotSign(t, api.CodeEvicted, api.CodeNoCircle)
	eventually(t, "the laptop holds nothing of the keys any more", func() bool {
		keys, err := filepath.Glob(filepath.Join(laptop.home, "epochs", "*"))
		return err == nil && len(keys) == 1 && filepath.Base(keys[0]) == "0-0.key" &&
			strings.Contains(strings.Join(laptop.status().Warnings, "\n"), "its shares are destroyed")
	})
	laptop.kill()
	laptop.sound()
	laptop.up()
	laptop.cannotSign(t, api.CodeEvicted, api.CodeNoCircle)
	// Two are left, and both must sign: none of them can go.
	if o := c.devices[0].run(1, "leave", "--yes", "--passphrase-file", c.devices[0].pass); o.code(t) != api.CodeStranded {
		t.Errorf("leave: %s", o.stderr)
	}
}

// TestFreezeAndThaw checks that one person stops everything, and that it takes
// the quorum to go on.
func TestFreezeAndThaw(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	if o := laptop.run(1, "thaw", "--passphrase-file", laptop.pass); o.code(t) != api.CodeBadArgument {
		t.Errorf("thaw what is not frozen: %s", o.stderr)
	}
	phone.run(0, "freeze", "--yes", "--passphrase-file", phone.pass).has(t, `"frozen":true`, "confirmed with --yes")
	for _, d := range c.devices {
		eventually(t, d.name+" is frozen", func() bool { return d.status().Frozen != "" })
		d.cannotSign(t, api.CodeFrozen)
	}
	if o := laptop.run(1, "invite", "--passphrase-file", laptop.pass); o.code(t) != api.CodeFrozen {
		t.Errorf("invite: %s", o.stderr)
	}
	// It survives a restart.
	tablet.kill()
	tablet.up()
	tablet.cannotSign(t, api.CodeFrozen)

	thawing := laptop.begin("thaw", "--passphrase-file", laptop.pass)
	id := thawing.await(api.EventRequest).ID
	laptop.cannotSign(t, api.CodeFrozen)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := approvePresent(ctx, tablet, id); err != nil {
		t.Fatal(err)
	}
	if out := thawing.done(); !strings.Contains(out, `"frozen":false`) {
		t.Errorf("thaw: %s", out)
	}
	c.settle(t, 0)
	c.everyPair(t, "thawed")
	// Whoever was overruled stops nothing alone for a day, and is told so.
	phone.run(1, "freeze", "--yes", "--passphrase-file", phone.pass).has(t, `"frozen":false`)
	c.sign(t, "not frozen", phone, tablet)
}

// TestSleepsThroughThreeEpochs has a device miss three re-deals. Waking up, it
// finds its share, and signs with every other.
func TestSleepsThroughThreeEpochs(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone := c.devices[0], c.devices[1]
	all := c.devices
	phone.kill()
	c.drop(phone)
	var changed api.Changed
	for range 3 {
		changed = c.change(t, laptop.refresh())
		if !slices.Equal(changed.Sleepers, []string{"phone"}) {
			t.Errorf("changed: %+v", changed)
		}
		c.settle(t, changed.Epoch)
	}
	c.sign(t, "while it sleeps", c.devices[0], c.devices[1])
	phone.up()
	c.devices = all
	c.settle(t, changed.Epoch)
	c.everyPair(t, "awake")
	for _, d := range c.devices {
		eventually(t, "no old share is left", func() bool { return d.status().OldSharesAlive == 0 })
	}
}

// TestVacationAndVeto announces absences and objects to a removal.
func TestVacationAndVeto(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	laptop.run(0, "vacation", "--for", "14d", "--passphrase-file", laptop.pass).has(t, `"epoch":`, `"kind":"vacation"`)
	if o := phone.run(1, "vacation", "fridge", "--for", "14d", "--passphrase-file", phone.pass); o.code(t) != api.CodeUnknown {
		t.Errorf("vacation: %s", o.stderr)
	}
	// What cannot count is refused, and nobody believes that it does.
	if o := phone.run(1, "veto", "tablet", "--passphrase-file", phone.pass); o.code(t) != api.CodeRefused {
		t.Errorf("veto: %s", o.stderr)
	}
	eventually(t, "the tablet knows of the vacation", func() bool {
		for _, d := range tablet.status().Devices {
			if d.Name == "laptop" {
				return d.State == api.DeviceVacation && d.Until != nil && time.Until(*d.Until) > 13*24*time.Hour
			}
		}
		return false
	})
	tablet.command(0, "status").has(t, "on vacation, ends 20", "in 14 days")
}

// TestRestoredDisk starts a device from a copy of its disk that is an epoch
// old. It is noticed before anything is signed with it, and the next re-deal
// brings the device back.
func TestRestoredDisk(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	phone.kill()
	old := filepath.Join(tempDir(t), "h")
	copyHome(t, phone.home, old)
	phone.up()
	phone.online()
	changed := c.change(t, laptop.refresh())
	c.settle(t, changed.Epoch)
	phone.kill()
	if err := os.RemoveAll(phone.home); err != nil {
		t.Fatal(err)
	}
	copyHome(t, old, phone.home)
	phone.up()
	phone.online()

	eventually(t, "the phone knows that its share is of no use", func() bool {
		_, err := phone.client.Sign(t.Context(), api.SignArgs{Kind: api.KindMessage, Message: []byte("too old"), Detach: true}, func(api.Event) {})
		return api.CodeOf(err) == api.CodeRolledBack
	})
	c.sign(t, "the others sign", laptop, tablet)
	changed = c.change(t, laptop.refresh())
	c.settle(t, changed.Epoch)
	c.everyPair(t, "healed")
}

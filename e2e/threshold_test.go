package e2e

import (
	"strings"
	"testing"

	"github.com/warifu/warifu/node/api"
)

// TestThreshold changes by command how many must sign, up and down again, with
// signatures at each step and after a restart; the address stays.
func TestThreshold(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	change := func(to string, approvers ...*device) api.Changed {
		t.Helper()
		run := laptop.begin("threshold", to, "--yes", "--passphrase-file", laptop.pass)
		id := run.await(api.EventRequest).ID
		for _, d := range approvers {
			eventually(t, "the request has come", func() bool {
				_, err := d.client.Request(t.Context(), id)
				return err == nil
			})
			d.run(0, "show", id[:8]).has(t, `"kind":"threshold"`, "from now on "+to+" devices must sign")
			d.run(0, "approve", id[:8], "--yes", "--passphrase-file", d.pass)
		}
		changed := decode[api.Changed](t, run.done())
		c.settle(t, changed.Epoch)
		c.Threshold = changed.Threshold
		return changed
	}
	for to, code := range map[string]api.Code{"1": "", "4": api.CodeBadArgument, "2": api.CodeBadArgument} {
		if code == "" {
			laptop.run(2, "threshold", to, "--yes", "--passphrase-file", laptop.pass)
		} else if o := laptop.run(1, "threshold", to, "--yes", "--passphrase-file", laptop.pass); o.code(t) != code {
			t.Errorf("threshold %s: %s", to, o.stderr)
		}
	}
	if up := change("3", phone); up.Threshold != 3 || up.Kind != "threshold" {
		t.Errorf("%+v", up)
	}
	if s := tablet.status(); s.Threshold != 3 || s.OldSharesAlive != 0 || s.Accounts[0].Address != c.address {
		t.Errorf("%+v", s)
	}
	c.sign(t, "three sign", laptop, phone, tablet)
	phone.kill()
	phone.up()
	phone.online()
	c.sign(t, "three sign after a restart", tablet, laptop, phone)
	if down := change("2", phone, tablet); down.Threshold != 2 {
		t.Errorf("%+v", down)
	}
	c.everyPair(t, "two sign again")
	if out := tablet.command(0, "epochs").stdout; strings.Count(out, "threshold") < 2 {
		t.Errorf("epochs: %s", out)
	}
}

// TestRetireByCommand destroys old shares that are kept for a device that is off.
func TestRetireByCommand(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	if o := laptop.run(1, "retire", "--yes", "--passphrase-file", laptop.pass); o.code(t) != api.CodeBadArgument {
		t.Errorf("nothing to retire: %s", o.stderr)
	}
	if o := laptop.run(1, "remove", "phone", "--passphrase-file", laptop.pass); o.code(t) != api.CodeBadArgument {
		t.Errorf("a device that is there: %s", o.stderr)
	}
	phone.kill()
	eventually(t, "the phone is known to be off", func() bool {
		for _, d := range append(laptop.status().Devices, tablet.status().Devices...) {
			if d.Name == "phone" && d.Online {
				return false
			}
		}
		return true
	})
	laptop.run(0, "refresh", "--passphrase-file", laptop.pass)
	for _, d := range []*device{laptop, tablet} {
		d.run(0, "retire", "--yes", "--passphrase-file", d.pass)
	}
	eventually(t, "only the phone may have an old share", func() bool { return laptop.status().OldSharesAlive == 1 })
	c.sign(t, "without old shares", laptop, tablet)
	phone.up()
	phone.online()
	eventually(t, "no old share is left", func() bool { return laptop.status().OldSharesAlive == 0 && phone.status().OldSharesAlive == 0 })
	c.everyPair(t, "with the phone")
}

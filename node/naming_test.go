package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/standing"
)

// TestNamesThatComeBack: when a new device has the name of one that is out, the old
// one is told by date and fingerprint wherever it is named, also after a restart, and
// the new one goes by the name. As long as no other has it, a name alone is enough.
func TestNamesThatComeBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 341)
	l.found(2, 3)
	phone, laptop, tablet, second := l.devices[0], l.devices[1], l.devices[2], l.devices[3]
	old := standing.Fingerprint(laptop.core.Circle.Record.Devices[0])
	asked := phone.ask("by the first phone")
	l.run(5*time.Second, nil)
	lost := laptop.change(change.Lost, change.Payload{Slot: 1})
	tablet.approves(lost.ID)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	l.run(5*time.Second, nil)
	if v := laptop.core.ViewRequest(laptop.request(asked.ID)); v.From != "phone" {
		t.Errorf("as long as the name is its own the first phone is %q", v.From)
	}

	second.core.Self.Name = "phone"
	l.introduce(laptop, second)
	r := laptop.change(change.Add, change.Payload{Card: second.core.Joining.Card.Bytes(), Addrs: second.Addrs()})
	tablet.approves(r.ID)
	if !l.run(time.Minute, l.in(1, laptop, tablet, second)) {
		t.Fatalf("not added\n%s", l.logs())
	}
	l.run(5*time.Second, nil)
	first := "phone (removed 21 Nov 2026, " + old + ")"
	look := func(d *labDevice, first string) {
		t.Helper()
		c := d.core
		if got := c.Names(c.Circle.Record.Slots()); !slices.Equal(got, []string{"laptop", "tablet", "phone"}) {
			t.Errorf("%s calls the devices %q", d.name, got)
		}
		s := c.Status()
		if len(s.Former) != 1 || s.Former[0].Name != "phone" || s.Former[0].Called != first || s.Former[0].Fingerprint != old || s.Former[0].State != "stolen" {
			t.Errorf("%s calls the former devices %+v", d.name, s.Former)
		}
		epochs, err := viewEpochs(c)
		if err != nil || !slices.Contains(epochs[0].Devices, first) || !slices.Contains(epochs[0].Signers, first) || !slices.Equal(epochs[1].Removed, []string{first}) ||
			!slices.Equal(epochs[2].Added, []string{"phone"}) || slices.Contains(epochs[0].Devices, "phone") {
			t.Errorf("%s calls the epochs %+v, %v", d.name, epochs, err)
		}
		if d == second {
			return // it was told no requests of before
		}
		if v := c.ViewRequest(d.request(asked.ID)); v.From != first {
			t.Errorf("%s: a request of the first phone is from %q", d.name, v.From)
		}
		if v := c.ViewRequest(d.request(lost.ID)); v.Summary != first+" is lost: remove it and deal fresh shares without it" ||
			!strings.Contains(v.Lines[0].Text, "slot 1, fingerprint "+old) || v.Device != phone.core.Self.Public.Hex() {
			t.Errorf("%s: the accusation is shown as %+v", d.name, v)
		}
		if !slices.Equal(s.OldSharesOn, []string{first}) {
			t.Errorf("%s: old shares on %q", d.name, s.OldSharesOn)
		}
		if got := d.warned(first + " was removed"); len(got) != 1 {
			t.Errorf("%s warns %q", d.name, s.Warnings)
		}
	}
	for _, d := range []*labDevice{laptop, tablet} {
		look(d, first)
	}
	// One that came later was not told when that was.
	look(second, "phone (removed in epoch 1, "+old+")")
	laptop.kill()
	laptop.start()
	l.connect()
	l.run(10*time.Second, nil)
	look(laptop, first)
}

func viewEpochs(c *core) (out []api.Epoch, err error) {
	for _, e := range c.Circle.Chain {
		out = append(out, c.ViewEpoch(e))
	}
	return out, c.Circle.Chain.Verify()
}

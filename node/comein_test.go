package node

import (
	"bytes"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// TestComeInRefuses has a row for each thing that a device which would be new
// checks of the circle that invites it: whoever invites it may lie.
func TestComeInRefuses(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 71)
	l.found(2, 3)
	phone, laptop, watch := l.devices[0], l.devices[1], l.devices[3]
	phone.change(change.Refresh, change.Payload{}) // so that there is a history
	if !l.run(time.Minute, l.in(0, l.devices[:3]...)) {
		t.Fatalf("no new epoch\n%s", l.logs())
	}
	l.run(2*time.Second, nil)
	l.introduce(phone, watch)
	var asked *redeal
	l.tamper = func(_, to *labDevice, b []byte) []byte {
		typ, body, err := splitMessage(b)
		var m redeal
		if to != watch || err != nil || typ != msgRedeal || wire.Unmarshal(body, &m) != nil {
			return b
		}
		asked = &m
		return nil
	}
	r := phone.change(change.Add, change.Payload{Card: watch.core.joining.card.Bytes(), Addrs: watch.Addrs()})
	laptop.approves(r.id)
	if !l.run(time.Minute, func() bool { return asked != nil }) {
		t.Fatalf("it is not asked in\n%s", l.logs())
	}
	c := watch.core
	c.now = l.now
	entry := func(edit func(e *roster.Entry)) func(*redeal) {
		return func(m *redeal) {
			e, err := roster.ParseEntry(m.Chain[0])
			if err != nil {
				t.Fatal(err)
			}
			edit(&e)
			m.Chain[0] = e.Bytes()
		}
	}
	for _, tc := range []struct {
		name string
		lie  func(m *redeal)
		self func(j *joining) // changes what it knows itself
	}{
		{"history-without-a-signature", entry(func(e *roster.Entry) { e.Ready = e.Ready[1:] }), nil},
		{"history-with-a-bad-signature", entry(func(e *roster.Entry) { e.Ready[0].Sig[0] ^= 1 }), nil},
		{"history-without-its-beginning", func(m *redeal) { m.Chain = m.Chain[1:] }, nil},
		{"history-without-its-end", func(m *redeal) { m.Chain = m.Chain[:1] }, nil},
		{"history-of-nothing", func(m *redeal) { m.Chain = [][]byte{} }, nil},
		{"history-with-garbage", func(m *redeal) { m.Chain[0] = m.Chain[0][1:] }, nil},
		{"proposal-with-garbage", func(m *redeal) { m.Proposal = m.Proposal[1:] }, nil},
		{"discovery-key-of-another", func(m *redeal) { m.Discovery[0] ^= 1 }, nil},
		{"addresses-with-garbage", func(m *redeal) { m.Addrs = m.Addrs[1:] }, nil},
		{"sponsor-is-in-no-record", nil, func(j *joining) { j.sponsor.Card.Identity[0] ^= 1 }},
		{"sponsor-has-another-name", nil, func(j *joining) { j.sponsor.Card.Name = "somebody" }},
		{"sponsor-has-another-box-key", nil, func(j *joining) { j.sponsor.Card.Box[0] ^= 1 }},
		{"it-is-added-under-another-name", nil, func(j *joining) { j.card.Name = "somebody" }},
		{"it-is-added-with-another-presence-key", nil, func(j *joining) { j.card.Presence[0] ^= 1 }},
	} {
		m, own := *asked, *c.joining
		m.Chain = nil
		for _, b := range asked.Chain {
			m.Chain = append(m.Chain, bytes.Clone(b))
		}
		if tc.lie != nil {
			tc.lie(&m)
		}
		if tc.self != nil {
			tc.self(c.joining)
		}
		if err := c.comeIn(m, c.joining.sponsor.Card, c.joining.card); err == nil || c.attempt != nil {
			t.Fatalf("%s: it comes in: %v", tc.name, err)
		}
		*c.joining = own
	}
	if err := c.comeIn(*asked, c.joining.sponsor.Card, c.joining.card); err != nil || c.attempt == nil {
		t.Errorf("it does not come in: %v", err)
	}
}

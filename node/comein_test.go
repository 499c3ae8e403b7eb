package node

import (
	"bytes"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/message"
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
	var asked *message.Redeal
	l.tamper = func(_, to *labDevice, b []byte) []byte {
		typ, body, err := message.SplitMessage(b)
		var m message.Redeal
		if to != watch || err != nil || typ != message.MsgRedeal || wire.Unmarshal(body, &m) != nil {
			return b
		}
		asked = &m
		return nil
	}
	r := phone.change(change.Add, change.Payload{Card: watch.core.Joining.Card.Bytes(), Addrs: watch.Addrs()})
	laptop.approves(r.ID)
	if !l.run(time.Minute, func() bool { return asked != nil }) {
		t.Fatalf("it is not asked in\n%s", l.logs())
	}
	c := watch.core
	c.Now = l.now
	entry := func(edit func(e *roster.Entry)) func(*message.Redeal) {
		return func(m *message.Redeal) {
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
		lie  func(m *message.Redeal)
		self func(j *founding.Joining) // changes what it knows itself
	}{
		{"history-without-a-signature", entry(func(e *roster.Entry) { e.Ready = e.Ready[1:] }), nil},
		{"history-with-a-bad-signature", entry(func(e *roster.Entry) { e.Ready[0].Sig[0] ^= 1 }), nil},
		{"history-without-its-beginning", func(m *message.Redeal) { m.Chain = m.Chain[1:] }, nil},
		{"history-without-its-end", func(m *message.Redeal) { m.Chain = m.Chain[:1] }, nil},
		{"history-of-nothing", func(m *message.Redeal) { m.Chain = [][]byte{} }, nil},
		{"history-with-garbage", func(m *message.Redeal) { m.Chain[0] = m.Chain[0][1:] }, nil},
		{"proposal-with-garbage", func(m *message.Redeal) { m.Proposal = m.Proposal[1:] }, nil},
		{"discovery-key-of-another", func(m *message.Redeal) { m.Discovery[0] ^= 1 }, nil},
		{"addresses-with-garbage", func(m *message.Redeal) { m.Addrs = m.Addrs[1:] }, nil},
		{"sponsor-is-in-no-record", nil, func(j *founding.Joining) { j.Sponsor.Card.Identity[0] ^= 1 }},
		{"sponsor-has-another-name", nil, func(j *founding.Joining) { j.Sponsor.Card.Name = "somebody" }},
		{"sponsor-has-another-box-key", nil, func(j *founding.Joining) { j.Sponsor.Card.Box[0] ^= 1 }},
		{"it-is-added-under-another-name", nil, func(j *founding.Joining) { j.Card.Name = "somebody" }},
		{"it-is-added-with-another-presence-key", nil, func(j *founding.Joining) { j.Card.Presence[0] ^= 1 }},
	} {
		m, own := *asked, *c.Joining
		m.Chain = nil
		for _, b := range asked.Chain {
			m.Chain = append(m.Chain, bytes.Clone(b))
		}
		if tc.lie != nil {
			tc.lie(&m)
		}
		if tc.self != nil {
			tc.self(c.Joining)
		}
		if err := c.ComeIn(m, c.Joining.Sponsor.Card, c.Joining.Card); err == nil || c.Attempt != nil {
			t.Fatalf("%s: it comes in: %v", tc.name, err)
		}
		*c.Joining = own
	}
	if err := c.ComeIn(*asked, c.Joining.Sponsor.Card, c.Joining.Card); err != nil || c.Attempt == nil {
		t.Errorf("it does not come in: %v", err)
	}
}

package node

import (
	"bytes"
	"maps"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/cosign"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// A scene is a device of a circle of three at rest, with open, denied and
// signed requests, and one of each message that was ever sent to it.
type scene struct {
	l        *lab
	journal  *journaltest.Mem
	keys     map[string]bool
	messages []parcel
}

func newScene(tb testing.TB) *scene {
	tb.Helper()
	s := &scene{l: newLab(tb, 3, 90)}
	l := s.l
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	seen := map[string]bool{}
	l.watch = func(from, to *labDevice, protocol string, b []byte) {
		kind := protocol + string(b[:2])
		if protocol == wire.ProtocolSync {
			kind = protocol + string(b[:1])
		}
		if to == phone && (!seen[kind] || len(b) > 0 && b[0] == message.MsgItems) {
			seen[kind] = true
			s.messages = append(s.messages, parcel{from, to, protocol, bytes.Clone(b)})
		}
	}
	l.found(2, 3)
	for i, text := range []string{"signed", "denied", "open"} {
		r := laptop.ask(text)
		if i == 2 {
			r.NotUntil = l.now.Add(standing.LongestPause)
		}
		if i != 1 {
			phone.approves(r.ID)
		}
		l.run(2*time.Second, nil)
		if i == 1 {
			if err := tablet.core.Deny(tablet.request(r.ID)); err != nil {
				tb.Fatal(err)
			}
		}
		if i == 2 { // and what would open its session
			p, err := laptop.core.Proposal(r, []wire.Slot{1, 2})
			if err != nil {
				tb.Fatal(err)
			}
			s.messages = append(s.messages, parcel{laptop, phone, wire.ProtocolSync,
				message.EncodeMessage(message.MsgOpen, message.Open{Proposal: p.Bytes(), Approvals: []message.Item{r.Approved[1], r.Approved[2]}})})
		}
		l.run(2*time.Second, nil)
	}
	s.journal, s.keys = phone.journal.Copy(), maps.Clone(phone.keeper.keys)
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool { return phone.core.Circle.Record.Epoch == 1 }) {
		tb.Fatal("no re-deal")
	}
	l.run(5*time.Second, nil)
	return s
}

// again returns the device as it was at rest, connected to devices that are not
// there, and the world that it is alone in.
func (s *scene) again(t testing.TB) (*lab, *labDevice) {
	t.Helper()
	l := &lab{t: t, now: s.l.now, rng: s.l.rng, step: s.l.step, settings: s.l.settings}
	for i, d := range s.l.devices {
		o := &labDevice{lab: l, name: d.name, id: d.id, linked: map[*labDevice]bool{}, log: &bytes.Buffer{}}
		if i == 0 {
			o.journal, o.keeper = s.journal.Copy(), &labKeeper{keys: maps.Clone(s.keys)}
		}
		l.devices = append(l.devices, o)
	}
	phone := l.devices[0]
	phone.start()
	for _, o := range l.devices[1:] {
		phone.linked[o] = true
		phone.core.onUp(l.now, o.id)
	}
	l.wire = nil
	return l, phone
}

// FuzzMessage lets a device of the circle, or one that is not, say anything at
// any time. The device that hears it goes on, keeps its circle and whatever it
// has said, and what it has stored by then can be read at its next start.
func FuzzMessage(f *testing.F) {
	s := newScene(f)
	for _, p := range s.messages {
		from := byte(1)
		if p.from == s.l.devices[2] {
			from = 2
		}
		f.Add(from, p.protocol == wire.ProtocolSession, p.msg)
	}
	epochs := s.l.devices[1].core.Circle.Chain
	f.Add(byte(1), false, message.EncodeMessage(message.MsgChain, message.Chain{Entries: [][]byte{epochs[1].Bytes()}}))
	f.Add(byte(1), false, message.EncodeMessage(message.MsgEntry, message.Entry{Entry: epochs[0].Bytes()}))
	f.Add(byte(1), false, message.EncodeMessage(message.MsgClose, message.Closed{Reason: cosign.EndedFault, Blame: 3, Check: "salt"}))
	f.Add(byte(1), false, message.EncodeMessage(message.MsgUnfound, message.Unfound{Reason: "refused"}))
	f.Add(byte(1), false, []byte{})
	f.Fuzz(func(t *testing.T, from byte, frame bool, msg []byte) {
		l, phone := s.again(t)
		was := phone.core.Circle.Record.Hash()
		own := phone.core.Inventory()
		id := []byte("the peer id of nobody that is known...")
		if from %= 3; from > 0 {
			id = l.devices[from].id
		}
		protocol := wire.ProtocolSync
		if frame {
			protocol = wire.ProtocolSession
		}
		phone.core.onMessage(l.now, id, protocol, msg)
		for range 3 {
			l.wire = nil
			l.now = l.now.Add(time.Second)
			phone.core.tick(l.now)
		}
		check := func(when string) {
			c := phone.core
			if c.Circle == nil || c.Circle.Chain[0].Record.Hash() != was {
				t.Errorf("%s: the circle is gone", when)
			}
			if err := c.Circle.Chain.Verify(); err != nil {
				t.Errorf("%s: %v", when, err)
			}
			held := map[wire.Hash]bool{}
			for _, id := range c.Inventory() {
				held[id] = true
			}
			for _, id := range own {
				if !held[id] && c.Circle.Record.Epoch == 0 {
					t.Errorf("%s: an item is gone", when)
				}
			}
			for _, r := range c.Requests {
				for slot, it := range r.Approved {
					if it.From != slot || !holds(c, it) {
						t.Errorf("%s: an approval of slot %d that nobody made", when, slot)
					}
				}
			}
		}
		check("then")
		if len(phone.core.Alarms) != 0 && from == 0 {
			t.Error("somebody is blamed for what a stranger said")
		}
		phone.core = nil
		phone.start()
		check("after a restart")
	})
}

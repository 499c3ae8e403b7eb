package node

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestObjections has a row for each reason for which a device takes no part in
// what another proposes. The tablet is asked; the phone is slot 1, the laptop 2.
func TestObjections(t *testing.T) {
	t.Parallel()
	type world struct {
		*lab
		phone, laptop, tablet, watch *labDevice
	}
	removes := func(slot wire.Slot, s roster.FormerState, members ...wire.Slot) func(p *refresh.Proposal) {
		return func(p *refresh.Proposal) {
			p.Kind, p.Members, p.Removed = roster.Remove, members, []refresh.Removal{{Slot: slot, State: s}}
			if s == roster.Left {
				p.Kind = roster.Leave
			}
		}
	}
	adds := func(d *labDevice) func(p *refresh.Proposal) {
		return func(p *refresh.Proposal) {
			p.Kind, p.Members, p.Threshold = roster.Add, []wire.Slot{1, 2, 3, 4}, 3
			p.Added = []roster.Device{d.core.OwnCard([32]byte{1}).Device(4)}
		}
	}
	refreshed := func(w *world) *ledger.Request { return w.phone.change(change.Refresh, change.Payload{}) }
	addWatch := func(w *world) *ledger.Request {
		w.introduce(w.phone, w.watch)
		return w.phone.change(change.Add, change.Payload{Card: w.watch.core.Joining.Card.Bytes(), Addrs: w.watch.Addrs()})
	}
	for _, tc := range []struct {
		name string
		// do returns the request that the proposal rests on, nil if none, and
		// what it proposes in place of a refresh.
		do   func(w *world) (*ledger.Request, func(p *refresh.Proposal))
		want string // "" if it takes part
	}{
		{"refresh", func(w *world) (*ledger.Request, func(*refresh.Proposal)) { return refreshed(w), nil }, ""},
		{"lost", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			r := w.phone.change(change.Lost, change.Payload{Slot: 2})
			w.tablet.approves(r.ID)
			return r, removes(2, roster.Stolen, 1, 3)
		}, ""},
		{"leave", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			return w.phone.change(change.Leave, change.Payload{}), removes(1, roster.Left, 2, 3)
		}, ""},
		{"add", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			r := addWatch(w)
			w.laptop.approves(r.ID)
			return r, adds(w.watch)
		}, ""},

		{"refresh-unasked", func(*world) (*ledger.Request, func(*refresh.Proposal)) { return nil, nil }, "nobody asked"},
		{"leave-unasked", func(*world) (*ledger.Request, func(*refresh.Proposal)) { return nil, removes(1, roster.Left, 2, 3) }, "nobody asked"},
		{"asked-to-sign", func(w *world) (*ledger.Request, func(*refresh.Proposal)) { return w.phone.ask("a message"), nil }, "nobody asked"},
		{"live-as-silent", func(*world) (*ledger.Request, func(*refresh.Proposal)) { return nil, removes(1, roster.Silent, 2, 3) }, "phone is live here"},
		{"live-as-stolen", func(*world) (*ledger.Request, func(*refresh.Proposal)) { return nil, removes(1, roster.Stolen, 2, 3) }, "nobody has reported phone lost"},
		{"this-device", func(*world) (*ledger.Request, func(*refresh.Proposal)) { return nil, removes(3, roster.Silent, 1, 2) }, "its own removal"},
		{"removal-under-another-request", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			return refreshed(w), removes(2, roster.Silent, 1, 3)
		}, "laptop is live here"},
		{"lost-by-one", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			return w.phone.change(change.Lost, change.Payload{Slot: 2}), removes(2, roster.Stolen, 1, 3)
		}, "by too few"},
		{"add-by-one", func(w *world) (*ledger.Request, func(*refresh.Proposal)) { return addWatch(w), adds(w.watch) }, "not enough persons"},
		{"denied", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			r := w.phone.change(change.Leave, change.Payload{})
			if err := w.phone.core.Deny(r); err != nil {
				t.Fatal(err)
			}
			return r, removes(1, roster.Left, 2, 3)
		}, "not enough persons"},
		{"another-leaves", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			return w.phone.change(change.Leave, change.Payload{}), removes(2, roster.Left, 1, 3)
		}, "not what the persons"},
		{"another-comes", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			r := addWatch(w)
			w.laptop.approves(r.ID)
			return r, adds(w.devices[4])
		}, "another device"},
		{"one-more-comes", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			return refreshed(w), func(p *refresh.Proposal) {
				p.Added, p.Threshold = []roster.Device{w.watch.core.OwnCard([32]byte{1}).Device(4)}, 3
			}
		}, "another device"},
		{"lost-gets-a-share", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			w.phone.change(change.Lost, change.Payload{Slot: 2})
			w.run(time.Second, nil)
			return refreshed(w), nil
		}, "would get a fresh share"},
		{"lost-sleeper-gets-a-share", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			w.phone.change(change.Lost, change.Payload{Slot: 2})
			w.run(time.Second, nil)
			return refreshed(w), func(p *refresh.Proposal) { p.Members, p.Sleepers = []wire.Slot{1, 3}, []wire.Slot{2} }
		}, "would get a fresh share"},
		{"number-used", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			w.tablet.core.Circle.Highest = 1
			return refreshed(w), nil
		}, "used before"},
		{"number-too-high", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			return refreshed(w), func(p *refresh.Proposal) { p.Epoch = changes.MaxSkip + 1 }
		}, "too high"},
		{"locked", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			r := refreshed(w)
			w.tablet.keeper.locked = true
			return r, nil
		}, "locked"},
		{"another-under-way", func(w *world) (*ledger.Request, func(*refresh.Proposal)) {
			w.tamper = nil
			refreshed(w)
			if !w.run(time.Minute, func() bool { return w.tablet.core.Redealing() }) {
				t.Fatal("no re-deal")
			}
			return nil, func(p *refresh.Proposal) { p.Epoch = 2 }
		}, "another re-deal is under way"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 5, 69)
			l.found(2, 3)
			w := &world{l, l.devices[0], l.devices[1], l.devices[2], l.devices[3]}
			// What is asked spreads, and nobody proposes it before this test does.
			l.tamper = func(_, _ *labDevice, b []byte) []byte {
				if typ, body, err := message.SplitMessage(b); err == nil && typ == message.MsgRedeal {
					var m message.Redeal
					if wire.Unmarshal(body, &m) == nil {
						return nil
					}
				}
				return b
			}
			c := w.tablet.core
			r, edit := tc.do(w)
			p := refresh.Proposal{Kind: roster.Refresh, Epoch: 1, Threshold: 2, Members: []wire.Slot{1, 2, 3}, Settings: c.Circle.Record.Settings}
			if edit != nil {
				edit(&p)
			}
			var id wire.RequestID
			if r != nil {
				id = r.ID
				if !l.run(10*time.Second, func() bool { return c.Requests[id] != nil && len(c.Requests[id].Approved) == len(r.Approved) }) {
					t.Fatal("the request does not spread")
				}
				l.run(time.Second, nil)
			}
			c.Now = l.now
			if why := c.Objection(p, id); (why == "") != (tc.want == "") || !strings.Contains(why, tc.want) {
				t.Errorf("%q, want %q", why, tc.want)
			}
		})
	}
}

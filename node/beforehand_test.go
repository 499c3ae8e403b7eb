package node

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/inbox"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/standing"
)

// node is d with its calls: events run one at a time, at the lab's time.
func (d *labDevice) node() *desk.Desk {
	ended := make(chan struct{})
	n := &Node{core: d.core, inbox: inbox.New[event](ended), ended: ended, log: d.core.Log, now: func() time.Time { return d.lab.now }}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-n.inbox.Wake():
				for e, _, _, ok := n.inbox.Next(); ok; e, _, _, ok = n.inbox.Next() {
					e(d.core, d.lab.now)
				}
			case <-n.ended:
				return
			}
		}
	}()
	d.lab.t.Cleanup(func() {
		close(n.ended)
		<-done
	})
	return n.Desk()
}

// personCalls are the calls that want a person here, by what is asked.
func personCalls(n *desk.Desk, now time.Time) map[string]func(context.Context, api.PresenceArgs, func(api.Event)) error {
	type args = api.PresenceArgs
	type emit = func(api.Event)
	identity := func(name string) string {
		s, err := n.Status(context.Background())
		if err != nil {
			panic(err)
		}
		for _, d := range s.Devices {
			if d.Name == name {
				return d.Device
			}
		}
		return name
	}
	about := func(p args, name string) api.DeviceArgs {
		return api.DeviceArgs{PresenceArgs: p, Device: identity(name)}
	}
	out := map[string]func(context.Context, args, emit) error{
		"refresh": func(ctx context.Context, p args, e emit) error { _, err := n.Refresh(ctx, p, e); return err },
		"leave":   func(ctx context.Context, p args, e emit) error { _, err := n.Leave(ctx, p, e); return err },
		"freeze":  func(ctx context.Context, p args, _ emit) error { _, err := n.Freeze(ctx, p); return err },
		"thaw":    func(ctx context.Context, p args, e emit) error { _, err := n.Thaw(ctx, p, e); return err },
		"retire":  func(ctx context.Context, p args, _ emit) error { _, err := n.Retire(ctx, p); return err },
	}
	for _, name := range []string{"phone", "laptop", "fridge", ""} {
		out["lost "+name] = func(ctx context.Context, p args, e emit) error { _, err := n.Lost(ctx, about(p, name), e); return err }
		out["veto "+name] = func(ctx context.Context, p args, _ emit) error { _, err := n.Veto(ctx, about(p, name)); return err }
		out["remove "+name] = func(ctx context.Context, p args, _ emit) error { _, err := n.Remove(ctx, about(p, name)); return err }
		out["vacation "+name] = func(ctx context.Context, p args, _ emit) error {
			_, err := n.Vacation(ctx, api.VacationArgs{DeviceArgs: about(p, name), Until: now.Add(time.Hour)})
			return err
		}
		out["invite "+name] = func(ctx context.Context, p args, e emit) error {
			_, err := n.Invite(ctx, api.InviteArgs{PresenceArgs: p, Replace: identity(name)}, e)
			return err
		}
	}
	for name, t := range map[string]int{"threshold 2": 2, "threshold 3": 3, "threshold 9": 9} {
		out[name] = func(ctx context.Context, p args, e emit) error {
			_, err := n.Threshold(ctx, api.ThresholdArgs{PresenceArgs: p, Threshold: t}, e)
			return err
		}
	}
	return out
}

// TestDryRunSaysWhatTheCallWould: whatever would be refused is refused by a dry
// run in the same words, and a dry run changes nothing and tells nobody.
func TestDryRunSaysWhatTheCallWould(t *testing.T) {
	t.Parallel()
	early := api.Errorf(api.CodeWrongPass, "the next try is possible in 30s")
	three := []string{"freeze", "invite ", "invite laptop", "leave", "lost laptop", "refresh", "threshold 3", "vacation laptop", "vacation phone"}
	for _, tc := range []struct {
		name    string
		devices int
		do      func(*labDevice)
		want    []string // calls that are not refused; phone is the device that is asked
		code    api.Code // of all others, if it is one
	}{
		{"2 of 3", 3, func(*labDevice) {}, three, ""},
		// Without one of two there are too few to deal, or to take part.
		{"2 of 2", 2, func(*labDevice) {}, []string{"freeze", "invite ", "refresh", "vacation laptop", "vacation phone"}, ""},
		{"locked", 3, func(d *labDevice) { d.keeper.locked = true }, nil, api.CodeLocked},
		{"wrong passphrases", 3, func(d *labDevice) { d.keeper.early = early }, nil, api.CodeNotPresent},
		{"inviting", 3, func(d *labDevice) { d.core.Inviting = &founding.Inviting{} },
			slices.DeleteFunc(slices.Clone(three), func(s string) bool { return s == "invite " || s == "invite laptop" }), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tc.devices, 90)
			l.found(2, tc.devices)
			l.run(time.Second, nil)
			phone := l.devices[0]
			tc.do(phone)
			wasInviting := phone.core.Inviting
			n := phone.node()
			parcels, items := len(l.wire), phone.items()
			calls := personCalls(n, l.now)
			var fine []string
			refused := map[string]*api.Error{}
			for name, call := range calls {
				err := call(t.Context(), api.PresenceArgs{DryRun: true}, func(e api.Event) { t.Errorf("%s said %v", name, e.Event) })
				if err == nil {
					fine = append(fine, name)
					continue
				}
				refused[name] = asError(err)
				if refused[name].Code == api.CodeInternal {
					t.Errorf("%s: %v", name, err)
				}
				if tc.code != "" && refused[name].Code != tc.code {
					t.Errorf("%s: %s, want %s", name, refused[name].Code, tc.code)
				}
			}
			slices.Sort(fine)
			if !slices.Equal(fine, tc.want) {
				t.Errorf("not refused: %q, want %q", fine, tc.want)
			}
			if len(phone.core.Requests) != 0 || phone.items() != items || len(l.wire) != parcels || !phone.core.PresentAt.IsZero() || phone.core.Inviting != wasInviting {
				t.Error("a dry run left something behind")
			}
			for name, said := range refused {
				if tc.code == api.CodeNotPresent {
					continue // the lab's keeper opens with any passphrase
				}
				err := calls[name](t.Context(), api.PresenceArgs{Passphrase: []byte("correct horse")}, func(api.Event) {})
				if e := asError(err); err == nil || e.Code != said.Code || e.Message != said.Message || e.Hint != said.Hint {
					t.Errorf("%s: %q beforehand, and then %v", name, said.Message, err)
				}
			}
		})
	}
}

// items counts what d has stored of requests.
func (d *labDevice) items() (n int) {
	d.lab.t.Helper()
	if err := d.journal.View(func(tx journal.Tx) error {
		keys, err := tx.Keys(standing.BucketItems)
		n = len(keys)
		return err
	}); err != nil {
		d.lab.t.Fatal(err)
	}
	return n
}

// TestRetireRefusedBeforehand: nothing to retire, and not allowed yet, are told
// before anybody agrees that shares are destroyed.
func TestRetireRefusedBeforehand(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 74)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.kill()
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool { return laptop.core.Circle.Record.Epoch > 0 && laptop.core.OldestShare() == 0 }) {
		t.Fatalf("no new epoch\n%s", l.logs())
	}
	n := laptop.node()
	if _, err := n.Retire(t.Context(), api.PresenceArgs{DryRun: true}); codeOf(err) != api.CodeBusy {
		t.Errorf("before every member has locked: %v", err)
	}
	if !l.run(time.Minute, func() bool { return !laptop.core.Redealing() && !tablet.core.Redealing() }) {
		t.Fatalf("the re-deal does not end\n%s", l.logs())
	}
	l.run(5*time.Second, nil)
	if _, err := n.Retire(t.Context(), api.PresenceArgs{DryRun: true}); err != nil || laptop.core.OldestShare() != 0 {
		t.Errorf("now it may, and has not yet: %v, oldest share of epoch %d", err, laptop.core.OldestShare())
	}
	if _, err := n.Retire(t.Context(), api.PresenceArgs{}); err != nil || laptop.core.OldestShare() != 1 {
		t.Errorf("retired: %v, oldest share of epoch %d", err, laptop.core.OldestShare())
	}
	if _, err := n.Retire(t.Context(), api.PresenceArgs{DryRun: true}); codeOf(err) != api.CodeBadArgument {
		t.Errorf("nothing is left: %v", err)
	}
}

// TestMayApprove: what cannot be approved is told before it is shown and asked.
func TestMayApprove(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 91)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	denied, open := phone.ask("no"), phone.ask("perhaps")
	l.run(2*time.Second, nil)
	laptop.core.Now = l.now
	if err := laptop.core.Deny(laptop.request(denied.ID)); err != nil {
		t.Fatal(err)
	}
	wider := phone.change(change.Threshold, change.Payload{Threshold: 3})
	l.run(time.Second, nil)
	n := laptop.node()
	says := func(id string, want api.Code) {
		t.Helper()
		if r, err := n.MayApprove(t.Context(), id); codeOf(err) != want || err == nil && r.ID != id {
			t.Errorf("%v, want %q", err, want)
		}
	}
	says(denied.ID.Hex(), api.CodeRequestClosed)
	says(open.ID.Hex(), "")
	says("ffff", api.CodeUnknownRequest)
	if ledger.Has(laptop.request(open.ID).Approved, laptop.core.Circle.Slot) {
		t.Error("it was approved")
	}
	laptop.keeper.early = api.Errorf(api.CodeWrongPass, "the next try is possible in 30s")
	says(open.ID.Hex(), "") // takes no passphrase
	says(wider.ID.Hex(), api.CodeNotPresent)
	laptop.core.Lock()
	says(open.ID.Hex(), api.CodeLocked)
	if err := n.MayAbandon(t.Context()); codeOf(err) != api.CodeNoFounding {
		t.Errorf("nothing to abandon: %v", err)
	}
}

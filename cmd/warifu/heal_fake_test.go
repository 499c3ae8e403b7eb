package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/warifu/warifu/node/api"
)

// healFake is a fake whose circle can be changed.
type healFake struct {
	fake
	err    error // of every change
	hold   bool  // changes wait for ctx
	refuse error // of every dry run

	calls    []string // guarded by fake.mu
	passes   []string
	previews []api.PreviewArgs
	until    time.Time
	replace  string
}

// founded is when the fake's circle was.
var founded = time.Date(2026, 11, 30, 12, 34, 56, 0, time.UTC)

const healPass = "correct horse"

func healStatus() api.Status {
	seen := time.Now().Add(-3 * time.Hour)
	deadline := time.Now().Add(5*24*time.Hour + time.Hour)
	return api.Status{Name: "laptop", Kind: "laptop", Circle: "c1c1c1c1c1", Threshold: 2, Epoch: 3, OldSharesAlive: 1,
		OldSharesOn: api.List[string]{"desktop"}, OldSharesOut: 1, OldSharesKey: 2, Frozen: "laptop says that phone is lost", Healing: "waiting for a yes on tablet",
		Devices: api.List[api.Device]{
			{Slot: 1, Device: strings.Repeat("a1", 32), Fingerprint: "f1f1f1f1", Name: "laptop", Kind: "laptop", This: true, Online: true, Epoch: 3},
			{Slot: 2, Device: strings.Repeat("a2", 32), Fingerprint: "f2f2f2f2", Name: "phone", Kind: "phone", LastSeen: &seen, Epoch: 2, State: api.DeviceGrace, Until: &deadline,
				Why: "will be removed in 5 days unless it is heard before"},
			{Slot: 3, Device: strings.Repeat("a3", 32), Fingerprint: "f3f3f3f3", Name: "tab\x1blet", Kind: "tablet", Online: true, LastSeen: &seen, Epoch: 3, State: api.DeviceVacation, Until: &deadline},
		},
		Accounts: api.List[api.Account]{{Name: "ethereum", Address: "0xA"}},
		Warnings: api.List[string]{"the circle is frozen and signs nothing: laptop says that phone is lost", "every device must sign once phone is out"}}
}

func healRequests() []api.Request {
	return []api.Request{{ID: requestID, Kind: api.KindLost, Summary: "phone is lost: remove it", From: "tablet", State: api.StatePending,
		Created: founded, Expires: founded.Add(24 * time.Hour),
		Lines: api.List[api.Line]{{Label: "device", Text: "phone"}}}}
}

// called is the name of the device with that identity, or what was said instead.
func (f *healFake) called(identity string) string {
	for _, d := range f.status.Devices {
		if d.Device == identity {
			return d.Name
		}
	}
	return identity
}

func (f *healFake) Preview(_ context.Context, a api.PreviewArgs) (api.Preview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.previews = append(f.previews, a)
	if f.refuse != nil {
		return api.Preview{}, f.refuse
	}
	return api.Preview{Summary: strings.TrimSpace("foretold: " + a.Kind + " " + f.called(a.Device)), Warnings: api.List[string]{"losing one loses\x1b the accounts"},
		Lines: api.List[api.Line]{{Label: "effect", Text: "what follows"}}}, f.err
}

// change is what every call does: it checks the passphrase as a device would.
func (f *healFake) change(ctx context.Context, call string, p api.PresenceArgs) error {
	if p.DryRun {
		return f.refuse
	}
	f.mu.Lock()
	f.calls, f.passes = append(f.calls, call), append(f.passes, string(p.Passphrase))
	f.mu.Unlock()
	if string(p.Passphrase) != healPass {
		return api.Errorf(api.CodeNotPresent, "the passphrase is wrong")
	}
	if f.hold {
		<-ctx.Done()
		return ctx.Err()
	}
	return f.err
}

func (f *healFake) redeal(ctx context.Context, kind, call string, p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
	if p.DryRun {
		return api.Changed{}, f.refuse
	}
	emit(api.Event{Event: api.EventRequest, ID: requestID, Warnings: []string{"losing one loses\x1b the accounts", "the name phone-2 looks odd"}})
	emit(api.Event{Event: api.EventWaiting, For: []string{"tablet"}, Reason: "its person has not said yes"})
	emit(api.Event{Event: api.EventProgress, Step: 2, Of: 5, Text: "dealing"})
	c := api.Changed{Epoch: 4, Kind: kind, Threshold: 2, Members: api.List[string]{"laptop", "tablet"}, Sleepers: api.List[string]{},
		Removed: api.List[string]{}, Added: api.List[string]{}, OldSharesAlive: 1, OldSharesOut: 1, OldSharesKey: 2, Elapsed: api.Duration(800 * time.Millisecond)}
	if kind == api.KindLost {
		c.Removed = api.List[string]{"phone"}
	}
	return c, f.change(ctx, call, p)
}

func (f *healFake) Invite(ctx context.Context, a api.InviteArgs, emit func(api.Event)) (api.Changed, error) {
	if a.DryRun {
		return api.Changed{}, f.refuse
	}
	expires := time.Now().Add(5 * time.Minute)
	f.mu.Lock()
	f.replace = a.Replace
	f.mu.Unlock()
	emit(api.Event{Event: api.EventInvitation, Invitation: "warifu1:abc", Code: "1234-5678", Expires: &expires})
	emit(api.Event{Event: api.EventJoined, Name: "phone-2", Kind: "phone", Fingerprint: "aa bb"})
	c, err := f.redeal(ctx, api.KindAdd, "invite", a.PresenceArgs, emit)
	c.Added = api.List[string]{"phone-2"}
	return c, err
}

func (f *healFake) Lost(ctx context.Context, a api.DeviceArgs, emit func(api.Event)) (api.Changed, error) {
	return f.redeal(ctx, api.KindLost, "lost "+f.called(a.Device), a.PresenceArgs, emit)
}

func (f *healFake) Refresh(ctx context.Context, a api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
	return f.redeal(ctx, api.KindRefresh, "refresh", a, emit)
}

func (f *healFake) Leave(ctx context.Context, a api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
	return f.redeal(ctx, api.KindLeave, "leave", a, emit)
}

func (f *healFake) Threshold(ctx context.Context, a api.ThresholdArgs, emit func(api.Event)) (api.Changed, error) {
	return f.redeal(ctx, api.KindThreshold, fmt.Sprintf("threshold %d", a.Threshold), a.PresenceArgs, emit)
}

func (f *healFake) Retire(ctx context.Context, a api.PresenceArgs) (api.Changed, error) {
	return f.redeal(ctx, "", "retire", a, func(api.Event) {})
}

func (f *healFake) Remove(ctx context.Context, a api.DeviceArgs) (api.Request, error) {
	return api.Request{ID: requestID, Kind: api.KindRemove}, f.change(ctx, "remove "+f.called(a.Device), a.PresenceArgs)
}

func (f *healFake) Freeze(ctx context.Context, a api.PresenceArgs) (api.Request, error) {
	return api.Request{ID: requestID, Kind: api.KindFreeze}, f.change(ctx, "freeze", a)
}

func (f *healFake) Thaw(ctx context.Context, a api.PresenceArgs, emit func(api.Event)) (api.Request, error) {
	if a.DryRun {
		return api.Request{}, f.refuse
	}
	emit(api.Event{Event: api.EventRequest, ID: requestID})
	return api.Request{ID: requestID, Kind: api.KindThaw, State: api.StateDone}, f.change(ctx, "thaw", a)
}

func (f *healFake) Vacation(ctx context.Context, a api.VacationArgs) (api.Request, error) {
	f.mu.Lock()
	f.until = a.Until
	f.mu.Unlock()
	return api.Request{ID: requestID, Kind: api.KindVacation}, f.change(ctx, "vacation "+f.called(a.Device), a.PresenceArgs)
}

func (f *healFake) Veto(ctx context.Context, a api.DeviceArgs) (api.Request, error) {
	return api.Request{ID: requestID, Kind: api.KindVeto}, f.change(ctx, "veto "+f.called(a.Device), a.PresenceArgs)
}

func (f *healFake) ApprovePresent(ctx context.Context, id string, pass []byte) (api.Request, error) {
	if err := f.change(ctx, "approve "+id, api.PresenceArgs{Passphrase: pass}); err != nil {
		return api.Request{}, err
	}
	return f.Request(ctx, id)
}

func (f *healFake) Epochs(context.Context) ([]api.Epoch, error) {
	if f.err != nil {
		return nil, f.err
	}
	return []api.Epoch{
		{Epoch: 0, Since: &founded, Record: strings.Repeat("00", 32), Kind: "founding", Threshold: 2, Devices: api.List[string]{"laptop", "phone", "tablet"},
			Members: api.List[string]{"laptop", "phone", "tablet"}, Signers: api.List[string]{"laptop", "phone", "tablet"}},
		{Epoch: 1, Record: strings.Repeat("11", 32), Kind: "remove", Threshold: 2, Devices: api.List[string]{"laptop", "tablet"},
			Members: api.List[string]{"laptop"}, Sleepers: api.List[string]{"tablet"}, Removed: api.List[string]{"pho\u202ene"},
			Signers: api.List[string]{"laptop", "tablet"}},
	}, nil
}

func (f *healFake) made() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprint(f.calls)
}

package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

// healer is a fake that can change its circle, too. It remembers how it was
// called, with the passphrase as a text of its own: the server wipes it.
type healer struct {
	fake
	err    error
	frozen api.Request

	mu     sync.Mutex // guards calls and passes
	calls  []string
	passes []string
	raw    [][]byte // the passphrases themselves, to see them wiped
	asked  any
}

var changed = api.Changed{Epoch: 4, Kind: "remove", Threshold: 2, OldSharesAlive: 1, OldSharesOn: api.List[string]{"phone"},
	Members: api.List[string]{"laptop", "tablet"}, Sleepers: api.List[string]{}, Removed: api.List[string]{"phone"}, Added: api.List[string]{}}

func (h *healer) note(call string, pass []byte, args any) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls, h.passes, h.raw, h.asked = append(h.calls, call), append(h.passes, string(pass)), append(h.raw, pass), args
	return h.err
}

func (h *healer) Invite(_ context.Context, a api.InviteArgs, emit func(api.Event)) (api.Changed, error) {
	emit(api.Event{Event: api.EventInvitation, Invitation: "warifu1:abc"})
	return changed, h.note("invite", a.Passphrase, a)
}

func (h *healer) Lost(_ context.Context, a api.DeviceArgs, emit func(api.Event)) (api.Changed, error) {
	emit(api.Event{Event: api.EventRequest, ID: "beef"})
	return changed, h.note("lost", a.Passphrase, a)
}

func (h *healer) Refresh(_ context.Context, a api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
	emit(api.Event{Event: api.EventProgress, Step: 1, Of: 4, Text: "dealing"})
	return changed, h.note("refresh", a.Passphrase, a)
}

func (h *healer) Leave(_ context.Context, a api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
	emit(api.Event{Event: api.EventWaiting, For: []string{"tablet"}})
	return changed, h.note("leave", a.Passphrase, a)
}

func (h *healer) Threshold(_ context.Context, a api.ThresholdArgs, emit func(api.Event)) (api.Changed, error) {
	emit(api.Event{Event: api.EventRequest, ID: "beef"})
	return changed, h.note("threshold", a.Passphrase, a)
}

func (h *healer) Retire(_ context.Context, a api.PresenceArgs) (api.Changed, error) {
	return changed, h.note("retire", a.Passphrase, a)
}

func (h *healer) Remove(_ context.Context, a api.DeviceArgs) (api.Request, error) {
	return h.frozen, h.note("remove", a.Passphrase, a)
}

func (h *healer) Freeze(_ context.Context, a api.PresenceArgs) (api.Request, error) {
	return h.frozen, h.note("freeze", a.Passphrase, a)
}

func (h *healer) Thaw(_ context.Context, a api.PresenceArgs, emit func(api.Event)) (api.Request, error) {
	emit(api.Event{Event: api.EventRequest, ID: "beef"})
	return h.frozen, h.note("thaw", a.Passphrase, a)
}

func (h *healer) Vacation(_ context.Context, a api.VacationArgs) (api.Request, error) {
	return h.frozen, h.note("vacation", a.Passphrase, a)
}

func (h *healer) Veto(_ context.Context, a api.DeviceArgs) (api.Request, error) {
	return h.frozen, h.note("veto", a.Passphrase, a)
}

func (h *healer) ApprovePresent(_ context.Context, id string, pass []byte) (api.Request, error) {
	return h.frozen, h.note("approve "+id, pass, nil)
}

func (h *healer) Preview(_ context.Context, a api.PreviewArgs) (api.Preview, error) {
	return api.Preview{Summary: "phone is lost", Lines: api.List[api.Line]{}, Warnings: api.List[string]{"look twice"}}, h.note("preview", nil, a)
}

func (h *healer) Epochs(context.Context) ([]api.Epoch, error) {
	return []api.Epoch{{Epoch: 1, Kind: "founding"}}, h.note("epochs", nil, nil)
}

var newYear = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// healingCalls makes each call of api.Healing once.
var healingCalls = map[string]func(context.Context, api.Healing, func(api.Event)) (any, error){
	"invite": func(ctx context.Context, h api.Healing, emit func(api.Event)) (any, error) {
		return h.Invite(ctx, api.InviteArgs{PresenceArgs: present(), Replace: "phone"}, emit)
	},
	"lost": func(ctx context.Context, h api.Healing, emit func(api.Event)) (any, error) {
		return h.Lost(ctx, device(), emit)
	},
	"refresh": func(ctx context.Context, h api.Healing, emit func(api.Event)) (any, error) {
		return h.Refresh(ctx, present(), emit)
	},
	"leave": func(ctx context.Context, h api.Healing, emit func(api.Event)) (any, error) {
		return h.Leave(ctx, present(), emit)
	},
	"freeze": func(ctx context.Context, h api.Healing, _ func(api.Event)) (any, error) {
		return h.Freeze(ctx, present())
	},
	"thaw": func(ctx context.Context, h api.Healing, emit func(api.Event)) (any, error) {
		return h.Thaw(ctx, present(), emit)
	},
	"vacation": func(ctx context.Context, h api.Healing, _ func(api.Event)) (any, error) {
		return h.Vacation(ctx, api.VacationArgs{DeviceArgs: device(), Until: newYear})
	},
	"veto": func(ctx context.Context, h api.Healing, _ func(api.Event)) (any, error) {
		return h.Veto(ctx, device())
	},
	"threshold": func(ctx context.Context, h api.Healing, emit func(api.Event)) (any, error) {
		return h.Threshold(ctx, api.ThresholdArgs{PresenceArgs: present(), Threshold: 3}, emit)
	},
	"retire": func(ctx context.Context, h api.Healing, _ func(api.Event)) (any, error) {
		return h.Retire(ctx, present())
	},
	"remove": func(ctx context.Context, h api.Healing, _ func(api.Event)) (any, error) {
		return h.Remove(ctx, device())
	},
	"approve ../x": func(ctx context.Context, h api.Healing, _ func(api.Event)) (any, error) {
		return h.ApprovePresent(ctx, "../x", present().Passphrase)
	},
	"epochs": func(ctx context.Context, h api.Healing, _ func(api.Event)) (any, error) {
		return h.Epochs(ctx)
	},
}

// secretText has what a decoder of lines or of JSON might stumble over.
const secretText = "line\n\"quoted\"\x00 \\u0041é"

func present() api.PresenceArgs {
	return api.PresenceArgs{Passphrase: []byte(secretText), Timeout: api.Duration(time.Minute)}
}

func device() api.DeviceArgs { return api.DeviceArgs{PresenceArgs: present(), Device: "phone"} }

func TestHealingTravels(t *testing.T) {
	t.Parallel()
	streams := map[string]string{"invite": api.EventInvitation, "lost": api.EventRequest, "refresh": api.EventProgress,
		"leave": api.EventWaiting, "thaw": api.EventRequest, "threshold": api.EventRequest}
	for name, call := range healingCalls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &healer{frozen: api.Request{ID: "beef", Kind: api.KindFreeze, State: api.StateDone,
				Lines: api.List[api.Line]{}, Warnings: api.List[string]{}, ApprovedBy: api.List[string]{"laptop"}, DeniedBy: api.List[string]{}}}
			client, _, stop := serve(t, h)
			var events []string
			got, err := call(t.Context(), client, func(e api.Event) { events = append(events, e.Event) })
			if err != nil {
				t.Fatal(err)
			}
			stop() // so that the handler has returned
			direct := &healer{frozen: h.frozen}
			want, _ := call(t.Context(), direct, func(api.Event) {})
			if name == "epochs" {
				for i := range want.([]api.Epoch) {
					e := &want.([]api.Epoch)[i]
					e.Devices, e.Members, e.Sleepers, e.Removed, e.Added, e.Signers =
						api.List[string]{}, api.List[string]{}, api.List[string]{}, api.List[string]{}, api.List[string]{}, api.List[string]{}
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if len(h.calls) != 1 || h.calls[0] != name {
				t.Fatalf("called %q", h.calls)
			}
			if (streams[name] == "") != (len(events) == 0) || len(events) > 0 && events[0] != streams[name] {
				t.Errorf("events %v", events)
			}
			if h.passes[0] != direct.passes[0] {
				t.Errorf("the passphrase arrived as %q", h.passes[0])
			}
			for _, c := range h.raw[0] {
				if c != 0 {
					t.Fatalf("the passphrase was not wiped: %q", h.raw[0])
				}
			}
			if got, want := blank(h.asked), blank(direct.asked); !reflect.DeepEqual(got, want) {
				t.Errorf("asked %+v, want %+v", got, want)
			}
		})
	}
}

// blank takes the passphrase out of arguments, for a comparison of the rest.
func blank(args any) any {
	switch a := args.(type) {
	case api.PresenceArgs:
		a.Passphrase = nil
		return a
	case api.DeviceArgs:
		a.Passphrase = nil
		return a
	case api.InviteArgs:
		a.Passphrase = nil
		return a
	case api.VacationArgs:
		a.Passphrase = nil
		return a
	case api.ThresholdArgs:
		a.Passphrase = nil
		return a
	}
	return args
}

func TestHealingIsUnsupported(t *testing.T) {
	t.Parallel()
	client, _, _ := serve(t, &fake{})
	for name, call := range healingCalls {
		_, err := call(t.Context(), client, func(api.Event) { t.Errorf("%s: an event", name) })
		if e := api.AsError(err); err == nil || e.Code != api.CodeUnsupported || !strings.Contains(e.Hint, "warifu version") {
			t.Errorf("%s: got %#v", name, err)
		}
	}
}

// TestHealingErrorsHaveHints checks that no failure of a change leaves its
// person without anything to do, and that the backend's own hint comes first.
func TestHealingErrorsHaveHints(t *testing.T) {
	t.Parallel()
	for _, code := range []api.Code{api.CodeFrozen, api.CodeNotPresent, api.CodeWrongPass, api.CodeTooFew, api.CodeStranded, api.CodeBusy,
		api.CodeUnknown, api.CodeEvicted, api.CodeRolledBack, api.CodeRedealFailed} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			for _, hint := range []string{"", "do as I say"} {
				h := &healer{err: api.Errorf(code, "no: why").WithHint("%s", hint).WithDevice("tablet")}
				client, _, _ := serve(t, h)
				for name, call := range healingCalls {
					_, err := call(t.Context(), client, func(api.Event) {})
					e := api.AsError(err)
					if err == nil || e.Code != code || e.Message != "no: why" || e.Device != "tablet" {
						t.Errorf("%s: got %#v", name, err)
					}
					if e.Hint == "" || hint != "" && e.Hint != hint {
						t.Errorf("%s: hint %q", name, e.Hint)
					}
				}
			}
		})
	}
}

func TestBadHealingCallsAreRefused(t *testing.T) {
	t.Parallel()
	h := &healer{}
	_, dir, stop := serve(t, h)
	long := "{}\n" + strings.Repeat("x", 5<<10)
	for _, tc := range []struct{ name, path, body string }{
		{"unknown-field", "/v1/lost", `{"device":"phone","quietly":true}` + "\npass"},
		{"passphrase-in-json", "/v1/refresh", `{"passphrase":"cGFzcw=="}` + "\n"},
		{"trailing", "/v1/veto", `{"device":"phone"}{}` + "\npass"},
		{"no-json", "/v1/freeze", "pass\npass"},
		{"bad-time", "/v1/vacation", `{"device":"phone","until":"tomorrow"}` + "\npass"},
		{"long-lost", "/v1/lost", long},
		{"long-approve", "/v1/requests/beef/approve/present", long},
	} {
		status, e := raw(t, dir, tc.path, []byte(tc.body))
		if status != 422 || e == nil || e.Code != api.CodeBadArgument || strings.Contains(e.Message, "pass\n") {
			t.Errorf("%s: got %d %+v", tc.name, status, e)
		}
	}
	stop()
	if len(h.calls) != 0 {
		t.Errorf("the backend was called: %q", h.calls)
	}
}

// TestPassphraseIsNoJSON keeps passphrases out of whatever encodes arguments.
func TestPassphraseIsNoJSON(t *testing.T) {
	t.Parallel()
	for _, v := range []any{present(), device(), api.InviteArgs{PresenceArgs: present()}, api.VacationArgs{DeviceArgs: device()}} {
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(bytes.ToLower(out), []byte("passphrase")) || bytes.Contains(out, []byte("quoted")) {
			t.Errorf("%T: %s", v, out)
		}
	}
}

func TestCallerKeepsPassphrase(t *testing.T) {
	t.Parallel()
	client, _, _ := serve(t, &healer{})
	pass := []byte(secretText)
	if _, err := client.Refresh(t.Context(), api.PresenceArgs{Passphrase: pass}, func(api.Event) {}); err != nil {
		t.Fatal(err)
	}
	if string(pass) != secretText {
		t.Errorf("the caller's passphrase became %q", pass)
	}
}

func TestChangesCircle(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{api.KindAdd, api.KindReplace, api.KindLost, api.KindRefresh, api.KindLeave, api.KindFreeze,
		api.KindThaw, api.KindVacation, api.KindVeto, api.KindRemove, api.KindThreshold} {
		if !api.ChangesCircle(kind) {
			t.Errorf("%s changes nothing", kind)
		}
	}
	for _, kind := range []string{api.KindMessage, api.KindTypedData, api.KindTx, api.KindFile, ""} {
		if api.ChangesCircle(kind) {
			t.Errorf("%s changes the circle", kind)
		}
	}
}

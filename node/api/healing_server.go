package api

import (
	"bytes"
	"context"
	"net/http"
)

// personal is implemented by pointers to arguments that prove a person's
// presence. In the body of a call a newline and the passphrase follow their
// JSON, which has no newline.
type personal interface{ presence() *PresenceArgs }

func (p *PresenceArgs) presence() *PresenceArgs { return p }

// takePassphrase cuts the passphrase off a body, if args have one, and returns
// the JSON before it. What it puts into args is part of body.
func takePassphrase(args any, body []byte) ([]byte, error) {
	p, ok := args.(personal)
	if !ok {
		return body, nil
	}
	head, pass, _ := bytes.Cut(body, []byte("\n"))
	p.presence().Passphrase = pass
	if len(pass) > maxPassphrase {
		return nil, Errorf(CodeBadArgument, "the passphrase is longer than %d bytes", maxPassphrase)
	}
	return head, nil
}

// wipe clears the passphrase of args, if they have one. What the network
// buffered on the way is beyond our reach.
func wipe(args any) {
	if p, ok := args.(personal); ok {
		clear(p.presence().Passphrase)
	}
}

// healing adds the calls of [Healing]. They exist whatever the backend can do,
// so that a caller learns why one fails.
func (s *server) healing(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/invite", stream(s, func(ctx context.Context, _ *http.Request, a InviteArgs, emit func(Event)) (Changed, error) {
		return healed(s, func(h Healing) (Changed, error) { return h.Invite(ctx, a, emit) })
	}))
	mux.HandleFunc("POST /v1/lost", stream(s, func(ctx context.Context, _ *http.Request, a DeviceArgs, emit func(Event)) (Changed, error) {
		return healed(s, func(h Healing) (Changed, error) { return h.Lost(ctx, a, emit) })
	}))
	mux.HandleFunc("POST /v1/refresh", stream(s, func(ctx context.Context, _ *http.Request, a PresenceArgs, emit func(Event)) (Changed, error) {
		return healed(s, func(h Healing) (Changed, error) { return h.Refresh(ctx, a, emit) })
	}))
	mux.HandleFunc("POST /v1/leave", stream(s, func(ctx context.Context, _ *http.Request, a PresenceArgs, emit func(Event)) (Changed, error) {
		return healed(s, func(h Healing) (Changed, error) { return h.Leave(ctx, a, emit) })
	}))
	mux.HandleFunc("POST /v1/threshold", stream(s, func(ctx context.Context, _ *http.Request, a ThresholdArgs, emit func(Event)) (Changed, error) {
		return healed(s, func(h Healing) (Changed, error) { return h.Threshold(ctx, a, emit) })
	}))
	mux.HandleFunc("POST /v1/retire", plain(s, func(ctx context.Context, _ *http.Request, a PresenceArgs) (Changed, error) {
		return healed(s, func(h Healing) (Changed, error) { return h.Retire(ctx, a) })
	}))
	mux.HandleFunc("POST /v1/freeze", plain(s, func(ctx context.Context, _ *http.Request, a PresenceArgs) (Request, error) {
		return healed(s, func(h Healing) (Request, error) { return h.Freeze(ctx, a) })
	}))
	mux.HandleFunc("POST /v1/thaw", stream(s, func(ctx context.Context, _ *http.Request, a PresenceArgs, emit func(Event)) (Request, error) {
		return healed(s, func(h Healing) (Request, error) { return h.Thaw(ctx, a, emit) })
	}))
	mux.HandleFunc("POST /v1/vacation", plain(s, func(ctx context.Context, _ *http.Request, a VacationArgs) (Request, error) {
		return healed(s, func(h Healing) (Request, error) { return h.Vacation(ctx, a) })
	}))
	mux.HandleFunc("POST /v1/veto", plain(s, func(ctx context.Context, _ *http.Request, a DeviceArgs) (Request, error) {
		return healed(s, func(h Healing) (Request, error) { return h.Veto(ctx, a) })
	}))
	mux.HandleFunc("POST /v1/remove", plain(s, func(ctx context.Context, _ *http.Request, a DeviceArgs) (Request, error) {
		return healed(s, func(h Healing) (Request, error) { return h.Remove(ctx, a) })
	}))
	mux.HandleFunc("POST /v1/preview", plain(s, func(ctx context.Context, _ *http.Request, a PreviewArgs) (Preview, error) {
		return healed(s, func(h Healing) (Preview, error) { return h.Preview(ctx, a) })
	}))
	mux.HandleFunc("POST /v1/requests/{id}/approve/present", plain(s, func(ctx context.Context, r *http.Request, a PresenceArgs) (Request, error) {
		return healed(s, func(h Healing) (Request, error) {
			return h.ApprovePresent(ctx, r.PathValue("id"), a.Passphrase)
		})
	}))
	mux.HandleFunc("GET /v1/epochs", plain(s, func(ctx context.Context, _ *http.Request, _ none) ([]Epoch, error) {
		return healed(s, func(h Healing) ([]Epoch, error) { return h.Epochs(ctx) })
	}))
}

// healed makes a call of [Healing], if the backend has it. An error without a
// hint gets the one that always fits its code.
func healed[R any](s *server, call func(Healing) (R, error)) (R, error) {
	h, ok := s.backend.(Healing)
	if !ok {
		var zero R
		return zero, Errorf(CodeUnsupported, "this daemon cannot change who is in its circle").
			WithHint("%s", hintFor(CodeUnsupported))
	}
	result, err := call(h)
	if err == nil {
		return result, nil
	}
	if e := AsError(err); e.Hint == "" {
		if hint := hintFor(e.Code); hint != "" {
			err = e.WithHint("%s", hint)
		}
	}
	return result, err
}

// hintFor says what a person can do about a failed change of the circle.
func hintFor(c Code) string {
	switch c {
	case CodeUnsupported:
		return "does it run the newest version? compare `warifu version` and restart `warifu up`"
	case CodeFrozen:
		return "`warifu thaw` on as many devices as must sign; `warifu status` says who froze it"
	case CodeNotPresent, CodeWrongPass:
		return "type the passphrase of this device, not that of another"
	case CodeTooFew:
		return "start more devices with `warifu up`, and unlock them; nothing changed yet"
	case CodeStranded:
		return "nothing is deleted: find or repair a device that was lost, its store still counts"
	case CodeBusy:
		return "`warifu status` says which change is under way; try again when it is over"
	case CodeUnknown:
		return "`warifu status` lists the devices by name"
	case CodeEvicted:
		return "make a new device in another home with `warifu init`, and let it join by `warifu invite` on one that is in"
	case CodeRolledBack:
		return "`warifu refresh` on another device deals this one a fresh share"
	case CodeRedealFailed:
		return "nothing changed; `warifu status` says why, and the circle tries again by itself"
	}
	return ""
}

package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

// fake is a circle of one process: it answers as a device would.
type fake struct {
	status    api.Status
	requests  []api.Request
	signature api.Signature
	question  *api.Question // asked while founding
	hold      bool          // Sign waits for ctx
	may       error         // what MayApprove, MayAbandon and MayUnlock say

	mu       sync.Mutex
	signed   []api.SignArgs
	answers  chan bool
	approved []string
}

func (f *fake) Status(context.Context) (api.Status, error) { return f.status, nil }

func (f *fake) Found(ctx context.Context, a api.FoundArgs, emit func(api.Event)) (api.Circle, error) {
	if a.Threshold < 2 {
		return api.Circle{}, api.Errorf(api.CodeBadArgument, "a threshold of 1 would let one device sign alone")
	}
	expires := time.Now().Add(5 * time.Minute)
	emit(api.Event{Event: api.EventInvitation, Step: 1, Of: 1, Invitation: "warifu1:abc", Code: "1234-5678", Expires: &expires,
		Addresses: []string{"/ip4/127.0.0.1/tcp/4243/p2p/12D3Koo", "/ip4/192.0.2.7/tcp/4242/p2p/12D3Koo"}})
	emit(api.Event{Event: api.EventJoined, Name: "phone", Kind: "phone", Fingerprint: "aa bb"})
	emit(api.Event{Event: api.EventConfirm, Question: f.question})
	select {
	case <-ctx.Done():
		return api.Circle{}, ctx.Err()
	case yes := <-f.answers:
		if !yes {
			return api.Circle{}, api.Errorf(api.CodeNotConfirmed, "laptop did not confirm")
		}
	}
	return api.Circle{Circle: "c1c1c1c1c1", Threshold: a.Threshold, Devices: f.question.Devices, Epoch: 1,
		Accounts: api.List[api.Account]{{Name: "ethereum", Address: "0xA", Path: "m/44'/60'/0'/0/0"}}}, nil
}

func (f *fake) AbandonFounding(context.Context) error {
	return api.Errorf(api.CodeNoFounding, "there is nothing to abandon")
}

func (f *fake) MayAbandon(context.Context) error { return f.may }

func (f *fake) Join(ctx context.Context, _ api.JoinArgs, emit func(api.Event)) (api.Circle, error) {
	return f.Found(ctx, api.FoundArgs{Threshold: 2, Devices: 2}, emit)
}

func (f *fake) Confirm(_ context.Context, a api.ConfirmArgs) error {
	f.answers <- a.Yes
	return nil
}

func (f *fake) Sign(ctx context.Context, a api.SignArgs, emit func(api.Event)) (api.Signature, error) {
	f.mu.Lock()
	f.signed = append(f.signed, a)
	f.mu.Unlock()
	emit(api.Event{Event: api.EventRequest, ID: f.signature.Request})
	if f.hold {
		emit(api.Event{Event: api.EventWaiting, For: []string{"phone"}, Reason: "not reachable for 3 min"})
		<-ctx.Done()
		return api.Signature{}, ctx.Err()
	}
	if a.Detach {
		return api.Signature{Request: f.signature.Request}, nil
	}
	return f.signature, nil
}

func (f *fake) Requests(context.Context) ([]api.Request, error) { return f.requests, nil }

func (f *fake) Request(_ context.Context, id string) (api.Request, error) {
	for _, r := range f.requests {
		if strings.HasPrefix(r.ID, id) {
			return r, nil
		}
	}
	return api.Request{}, api.Errorf(api.CodeUnknownRequest, "no request begins with %s", id)
}

func (f *fake) Approve(ctx context.Context, id string) (api.Request, error) {
	f.mu.Lock()
	f.approved = append(f.approved, id)
	f.mu.Unlock()
	return f.Request(ctx, id)
}

func (f *fake) MayApprove(ctx context.Context, id string) (api.Request, error) {
	if f.may != nil {
		return api.Request{}, f.may
	}
	return f.Request(ctx, id)
}

func (f *fake) Deny(ctx context.Context, id string) (api.Request, error) { return f.Request(ctx, id) }

func (f *fake) Wait(context.Context, string, func(api.Event)) (api.Signature, error) {
	return f.signature, nil
}

func (f *fake) Lock(context.Context) error { return nil }

func (f *fake) Unlock(_ context.Context, pass []byte) error {
	if string(pass) != "correct horse" {
		return api.Errorf(api.CodeWrongPass, "the passphrase is wrong").WithHint("try again")
	}
	return nil
}

func (f *fake) MayUnlock(context.Context) error { return f.may }

// serve runs f as the daemon of a new home, which it returns.
func serve(t testing.TB, f *fake) string {
	t.Helper()
	f.answers = make(chan bool, 1)
	home, err := os.MkdirTemp("", "warifu")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	serveAt(t, home, f)
	return home
}

// serveAt runs b as the daemon of home until the test ends.
func serveAt(t testing.TB, home string, b api.Backend) {
	t.Helper()
	ln, err := api.Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- api.Serve(ctx, ln, b, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// An outcome is what a run of the program left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// warifu runs the program.
func warifu(t testing.TB, ctx context.Context, stdin string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, strings.NewReader(stdin), &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// has fails the test unless text contains every part.
func has(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s lacks %q:\n%s", what, p, text)
		}
	}
}

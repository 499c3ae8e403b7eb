package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

// home returns a short private directory: t.TempDir's are too long for a
// socket once the test's name is.
func home(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "warifu")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serve runs b behind a socket and returns a client of it, the home, and a
// function that stops the server and waits for it.
func serve(t testing.TB, b api.Backend) (*api.Client, string, func()) {
	t.Helper()
	dir := home(t)
	ln, err := api.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- api.Serve(ctx, ln, b, slog.New(slog.DiscardHandler)) }()
	client, err := api.NewClient(dir)
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		cancel()
		client.Close()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return client, dir, stop
}

func TestStatusTravels(t *testing.T) {
	t.Parallel()
	seen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := api.Status{Version: api.Version, Name: "phone", Threshold: 2, Epoch: 1,
		Addresses: api.List[string]{}, Former: api.List[api.Former]{}, Accounts: api.List[api.Account]{}, Requests: api.List[api.Request]{}, Warnings: api.List[string]{}, OldSharesOn: api.List[string]{},
		Devices: api.List[api.Device]{{Slot: 1, Name: "laptop", LastSeen: &seen}}}
	client, _, _ := serve(t, &fake{status: func() (api.Status, error) { return want, nil }})
	got, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestErrorTravels(t *testing.T) {
	t.Parallel()
	want := api.Errorf(api.CodeUnknownRequest, "no request begins with %s", "beef").WithHint("look").WithDevice("tablet")
	client, _, _ := serve(t, &fake{request: func(string) (api.Request, error) { return api.Request{}, want }})
	_, err := client.Approve(t.Context(), "beef/../..")
	got, ok := errors.AsType[*api.Error](err)
	if !ok || *got != *want {
		t.Errorf("got %#v, want %#v", err, want)
	}
}

func TestIDIsOnePathElement(t *testing.T) {
	t.Parallel()
	ids := make(chan string, 1)
	client, _, _ := serve(t, &fake{request: func(id string) (api.Request, error) { ids <- id; return api.Request{}, nil }})
	const id = "../lock?x=%2f y"
	if _, err := client.Deny(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := <-ids; got != id {
		t.Errorf("the backend got %q, want %q", got, id)
	}
}

func TestStreamAsksAndConfirms(t *testing.T) {
	t.Parallel()
	answer := make(chan api.ConfirmArgs, 1)
	b := &fake{
		found: func(ctx context.Context, a api.FoundArgs, emit func(api.Event)) (api.Circle, error) {
			emit(api.Event{Event: api.EventInvitation, Code: "1234-5678"})
			emit(api.Event{Event: api.EventConfirm, Question: &api.Question{Session: "ab"}})
			if got := <-answer; got != (api.ConfirmArgs{Session: "ab", Yes: true}) {
				return api.Circle{}, api.Errorf(api.CodeNotConfirmed, "no")
			}
			return api.Circle{Threshold: a.Threshold}, nil
		},
		confirm: func(a api.ConfirmArgs) error { answer <- a; return nil },
	}
	client, _, _ := serve(t, b)
	var events []string
	circle, err := client.Found(t.Context(), api.FoundArgs{Threshold: 2, Devices: 3}, func(e api.Event) {
		events = append(events, e.Event)
		if e.Question != nil {
			if err := client.Confirm(t.Context(), api.ConfirmArgs{Session: e.Question.Session, Yes: true}); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || circle.Threshold != 2 {
		t.Fatalf("got %+v, %v", circle, err)
	}
	if want := []string{"invitation", "confirm"}; !reflect.DeepEqual(events, want) {
		t.Errorf("events %v, want %v", events, want)
	}
}

func TestClientLeavingCancelsTheWait(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	client, _, _ := serve(t, &fake{sign: func(ctx context.Context, _ api.SignArgs, emit func(api.Event)) (api.Signature, error) {
		emit(api.Event{Event: api.EventRequest, ID: "beef"})
		<-ctx.Done()
		ended <- ctx.Err()
		return api.Signature{}, ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := client.Sign(ctx, api.SignArgs{Kind: api.KindMessage}, func(api.Event) { cancel() })
	if api.CodeOf(err) != api.CodeCanceled {
		t.Errorf("client got %v", err)
	}
	if err := <-ended; err != context.Canceled {
		t.Errorf("backend got %v", err)
	}
}

func TestStoppingServerEndsStreams(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	client, dir, stop := serve(t, &fake{sign: func(ctx context.Context, _ api.SignArgs, _ func(api.Event)) (api.Signature, error) {
		close(started)
		<-ctx.Done()
		return api.Signature{}, ctx.Err()
	}})
	result := make(chan error, 1)
	go func() {
		_, err := client.Sign(t.Context(), api.SignArgs{Kind: api.KindMessage}, func(api.Event) {})
		result <- err
	}()
	<-started
	stop()
	if err := <-result; api.CodeOf(err) != api.CodeCanceled || !strings.Contains(err.Error(), "stopping") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "warifu.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket left behind: %v", err)
	}
	if _, err := client.Status(t.Context()); api.CodeOf(err) != api.CodeNotRunning {
		t.Errorf("after stop: %v", err)
	}
}

func TestUnlockTakesRawBytes(t *testing.T) {
	t.Parallel()
	f := &fake{}
	client, _, _ := serve(t, f)
	pass := []byte("\x00{\"not\": json}\n")
	if err := client.Unlock(t.Context(), pass); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !bytes.Equal(f.unlocked, pass) {
		t.Errorf("got %q", f.unlocked)
	}
}

// raw posts body to path without the client's help.
func raw(t testing.TB, dir, path string, body []byte) (int, *api.Error) {
	t.Helper()
	hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "warifu.sock"))
		}}}
	resp, err := hc.Post("http://warifu"+path, "", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct{ Error *api.Error }
	// Not every answer is JSON: a path that does not exist is net/http's.
	_ = json.NewDecoder(resp.Body).Decode(&out)
	return resp.StatusCode, out.Error
}

func TestBadCallsAreRefused(t *testing.T) {
	t.Parallel()
	_, dir, _ := serve(t, &fake{sign: func(context.Context, api.SignArgs, func(api.Event)) (api.Signature, error) {
		t.Error("the backend was called")
		return api.Signature{}, nil
	}})
	for _, tc := range []struct{ name, path, body string }{
		{"unknown-field", "/v1/sign", `{"kind":"message","only_on":"mainnet"}`},
		{"trailing", "/v1/sign", `{"kind":"message"}{}`},
		{"not-json", "/v1/sign", "\x1b[2J"},
		{"too-large", "/v1/sign", `{"kind":"` + strings.Repeat("x", 5<<20) + `"}`},
		{"long-passphrase", "/v1/unlock", strings.Repeat("x", 5<<10)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			status, e := raw(t, dir, tc.path, []byte(tc.body))
			if status != http.StatusUnprocessableEntity || e == nil || e.Code != api.CodeBadArgument {
				t.Errorf("got %d %+v", status, e)
			}
			if e != nil && strings.Contains(e.Message, "\x1b") {
				t.Errorf("the error quotes its input")
			}
		})
	}
	if status, _ := raw(t, dir, "/v2/sign", nil); status != http.StatusNotFound {
		t.Errorf("unknown version: %d", status)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	t.Run("private", func(t *testing.T) {
		t.Parallel()
		_, dir, _ := serve(t, &fake{})
		info, err := os.Stat(filepath.Join(dir, "warifu.sock"))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
	})
	t.Run("second-daemon", func(t *testing.T) {
		t.Parallel()
		_, dir, _ := serve(t, &fake{})
		if _, err := api.Listen(dir); api.CodeOf(err) != api.CodeAlreadyRunning {
			t.Errorf("got %v", err)
		}
	})
	t.Run("stale-socket", func(t *testing.T) {
		t.Parallel()
		dir := home(t)
		// A socket whose daemon was killed: bound, never unlinked.
		dead, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(dir, "warifu.sock")})
		if err != nil {
			t.Fatal(err)
		}
		dead.SetUnlinkOnClose(false)
		dead.Close()
		ln, err := api.Listen(dir)
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
	})
	t.Run("file-in-the-way", func(t *testing.T) {
		t.Parallel()
		dir := home(t)
		path := filepath.Join(dir, "warifu.sock")
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := api.Listen(dir); api.CodeOf(err) != api.CodeRefused {
			t.Errorf("got %v", err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "mine" {
			t.Errorf("the file was touched: %q, %v", got, err)
		}
	})
	t.Run("open-home", func(t *testing.T) {
		t.Parallel()
		dir := home(t)
		if err := os.Chmod(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		if _, err := api.Listen(dir); api.CodeOf(err) != api.CodeRefused {
			t.Errorf("got %v", err)
		}
	})
	t.Run("home-too-long", func(t *testing.T) {
		t.Parallel()
		long := filepath.Join(home(t), strings.Repeat("x", 100))
		if _, err := api.Listen(long); api.CodeOf(err) != api.CodeHomeTooLong {
			t.Errorf("listen: %v", err)
		}
		if _, err := api.NewClient(long); api.CodeOf(err) != api.CodeHomeTooLong {
			t.Errorf("client: %v", err)
		}
	})
	t.Run("nobody-there", func(t *testing.T) {
		t.Parallel()
		client, err := api.NewClient(home(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Lock(t.Context()); api.CodeOf(err) != api.CodeNotRunning {
			t.Errorf("got %v", err)
		}
	})
}

func TestListsAreNeverNull(t *testing.T) {
	t.Parallel()
	for _, v := range []any{api.Status{}, api.Request{}, api.Circle{}, api.Founding{}, api.Changed{}, api.Epoch{}} {
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(out, []byte("null")) {
			t.Errorf("%T: %s", v, out)
		}
	}
}

func FuzzBytes(f *testing.F) {
	for _, s := range []string{"", "0x", "0xAB", "0xa", "ab", "0xzz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b api.Bytes
		if b.UnmarshalText([]byte(s)) != nil {
			return
		}
		if got := b.String(); !strings.EqualFold(got, s) {
			t.Errorf("%q became %q", s, got)
		}
	})
}

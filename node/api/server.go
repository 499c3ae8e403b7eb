package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve answers calls on ln until ctx ends, then closes ln and returns nil
// once every call has ended. Any other return is an error of the listener.
func Serve(ctx context.Context, ln net.Listener, b Backend, log *slog.Logger) error {
	calls, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := &http.Server{
		Handler:           NewHandler(b, log),
		ReadHeaderTimeout: readTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return calls },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	var stopped sync.WaitGroup
	stopped.Go(func() {
		<-calls.Done()
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer done()
		if srv.Shutdown(grace) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(ln)
	cancel()
	stopped.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("api: serve: %w", err)
}

// NewHandler returns the control interface of b. It does not ask who calls:
// whoever serves it must let only the device's person in.
func NewHandler(b Backend, log *slog.Logger) http.Handler {
	s := &server{backend: b, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", plain(s, func(ctx context.Context, _ *http.Request, _ none) (Status, error) {
		return b.Status(ctx)
	}))
	mux.HandleFunc("GET /v1/alive", plain(s, s.alive))
	mux.HandleFunc("POST /v1/found", stream(s, func(ctx context.Context, _ *http.Request, a FoundArgs, emit func(Event)) (Circle, error) {
		return b.Found(ctx, a, emit)
	}))
	mux.HandleFunc("POST /v1/found/abandon", plain(s, func(ctx context.Context, _ *http.Request, _ none) (none, error) {
		return none{}, b.AbandonFounding(ctx)
	}))
	// What is posted to act is got to know whether it would be done.
	mux.HandleFunc("GET /v1/found/abandon", plain(s, func(ctx context.Context, _ *http.Request, _ none) (none, error) {
		return none{}, b.MayAbandon(ctx)
	}))
	mux.HandleFunc("GET /v1/requests/{id}/approve", plain(s, func(ctx context.Context, r *http.Request, _ none) (Request, error) {
		return b.MayApprove(ctx, r.PathValue("id"))
	}))
	mux.HandleFunc("GET /v1/unlock", plain(s, func(ctx context.Context, _ *http.Request, _ none) (none, error) {
		return none{}, b.MayUnlock(ctx)
	}))
	mux.HandleFunc("POST /v1/join", stream(s, func(ctx context.Context, _ *http.Request, a JoinArgs, emit func(Event)) (Circle, error) {
		return b.Join(ctx, a, emit)
	}))
	mux.HandleFunc("POST /v1/confirm", plain(s, func(ctx context.Context, _ *http.Request, a ConfirmArgs) (none, error) {
		return none{}, b.Confirm(ctx, a)
	}))
	mux.HandleFunc("POST /v1/sign", stream(s, func(ctx context.Context, _ *http.Request, a SignArgs, emit func(Event)) (Signature, error) {
		return b.Sign(ctx, a, emit)
	}))
	mux.HandleFunc("GET /v1/requests", plain(s, func(ctx context.Context, _ *http.Request, _ none) ([]Request, error) {
		return b.Requests(ctx)
	}))
	mux.HandleFunc("GET /v1/requests/{id}", plain(s, func(ctx context.Context, r *http.Request, _ none) (Request, error) {
		return b.Request(ctx, r.PathValue("id"))
	}))
	mux.HandleFunc("POST /v1/requests/{id}/approve", plain(s, func(ctx context.Context, r *http.Request, _ none) (Request, error) {
		return b.Approve(ctx, r.PathValue("id"))
	}))
	mux.HandleFunc("POST /v1/requests/{id}/deny", plain(s, func(ctx context.Context, r *http.Request, _ none) (Request, error) {
		return b.Deny(ctx, r.PathValue("id"))
	}))
	mux.HandleFunc("POST /v1/requests/{id}/wait", stream(s, func(ctx context.Context, r *http.Request, _ none, emit func(Event)) (Signature, error) {
		return b.Wait(ctx, r.PathValue("id"), emit)
	}))
	mux.HandleFunc("POST /v1/lock", plain(s, func(ctx context.Context, _ *http.Request, _ none) (none, error) {
		return none{}, b.Lock(ctx)
	}))
	mux.HandleFunc("POST /v1/unlock", s.unlock)
	s.healing(mux)
	return mux
}

// none is the empty object: arguments or result of a call that has none.
type none struct{}

type server struct {
	backend Backend
	log     *slog.Logger
}

// plain makes a handler that answers with one JSON value.
func plain[A, R any](s *server, call func(context.Context, *http.Request, A) (R, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		args, err := readArgs[A](w, r)
		defer wipe(&args)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		result, err := call(r.Context(), r, args)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.reply(w, r, http.StatusOK, result)
	}
}

// A line is one line of a stream: exactly one of its fields is set.
type line[R any] struct {
	Event  *Event `json:"event,omitempty"`
	Result *R     `json:"result,omitempty"`
	Error  *Error `json:"error,omitempty"`
}

// stream makes a handler that answers with lines.
func stream[A, R any](s *server, call func(context.Context, *http.Request, A, func(Event)) (R, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		args, err := readArgs[A](w, r)
		defer wipe(&args)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		rc := http.NewResponseController(w)
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.WriteHeader(http.StatusOK)
		write := func(l line[R]) {
			if err := writeLine(rc, w, l); err != nil {
				// A client that does not read is a client that went away.
				cancel()
			}
		}
		rc.Flush()
		result, err := call(ctx, r, args, func(e Event) { write(line[R]{Event: &e}) })
		if err != nil {
			write(line[R]{Error: s.tell(r, err)})
			return
		}
		write(line[R]{Result: &result})
	}
}

func writeLine(rc *http.ResponseController, w io.Writer, v any) error {
	out, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("api: encode line: %w", err)
	}
	if err := rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("api: write line: %w", err)
	}
	if _, err := w.Write(append(out, '\n')); err != nil {
		return fmt.Errorf("api: write line: %w", err)
	}
	if err := rc.Flush(); err != nil {
		return fmt.Errorf("api: write line: %w", err)
	}
	return nil
}

// readBody reads a body of at most limit bytes within readTimeout.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	rc := http.NewResponseController(w)
	if err := rc.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
		return nil, fmt.Errorf("api: read request: %w", err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, Errorf(CodeBadArgument, "the request is larger than %d bytes", limit)
		}
		return nil, fmt.Errorf("api: read request: %w", err)
	}
	// Left in place, the deadline would end a long call: net/http keeps
	// reading to notice a client that goes away.
	if err := rc.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("api: read request: %w", err)
	}
	return body, nil
}

// readArgs reads the arguments of a call. An empty body stands for the zero
// value. A field that this version does not know is refused, because it might
// have been a restriction.
func readArgs[A any](w http.ResponseWriter, r *http.Request) (A, error) {
	var args A
	body, err := readBody(w, r, maxBody)
	if err == nil {
		body, err = takePassphrase(&args, body)
	}
	if err != nil || len(body) == 0 {
		return args, err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&args); err != nil {
		return args, Errorf(CodeBadArgument, "the arguments are not what this version of warifu expects").
			WithHint("does the daemon run the same version? compare `warifu version` and restart `warifu up`")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return args, Errorf(CodeBadArgument, "something follows the arguments")
	}
	return args, nil
}

// unlock takes the passphrase as the body itself, so that no decoder makes
// copies of it.
func (s *server) unlock(w http.ResponseWriter, r *http.Request) {
	pass, err := readBody(w, r, maxPassphrase)
	defer clear(pass)
	if err == nil {
		err = s.backend.Unlock(r.Context(), pass)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.reply(w, r, http.StatusOK, none{})
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := s.tell(r, err)
	status := http.StatusUnprocessableEntity
	if e.Code == CodeInternal {
		status = http.StatusInternalServerError
	}
	s.reply(w, r, status, line[none]{Error: e})
}

// tell makes of err what the caller is told, and logs faults of ours.
func (s *server) tell(r *http.Request, err error) *Error {
	e := AsError(err)
	switch e.Code {
	case CodeInternal:
		s.log.Error("api_call", "path", r.URL.Path, "err", err)
	case CodeCanceled:
		// Either the caller has gone, and nobody reads this, or we go.
		return Errorf(CodeCanceled, "the daemon is stopping").
			WithHint("requests and approvals are kept; start it again with `warifu up`")
	}
	return e
}

func (s *server) reply(w http.ResponseWriter, r *http.Request, status int, v any) {
	out, err := json.Marshal(v)
	if err != nil {
		s.log.Error("api_encode", "path", r.URL.Path, "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A failed write means that the client is gone: nobody to tell.
	_, _ = w.Write(append(out, '\n'))
}

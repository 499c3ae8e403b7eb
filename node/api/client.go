package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
)

// A Client calls the daemon of one home. It is a [Backend] whose errors are
// [*Error], and may be used by several goroutines.
type Client struct {
	http     *http.Client
	patience patience
}

var _ Backend = (*Client)(nil)

// NewClient returns a client of the daemon in home. It does not connect yet.
func NewClient(home string) (*Client, error) {
	path, err := SocketPath(home)
	if err != nil {
		return nil, err
	}
	return &Client{patience: defaultPatience, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialSocket(ctx, path)
		},
	}}}, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status implements [Backend].
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "status")
}

// Found implements [Backend].
func (c *Client) Found(ctx context.Context, args FoundArgs, emit func(Event)) (Circle, error) {
	return follow[Circle](ctx, c, "found", args, emit)
}

// AbandonFounding implements [Backend].
func (c *Client) AbandonFounding(ctx context.Context) error {
	_, err := post[none](ctx, c, "found/abandon", none{})
	return err
}

// MayAbandon implements [Backend].
func (c *Client) MayAbandon(ctx context.Context) error {
	_, err := get[none](ctx, c, "found/abandon")
	return err
}

// Join implements [Backend].
func (c *Client) Join(ctx context.Context, args JoinArgs, emit func(Event)) (Circle, error) {
	return follow[Circle](ctx, c, "join", args, emit)
}

// Confirm implements [Backend].
func (c *Client) Confirm(ctx context.Context, args ConfirmArgs) error {
	_, err := post[none](ctx, c, "confirm", args)
	return err
}

// Sign implements [Backend].
func (c *Client) Sign(ctx context.Context, args SignArgs, emit func(Event)) (Signature, error) {
	return follow[Signature](ctx, c, "sign", args, emit)
}

// Requests implements [Backend].
func (c *Client) Requests(ctx context.Context) ([]Request, error) {
	return get[[]Request](ctx, c, "requests")
}

// Request implements [Backend].
func (c *Client) Request(ctx context.Context, id string) (Request, error) {
	return get[Request](ctx, c, "requests/"+url.PathEscape(id))
}

// Approve implements [Backend].
func (c *Client) Approve(ctx context.Context, id string) (Request, error) {
	return post[Request](ctx, c, "requests/"+url.PathEscape(id)+"/approve", none{})
}

// MayApprove implements [Backend].
func (c *Client) MayApprove(ctx context.Context, id string) (Request, error) {
	return get[Request](ctx, c, "requests/"+url.PathEscape(id)+"/approve")
}

// Deny implements [Backend].
func (c *Client) Deny(ctx context.Context, id string) (Request, error) {
	return post[Request](ctx, c, "requests/"+url.PathEscape(id)+"/deny", none{})
}

// Wait implements [Backend].
func (c *Client) Wait(ctx context.Context, id string, emit func(Event)) (Signature, error) {
	return follow[Signature](ctx, c, "requests/"+url.PathEscape(id)+"/wait", none{}, emit)
}

// Lock implements [Backend].
func (c *Client) Lock(ctx context.Context) error {
	_, err := post[none](ctx, c, "lock", none{})
	return err
}

// Unlock implements [Backend].
func (c *Client) Unlock(ctx context.Context, passphrase []byte) error {
	_, err := call[none](ctx, c, http.MethodPost, "unlock", passphrase)
	return err
}

// MayUnlock implements [Backend].
func (c *Client) MayUnlock(ctx context.Context) error {
	_, err := get[none](ctx, c, "unlock")
	return err
}

func get[R any](ctx context.Context, c *Client, path string) (R, error) {
	return call[R](ctx, c, http.MethodGet, path, nil)
}

func post[R any](ctx context.Context, c *Client, path string, args any) (R, error) {
	body, err := encodeArgs(args)
	if err != nil {
		var zero R
		return zero, err
	}
	defer clear(body)
	return call[R](ctx, c, http.MethodPost, path, body)
}

// call makes a call that is answered with one value.
func call[R any](ctx context.Context, c *Client, method, path string, body []byte) (R, error) {
	var result R
	ctx, stop := c.watch(ctx, nil)
	defer stop()
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return result, err
	}
	defer resp.Body.Close()
	answer := &io.LimitedReader{R: resp.Body, N: maxLine}
	if err := json.NewDecoder(answer).Decode(&result); err != nil {
		if answer.N == 0 {
			return result, Errorf(CodeInternal, "the answer is longer than %d MiB", maxLine>>20).WithHint("ask for less: warifu show shows one request")
		}
		return result, errGone(ctx)
	}
	return result, nil
}

// follow makes a call that is answered with a stream.
func follow[R any](ctx context.Context, c *Client, path string, args any, emit func(Event)) (R, error) {
	var zero R
	body, err := encodeArgs(args)
	if err != nil {
		return zero, err
	}
	// The steps come from one goroutine at a time.
	var telling sync.Mutex
	tell := func(e Event) {
		telling.Lock()
		defer telling.Unlock()
		emit(e)
	}
	ctx, stop := c.watch(ctx, func() { tell(Event{Event: EventWaiting, Reason: "this device does not answer"}) })
	defer stop()
	resp, err := c.do(ctx, http.MethodPost, path, body)
	clear(body)
	if err != nil {
		return zero, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var l line[R]
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return zero, errGone(ctx)
		}
		switch {
		case l.Event != nil:
			tell(*l.Event)
		case l.Error != nil:
			return zero, l.Error
		case l.Result != nil:
			return *l.Result, nil
		}
	}
	return zero, errGone(ctx)
}

// do sends a request and turns an answer other than 200 into its error. The
// host is fixed and means nothing: the transport knows one socket only.
func (c *Client) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	target := fmt.Sprintf("http://warifu/v%d/%s", Version, path)
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("api: call: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			return nil, e
		}
		return nil, errGone(ctx)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var l line[none]
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxLine)).Decode(&l); err != nil || l.Error == nil {
		return nil, Errorf(CodeInternal, "the daemon does not know this call").
			WithHint("does it run the same version? compare `warifu version` and restart `warifu up`")
	}
	return nil, l.Error
}

// errGone is the error of a call that was cut off: by the caller, or because
// the daemon is no more.
func errGone(ctx context.Context) error {
	if e, ok := errors.AsType[*Error](context.Cause(ctx)); ok {
		return e
	}
	switch err := ctx.Err(); {
	case errors.Is(err, context.Canceled):
		return Errorf(CodeCanceled, "interrupted")
	case err != nil:
		return AsError(fmt.Errorf("interrupted: %w", err))
	}
	return Errorf(CodeNotRunning, "the daemon went away in the middle of the call").
		WithHint("start it again with `warifu up`; requests and approvals are kept")
}

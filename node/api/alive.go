package api

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// An Aliver is a [Backend] that can tell, by returning, that it is at work.
type Aliver interface {
	Alive(ctx context.Context) error
}

// patience is when a client takes a device for one that does not answer. As long
// as a call has no answer it asks, every so often, for a sign of life: a call may
// well take its time, but a device that is at work gives one.
type patience struct {
	every  time.Duration // between two questions
	answer time.Duration // for the answer to one
	silent int           // so many in a row without an answer, and the person is told
	gone   int           // so many, and a call that waits for persons is given up
	calls  int           // so many with an answer, and a call that waits for nobody is given up
}

var defaultPatience = patience{every: 2 * time.Second, answer: 5 * time.Second, silent: 2, gone: 10, calls: 60}

func errNoAnswer() *Error {
	return Errorf(CodeNoAnswer, "the device does not answer").
		WithHint("its daemon is stopped or held up: look at the terminal of `warifu up` (Ctrl-Q goes on after Ctrl-S, fg after Ctrl-Z), or end it and start it again; requests and approvals are kept, and what was asked may still be done")
}

// watch returns a context for a call, which ends with ctx or when the device does
// not answer, with an [Error] as its cause. A call that waits for persons passes
// silent, which is called some time before that; a call that waits for nobody
// passes nil, and ends sooner. stop ends the watch: silent is not called after it.
func (c *Client) watch(ctx context.Context, silent func()) (watched context.Context, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		p := c.patience
		for missed, asked := 0, 0; ; asked++ {
			select {
			case <-watched.Done():
				return
			case <-time.After(p.every):
			}
			if c.alive(watched) {
				missed = 0
			} else {
				missed++
			}
			switch {
			case watched.Err() != nil:
				return
			case silent == nil && missed == p.silent, missed == p.gone:
				cancel(errNoAnswer())
				return
			case missed == p.silent:
				silent()
			case silent == nil && asked == p.calls:
				cancel(Errorf(CodeTimeout, "the device is at work, but has not answered this call").
					WithHint("`warifu status` shows where things stand"))
				return
			}
		}
	})
	return watched, func() {
		cancel(nil)
		asking.Wait()
	}
}

// alive asks for a sign of life. Any answer is one: an older daemon does not know
// the question.
func (c *Client) alive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, c.patience.answer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://warifu/v%d/alive", Version), nil)
	if err != nil {
		return false
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil
}

// alive answers once the backend has shown that it is at work.
func (s *server) alive(ctx context.Context, _ *http.Request, _ none) (none, error) {
	if b, ok := s.backend.(Aliver); ok {
		return none{}, b.Alive(ctx)
	}
	return none{}, nil
}

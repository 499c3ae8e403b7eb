package api_test

import (
	"context"
	"errors"
	"sync"

	"github.com/warifu/warifu/node/api"
)

// fake is a Backend whose calls are functions of the test.
type fake struct {
	status  func() (api.Status, error)
	found   func(context.Context, api.FoundArgs, func(api.Event)) (api.Circle, error)
	confirm func(api.ConfirmArgs) error
	sign    func(context.Context, api.SignArgs, func(api.Event)) (api.Signature, error)
	request func(id string) (api.Request, error)
	may     error // what MayAbandon, MayApprove and MayUnlock say

	mu       sync.Mutex
	unlocked []byte
}

var errUnused = errors.New("fake: not part of this test")

func (f *fake) Status(context.Context) (api.Status, error) {
	if f.status == nil {
		return api.Status{}, errUnused
	}
	return f.status()
}

func (f *fake) Found(ctx context.Context, a api.FoundArgs, emit func(api.Event)) (api.Circle, error) {
	return f.found(ctx, a, emit)
}

func (f *fake) AbandonFounding(context.Context) error { return errUnused }
func (f *fake) MayAbandon(context.Context) error      { return f.may }

func (f *fake) Join(context.Context, api.JoinArgs, func(api.Event)) (api.Circle, error) {
	return api.Circle{}, errUnused
}

func (f *fake) Confirm(_ context.Context, a api.ConfirmArgs) error { return f.confirm(a) }

func (f *fake) Sign(ctx context.Context, a api.SignArgs, emit func(api.Event)) (api.Signature, error) {
	return f.sign(ctx, a, emit)
}

func (f *fake) Requests(context.Context) ([]api.Request, error) { return nil, errUnused }

func (f *fake) Request(_ context.Context, id string) (api.Request, error) { return f.request(id) }
func (f *fake) Approve(_ context.Context, id string) (api.Request, error) { return f.request(id) }
func (f *fake) Deny(_ context.Context, id string) (api.Request, error)    { return f.request(id) }

func (f *fake) MayApprove(_ context.Context, id string) (api.Request, error) {
	if f.may != nil {
		return api.Request{}, f.may
	}
	return f.request(id)
}

func (f *fake) MayUnlock(context.Context) error { return f.may }

func (f *fake) Wait(context.Context, string, func(api.Event)) (api.Signature, error) {
	return api.Signature{}, errUnused
}

func (f *fake) Lock(context.Context) error { return nil }

func (f *fake) Unlock(_ context.Context, passphrase []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unlocked = append([]byte(nil), passphrase...)
	return nil
}

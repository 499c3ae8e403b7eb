package desk

import (
	"context"

	"github.com/warifu/warifu/node/api"
)

// What would be refused is refused before a person is asked: nobody should read
// what will happen, say yes and type a passphrase for nothing. The calls here and
// dry runs look with the same functions as the calls that act, and both look
// again: a moment has passed in between.

// presence checks that a person is here, or in a dry run that a person could
// prove to be.
func (n *Desk) presence(ctx context.Context, args api.PresenceArgs) error {
	if !args.DryRun {
		return n.prove(ctx, args.Passphrase)
	}
	if err := n.look(ctx, (*Counter).Ready); err != nil {
		return err
	}
	return notPresent(n.MayUnlock(ctx))
}

// MayUnlock implements [api.Backend].
func (n *Desk) MayUnlock(context.Context) error { return n.c.Config.Keeper.MayUnlock() }

// notPresent calls a passphrase that opens nothing, or that it is too early for,
// what it is where a person is to prove to be here.
func notPresent(err error) error {
	if api.CodeOf(err) != api.CodeWrongPass {
		return err
	}
	e := api.AsError(err)
	e.Code = api.CodeNotPresent
	return e
}

// MayApprove implements [api.Backend].
func (n *Desk) MayApprove(ctx context.Context, id string) (api.Request, error) {
	r, err := n.withRequest(ctx, id, (*Counter).MayApprove)
	if err == nil && api.ChangesCircle(r.Kind) {
		err = notPresent(n.MayUnlock(ctx))
	}
	return r, err
}

// MayAbandon implements [api.Backend].
func (n *Desk) MayAbandon(ctx context.Context) error {
	return n.look(ctx, (*Counter).MayAbandon)
}

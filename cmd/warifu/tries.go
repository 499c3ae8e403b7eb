package main

import (
	"context"
	"errors"
	"time"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/node/api"
)

// A guard slows down whoever tries passphrases at the keyboard.
type guard interface {
	Wait() (time.Duration, error)
	Unlock(header, passphrase []byte) (*keeper.Keeper, error)
}

var (
	_ guard = keeper.Guard{}
	_ guard = (*keeper.HeldGuard)(nil)
)

// openKeeper tries what ask returns until it opens the header, or ask gives up.
func openKeeper(ctx context.Context, g guard, header []byte, ask asker) (*keeper.Keeper, error) {
	var failed error
	for {
		left, err := g.Wait()
		if err != nil {
			return nil, err
		}
		pass, err := ask(failed, left)
		if err != nil {
			return nil, err
		}
		// Who interrupts a try does not wait for its end. It was counted.
		k, err := await(ctx, func() (*keeper.Keeper, error) {
			defer clear(pass)
			return g.Unlock(header, pass)
		})
		if _, wrong := errors.AsType[*keeper.WrongError](err); !wrong {
			return k, err
		}
		failed = triesError(err)
	}
}

// A spokenKeeper tells the persons of a running daemon what came of their
// passphrases, in words and with a code.
type spokenKeeper struct{ *keeper.Guarded }

func (k spokenKeeper) Unlock(passphrase []byte) error {
	return triesError(k.Guarded.Unlock(passphrase))
}

func (k spokenKeeper) Prove(passphrase []byte) error {
	return triesError(k.Guarded.Prove(passphrase))
}

func (k spokenKeeper) MayUnlock() error { return triesError(k.Guarded.MayUnlock()) }

// triesError says in words what came of a passphrase.
func triesError(err error) error {
	if early, ok := errors.AsType[*keeper.EarlyError](err); ok {
		return tooEarly(early.Wait)
	}
	if wrong, ok := errors.AsType[*keeper.WrongError](err); ok {
		e := api.Errorf(api.CodeWrongPass, "the passphrase is wrong")
		if wrong.Wait > 0 {
			return e.WithHint("that was number %d; the next try is possible in %v", wrong.Failures, wrong.Wait.Round(time.Second))
		}
		return e.WithHint("check the keyboard's layout and try again")
	}
	if errors.Is(err, keeper.ErrLocked) || errors.Is(err, keeper.ErrLockedSince) {
		return api.Errorf(api.CodeLocked, "this device was locked meanwhile, and stays so").WithHint("`warifu unlock` brings its shares back")
	}
	return err
}

func tooEarly(left time.Duration) *api.Error {
	return api.Errorf(api.CodeWrongPass, "too many wrong passphrases in a row; the next try is possible in %v", left.Round(time.Second)).
		WithHint("wait, then take your time to type it")
}

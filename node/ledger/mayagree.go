package ledger

import (
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/say"
)

// MaySign says why this device cannot take part in signing now, or nil.
func (an *Answers) MaySign() error {
	if err := an.MayAgree(); err != nil {
		return err
	}
	if an.ledger.sequel.Interrupted() {
		return say.New(say.RedealInterrupted)
	}
	if why := an.ledger.sequel.AwaitedWords(); why != "" {
		return say.New(say.ShareAwaited, why)
	}
	return nil
}

// MayAgree says why this device's person cannot agree to a signature now, or
// nil. To agree takes no share: not while one is on its way, and not while the
// outcome of a write that brought one is unknown.
func (an *Answers) MayAgree() error {
	if err := an.me.Ready(); err != nil {
		return err
	}
	if why := an.judging.Frozen(); why != "" {
		return judging.FrozenError(why)
	}
	if !an.me.HasShare() && !an.ledger.sequel.ShareAwaited() && !an.ledger.sequel.Interrupted() {
		return say.New(say.NoShare, an.me.Circle.Record.Epoch)
	}
	return nil
}

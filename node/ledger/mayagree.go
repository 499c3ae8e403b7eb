package ledger

import (
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/judging"
)

// MaySign says why this device cannot take part in signing now, or nil.
func (an *Answers) MaySign() error {
	if err := an.MayAgree(); err != nil {
		return err
	}
	if an.ledger.sequel.Interrupted() {
		return api.Errorf(api.CodeBusy, "a re-deal was interrupted by a failed write").WithHint("it is read back in a moment; try again")
	}
	if why := an.ledger.sequel.AwaitedWords(); why != "" {
		return api.Errorf(api.CodeBusy, "%s", why).WithHint("it comes by itself; try again")
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
		return api.Errorf(api.CodeRolledBack, "this device holds no share of epoch %d", an.me.Circle.Record.Epoch).
			WithHint("\"warifu refresh\" on another device deals it a new one")
	}
	return nil
}

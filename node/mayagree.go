package node

import "github.com/warifu/warifu/node/api"

// maySign says why this device cannot take part in signing now, or nil.
func (an *answering) maySign() error {
	if err := an.mayAgree(); err != nil {
		return err
	}
	if an.ledger.sequel.interrupted() {
		return api.Errorf(api.CodeBusy, "a re-deal was interrupted by a failed write").WithHint("it is read back in a moment; try again")
	}
	if why := an.ledger.sequel.awaitedWords(); why != "" {
		return api.Errorf(api.CodeBusy, "%s", why).WithHint("it comes by itself; try again")
	}
	return nil
}

// mayAgree says why this device's person cannot agree to a signature now, or
// nil. To agree takes no share: not while one is on its way, and not while the
// outcome of a write that brought one is unknown.
func (an *answering) mayAgree() error {
	if err := an.me.ready(); err != nil {
		return err
	}
	if why := an.judging.frozen(); why != "" {
		return frozenError(why)
	}
	if !an.me.hasShare() && !an.ledger.sequel.shareAwaited() && !an.ledger.sequel.interrupted() {
		return api.Errorf(api.CodeRolledBack, "this device holds no share of epoch %d", an.me.circle.record.Epoch).
			WithHint("\"warifu refresh\" on another device deals it a new one")
	}
	return nil
}

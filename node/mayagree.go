package node

import "github.com/warifu/warifu/node/api"

// maySign says why this device cannot take part in signing now, or nil.
func (c *core) maySign() error {
	if err := c.mayAgree(); err != nil {
		return err
	}
	if c.sequel.interrupted() {
		return api.Errorf(api.CodeBusy, "a re-deal was interrupted by a failed write").WithHint("it is read back in a moment; try again")
	}
	if why := c.sequel.awaitedWords(); why != "" {
		return api.Errorf(api.CodeBusy, "%s", why).WithHint("it comes by itself; try again")
	}
	return nil
}

// mayAgree says why this device's person cannot agree to a signature now, or
// nil. To agree takes no share: not while one is on its way, and not while the
// outcome of a write that brought one is unknown.
func (c *core) mayAgree() error {
	if err := c.ready(); err != nil {
		return err
	}
	if why := c.frozen(); why != "" {
		return frozenError(why)
	}
	if !c.hasShare() && !c.sequel.shareAwaited() && !c.sequel.interrupted() {
		return api.Errorf(api.CodeRolledBack, "this device holds no share of epoch %d", c.circle.record.Epoch).
			WithHint("\"warifu refresh\" on another device deals it a new one")
	}
	return nil
}

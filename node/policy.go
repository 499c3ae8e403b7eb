package node

import (
	"strings"

	"github.com/warifu/warifu/policy"
)

// applyPolicy answers for the person where the person's rules say so.
func (c *core) applyPolicy(r *openRequest) {
	if !r.open() || r.unclear != nil || r.change != nil || has(r.approved, c.circle.slot) {
		return
	}
	d, why := c.ruling(r)
	var err error
	switch {
	case d == policy.Allow && !c.cfg.Keeper.Locked():
		err = c.approve(r, false)
	case d == policy.Deny:
		err = c.deny(r)
	default:
		return
	}
	if ok, kept := c.peer(r.from()).ruled.say(c.now, maxReceived); ok {
		c.log.Info("answered by policy", "request", r.id, "why", why, "err", err, "others", kept)
	}
}

// ruling applies the policy of this device to a request that it could decode,
// and gives the reasons in words.
func (c *core) ruling(r *openRequest) (policy.Decision, string) {
	f := policy.Facts{
		Kind: r.request.Kind, Account: r.account.Name, Purpose: r.intent.Purpose, Initiator: r.from(),
		Warnings: len(r.intent.Warnings),
	}
	d, reasons := policy.Decide(f, c.cfg.Rules, policy.History{Denied: sortedSlots(r.denied)})
	return d, strings.Join(reasons, "; ")
}

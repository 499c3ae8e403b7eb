package node

import (
	"strings"

	"github.com/warifu/warifu/policy"
)

// applyPolicy answers for the person where the person's rules say so.
func (an *answering) applyPolicy(r *openRequest) {
	if !r.open() || r.unclear != nil || r.change != nil || has(r.approved, an.me.circle.slot) {
		return
	}
	d, why := an.ruling(r)
	var err error
	switch {
	case d == policy.Allow && !an.me.cfg.Keeper.Locked():
		err = an.approve(r, false)
	case d == policy.Deny:
		err = an.deny(r)
	default:
		return
	}
	if ok, kept := an.me.peer(r.from()).ruled.say(an.me.now, maxReceived); ok {
		an.me.log.Info("answered by policy", "request", r.id, "why", why, "err", err, "others", kept)
	}
}

// ruling applies the policy of this device to a request that it could decode,
// and gives the reasons in words.
func (an *answering) ruling(r *openRequest) (policy.Decision, string) {
	f := policy.Facts{
		Kind: r.request.Kind, Account: r.account.Name, Purpose: r.intent.Purpose, Initiator: r.from(),
		Warnings: len(r.intent.Warnings),
	}
	d, reasons := policy.Decide(f, an.me.cfg.Rules, policy.History{Denied: sortedSlots(r.denied)})
	return d, strings.Join(reasons, "; ")
}

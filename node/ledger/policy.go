package ledger

import (
	"strings"

	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/policy"
)

// ApplyPolicy answers for the person where the person's rules say so.
func (an *Answers) ApplyPolicy(r *Request) {
	if !r.Open() || r.Unclear != nil || r.Change != nil || Has(r.Approved, an.me.Circle.Slot) {
		return
	}
	d, why := an.ruling(r)
	var err error
	switch {
	case d == policy.Allow && !an.me.Config.Keeper.Locked():
		err = an.Approve(r, false)
	case d == policy.Deny:
		err = an.Deny(r)
	default:
		return
	}
	if ok, kept := an.me.Peer(r.From()).Ruled.Say(an.me.Now, MaxReceived); ok {
		an.me.Log.Info("answered by policy", "request", r.ID, "why", why, "err", err, "others", kept)
	}
}

// ruling applies the policy of this device to a request that it could decode,
// and gives the reasons in words.
func (an *Answers) ruling(r *Request) (policy.Decision, string) {
	f := policy.Facts{
		Kind: r.Request.Kind, Account: r.Account.Name, Purpose: r.Intent.Purpose, Initiator: r.From(),
		Warnings: len(r.Intent.Warnings),
	}
	d, reasons := policy.Decide(f, an.me.Config.Rules, policy.History{Denied: standing.SortedSlots(r.Denied)})
	return d, strings.Join(reasons, "; ")
}

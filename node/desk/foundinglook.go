package desk

import (
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/say"
)

// A foundingLook is what a founding looks like to a waiting call.
type foundingLook struct {
	stands   bool
	circle   api.Circle
	question *api.Question // to the person, if there is one now
	missing  []string
	reason   string
}

func (c *Counter) lookAtFounding(w *Watcher) (v foundingLook, err error) {
	f := c.Founding
	switch {
	case w.failed != nil:
		return v, w.failed
	case c.Circle != nil && !c.Redealing():
		v.circle, v.stands = c.viewCircle(), true
	case c.Attempt != nil:
		v.missing, v.reason = c.Names(c.Attempt.Machine.Waiting()), c.say(say.Redealing, c.phase(c.Attempt.Machine.Phase()))
	case c.Joining != nil:
		v.missing, v.reason = []string{c.Joining.Sponsor.Card.Name}, c.say(say.GoesOnThere)
	case f == nil:
		return v, say.New(say.FoundingOver)
	case f.State() == api.FoundingConfirming:
		v.question = c.viewQuestion()
	case f.Trouble != "":
		v.missing, v.reason = c.FoundingMissing(), f.Trouble
	case f.Proposal != nil:
		v.missing, v.reason = c.FoundingMissing(), c.say(say.MakingShares)
		if f.Pending {
			v.reason = c.say(say.OthersCompare)
		}
	}
	return v, nil
}

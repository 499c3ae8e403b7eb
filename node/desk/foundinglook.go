package desk

import "github.com/warifu/warifu/node/api"

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
		v.missing, v.reason = c.Names(c.Attempt.Machine.Waiting()), "re-dealing: "+phaseWords(c.Attempt.Machine.Phase())
	case c.Joining != nil:
		v.missing, v.reason = []string{c.Joining.Sponsor.Card.Name}, "it goes on there, when others have joined or its circle has agreed"
	case f == nil:
		return v, api.Errorf(api.CodeFoundingFailed, "the founding ended")
	case f.State() == api.FoundingConfirming:
		v.question = c.viewQuestion()
	case f.Trouble != "":
		v.missing, v.reason = c.FoundingMissing(), f.Trouble
	case f.Proposal != nil:
		v.missing, v.reason = c.FoundingMissing(), "making the shares"
		if f.Pending {
			v.reason = "their persons compare names and words, or they are not connected"
		}
	}
	return v, nil
}

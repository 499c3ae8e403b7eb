package node

import "github.com/warifu/warifu/node/api"

// A foundingLook is what a founding looks like to a waiting call.
type foundingLook struct {
	stands   bool
	circle   api.Circle
	question *api.Question // to the person, if there is one now
	missing  []string
	reason   string
}

func (c *counter) lookAtFounding(w *watcher) (v foundingLook, err error) {
	f := c.founding
	switch {
	case w.failed != nil:
		return v, w.failed
	case c.circle != nil && !c.redealing():
		v.circle, v.stands = c.viewCircle(), true
	case c.attempt != nil:
		v.missing, v.reason = c.names(c.attempt.machine.Waiting()), "re-dealing: "+phaseWords(c.attempt.machine.Phase())
	case c.joining != nil:
		v.missing, v.reason = []string{c.joining.sponsor.Card.Name}, "it goes on there, when others have joined or its circle has agreed"
	case f == nil:
		return v, api.Errorf(api.CodeFoundingFailed, "the founding ended")
	case f.state() == api.FoundingConfirming:
		v.question = c.viewQuestion()
	case f.trouble != "":
		v.missing, v.reason = c.foundingMissing(), f.trouble
	case f.proposal != nil:
		v.missing, v.reason = c.foundingMissing(), "making the shares"
		if f.pending {
			v.reason = "their persons compare names and words, or they are not connected"
		}
	}
	return v, nil
}

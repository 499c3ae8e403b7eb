package desk

import (
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/say"
)

// Bounds of a list of requests. What they say can be long, and other devices decide
// how long: of what does not fit, a list says only that it is there.
const (
	MaxListed       = 512 << 10 // bytes of lines, over all
	maxListedClosed = 500       // requests that are closed, the newest
)

// ViewList shows requests, the first of them with all their lines.
func (vw *Views) ViewList(list []*ledger.Request) []api.Request {
	out := make([]api.Request, 0, len(list))
	room := MaxListed
	for _, r := range list {
		v := vw.ViewRequest(r)
		size := 0
		for _, l := range v.Lines {
			size += len(l.Label) + len(l.Text)
		}
		for _, w := range v.Warnings {
			size += len(w)
		}
		if size > room {
			text := vw.say(say.TooLongForList, r.ID)
			v.Lines = []api.Line{{Label: vw.say(say.LabelMore), Text: text}}
			v.Warnings = v.Warnings[:min(len(v.Warnings), 1)]
		} else {
			room -= size
		}
		out = append(out, v)
	}
	return out
}

package ledger

import (
	"slices"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/wire"
)

// Bounds of the answers that are kept until their request comes, in all and of
// one device.
const (
	maxWaiting          = 256
	MaxWaitingPerDevice = 32
)

// An EarlyAnswer is an answer whose request has not come yet.
type EarlyAnswer struct {
	id    wire.Hash
	about wire.RequestID
	item  message.Item
}

// waitingAnswers are those answers, the oldest first.
type waitingAnswers []EarlyAnswer

func (w waitingAnswers) has(id wire.Hash) bool {
	return slices.ContainsFunc(w, func(a EarlyAnswer) bool { return a.id == id })
}

// add makes room for one more, at the cost of its own maker's oldest if that has
// many.
func (w *waitingAnswers) add(a EarlyAnswer) {
	oldest, n := -1, 0
	for i, x := range *w {
		if x.item.From == a.item.From {
			if n++; oldest < 0 {
				oldest = i
			}
		}
	}
	switch {
	case n >= MaxWaitingPerDevice:
		*w = slices.Delete(*w, oldest, oldest+1)
	case len(*w) >= maxWaiting:
		*w = slices.Delete(*w, 0, 1)
	}
	*w = append(*w, a)
}

// take removes and returns those that now says it of.
func (w *waitingAnswers) take(now func(EarlyAnswer) bool) (out []EarlyAnswer) {
	*w = slices.DeleteFunc(*w, func(a EarlyAnswer) bool {
		yes := now(a)
		if yes {
			out = append(out, a)
		}
		return yes
	})
	return out
}

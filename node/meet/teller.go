package meet

import (
	"sync"

	"github.com/warifu/warifu/node/api"
)

// A teller tells the person of one step of a call, one thing at a time, as long as
// the call listens.
type teller struct {
	step, of int
	emit     func(api.Event)

	mu   sync.Mutex // held while emit runs
	left bool       // the call does not listen any more
}

// tell tells of what happened.
func (t *teller) tell(events ...api.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.say(events)
}

// after tells of what happened when do has ended well, and has everything else that
// is told meanwhile wait for it.
func (t *teller) after(do func() error, events ...api.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := do(); err != nil {
		return err
	}
	t.say(events)
	return nil
}

func (t *teller) say(events []api.Event) {
	for _, e := range events {
		if !t.left {
			e.Step, e.Of = t.step, t.of
			t.emit(e)
		}
	}
}

// leave says that the call has ended.
func (t *teller) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = true
}

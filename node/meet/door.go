package meet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/pairing"
)

// A door is one invitation. Visitors come in goroutines of their own, as many at
// once as the host lets in, and nobody waits for another: the lock is held for
// the steps of the machines, not while a visitor is listened to. The window
// counts the tries of all of them, before anything is answered that depends on
// the secret, and lets one win.
type door struct {
	greeter *Greeter
	person  teller
	served  chan struct{} // closed once somebody came in or nobody can
	clock   func() uint64 // Unix seconds at the opening, and what passed since

	mu     sync.Mutex
	window *pairing.Window
	winner *pairing.Shower // has heard a proof that the visitor knows the secret, and is not through
	came   *Newcomer
	over   bool // served is closed
	ended  bool // the call that showed the invitation does not listen any more

	shown   *pairing.Code // the code that was shown last; nil while none is
	renewed chan struct{} // closed when another code is shown, or none any more
	pending []api.Event   // of that, not told yet

	reported map[string]bool // why visitors stayed outside, as far as it was said
}

func newDoor(r *Reception, step int, clock func() uint64) (*door, error) {
	g := r.greeter
	w, err := pairing.NewWindow(clock(), g.cfg.Rand)
	if err != nil {
		return nil, err
	}
	w.Limit(r.guesses)
	return &door{greeter: g, person: teller{step: step, of: r.of, emit: r.emit}, served: make(chan struct{}), clock: clock, window: w,
		renewed: make(chan struct{}), reported: map[string]bool{}}, nil
}

// invitation returns what is shown first, of a host at addrs.
func (d *door) invitation(host Host, addrs [][]byte) ([]api.Event, error) {
	inv, err := d.window.Invitation(host.Peer(), addrs)
	if err != nil {
		return nil, err
	}
	expires := d.expires()
	first := api.Event{Event: api.EventInvitation, Invitation: inv.Text(), Expires: &expires, Addresses: host.At()}
	if d.keepCode(); d.shown == nil {
		return []api.Event{first, {Event: api.EventCode, Text: noMoreCodes}}, nil
	}
	first.Code = d.shown.Text()
	return []api.Event{first}, nil
}

// expires is when the invitation ends.
func (d *door) expires() time.Time { return time.Unix(int64(d.window.Expires()), 0).UTC() }

// serve opens the door at a host, which it closes in the end, to an invitation that
// lives for so long. It returns once the door is open.
func (d *door) serve(host Host, life time.Duration) error {
	g := d.greeter
	open := make(chan error, 1)
	// A used invitation is answered, with a refusal, for as long as it would
	// have lived, also when the call that showed it is over. Whoever proved to
	// know it at the last moment is heard to the end.
	if err := g.late.run(func(ctx context.Context) {
		serve, stop := context.WithTimeout(ctx, life+pairTimeout)
		defer stop()
		err := host.Serve(serve, func() { open <- nil }, d.open)
		if err != nil && serve.Err() == nil {
			g.cfg.Log.Warn("the invitation cannot be answered", "err", err)
		}
		host.Close()
		select {
		case open <- err:
		default: // it was open
		}
	}); err != nil {
		return errors.Join(err, host.Close())
	}
	if err := <-open; err != nil {
		return fmt.Errorf("node: open the door: %w", err)
	}
	return nil
}

// follow shows the invitation again if the device is elsewhere now than at the
// addresses that were shown, and returns those that are shown now. The code
// stays as it is.
func (d *door) follow(host Host, shown [][]byte) [][]byte {
	addrs := host.Addrs()
	if len(addrs) == 0 || slices.EqualFunc(addrs, shown, bytes.Equal) {
		return shown // it is nowhere for now
	}
	d.mu.Lock()
	inv, err := d.window.Invitation(host.Peer(), addrs)
	expires := d.expires()
	again := api.Event{Event: api.EventInvitation, Invitation: inv.Text(), Expires: &expires, Addresses: host.At()}
	if d.shown != nil {
		again.Code = d.shown.Text()
	}
	d.mu.Unlock()
	if err != nil {
		return shown // it has ended, or somebody is coming in
	}
	d.person.tell(api.Event{Event: api.EventProgress, Text: "the network of this device has changed; the code is the same, and here is the invitation with the new addresses"}, again)
	return addrs
}

// settle closes served once nobody can come in any more, or somebody has. The
// window is dead as soon as one visitor has proved itself, who may still have
// to be looked at. The caller holds mu.
func (d *door) settle() {
	dead := d.window.Alive(d.clock()) != nil
	if !d.over && (d.came != nil || dead && d.winner == nil) {
		d.over = true
		close(d.served)
	}
}

// expire ends the invitation when its time is up. Whoever has proved to know it
// by then may still come in.
func (d *door) expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.window.Alive(d.window.Expires())
	d.settle()
}

// result is who came in once served is closed, or why nobody can.
func (d *door) result() (Newcomer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.came != nil {
		return *d.came, nil
	}
	return Newcomer{}, d.window.Alive(d.clock())
}

// tellPending reports what happened under the lock.
func (d *door) tellPending() {
	d.mu.Lock()
	told := d.pending
	d.pending = nil
	d.mu.Unlock()
	d.person.tell(told...)
}

// shut ends the invitation. From here on the door only refuses. It returns how
// many guesses are left for the codes of another.
func (d *door) shut() int {
	d.person.leave()
	d.mu.Lock()
	defer d.mu.Unlock()
	left := d.window.Guesses()
	d.window.Cancel()
	d.ended = true
	return left
}

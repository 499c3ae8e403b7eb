package meet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/pairing"
)

// addrsLook is how often it is looked whether a shown invitation still says where
// this device is.
const addrsLook = time.Second

// A Reception is the invitations that one call shows, one after the other. They
// share the guesses at their codes: a bound on those at one code bounds nothing if
// the next code follows at once, since somebody on the network can try hundreds a
// second. When none is left the invitations go on without a code.
type Reception struct {
	greeter *Greeter
	of      int // steps of the call
	emit    func(api.Event)
	guesses int // that are left
}

// Receive begins a call that has that many steps and tells the person by emit,
// which is called from any goroutine, by one at a time.
func (g *Greeter) Receive(of int, emit func(api.Event)) *Reception {
	return &Reception{greeter: g, of: of, emit: emit, guesses: pairing.MaxGuesses}
}

// Welcome shows one invitation after the other until somebody has come in, which is
// a step of the call. Doors that have served go on telling late visitors why they
// stay outside.
func (r *Reception) Welcome(ctx context.Context, step int) (Newcomer, error) {
	for {
		who, err := r.show(ctx, step)
		if pe, ok := errors.AsType[*pairing.Error](err); ok && ctx.Err() == nil {
			// It ran out of time: show another one, and say why.
			r.emit(api.Event{Event: api.EventProgress, Step: step, Of: r.of, Text: pe.Text + "; here is a new invitation"})
			continue
		}
		return who, err
	}
}

// show opens a window and serves visitors until one succeeds or the window dies.
func (r *Reception) show(ctx context.Context, step int) (Newcomer, error) {
	g := r.greeter
	host, err := g.cfg.Inviter.Host()
	if err != nil {
		return Newcomer{}, fmt.Errorf("node: open the throw-away host: %w", err)
	}
	// The five minutes are counted on a clock that nobody can set.
	opened := g.cfg.Now()
	d, err := newDoor(r, step, func() uint64 { return unix(opened) + uint64(g.cfg.Now().Sub(opened)/time.Second) })
	if err != nil {
		return Newcomer{}, errors.Join(err, host.Close())
	}
	addrs := host.Addrs()
	first, err := d.invitation(host, addrs)
	if err != nil {
		return Newcomer{}, errors.Join(err, host.Close())
	}
	life := time.Duration(d.window.Expires()-unix(opened))*time.Second - g.cfg.Now().Sub(opened)
	// Nobody is told of a door that is still shut: a device that is handed the
	// invitation may be there at once. Somebody who guesses may be at the door as
	// soon as it is open, and is told of after the invitation.
	if err := d.person.after(func() error { return d.serve(host, life) }, first...); err != nil {
		return Newcomer{}, err
	}
	g.late.run(func(ctx context.Context) {
		announce, quiet := context.WithTimeout(ctx, life)
		defer quiet()
		d.announce(announce, host)
	})
	defer func() { r.guesses = d.shut() }()
	timer := time.AfterFunc(life, d.expire)
	defer timer.Stop()
	look := time.NewTicker(addrsLook)
	defer look.Stop()
	for served := false; !served; {
		select {
		case <-d.served:
			served = true
		case <-look.C:
			addrs = d.follow(host, addrs)
		case <-ctx.Done():
			return Newcomer{}, context.Cause(ctx)
		}
	}
	return d.result()
}

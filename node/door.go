package node

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

// pairTimeout bounds one meeting. A visitor that has not proved to know the
// secret says each word as soon as it is its turn; one that does not is shown
// out after helloTimeout, so that its place is free for another.
const (
	pairTimeout  = 30 * time.Second
	helloTimeout = 5 * time.Second
)

// welcome shows one invitation after the other until somebody has come in.
// Doors that have served go on telling late visitors why they stay outside.
//
// guesses is how many tries are left at the codes of all these invitations: a
// bound on those of one code bounds nothing if the next code follows at once,
// since somebody on the network can try hundreds a second. When none is left
// the invitations go on without a code.
func (n *Node) welcome(ctx context.Context, guesses *int, step, of int, emit func(api.Event)) (newcomer, error) {
	for {
		who, err := n.showInvitation(ctx, guesses, step, of, emit)
		if pe, ok := errors.AsType[*pairing.Error](err); ok && ctx.Err() == nil {
			// It ran out of time: show another one, and say why.
			emit(api.Event{Event: api.EventProgress, Step: step, Of: of, Text: pe.Text + "; here is a new invitation"})
			continue
		}
		return who, err
	}
}

// showInvitation opens a window and serves visitors until one succeeds or the
// window dies.
func (n *Node) showInvitation(ctx context.Context, guesses *int, step, of int, emit func(api.Event)) (newcomer, error) {
	host, err := n.invite.Host()
	if err != nil {
		return newcomer{}, fmt.Errorf("node: open the throw-away host: %w", err)
	}
	// The five minutes are counted on a clock that nobody can set.
	opened := n.now()
	clock := func() uint64 { return unix(opened) + uint64(n.now().Sub(opened)/time.Second) }
	d := &door{node: n, step: step, of: of, emit: emit, served: make(chan struct{}), clock: clock,
		renewed: make(chan struct{}), reported: map[string]bool{}}
	if d.window, err = pairing.NewWindow(clock(), n.core.cfg.Rand); err != nil {
		return newcomer{}, errors.Join(err, host.Close())
	}
	d.window.Limit(*guesses)
	addrs := host.Addrs()
	inv, err := d.window.Invitation(host.Peer(), addrs)
	if err != nil {
		return newcomer{}, errors.Join(err, host.Close())
	}
	first := api.Event{Event: api.EventInvitation, Invitation: inv.Text(), Addresses: host.At(), Step: step, Of: of}
	if d.keepCode(); d.shown != nil {
		first.Code = d.shown.Text()
	}
	expires := time.Unix(int64(d.window.Expires()), 0).UTC()
	first.Expires = &expires
	life := time.Duration(d.window.Expires()-unix(opened))*time.Second - n.now().Sub(opened)
	// Nobody is told of a door that is still shut: a device that is handed the
	// invitation may be there at once.
	open := make(chan error, 1)
	// Somebody who guesses may be at the door as soon as it is open, and is told
	// of after the invitation.
	d.telling.Lock()
	coded := d.shown != nil
	// A used invitation is answered, with a refusal, for as long as it would
	// have lived, also when the call that showed it is over. Whoever proved to
	// know it at the last moment is heard to the end.
	if !n.late.run(func(ctx context.Context) {
		serve, stop := context.WithTimeout(ctx, life+pairTimeout)
		defer stop()
		err := host.Serve(serve, func() { open <- nil }, d.open)
		if err != nil && serve.Err() == nil {
			n.log.Warn("the invitation cannot be answered", "err", err)
		}
		host.Close()
		select {
		case open <- err:
		default: // it was open
		}
	}) {
		d.telling.Unlock()
		return newcomer{}, errors.Join(ErrStopped, host.Close())
	}
	if err := <-open; err != nil {
		d.telling.Unlock()
		return newcomer{}, fmt.Errorf("node: open the door: %w", err)
	}
	emit(first)
	if !coded {
		emit(api.Event{Event: api.EventCode, Step: step, Of: of, Text: noMoreCodes})
	}
	d.telling.Unlock()
	n.late.run(func(ctx context.Context) {
		announce, quiet := context.WithTimeout(ctx, life)
		defer quiet()
		d.announce(announce, host)
	})
	defer func() { *guesses = d.shut() }()
	timer := time.AfterFunc(life, d.expire)
	defer timer.Stop()
	look := time.NewTicker(addrsLook)
	defer look.Stop()
	for served := false; !served; {
		select {
		case <-d.served:
			served = true
		case <-look.C:
			addrs = d.follow(host, addrs, expires)
		case <-ctx.Done():
			return newcomer{}, context.Cause(ctx)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.came != nil {
		return *d.came, nil
	}
	return newcomer{}, d.window.Alive(d.clock())
}

// addrsLook is how often it is looked whether a shown invitation still says where
// this device is.
const addrsLook = time.Second

// follow shows the invitation again if the device is elsewhere now than at the
// addresses that were shown, and returns those that are shown now. The code
// stays as it is.
func (d *door) follow(host PairHost, shown [][]byte, expires time.Time) [][]byte {
	addrs := host.Addrs()
	if len(addrs) == 0 || slices.EqualFunc(addrs, shown, bytes.Equal) {
		return shown // it is nowhere for now
	}
	d.mu.Lock()
	inv, err := d.window.Invitation(host.Peer(), addrs)
	again := api.Event{Event: api.EventInvitation, Invitation: inv.Text(), Expires: &expires, Addresses: host.At(), Step: d.step, Of: d.of}
	if d.shown != nil {
		again.Code = d.shown.Text()
	}
	d.mu.Unlock()
	if err != nil {
		return shown // it has ended, or somebody is coming in
	}
	d.tell(api.Event{Event: api.EventProgress, Step: d.step, Of: d.of, Text: "the network of this device has changed; the code is the same, and here is the invitation with the new addresses"})
	d.tell(again)
	return addrs
}

// A door is one invitation. Visitors come in goroutines of their own, as many at
// once as the host lets in, and nobody waits for another: the lock is held for
// the steps of the machines, not while a visitor is listened to. The window
// counts the tries of all of them, before anything is answered that depends on
// the secret, and lets one win.
type door struct {
	node     *Node
	step, of int
	emit     func(api.Event)
	served   chan struct{} // closed once somebody came in or nobody can
	clock    func() uint64 // Unix seconds at the opening, and what passed since

	mu     sync.Mutex
	window *pairing.Window
	winner *pairing.Shower // has heard a proof that the visitor knows the secret, and is not through
	came   *newcomer
	over   bool // served is closed
	ended  bool // the call that showed the invitation does not listen any more

	shown   *pairing.Code // the code that was shown last; nil while none is
	renewed chan struct{} // closed when another code is shown, or none any more
	pending []api.Event   // of that, not told yet

	reported map[string]bool // why visitors stayed outside, as far as it was said

	telling sync.Mutex // held while emit runs
	left    bool       // nobody listens to emit any more
}

// open meets one visitor.
func (d *door) open(ctx context.Context, s PairStream) {
	m, err := pairing.NewShower(pairing.ShowerConfig{Window: d.window, Self: s.Local(), Peer: s.Remote()}, d.node.core.cfg.Rand)
	var who newcomer
	if err == nil {
		who, err = d.meet(ctx, m, s)
	}
	if err != nil {
		d.report(m, err)
	}
	s.Close() // what was said last has arrived when the host is thrown away
	d.leave(m, who, err)
	d.tellPending()
}

// leave takes note of how the visitor of m fared.
func (d *door) leave(m *pairing.Shower, who newcomer, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.came = &who
	}
	if m != nil {
		m.Close()
	}
	if d.winner == m {
		d.winner = nil
	}
	d.settle()
	if d.window.Void() && d.shown != nil {
		d.renew()
	}
}

// report says why a visitor stays outside: in the log, and to the person. Anybody
// may come, and come again without end, who need not know anything; what is
// written of visitors must not grow with them.
func (d *door) report(m *pairing.Shower, err error) {
	if !d.news(m, err) {
		d.node.log.Debug("pairing failed", "err", err)
		return
	}
	d.node.log.Info("pairing failed", "err", err)
	if e, ok := errors.AsType[*pairing.Error](err); ok {
		d.tell(api.Event{Event: api.EventProgress, Step: d.step, Of: d.of, Text: e.Text})
	}
}

// news reports whether a person wants to know why the visitor of m stays outside.
// One that used up a try at the code, or knew the secret, is news; the window sees
// to it that there are few of them. Of the others it is each reason once.
func (d *door) news(m *pairing.Shower, err error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	reason := "" // the connection's
	if e, ok := errors.AsType[*pairing.Error](err); ok {
		reason = e.Code
	}
	if reason == pairing.WrongCode && m.Guessed() || m != nil && d.winner == m {
		return true
	}
	if d.reported[reason] {
		return false
	}
	d.reported[reason] = true
	return true
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

// tellPending reports what happened under the lock.
func (d *door) tellPending() {
	d.mu.Lock()
	told := d.pending
	d.pending = nil
	d.mu.Unlock()
	for _, e := range told {
		d.tell(e)
	}
}

// tell reports to the person, as long as somebody listens.
func (d *door) tell(e api.Event) {
	d.telling.Lock()
	defer d.telling.Unlock()
	if !d.left {
		d.emit(e)
	}
}

// shut ends the invitation. From here on the door only refuses. It returns how
// many guesses are left for the codes of another.
func (d *door) shut() int {
	d.telling.Lock()
	d.left = true
	d.telling.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	left := d.window.Guesses()
	d.window.Cancel()
	d.ended = true
	return left
}

// hear takes the shower's next step, and reports whether it is the door's turn
// to decide.
func (d *door) hear(m *pairing.Shower, s PairStream, msg []byte) (out [][]byte, decide bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out, err = m.Deliver(d.clock(), msg)
	if m.Proved() {
		d.winner = m
		s.Stay() // nobody at the door takes its place any more
	}
	_, said := m.Payload()
	return out, said && !m.Done(), err
}

// meet runs the shower's side with one visitor.
func (d *door) meet(ctx context.Context, m *pairing.Shower, s PairStream) (newcomer, error) {
	n := d.node
	until := n.now().Add(pairTimeout)
	patience := helloTimeout
	var who newcomer
	for !m.Done() {
		msg, err := s.ReadMessage(patience)
		if err != nil {
			return newcomer{}, fmt.Errorf("node: read from the visitor: %w", err)
		}
		out, decide, err := d.hear(m, s, msg)
		if m.Proved() {
			patience = until.Sub(n.now())
		}
		if err := errors.Join(err, writeAll(s, out)); err != nil {
			return newcomer{}, err
		}
		if !decide {
			continue
		}
		// The visitor has proved itself and said who it is: take it or say why not.
		answer, err := d.judge(ctx, m, s, &who)
		if err := errors.Join(err, writeAll(s, answer)); err != nil {
			return newcomer{}, err
		}
	}
	return who, n.call(ctx, func(c *core) error {
		if d.isOver() {
			return errNotInviting
		}
		return c.admitNewcomer(who)
	})
}

// isOver reports whether the call that showed the invitation has ended.
func (d *door) isOver() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}

// judge decides whether a visitor fits, and makes the answer.
func (d *door) judge(ctx context.Context, m *pairing.Shower, s PairStream, who *newcomer) ([][]byte, error) {
	payload, _ := m.Payload()
	_, came, err := parseIntroduction(payload, s.Local(), s.Remote())
	malformed := err != nil
	var ours []byte
	if !malformed {
		err = d.node.call(ctx, func(c *core) error {
			if err := c.fits(came.card); err != nil {
				return err
			}
			ours = c.introduce(s.Local(), s.Remote())
			return nil
		})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil && d.ended {
		// What is going on by now is for others, who have doors of their own.
		err = errNotInviting
	}
	if err == nil {
		*who = came
		return m.Accept(ours)
	}
	code := pairing.Refused
	switch {
	case d.ended:
		code = pairing.Cancelled
	case malformed:
		code = pairing.Malformed
		if _, version := errors.AsType[*pairing.Error](err); version {
			code = pairing.Version
		}
	case errors.Is(err, errSameDevice):
		code = pairing.SameDevice
	case errors.Is(err, errSameName):
		code = pairing.NameTaken
	case errors.Is(err, errFull):
		code = pairing.CircleFull
	case isBadName(err):
		code = pairing.BadName
	}
	out, _ := m.Refuse(code)
	return out, fmt.Errorf("node: visitor refused: %w", err)
}

func writeAll(s PairStream, msgs [][]byte) error {
	for _, b := range msgs {
		if err := s.WriteMessage(b); err != nil {
			return fmt.Errorf("node: write to the other device: %w", err)
		}
	}
	return nil
}

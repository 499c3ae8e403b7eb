package meet

import (
	"context"
	"errors"
	"fmt"
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

// open meets one visitor.
func (d *door) open(ctx context.Context, s Stream) {
	m, err := pairing.NewShower(pairing.ShowerConfig{Window: d.window, Self: s.Local(), Peer: s.Remote()}, d.greeter.cfg.Rand)
	var who Newcomer
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
func (d *door) leave(m *pairing.Shower, who Newcomer, err error) {
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
		d.greeter.cfg.Log.Debug("pairing failed", "err", err)
		return
	}
	d.greeter.cfg.Log.Info("pairing failed", "err", err)
	if e, ok := errors.AsType[*pairing.Error](err); ok {
		d.person.tell(api.Event{Event: api.EventProgress, Text: e.Text})
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

// hear takes the shower's next step, and reports whether it is the door's turn
// to decide.
func (d *door) hear(m *pairing.Shower, s Stream, msg []byte) (out [][]byte, decide bool, err error) {
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
func (d *door) meet(ctx context.Context, m *pairing.Shower, s Stream) (Newcomer, error) {
	g := d.greeter
	until := g.cfg.Now().Add(pairTimeout)
	patience := helloTimeout
	var who Newcomer
	for !m.Done() {
		msg, err := s.ReadMessage(patience)
		if err != nil {
			return Newcomer{}, fmt.Errorf("node: read from the visitor: %w", err)
		}
		out, decide, err := d.hear(m, s, msg)
		if m.Proved() {
			patience = until.Sub(g.cfg.Now())
		}
		if err := errors.Join(err, writeAll(s, out)); err != nil {
			return Newcomer{}, err
		}
		if !decide {
			continue
		}
		// The visitor has proved itself and said who it is: take it or say why not.
		answer, err := d.judge(ctx, m, s, &who)
		if err := errors.Join(err, writeAll(s, answer)); err != nil {
			return Newcomer{}, err
		}
	}
	return who, g.cfg.Device.Admit(ctx, who, d.stillShown)
}

// errNotShown is told to the visitor of a call that has ended: what is going on by
// now is for others, who have doors of their own.
var errNotShown = errors.New("node: no founding is inviting")

// stillShown is [errNotShown] once the call that showed the invitation has ended.
func (d *door) stillShown() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return errNotShown
	}
	return nil
}

// judge decides whether a visitor fits, and makes the answer.
func (d *door) judge(ctx context.Context, m *pairing.Shower, s Stream, who *Newcomer) ([][]byte, error) {
	payload, _ := m.Payload()
	_, came, err := parseIntroduction(payload, s.Local(), s.Remote())
	malformed := err != nil
	var ours Self
	if !malformed {
		ours, err = d.greeter.cfg.Device.Consider(ctx, came.Card, cardNonce(s.Local(), s.Remote()))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil && d.ended {
		err = errNotShown
	}
	if err == nil {
		*who = came
		return m.Accept(ours.encode())
	}
	code := pairing.Refused
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		code = refusal.Code
	}
	switch {
	case d.ended:
		code = pairing.Cancelled
	case malformed:
		code = unfit(err)
	}
	out, _ := m.Refuse(code)
	return out, fmt.Errorf("node: visitor refused: %w", err)
}

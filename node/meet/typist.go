package meet

import (
	"context"
	"errors"
	"io"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
)

// visit runs the typist's side on a stream that dial opens.
func (g *Greeter) visit(ctx context.Context, p pairing.Password, dial func(context.Context) (Stream, error)) (Newcomer, roster.Card, error) {
	ctx, stop := context.WithTimeout(ctx, pairTimeout)
	defer stop()
	s, err := dial(ctx)
	if said(err) {
		return Newcomer{}, roster.Card{}, err
	}
	if err != nil {
		return Newcomer{}, roster.Card{}, api.Errorf(api.CodeUnreachable, "the inviting device does not answer: %v", err).
			WithHint("are both devices on one network? is the invitation still shown?")
	}
	defer s.Close()
	until := g.cfg.Now().Add(pairTimeout)
	self, err := g.cfg.Device.Introduce(ctx, cardNonce(s.Remote(), s.Local()))
	if err != nil {
		return Newcomer{}, self.Card, err
	}
	card := self.Card
	m, err := pairing.NewTypist(pairing.TypistConfig{Password: p, Self: s.Local(), Peer: s.Remote(), Payload: self.encode()}, g.cfg.Rand)
	if err != nil {
		return Newcomer{}, card, err
	}
	defer m.Close()
	if err := writeAll(s, m.Start()); err != nil {
		return Newcomer{}, card, err
	}
	for {
		msg, err := s.ReadMessage(until.Sub(g.cfg.Now()))
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the other device hung up")
			}
			return Newcomer{}, card, api.Errorf(api.CodeUnreachable, "pairing broke off: %v", err).WithHint("try again")
		}
		out, err := m.Deliver(msg)
		if werr := writeAll(s, out); err == nil {
			err = werr
		}
		if err != nil {
			return Newcomer{}, card, err
		}
		answer, ok := m.Payload()
		if !ok {
			continue
		}
		in, who, err := parseIntroduction(answer, s.Remote(), s.Local())
		if err == nil {
			err = g.cfg.Device.WouldJoin(in.Threshold, in.Devices)
		}
		if err != nil {
			no, _ := m.Refuse(unfit(err))
			return Newcomer{}, card, errors.Join(err, writeAll(s, no))
		}
		ack, err := m.Ack()
		if err == nil {
			err = writeAll(s, ack)
		}
		return who, card, err
	}
}

// said reports whether err says already, in words for a person, why nobody was
// reached.
func said(err error) bool {
	_, words := errors.AsType[*api.Error](err)
	_, version := errors.AsType[*pairing.Error](err)
	_, expired := errors.AsType[*Expired](err)
	return words || version || expired
}

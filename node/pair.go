package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// introduction is what two devices tell each other once each has proved to
// know the invitation.
type introduction struct {
	Version   uint8    `cbor:"1,keyasint"`
	Card      []byte   `cbor:"2,keyasint"`
	Addrs     []string `cbor:"3,keyasint"`
	Threshold int      `cbor:"4,keyasint"` // of the circle to be; 0 from the one who joins
	Devices   int      `cbor:"5,keyasint"`
}

const tagCardNonce wire.Tag = "node/card-nonce"

// cardNonce ties a card to one meeting of two throw-away hosts.
func cardNonce(shower, typist []byte) [32]byte { return wire.Sum(tagCardNonce, shower, typist) }

func (c *core) introduce(shower, typist []byte) []byte {
	in := introduction{Version: 1, Card: c.ownCard(cardNonce(shower, typist)).Bytes(), Addrs: c.link.Addrs()}
	if len(in.Addrs) > maxAddrs {
		in.Addrs = in.Addrs[:maxAddrs]
	}
	if c.inviting != nil {
		in.Threshold, in.Devices = c.circle.record.Threshold, len(c.circle.record.Devices)
	} else if f := c.founding; f != nil {
		in.Threshold, in.Devices = f.threshold, f.devices
	}
	return wire.Marshal(in)
}

func parseIntroduction(b []byte, shower, typist []byte) (introduction, newcomer, error) {
	var in introduction
	if err := wire.Unmarshal(b, &in); err != nil {
		return in, newcomer{}, err
	}
	if in.Version != 1 {
		return in, newcomer{}, pairing.VersionError(int(in.Version), 1)
	}
	if err := checkAddrs(in.Addrs); err != nil {
		return in, newcomer{}, err
	}
	card, err := roster.ParseCard(in.Card)
	if err != nil {
		return in, newcomer{}, err
	}
	if card.Nonce != cardNonce(shower, typist) {
		return in, newcomer{}, errors.New("node: a card that was made for another meeting")
	}
	return in, newcomer{card: card, addrs: in.Addrs}, nil
}

// Found implements [api.Backend].
func (n *Node) Found(ctx context.Context, args api.FoundArgs, emit func(api.Event)) (api.Circle, error) {
	var w *watcher
	pending := false
	err := n.call(ctx, func(c *core) error {
		if c.founding != nil && (c.founding.pending || c.founding.machine != nil) {
			pending = true
		} else if err := c.beginInviting(args.Threshold, args.Devices, settingsOf(args)); err != nil {
			return err
		}
		w = c.watch(nil, true)
		return nil
	})
	if err != nil {
		return api.Circle{}, err
	}
	if !pending {
		guesses := pairing.MaxGuesses
		for i := 2; i <= args.Devices; i++ {
			who, err := n.welcome(ctx, &guesses, i, args.Devices, emit)
			if err != nil {
				n.giveUp(w, err)
				return api.Circle{}, pairingError(err)
			}
			d := who.card.Device(0)
			emit(api.Event{Event: api.EventJoined, Device: d.Identity.Hex(), Name: d.Name, Kind: string(d.Kind), Fingerprint: fingerprint(d)})
		}
		if err := n.call(ctx, (*core).propose); err != nil {
			n.giveUp(w, err)
			return api.Circle{}, err
		}
	}
	return n.awaitCircle(ctx, w, emit)
}

// giveUp drops a founding that is not pending because the call that led it
// has ended.
func (n *Node) giveUp(w *watcher, cause error) {
	n.post(func(c *core) {
		c.unwatch(w)
		if f := c.founding; f != nil && !f.pending {
			c.tellUnfound("abandoned", 0)
			c.endFounding(cause)
		} else if c.joining != nil {
			c.endMeeting(cause)
		}
	})
}

// Join implements [api.Backend].
func (n *Node) Join(ctx context.Context, args api.JoinArgs, emit func(api.Event)) (api.Circle, error) {
	if err := n.look(ctx, (*core).freeToFound); err != nil {
		return api.Circle{}, err
	}
	sponsor, card, err := n.answerInvitation(ctx, args, emit)
	if err != nil {
		return api.Circle{}, pairingError(err)
	}
	var w *watcher
	err = n.call(ctx, func(c *core) error {
		if err := c.freeToFound(); err != nil {
			return err
		}
		c.joining = &joining{sponsor: sponsor, card: card, touched: c.now}
		c.pairing[string(sponsor.card.Peer)] = sponsor.addrs
		w = c.watch(nil, true)
		return nil
	})
	if err != nil {
		return api.Circle{}, err
	}
	d := sponsor.card.Device(0)
	emit(api.Event{Event: api.EventJoined, Device: d.Identity.Hex(), Name: d.Name, Kind: string(d.Kind), Fingerprint: fingerprint(d)})
	return n.awaitCircle(ctx, w, emit)
}

// patience is how long something must be waited for before it is worth a line.
const patience = 700 * time.Millisecond

// awaitCircle reports how a founding goes on until the circle stands.
func (n *Node) awaitCircle(ctx context.Context, w *watcher, emit func(api.Event)) (api.Circle, error) {
	var now foundingLook
	var last api.Event // what is waited for, told once it has lasted
	var since time.Time
	asked, told := false, true
	err := n.follow(ctx, w, func(c *core) (err error) {
		now, err = c.lookAtFounding(w)
		return err
	}, func() bool {
		if now.stands {
			return true
		}
		if now.question != nil && !asked {
			asked = true
			emit(api.Event{Event: api.EventConfirm, Question: now.question})
		}
		if now.reason != last.Reason || !slices.Equal(now.missing, last.For) {
			last = api.Event{Event: api.EventWaiting, For: now.missing, Reason: now.reason}
			since, told = time.Now(), len(now.missing) == 0
			time.AfterFunc(patience, w.signal)
		}
		if !told && time.Since(since) >= patience {
			told = true
			emit(last)
		}
		return false
	}, func() error {
		n.giveUp(w, context.Cause(ctx))
		return context.Cause(ctx)
	})
	if err != nil {
		return api.Circle{}, err
	}
	return now.circle, nil
}

// A foundingLook is what a founding looks like to a waiting call.
type foundingLook struct {
	stands   bool
	circle   api.Circle
	question *api.Question // to the person, if there is one now
	missing  []string
	reason   string
}

func (c *core) lookAtFounding(w *watcher) (v foundingLook, err error) {
	f := c.founding
	switch {
	case w.failed != nil:
		return v, w.failed
	case c.circle != nil && !c.redealing():
		v.circle, v.stands = c.viewCircle(), true
	case c.attempt != nil:
		v.missing, v.reason = c.names(c.attempt.machine.Waiting()), "re-dealing: "+phaseWords(c.attempt.machine.Phase())
	case c.joining != nil:
		v.missing, v.reason = []string{c.joining.sponsor.card.Name}, "it goes on there, when others have joined or its circle has agreed"
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

// answerInvitation finds the throw-away host that an invitation or a code
// means, and runs the typist's side with it.
func (n *Node) answerInvitation(ctx context.Context, args api.JoinArgs, emit func(api.Event)) (newcomer, roster.Card, error) {
	dialAt := func(ctx context.Context) (PairStream, error) { return n.invite.DialAt(ctx, args.At) }
	code, noCode := pairing.ParseCode(args.Invitation)
	if noCode == nil {
		p := code.Password()
		defer p.Wipe()
		if args.At != "" {
			return n.meetShower(ctx, p, dialAt)
		}
		emit(api.Event{Event: api.EventWaiting, For: []string{"the inviting device"}, Reason: "looking for the code on the local network"})
		return n.findCode(ctx, code, emit)
	}
	inv, err := pairing.ParseInvitation(args.Invitation)
	if err != nil {
		if strings.Trim(args.Invitation, "0123456789 -") == "" {
			err = noCode // a digit is missing, or there is one too many
		}
		return newcomer{}, roster.Card{}, err
	}
	p := inv.Password()
	defer p.Wipe()
	if args.At == "" {
		dialAt = func(ctx context.Context) (PairStream, error) { return n.invite.Dial(ctx, inv.Peer, inv.Addrs) }
	}
	return n.meetShower(ctx, p, func(ctx context.Context) (PairStream, error) {
		s, err := dialAt(ctx)
		if _, version := errors.AsType[*pairing.Error](err); err != nil && !version && api.CodeOf(err) != api.CodeBadArgument {
			err = n.unanswered(inv, err)
		}
		return s, err
	})
}

// unanswered says why nobody answers for an invitation. The device that showed
// it does, for as long as it would have lived: whoever is too late hears the
// reason from there. Later it is known by this device's clock, which may be
// wrong, and decides nothing.
func (n *Node) unanswered(inv pairing.Invitation, cause error) error {
	if now := unix(n.now()); now >= inv.Expires {
		return api.Errorf(api.CodeInvitationOld, "the invitation has expired: by the clock of this device it ended %s ago, and nobody answers for it any more", roughly(time.Duration(min(now-inv.Expires, 1<<32))*time.Second)).
			WithHint("use the invitation that the other device shows now")
	}
	return api.Errorf(api.CodeUnreachable, "nobody answers for this invitation: %v", cause).
		WithHint("is it still shown? once the device that shows it was stopped, only a new invitation helps; otherwise: are both devices on one network?")
}

// findTimeout bounds the search for a code on the local network. After findHint
// a person is told what to do if the network lets no device see another.
const (
	findTimeout = 60 * time.Second
	findHint    = 8 * time.Second
)

// findCode visits the hosts that show this code, until one turns out to be
// the right one.
func (n *Node) findCode(ctx context.Context, code pairing.Code, emit func(api.Event)) (who newcomer, card roster.Card, err error) {
	err = api.Errorf(api.CodeUnreachable, "no device on the local network shows this code: it may have ended, as a code does after %d minutes, or the devices are not on one network", pairing.Lifetime/60).
		WithHint("is it the code that is shown now, and are both devices on one network? otherwise give its address with --at, or use the invitation")
	search, stop := context.WithTimeout(ctx, findTimeout)
	defer stop()
	var reached atomic.Bool
	hinted := make(chan struct{})
	hint := time.AfterFunc(findHint, func() {
		defer close(hinted)
		if !reached.Load() {
			emit(api.Event{Event: api.EventWaiting, For: []string{"the inviting device"}, Reason: "not found on the local network so far. " +
				"Is it the code that is shown now? Some networks keep devices from seeing each other: then type `warifu join --at ADDRESS`, with the address that the other device shows below the code"})
		}
	})
	defer func() {
		if !hint.Stop() {
			<-hinted
		}
	}()
	found, tried := false, map[string]bool{}
	ferr := n.invite.Find(search, code, func(peer []byte, addrs [][]byte) bool {
		found = true
		if tried[string(peer)] {
			return true
		}
		who, card, err = n.meetShower(ctx, code.Password(), func(ctx context.Context) (PairStream, error) {
			s, err := n.invite.Dial(ctx, peer, addrs)
			if err == nil {
				// One guess for each device. One that was not reached may be
				// found again at another address.
				tried[string(peer)] = true
				reached.Store(true)
			}
			return s, err
		})
		return err != nil
	})
	if ferr != nil && !found && search.Err() == nil {
		err = fmt.Errorf("node: look for the code: %w", ferr)
	}
	return who, card, err
}

// meetShower runs the typist's side on a stream that dial opens.
func (n *Node) meetShower(ctx context.Context, p pairing.Password, dial func(context.Context) (PairStream, error)) (newcomer, roster.Card, error) {
	ctx, stop := context.WithTimeout(ctx, pairTimeout)
	defer stop()
	s, err := dial(ctx)
	_, said := errors.AsType[*api.Error](err)
	if _, version := errors.AsType[*pairing.Error](err); said || version {
		return newcomer{}, roster.Card{}, err
	}
	if err != nil {
		return newcomer{}, roster.Card{}, api.Errorf(api.CodeUnreachable, "the inviting device does not answer: %v", err).
			WithHint("are both devices on one network? is the invitation still shown?")
	}
	defer s.Close()
	until := n.now().Add(pairTimeout)
	var payload []byte
	var card roster.Card
	if err := n.call(ctx, func(c *core) (err error) {
		payload = c.introduce(s.Remote(), s.Local())
		card = c.ownCard(cardNonce(s.Remote(), s.Local()))
		return nil
	}); err != nil {
		return newcomer{}, card, err
	}
	m, err := pairing.NewTypist(pairing.TypistConfig{Password: p, Self: s.Local(), Peer: s.Remote(), Payload: payload}, n.core.cfg.Rand)
	if err != nil {
		return newcomer{}, card, err
	}
	defer m.Close()
	if err := writeAll(s, m.Start()); err != nil {
		return newcomer{}, card, err
	}
	for {
		msg, err := s.ReadMessage(until.Sub(n.now()))
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the other device hung up")
			}
			return newcomer{}, card, api.Errorf(api.CodeUnreachable, "pairing broke off: %v", err).WithHint("try again")
		}
		out, err := m.Deliver(msg)
		if werr := writeAll(s, out); err == nil {
			err = werr
		}
		if err != nil {
			return newcomer{}, card, err
		}
		answer, ok := m.Payload()
		if !ok {
			continue
		}
		in, who, err := parseIntroduction(answer, s.Remote(), s.Local())
		if err == nil {
			err = checkShape(in.Threshold, in.Devices)
		}
		if err != nil {
			why := pairing.Malformed
			if _, version := errors.AsType[*pairing.Error](err); version {
				why = pairing.Version
			}
			no, _ := m.Refuse(why)
			return newcomer{}, card, errors.Join(err, writeAll(s, no))
		}
		ack, err := m.Ack()
		if err == nil {
			err = writeAll(s, ack)
		}
		return who, card, err
	}
}

// pairingError says a pairing's failure as the control API does.
func pairingError(err error) error {
	pe, ok := errors.AsType[*pairing.Error](err)
	if !ok {
		return err
	}
	code, hint := api.CodeFoundingFailed, ""
	switch pe.Code {
	case pairing.WrongCode:
		code, hint = api.CodeWrongCode, "type the code as the other device shows it now"
	case pairing.Expired:
		code, hint = api.CodeInvitationOld, "use the invitation that the other device shows now"
	case pairing.Used, pairing.TooManyTries, pairing.Cancelled:
		code, hint = api.CodeInvitationSpent, "use the invitation that the other device shows now"
	case pairing.SameDevice, pairing.NameTaken:
		code, hint = api.CodeDeviceKnown, "each device joins once, under a name of its own"
	case pairing.BadName:
		code, hint = api.CodeRefused, "make a device of another name in another home: warifu init"
	case pairing.CircleFull:
		code, hint = api.CodeCircleFull, "the founder chose fewer devices"
	case pairing.Malformed, pairing.Version:
		code = api.CodeBadInvitation
	}
	e := api.Errorf(code, "%s", pe.Text)
	if hint != "" {
		e = e.WithHint("%s", hint)
	}
	return e
}

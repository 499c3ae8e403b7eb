package node

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// onMessage handles one message of an authenticated peer.
func (c *core) onMessage(now time.Time, from []byte, protocol string, msg []byte) {
	c.step(now, func() { c.message(from, protocol, msg) })
}

func (c *core) message(from []byte, protocol string, msg []byte) {
	slot, ok := c.SlotOf(from)
	if !ok {
		c.onStrangerMessage(from, protocol, msg)
		return
	}
	c.hear(slot, func() error {
		switch protocol {
		case wire.ProtocolSession:
			return c.OnFrame(slot, msg)
		case wire.ProtocolSync:
			return c.onSync(slot, msg)
		}
		return nil
	})
}

// onMessageItems is onMessage for a part of a message of items. It reports whether
// the rest of the message is not worth looking at.
func (c *core) onMessageItems(now time.Time, from []byte, in message.Items) (spoilt bool) {
	c.step(now, func() {
		slot, ok := c.SlotOf(from)
		spoilt = !ok || errors.Is(c.hear(slot, func() error { return c.OnItems(slot, in) }), standing.ErrSpoilt)
	})
	return spoilt
}

// hear takes something that a member says, and says what is wrong with it.
func (c *core) hear(slot wire.Slot, take func() error) error {
	p := c.Peer(slot)
	p.LastSeen, p.There = c.Now, c.Now
	err := take()
	if err == nil {
		return nil
	}
	if errors.Is(err, standing.ErrFault) {
		c.Fault(slot)
	}
	if ok, kept := p.Refusals.Say(c.Now, standing.MaxRefusals); ok {
		c.Log.Warn("message refused", "from", c.Name(slot), "err", err, "others", kept)
	}
	return err
}

func (c *core) onSync(from wire.Slot, msg []byte) error {
	typ, body, err := message.SplitMessage(msg)
	if err != nil {
		return err
	}
	switch typ {
	case message.MsgHello:
		return decode(body, from, c.OnHello)
	case message.MsgBeat:
		defer c.Reconsider()
		return decode(body, from, c.OnBeat)
	case message.MsgHave:
		return decode(body, from, c.OnHave)
	case message.MsgWant:
		return decode(body, from, c.OnWant)
	case message.MsgItems:
		return decode(body, from, c.OnItems)
	case message.MsgOpen:
		return decode(body, from, c.OnOpen)
	case message.MsgClose:
		return decode(body, from, c.OnClose)
	case message.MsgFound:
		return decode(body, from, c.OnFoundAgain)
	case message.MsgUnfound:
		return decode(body, from, c.OnUnfound)
	case message.MsgEntry:
		return decode(body, from, c.OnEntry)
	case message.MsgChain:
		return decode(body, from, c.OnChain)
	case message.MsgRedeal:
		return decode(body, from, c.OnRedeal)
	case message.MsgTest:
		return decode(body, from, c.OnTest)
	case message.MsgShow:
		return decode(body, from, c.OnShow)
	}
	return fmt.Errorf("node: unknown message type %d", typ)
}

func decode[T any](body []byte, from wire.Slot, handle func(wire.Slot, T) error) error {
	var v T
	if err := wire.Unmarshal(body, &v); err != nil {
		return err
	}
	return handle(from, v)
}

// onUp handles a connection that can carry messages.
func (c *core) onUp(now time.Time, peerID []byte) {
	c.step(now, func() { c.up(now, peerID) })
}

func (c *core) up(now time.Time, peerID []byte) {
	slot, ok := c.SlotOf(peerID)
	if !ok {
		c.onPairedUp(peerID)
		return
	}
	p := c.Peer(slot)
	p.Online, p.There, p.Lost, p.Misfit, p.Unhailed = true, now, "", standing.Misfit{}, false
	c.Sync(slot, message.MsgHello, c.Hello())
	c.FoundingUp(slot)
	if c.Circle != nil {
		c.Sync(slot, message.MsgHave, message.Have{IDs: c.Inventory()})
		c.Sync(slot, message.MsgBeat, c.MyBeat())
		c.Stir()
	}
}

// onDown handles the loss of the last connection to a peer.
func (c *core) onDown(now time.Time, peerID []byte, reason string) {
	c.step(now, func() { c.down(peerID, reason) })
}

func (c *core) down(peerID []byte, reason string) {
	slot, ok := c.SlotOf(peerID)
	if !ok {
		return
	}
	p := c.Peer(slot)
	p.Online, p.Lost = false, reason
	for _, l := range c.LiveSessions() {
		if l.Owner.Personal() && l.Has(slot) && !l.Done {
			c.FailSession(l, drive.Silent{Slot: slot, Why: "lost the connection"})
		}
	}
}

// onStrangerMessage handles a message of a peer that the link admits and that
// has no slot here: only its sponsor has anything to say to an invited device.
func (c *core) onStrangerMessage(from []byte, protocol string, msg []byte) {
	j := c.Joining
	if j == nil || c.Attempt != nil {
		return
	}
	if protocol == wire.ProtocolSession {
		if fr, err := wire.ParseFrame(msg); err == nil && !c.TellDead(fr.Session, fr.From, c.ToStranger(from)) {
			c.Early.Keep(c.Now, c.Config.Timings.EarlyHold, fr, from)
		}
		return
	}
	if !bytes.Equal(from, j.Sponsor.Card.Peer) {
		return
	}
	typ, body, err := message.SplitMessage(msg)
	if err != nil {
		return
	}
	switch typ {
	case message.MsgFound:
		var m message.Found
		if err = wire.Unmarshal(body, &m); err == nil {
			err = c.Accept(m)
		}
	case message.MsgRedeal:
		var m message.Redeal
		if err = wire.Unmarshal(body, &m); err == nil {
			err = c.ComeIn(m, j.Sponsor.Card, j.Card)
		}
	case message.MsgUnfound:
		var m message.Unfound
		if err = wire.Unmarshal(body, &m); err == nil {
			c.EndMeeting(say.New(say.SponsorGaveUp, j.Sponsor.Card.Name, founding.FoundingReason(m.Reason)))
		}
	}
	if err != nil {
		c.Log.Warn("message of the inviting device refused", "err", err)
		c.EndMeeting(say.New(say.CircleNotAccepted, j.Sponsor.Card.Name, err))
	}
}

// onPairedUp handles the connection of a device that has no slot: one that has
// been introduced, to which there is nothing to say before everybody has
// joined, or one that left the circle.
func (c *core) onPairedUp(peer []byte) {
	if f, ok := c.FormerPeer(peer); ok {
		c.FormerCalled(f, 1, "")
	}
	c.TellFormer(peer)
}

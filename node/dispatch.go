package node

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/wire"
)

// onMessage handles one message of an authenticated peer.
func (c *core) onMessage(now time.Time, from []byte, protocol string, msg []byte) {
	c.step(now, func() { c.message(from, protocol, msg) })
}

func (c *core) message(from []byte, protocol string, msg []byte) {
	slot, ok := c.slotOf(from)
	if !ok {
		c.onStrangerMessage(from, protocol, msg)
		return
	}
	c.hear(slot, func() error {
		switch protocol {
		case wire.ProtocolSession:
			return c.onFrame(slot, msg)
		case wire.ProtocolSync:
			return c.onSync(slot, msg)
		}
		return nil
	})
}

// onMessageItems is onMessage for a part of a message of items. It reports whether
// the rest of the message is not worth looking at.
func (c *core) onMessageItems(now time.Time, from []byte, in items) (spoilt bool) {
	c.step(now, func() {
		slot, ok := c.slotOf(from)
		spoilt = !ok || errors.Is(c.hear(slot, func() error { return c.onItems(slot, in) }), errSpoilt)
	})
	return spoilt
}

// hear takes something that a member says, and says what is wrong with it.
func (c *core) hear(slot wire.Slot, take func() error) error {
	p := c.peer(slot)
	p.lastSeen, p.there = c.now, c.now
	err := take()
	if err == nil {
		return nil
	}
	if errors.Is(err, errFault) {
		c.fault(slot)
	}
	if ok, kept := p.refusals.say(c.now, maxRefusals); ok {
		c.log.Warn("message refused", "from", c.name(slot), "err", err, "others", kept)
	}
	return err
}

func (c *core) onSync(from wire.Slot, msg []byte) error {
	typ, body, err := splitMessage(msg)
	if err != nil {
		return err
	}
	switch typ {
	case msgHello:
		return decode(body, from, c.onHello)
	case msgBeat:
		defer c.reconsider()
		return decode(body, from, c.onBeat)
	case msgHave:
		return decode(body, from, c.onHave)
	case msgWant:
		return decode(body, from, c.onWant)
	case msgItems:
		return decode(body, from, c.onItems)
	case msgOpen:
		return decode(body, from, c.onOpen)
	case msgClose:
		return decode(body, from, c.onClose)
	case msgFound:
		return decode(body, from, c.onFoundAgain)
	case msgUnfound:
		return decode(body, from, c.onUnfound)
	case msgEntry:
		return decode(body, from, c.onEntry)
	case msgChain:
		return decode(body, from, c.onChain)
	case msgRedeal:
		return decode(body, from, c.onRedeal)
	case msgTest:
		return decode(body, from, c.onTest)
	case msgShow:
		return decode(body, from, c.onShow)
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
	slot, ok := c.slotOf(peerID)
	if !ok {
		c.onPairedUp(peerID)
		return
	}
	p := c.peer(slot)
	p.online, p.there, p.lost, p.misfit = true, now, "", misfit{}
	c.sync(slot, msgHello, c.hello())
	c.foundingUp(slot)
	if c.circle != nil {
		c.sync(slot, msgHave, have{IDs: c.inventory()})
		c.sync(slot, msgBeat, c.myBeat())
		c.tryAll()
		c.changeCircle()
	}
}

// onDown handles the loss of the last connection to a peer.
func (c *core) onDown(now time.Time, peerID []byte, reason string) {
	c.step(now, func() { c.down(peerID, reason) })
}

func (c *core) down(peerID []byte, reason string) {
	slot, ok := c.slotOf(peerID)
	if !ok {
		return
	}
	p := c.peer(slot)
	p.online, p.lost = false, reason
	for _, l := range c.liveSessions() {
		if l.owner.personal() && l.has(slot) && !l.done {
			c.failSession(l, silent{slot: slot, why: "lost the connection"})
		}
	}
}

// onStrangerMessage handles a message of a peer that the link admits and that
// has no slot here: only its sponsor has anything to say to an invited device.
func (c *core) onStrangerMessage(from []byte, protocol string, msg []byte) {
	j := c.joining
	if j == nil || c.attempt != nil {
		return
	}
	if protocol == wire.ProtocolSession {
		if fr, err := wire.ParseFrame(msg); err == nil && !c.tellDead(fr.Session, fr.From, c.toStranger(from)) {
			c.early.keep(c.now, c.cfg.Timings.EarlyHold, fr, from)
		}
		return
	}
	if !bytes.Equal(from, j.sponsor.Card.Peer) {
		return
	}
	typ, body, err := splitMessage(msg)
	if err != nil {
		return
	}
	switch typ {
	case msgFound:
		var m found
		if err = wire.Unmarshal(body, &m); err == nil {
			err = c.accept(m)
		}
	case msgRedeal:
		var m redeal
		if err = wire.Unmarshal(body, &m); err == nil {
			err = c.comeIn(m, j.sponsor.Card, j.card)
		}
	case msgUnfound:
		var m unfound
		if err = wire.Unmarshal(body, &m); err == nil {
			c.endMeeting(api.Errorf(api.CodeFoundingFailed, "%s gave up: %s", j.sponsor.Card.Name, foundingReason(m.Reason)))
		}
	}
	if err != nil {
		c.log.Warn("message of the inviting device refused", "err", err)
		c.endMeeting(api.Errorf(api.CodeFoundingFailed, "%s proposed a circle that this device does not accept: %v", j.sponsor.Card.Name, err))
	}
}

// onPairedUp handles the connection of a device that has no slot: one that has
// been introduced, to which there is nothing to say before everybody has
// joined, or one that left the circle.
func (c *core) onPairedUp(peer []byte) {
	if f, ok := c.formerPeer(peer); ok {
		c.formerCalled(f, 1, "")
	}
	c.tellFormer(peer)
}

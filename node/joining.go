package node

import (
	"bytes"
	"errors"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// A joining is a device that was invited and has not heard yet what comes of it: the
// founding of a circle, which it [core.accept]s, or the re-deal that makes it a
// member of one that stands, which it [core.comeIn]s by.
type joining struct {
	sponsor meet.Newcomer // who invited it
	card    roster.Card   // that it gave
	touched time.Time     // when the sponsor was last connected
}

// tickJoining ends the wait for a sponsor that is gone.
func (c *core) tickJoining() {
	j := c.joining
	switch {
	case j == nil:
	case c.link.Connected(j.sponsor.Card.Peer):
		j.touched = c.now
	case c.now.Sub(j.touched) > foundingLost:
		c.endMeeting(api.Errorf(api.CodeUnreachable, "%s cannot be reached any more", j.sponsor.Card.Name).
			WithDevice(j.sponsor.Card.Name).WithHint("begin again with a new invitation"))
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
			err = c.comeIn(m)
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

// accept starts the protocol on an invited device, if the proposal lists both
// it and its sponsor just as they introduced themselves.
func (c *core) accept(m found) error {
	j := c.joining
	p, err := keygen.ParseProposal(m.Proposal)
	if err != nil {
		return err
	}
	if p.Nonce != discoveryNonce(m.Discovery) {
		return errOtherDiscovery
	}
	if len(m.Addrs) != len(p.Devices) {
		return errors.New("node: addresses that do not match the devices")
	}
	if err := checkNames(p.Devices); err != nil {
		return err
	}
	own, theirs := false, false
	addrs := map[wire.Slot][]string{}
	for i, d := range p.Devices {
		if err := reach.Check(m.Addrs[i]); err != nil {
			return err
		}
		addrs[d.Slot] = m.Addrs[i]
		own = own || sameCard(d, j.card)
		theirs = theirs || sameCard(d, j.sponsor.Card)
	}
	if !own || !theirs {
		return errors.New("node: a proposal without this device or the one that invited it")
	}
	c.joining, c.founding = nil, &founding{addrs: addrs, discovery: m.Discovery}
	clear(c.pairing)
	return c.startKeygen(p)
}

// comeIn takes part in the re-deal that makes this device a member. The chain
// must be a certified history whose newest epoch lists the device that invited
// this one, and the proposal must list this one just as it introduced itself.
func (c *core) comeIn(m redeal) error {
	j := c.joining
	if c.attempt != nil || c.interrupted() {
		return nil
	}
	p, err := m.proposal()
	if err != nil {
		return err
	}
	if c.dead[p.Session()] != nil {
		return nil // it has voted against it
	}
	history, err := decodeChain(m.Chain)
	if err != nil {
		return err
	}
	if err := history.Verify(); err != nil {
		return err
	}
	head, _ := history.Head()
	addrs, err := unpackAddrs(m.Addrs)
	if err != nil {
		return err
	}
	if err := p.Check(head.Record); err != nil {
		return err
	}
	sponsor, ok := head.Record.ByIdentity(j.sponsor.Card.Identity)
	if !ok || !sameCard(sponsor, j.sponsor.Card) {
		return errors.New("node: a circle that the inviting device is not in")
	}
	self, in := selfIn(p, head.Record, c.self.public)
	if !in || len(p.Added) != 1 || !sameCard(p.Added[0], j.card) {
		return errors.New("node: a re-deal without this device")
	}
	a := &attempt{proposal: p, discovery: m.Discovery, grounds: []item{}, addrs: addrs, chain: history}
	return c.takeUp(a, head.Record, self)
}

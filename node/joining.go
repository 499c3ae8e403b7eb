package node

import (
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
// founding of a circle, which it [foundings.accept]s, or the re-deal that makes it a
// member of one that stands, which it [redeals.comeIn]s by.
type joining struct {
	sponsor meet.Newcomer // who invited it
	card    roster.Card   // that it gave
	touched time.Time     // when the sponsor was last connected
}

// tickJoining ends the wait for a sponsor that is gone.
func (fd *foundings) tickJoining() {
	j := fd.joining
	switch {
	case j == nil:
	case fd.me.link.Connected(j.sponsor.Card.Peer):
		j.touched = fd.me.now
	case fd.me.now.Sub(j.touched) > foundingLost:
		fd.endMeeting(api.Errorf(api.CodeUnreachable, "%s cannot be reached any more", j.sponsor.Card.Name).
			WithDevice(j.sponsor.Card.Name).WithHint("begin again with a new invitation"))
	}
}

// accept starts the protocol on an invited device, if the proposal lists both
// it and its sponsor just as they introduced themselves.
func (fd *foundings) accept(m found) error {
	j := fd.joining
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
	fd.joining, fd.founding = nil, &founding{addrs: addrs, discovery: m.Discovery}
	clear(fd.me.pairing)
	return fd.startKeygen(p)
}

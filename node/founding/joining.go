package founding

import (
	"errors"
	"time"

	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// A Joining is a device that was invited and has not heard yet what comes of it: the
// founding of a circle, which it [Foundings.Accept]s, or the re-deal that makes it a
// member of one that stands, which it [redeal.Redeals.ComeIn]s by.
type Joining struct {
	Sponsor meet.Newcomer // who invited it
	Card    roster.Card   // that it gave
	Touched time.Time     // when the sponsor was last connected
}

// TickJoining ends the wait for a sponsor that is gone.
func (fd *Foundings) TickJoining() {
	j := fd.Joining
	switch {
	case j == nil:
	case fd.me.Link.Connected(j.Sponsor.Card.Peer):
		j.Touched = fd.me.Now
	case fd.me.Now.Sub(j.Touched) > FoundingLost:
		fd.EndMeeting(say.New(say.SponsorGone, j.Sponsor.Card.Name).Of(j.Sponsor.Card.Name))
	}
}

// Accept starts the protocol on an invited device, if the proposal lists both
// it and its sponsor just as they introduced themselves.
func (fd *Foundings) Accept(m message.Found) error {
	j := fd.Joining
	p, err := keygen.ParseProposal(m.Proposal)
	if err != nil {
		return err
	}
	if p.Nonce != standing.DiscoveryNonce(m.Discovery) {
		return standing.ErrOtherDiscovery
	}
	if len(m.Addrs) != len(p.Devices) {
		return errors.New("node: addresses that do not match the devices")
	}
	if err := standing.CheckNames(p.Devices); err != nil {
		return err
	}
	own, theirs := false, false
	addrs := map[wire.Slot][]string{}
	for i, d := range p.Devices {
		if err := reach.Check(m.Addrs[i]); err != nil {
			return err
		}
		addrs[d.Slot] = m.Addrs[i]
		own = own || standing.SameCard(d, j.Card)
		theirs = theirs || standing.SameCard(d, j.Sponsor.Card)
	}
	if !own || !theirs {
		return errors.New("node: a proposal without this device or the one that invited it")
	}
	fd.Joining, fd.Founding = nil, &Founding{Addrs: addrs, Discovery: m.Discovery}
	clear(fd.me.Pairing)
	return fd.StartKeygen(p)
}

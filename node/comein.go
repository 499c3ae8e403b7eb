package node

import (
	"errors"

	"github.com/warifu/warifu/roster"
)

// comeIn takes part in the re-deal that makes this device a member. The chain
// must be a certified history whose newest epoch lists the device that invited
// this one, and the proposal must list this one just as it introduced itself.
func (rd *redeals) comeIn(m redeal, sponsored, own roster.Card) error {
	if rd.attempt != nil || rd.interrupted() {
		return nil
	}
	p, err := proposalOf(m)
	if err != nil {
		return err
	}
	if rd.dead[p.Session()] != nil {
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
	sponsor, ok := head.Record.ByIdentity(sponsored.Identity)
	if !ok || !sameCard(sponsor, sponsored) {
		return errors.New("node: a circle that the inviting device is not in")
	}
	self, in := selfIn(p, head.Record, rd.me.self.public)
	if !in || len(p.Added) != 1 || !sameCard(p.Added[0], own) {
		return errors.New("node: a re-deal without this device")
	}
	a := &attempt{proposal: p, discovery: m.Discovery, grounds: []item{}, addrs: addrs, chain: history}
	return rd.takeUp(a, head.Record, self)
}

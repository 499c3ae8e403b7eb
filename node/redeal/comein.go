package redeal

import (
	"errors"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
)

// ComeIn takes part in the re-deal that makes this device a member. The chain
// must be a certified history whose newest epoch lists the device that invited
// this one, and the proposal must list this one just as it introduced itself.
func (rd *Redeals) ComeIn(m message.Redeal, sponsored, own roster.Card) error {
	if rd.Attempt != nil || rd.Interrupted() {
		return nil
	}
	p, err := ProposalOf(m)
	if err != nil {
		return err
	}
	if rd.Dead[p.Session()] != nil {
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
	addrs, err := standing.UnpackAddrs(m.Addrs)
	if err != nil {
		return err
	}
	if err := p.Check(head.Record); err != nil {
		return err
	}
	sponsor, ok := head.Record.ByIdentity(sponsored.Identity)
	if !ok || !standing.SameCard(sponsor, sponsored) {
		return errors.New("node: a circle that the inviting device is not in")
	}
	self, in := SelfIn(p, head.Record, rd.me.Self.Public)
	if !in || len(p.Added) != 1 || !standing.SameCard(p.Added[0], own) {
		return errors.New("node: a re-deal without this device")
	}
	a := &Attempt{Proposal: p, Discovery: m.Discovery, Grounds: []message.Item{}, Addrs: addrs, chain: history}
	return rd.TakeUp(a, head.Record, self)
}

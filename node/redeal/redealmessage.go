package redeal

import (
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/share/refresh"
)

// MaxGrounds bounds what a re-deal rests on: a request and an approval of each.
const MaxGrounds = 1 + standing.MaxDevices

// ProposalOf returns the proposal of a re-deal, if the discovery key is that of it.
func ProposalOf(m message.Redeal) (refresh.Proposal, error) {
	p, err := refresh.ParseProposal(m.Proposal)
	if err == nil && p.Nonce != standing.DiscoveryNonce(m.Discovery) {
		err = standing.ErrOtherDiscovery
	}
	return p, err
}

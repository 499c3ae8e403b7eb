package node

import "github.com/warifu/warifu/share/refresh"

// maxGrounds bounds what a re-deal rests on: a request and an approval of each.
const maxGrounds = 1 + maxDevices

// proposalOf returns the proposal of a re-deal, if the discovery key is that of it.
func proposalOf(m redeal) (refresh.Proposal, error) {
	p, err := refresh.ParseProposal(m.Proposal)
	if err == nil && p.Nonce != discoveryNonce(m.Discovery) {
		err = errOtherDiscovery
	}
	return p, err
}

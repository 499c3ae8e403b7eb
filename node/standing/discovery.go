package standing

import (
	"errors"
	"fmt"
	"io"

	"github.com/warifu/warifu/wire"
)

const tagDiscovery wire.Tag = "node/discovery"

var ErrOtherDiscovery = errors.New("node: a discovery key that does not go with the proposal")

// FreshDiscovery draws the key under which the circle finds itself on a local
// network after a founding or a re-deal, unknown to whoever is out by then, and
// returns it with the nonce of the proposal that it goes with. All agree on a
// proposal, and none of them need look at who gave it the key: with another one
// the nonce is another.
func (me *Standing) FreshDiscovery() (key, nonce [32]byte, err error) {
	if _, err := io.ReadFull(me.Config.Rand, key[:]); err != nil {
		return key, nonce, fmt.Errorf("node: draw discovery key: %w", err)
	}
	return key, DiscoveryNonce(key), nil
}

// DiscoveryNonce returns the nonce of the proposal that a discovery key goes
// with. The key cannot be found from it.
func DiscoveryNonce(key [32]byte) [32]byte { return wire.Sum(tagDiscovery, key[:]) }

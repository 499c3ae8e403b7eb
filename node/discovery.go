package node

import (
	"errors"
	"fmt"
	"io"

	"github.com/warifu/warifu/wire"
)

const tagDiscovery wire.Tag = "node/discovery"

var errOtherDiscovery = errors.New("node: a discovery key that does not go with the proposal")

// freshDiscovery draws the key under which the circle finds itself on a local
// network after a founding or a re-deal, unknown to whoever is out by then, and
// returns it with the nonce of the proposal that it goes with. All agree on a
// proposal, and none of them need look at who gave it the key: with another one
// the nonce is another.
func (me *standing) freshDiscovery() (key, nonce [32]byte, err error) {
	if _, err := io.ReadFull(me.cfg.Rand, key[:]); err != nil {
		return key, nonce, fmt.Errorf("node: draw discovery key: %w", err)
	}
	return key, discoveryNonce(key), nil
}

// discoveryNonce returns the nonce of the proposal that a discovery key goes
// with. The key cannot be found from it.
func discoveryNonce(key [32]byte) [32]byte { return wire.Sum(tagDiscovery, key[:]) }

package node

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/warifu/warifu/wire"
)

const tagDiscovery wire.Tag = "node/discovery"

var errOtherDiscovery = errors.New("node: a discovery key that does not go with the proposal")

// freshDiscovery draws the key under which the circle finds itself on a local
// network after a founding or a re-deal, unknown to whoever is out by then, and
// returns it with the nonce of the proposal that it goes with. All agree on a
// proposal, and none of them need look at who gave it the key: with another one
// the nonce is another.
func (c *core) freshDiscovery() (key, nonce [32]byte, err error) {
	if _, err := io.ReadFull(c.cfg.Rand, key[:]); err != nil {
		return key, nonce, fmt.Errorf("node: draw discovery key: %w", err)
	}
	return key, discoveryNonce(key), nil
}

// discoveryNonce returns the nonce of the proposal that a discovery key goes
// with. The key cannot be found from it.
func discoveryNonce(key [32]byte) [32]byte { return wire.Sum(tagDiscovery, key[:]) }

// maxOlder bounds the older discovery keys that a device keeps.
const maxOlder = 8

// olderKeys are the discovery keys under which members may still show
// themselves that have not locked into the epoch of an attempt: they were
// asleep, and where addresses change meanwhile nobody else can bring the two
// together. When all have, nobody needs them any more. If they are too many,
// those in the middle go: who sleeps for long has one of the first.
func (c *core) olderKeys(a *attempt) [][32]byte {
	if c.circle == nil || a.machine.AllLocked() {
		return nil
	}
	older := slices.Clone(c.circle.older)
	if c.circle.discovery != a.discovery {
		older = append(older, c.circle.discovery)
	}
	if n := len(older); n > maxOlder {
		older = slices.Delete(older, n/2, n/2+1)
	}
	return older
}

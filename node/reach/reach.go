// Package reach bounds the addresses that a device says it can be dialled at. It
// says so when it is introduced, in its heartbeats and in what a circle keeps of
// it, as multiaddrs in text.
package reach

import (
	"fmt"

	"github.com/warifu/warifu/wire"
)

// Bounds of one list.
const (
	Max    = 16  // addresses
	MaxLen = 256 // bytes of one
)

// Check refuses address lists that no device sends.
func Check(addrs []string) error {
	if len(addrs) > Max {
		return fmt.Errorf("node: %d addresses: %w", len(addrs), wire.ErrMalformed)
	}
	for _, a := range addrs {
		if len(a) > MaxLen {
			return fmt.Errorf("node: address of %d bytes: %w", len(a), wire.ErrMalformed)
		}
	}
	return nil
}

package share

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/internal/poly"
	"github.com/warifu/warifu/wire"
)

// PublicShare returns Y = Σ_k x^k·C_k, the public key of the share in the slot
// x, in the encoding of the account's suite. It refuses slot 0, where the
// group key is; commitments that are not points; and an account in which Y is
// the identity, whose share would be 0.
func PublicShare(acc roster.Account, slot wire.Slot) ([]byte, error) {
	if slot == 0 {
		return nil, errors.New("share: no device has slot 0")
	}
	if len(acc.Commitments) == 0 {
		return nil, fmt.Errorf("share: account %q without a key", acc.Name)
	}
	switch acc.Suite {
	case roster.Secp256k1:
		return publicShare(poly.Secp256k1(), acc, slot)
	case roster.Ed25519:
		return publicShare(poly.Ed25519(), acc, slot)
	}
	return nil, fmt.Errorf("share: account %q of unknown %v", acc.Name, acc.Suite)
}

func publicShare[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]](g poly.Group[S, K, P], acc roster.Account, slot wire.Slot) ([]byte, error) {
	commitments, err := g.ParsePoints(acc.Commitments)
	if err != nil {
		return nil, fmt.Errorf("share: commitments of account %q: %w", acc.Name, err)
	}
	y := g.EvalVartime(commitments, slot)
	if y.IsIdentity() {
		return nil, fmt.Errorf("share: account %q: the public share of device %d is the identity", acc.Name, slot)
	}
	return g.EncodePoint(y), nil
}

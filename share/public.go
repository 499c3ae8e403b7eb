package share

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

// PublicShare returns Y = Σ_k x^k·C_k, the public key of the share in the slot
// x, in the encoding of the account's suite. It refuses a slot of 0, where the
// group key is; commitments that are not points; and an account in which Y is
// the identity, whose share would be 0.
func PublicShare(acc roster.Account, slot wire.Slot) ([]byte, error) {
	if slot == 0 {
		return nil, errors.New("share: no device has slot 0")
	}
	switch acc.Suite {
	case roster.Secp256k1:
		x := secp.NewScalar(uint64(slot))
		y, err := evaluate(acc, secp.ParsePoint, func(p secp.Point) secp.Point { return secp.MulVartime(x, p) })
		if err != nil {
			return nil, err
		}
		b := y.Bytes()
		return b[:], nil
	case roster.Ed25519:
		x := ed.NewScalar(uint64(slot))
		y, err := evaluate(acc, ed.ParsePoint, func(p ed.Point) ed.Point { return ed.MulVartime(x, p) })
		if err != nil {
			return nil, err
		}
		b := y.Bytes()
		return b[:], nil
	}
	return nil, fmt.Errorf("share: account %q of unknown %v", acc.Name, acc.Suite)
}

type point[P any] interface {
	Add(P) P
	IsIdentity() bool
}

// evaluate is Horner's rule in the exponent; byX multiplies by the slot. The
// zero value of a point is the identity.
func evaluate[P point[P]](acc roster.Account, parse func([]byte) (P, error), byX func(P) P) (y P, err error) {
	for k := len(acc.Commitments) - 1; k >= 0; k-- {
		c, err := parse(acc.Commitments[k])
		if err != nil {
			return y, fmt.Errorf("share: commitment %d of account %q: %w", k, acc.Name, err)
		}
		y = byX(y).Add(c)
	}
	if y.IsIdentity() {
		return y, fmt.Errorf("share: account %q: a public share is the identity", acc.Name)
	}
	return y, nil
}

package share

import (
	"crypto/hmac"
	"crypto/sha512"
	"errors"
	"fmt"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

var (
	errTweak = errors.New("share: no key at this path: the tweak is not below the group order")
	errChild = errors.New("share: no key at this path: the child is the point at infinity")
)

// Derive walks path from the key of acc by the non-hardened public derivation
// of BIP-32 ("Public parent key → public child key"). It returns the sum of
// the tweaks, 32 bytes big endian, which every device adds to its share; the
// child key, compressed; and the child's chain code. Of 2¹²⁷ indices about one
// has no key, as BIP-32 says: that is an error, and the caller takes the next.
//
// Accounts of Ed25519 have only the empty path: SLIP-10 derives them from
// private keys alone.
func Derive(acc roster.Account, path []uint32) (tweak [32]byte, child []byte, chain [32]byte, err error) {
	if err := checkPath(path); err != nil {
		return tweak, nil, chain, err
	}
	if len(acc.Commitments) == 0 {
		return tweak, nil, chain, fmt.Errorf("share: account %q without a key", acc.Name)
	}
	switch acc.Suite {
	case roster.Secp256k1:
		return deriveSecp(acc, path)
	case roster.Ed25519:
		if len(path) != 0 {
			return tweak, nil, chain, fmt.Errorf("share: account %q has no derived keys", acc.Name)
		}
		key, err := ed.ParsePoint(acc.GroupKey())
		if err != nil {
			return tweak, nil, chain, fmt.Errorf("share: group key of account %q: %w", acc.Name, err)
		}
		b := key.Bytes()
		return tweak, b[:], acc.ChainCode, nil
	}
	return tweak, nil, chain, fmt.Errorf("share: account %q of unknown %v", acc.Name, acc.Suite)
}

func deriveSecp(acc roster.Account, path []uint32) (tweak [32]byte, child []byte, chain [32]byte, err error) {
	key, err := secp.ParsePoint(acc.GroupKey())
	if err != nil {
		return tweak, nil, chain, fmt.Errorf("share: group key of account %q: %w", acc.Name, err)
	}
	chain = acc.ChainCode
	var sum secp.Scalar
	for _, index := range path {
		step, next, nextChain, err := childKey(key, extend(key, chain, index))
		if err != nil {
			return [32]byte{}, nil, [32]byte{}, err
		}
		sum, key, chain = sum.Add(step), next, nextChain
	}
	b := key.Bytes()
	return sum.Bytes(), b[:], chain, nil
}

// extend returns I = HMAC-SHA512(c, serP(K) ‖ ser32(i)) of BIP-32.
func extend(key secp.Point, chain [32]byte, index uint32) (i [64]byte) {
	k := key.Bytes()
	mac := hmac.New(sha512.New, chain[:])
	mac.Write(k[:])
	mac.Write(wire.U32(index))
	mac.Sum(i[:0])
	return i
}

// childKey splits I into I_L and I_R and returns I_L, K + I_L·G and I_R. It
// refuses the two cases in which BIP-32 says that the child does not exist;
// reducing an I_L ≥ q instead would give a key that no other wallet finds.
func childKey(key secp.Point, i [64]byte) (step secp.Scalar, child secp.Point, chain [32]byte, err error) {
	step, err = secp.ParseScalar(i[:32])
	if err != nil {
		return secp.Scalar{}, secp.Point{}, chain, errTweak
	}
	child = key.Add(secp.BaseMulVartime(step))
	if child.IsIdentity() {
		return secp.Scalar{}, secp.Point{}, chain, errChild
	}
	return step, child, [32]byte(i[32:]), nil
}

package share

import "github.com/warifu/warifu/share/internal/secp"

// ChildKey runs one step of BIP-32 with a given I, for the two cases that no
// one can reach by hashing.
func ChildKey(key []byte, i [64]byte) (tweak [32]byte, child []byte, chain [32]byte, err error) {
	k, err := secp.ParsePoint(key)
	if err != nil {
		return tweak, nil, chain, err
	}
	step, c, chain, err := childKey(k, i)
	if err != nil {
		return tweak, nil, chain, err
	}
	b := c.Bytes()
	return step.Bytes(), b[:], chain, nil
}

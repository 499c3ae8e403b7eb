package share

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/mr-tron/base58"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

// xpubVersion is what BIP-32 puts before the public nodes of its main network,
// and what makes their text begin with "xpub". Wallets for Ethereum take no other.
const xpubVersion = 0x0488b21e

// ExtendedKey returns the public node of acc as BIP-32 writes it ("Serialization
// format"): 111 characters from which a wallet derives the keys of all paths below
// the account, as [Derive] does, and none above it.
//
// Depth and child number are those of the origin that the key stands for: 3 and 0'
// for m/44'/60'/0'. It was not derived from anything, so that it has no parent; the
// four bytes of the parent's fingerprint are zero, as readers that know no parent
// take them.
func ExtendedKey(acc roster.Account) (string, error) {
	if acc.Suite != roster.Secp256k1 || len(acc.Commitments) == 0 {
		return "", fmt.Errorf("share: account %q has no extended key", acc.Name)
	}
	key, err := secp.ParsePoint(acc.GroupKey())
	if err != nil {
		return "", fmt.Errorf("share: group key of account %q: %w", acc.Name, err)
	}
	depth, child, err := originNode(acc.Origin)
	if err != nil {
		return "", err
	}
	point := key.Bytes()
	b := binary.BigEndian.AppendUint32(nil, xpubVersion)
	b = append(b, depth)
	b = append(b, 0, 0, 0, 0) // fingerprint of the parent
	b = append(b, wire.U32(child)...)
	b = append(b, acc.ChainCode[:]...)
	b = append(b, point[:]...)
	first := sha256.Sum256(b)
	second := sha256.Sum256(first[:])
	return base58.Encode(append(b, second[:4]...)), nil
}

// originNode returns how deep below the root an origin such as m/44'/60'/0' lies,
// and the number of its last step.
func originNode(origin string) (depth byte, child uint32, err error) {
	steps := strings.Split(origin, "/")
	if steps[0] != "m" || len(steps) > 256 {
		return 0, 0, errPath
	}
	for _, step := range steps[1:] {
		digits, hard := strings.CutSuffix(step, "'")
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil {
			return 0, 0, errPath
		}
		child = uint32(n)
		if hard {
			child |= firstHardened
		}
	}
	return byte(len(steps) - 1), child, nil
}

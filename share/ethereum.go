package share

import (
	"encoding/hex"
	"errors"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"golang.org/x/crypto/sha3"
)

// AddressSize is the length in bytes of an Ethereum address.
const AddressSize = 20

// EthereumAddress returns the last 20 bytes of the Keccak-256 hash of the
// coordinates of pub, a compressed point of 33 bytes (Yellow Paper, appendix
// F).
//
// Unlike everything else here it does not use the package that shares the key
// but an unrelated implementation of the curve: an address is where money
// goes, and the two must agree on the point.
func EthereumAddress(pub []byte) (a [AddressSize]byte, err error) {
	if len(pub) != secp256k1.PubKeyBytesLenCompressed {
		return a, errors.New("share: address of something that is not a compressed public key")
	}
	key, err := secp256k1.ParsePubKey(pub)
	if err != nil {
		return a, errors.New("share: address of something that is not a point")
	}
	sum := keccak256(key.SerializeUncompressed()[1:])
	copy(a[:], sum[len(sum)-AddressSize:])
	return a, nil
}

// FormatAddress returns a in the mixed-case form of EIP-55, with "0x".
func FormatAddress(a [AddressSize]byte) string {
	digits := []byte(hex.EncodeToString(a[:]))
	sum := keccak256(digits)
	for i, c := range digits {
		nibble := sum[i/2] >> (4 * (1 - i%2)) & 0xf
		if c >= 'a' && nibble >= 8 {
			digits[i] = c - 'a' + 'A'
		}
	}
	return "0x" + string(digits)
}

func keccak256(b []byte) []byte {
	h := sha3.NewLegacyKeccak256()
	h.Write(b)
	return h.Sum(nil)
}

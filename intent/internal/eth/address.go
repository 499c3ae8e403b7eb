// Package eth reads and writes what every kind of request of Ethereum is made
// of: addresses, numbers, bytes, and the signature of an account. Keys and
// hashes are go-ethereum's.
package eth

import (
	"encoding/hex"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent/internal/request"
)

// ParseAddress reads an Ethereum address: 0x and 40 hexadecimal digits. If
// the letters are of both cases, they must be the checksum of EIP-55.
func ParseAddress(s string) ([20]byte, error) {
	if len(s) != 42 || s[:2] != "0x" {
		return [20]byte{}, request.Refuse(request.CodeBadAddress, "an address is 0x and 40 hexadecimal digits").
			WithHint("copy the whole address again")
	}
	digits := s[2:]
	b, err := hex.DecodeString(digits)
	if err != nil {
		return [20]byte{}, request.Refuse(request.CodeBadAddress, "an address has only the digits 0-9 and a-f")
	}
	a := common.Address(b)
	mixed := digits != strings.ToLower(digits) && digits != strings.ToUpper(digits)
	if mixed && a.Hex() != s {
		return [20]byte{}, request.Refuse(request.CodeBadAddress, "the checksum of the address is wrong (EIP-55)").
			WithHint("a character was mistyped or changed; copy the whole address again from where you trust it")
	}
	return a, nil
}

// Checksum returns an address in the mixed case of EIP-55.
func Checksum(a common.Address) string { return a.Hex() }

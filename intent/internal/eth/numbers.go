package eth

import (
	"encoding/hex"
	"math/big"
	"strings"
)

// MaxExact is the largest integer that every reader of JSON numbers keeps.
var MaxExact = big.NewInt(1<<53 - 1)

// MaxUint returns 2^bits - 1.
func MaxUint(bits uint) *big.Int {
	one := big.NewInt(1)
	return new(big.Int).Sub(new(big.Int).Lsh(one, bits), one)
}

// Decimal reads a number of digits without leading zeros.
func Decimal(s string) (*big.Int, bool) {
	if s == "" || len(s) > 78 || strings.Trim(s, "0123456789") != "" || len(s) > 1 && s[0] == '0' {
		return nil, false
	}
	return new(big.Int).SetString(s, 10)
}

// HexBytes reads 0x and pairs of hexadecimal digits.
func HexBytes(s string) ([]byte, bool) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return nil, false
	}
	b, err := hex.DecodeString(digits)
	return b, err == nil
}

package share

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// firstHardened is the first index of BIP-32's hardened derivation, which
// needs the private key and which therefore nobody can do with a shared one.
const firstHardened = 1 << 31

var errPath = errors.New("share: a derivation path is numbers below 2147483648 between slashes, as in 0/0")

// ParsePath reads a path below an account node, such as "0/0". The empty
// string is the account key itself. Leading zeros, signs, spaces, a leading
// "m/" and hardened steps are errors, so that one path has one form.
func ParsePath(s string) ([]uint32, error) {
	if s == "" {
		return []uint32{}, nil
	}
	if len(s) > len("2147483647/")*MaxDepth {
		return nil, errPath
	}
	var path []uint32
	for step := range strings.SplitSeq(s, "/") {
		n, err := strconv.ParseUint(step, 10, 32)
		if err != nil || strconv.FormatUint(n, 10) != step {
			return nil, errPath
		}
		path = append(path, uint32(n))
	}
	return path, checkPath(path)
}

// FormatPath returns the form of path that [ParsePath] reads.
func FormatPath(path []uint32) string {
	steps := make([]string, len(path))
	for i, n := range path {
		steps[i] = strconv.FormatUint(uint64(n), 10)
	}
	return strings.Join(steps, "/")
}

func checkPath(path []uint32) error {
	if len(path) > MaxDepth {
		return fmt.Errorf("share: derivation path of %d steps, at most %d", len(path), MaxDepth)
	}
	for _, n := range path {
		if n >= firstHardened {
			return errPath
		}
	}
	return nil
}

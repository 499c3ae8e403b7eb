package standing

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/wire"
)

// ParseID reads an id of 64 hex digits.
func ParseID(key string) (id [32]byte, err error) {
	b, err := hex.DecodeString(key)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("node: bad id: %w", wire.ErrMalformed)
	}
	return [32]byte(b), nil
}

// IsHex reports whether s has lower-case hex digits only.
func IsHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// StoreError turns a failed write into what a person can act on.
func StoreError(err error) error {
	if isFull(err) {
		return say.New(say.DiskFull, err)
	}
	return fmt.Errorf("node: write journal: %w", err)
}

// SortedSlots lists the keys of m, ascending.
func SortedSlots[V any](m map[wire.Slot]V) []wire.Slot { return slices.Sorted(maps.Keys(m)) }

// Package keepertest is for tests: it makes headers whose passphrase is cheap
// to try. Package keeper itself refuses to make one.
package keepertest

import (
	"crypto/rand"
	"testing"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/keeper/internal/header"
)

// New returns an open keeper, and its header, under the lowest costs that
// [keeper.Unlock] accepts.
func New(tb testing.TB, passphrase string) (*keeper.Keeper, []byte) {
	tb.Helper()
	keys, h, err := header.Wrap(rand.Reader, []byte(passphrase), header.Params{
		MemoryKiB: header.MinMemoryKiB, Time: 1, Threads: 1,
	})
	if err != nil {
		tb.Fatal(err)
	}
	keys.Wipe()
	k, err := keeper.Unlock(h, []byte(passphrase))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(k.Close)
	return k, h
}

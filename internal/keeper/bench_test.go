package keeper_test

import (
	"crypto/rand"
	"testing"

	"github.com/warifu/warifu/internal/keeper"
)

// BenchmarkUnlock is what a person waits for at the prompt.
func BenchmarkUnlock(b *testing.B) {
	for _, kind := range []string{"phone", "laptop"} {
		b.Run(kind, func(b *testing.B) {
			k, h, err := keeper.Create(rand.Reader, []byte(passphrase), keeper.ParamsFor(kind))
			if err != nil {
				b.Fatal(err)
			}
			k.Close()
			for b.Loop() {
				k, err := keeper.Unlock(h, []byte(passphrase))
				if err != nil {
					b.Fatal(err)
				}
				k.Close()
			}
		})
	}
}

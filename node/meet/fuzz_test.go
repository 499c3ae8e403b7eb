package meet

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/wire"
)

// FuzzIntroduction reads what a device in a pairing says of itself.
func FuzzIntroduction(f *testing.F) {
	shower, typist := []byte("shower"), []byte("typist")
	self, err := newDevice("laptop", rand.NewChaCha8([32]byte{91})).Introduce(f.Context(), cardNonce(shower, typist))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(self.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		in, who, err := parseIntroduction(b, shower, typist)
		if err != nil {
			return
		}
		if !bytes.Equal(wire.Marshal(in), b) || who.Card.Nonce != cardNonce(shower, typist) || reach.Check(who.Addrs) != nil {
			t.Errorf("%x is taken as %+v", b, in)
		}
		if _, _, err := parseIntroduction(b, typist, shower); err == nil {
			t.Error("it is taken in another meeting, too")
		}
	})
}

package refresh_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"slices"
	"testing"

	"github.com/warifu/warifu/internal/wycheprooftest"
	"github.com/warifu/warifu/share/refresh"
)

// TestWycheproof runs the agreement on which sealed sub-shares rest: X25519 gives
// the secret of the vector, no box key that gives none is accepted, and what is
// sealed to a key of the vectors opens with its private half, and with no other.
func TestWycheproof(t *testing.T) {
	t.Parallel()
	cases := wycheprooftest.Load(t, wycheprooftest.X25519)
	agreed, refused, opened := 0, 0, 0
	var last *ecdh.PrivateKey
	for _, c := range cases {
		priv, err := ecdh.X25519().NewPrivateKey(c.Private)
		if err != nil {
			t.Fatalf("case %d: private key: %v", c.ID, err)
		}
		pub, err := ecdh.X25519().NewPublicKey(c.Public)
		if err != nil {
			t.Fatalf("case %d: public key: %v", c.ID, err)
		}
		secret, err := priv.ECDH(pub)
		zero := slices.Contains(c.Flags, "ZeroSharedSecret")
		if box := refresh.CheckBox([32]byte(c.Public)); zero != (err != nil) || zero != (box != nil) {
			t.Errorf("case %d: %v and %v, where the shared secret is zero: %t", c.ID, err, box, zero)
		}
		if zero {
			refused++
			continue
		}
		if !bytes.Equal(secret, c.Shared) {
			t.Errorf("case %d: %x, want %x: %s", c.ID, secret, c.Shared, c.Comment)
			continue
		}
		agreed++

		// A box whose key is the private one of the vector.
		own, err := hpke.NewDHKEMPublicKey(priv.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		enc, s, err := hpke.NewSender(own, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte("info"))
		if err != nil {
			t.Fatalf("case %d: %v", c.ID, err)
		}
		ct, err := s.Seal([]byte("data"), c.Shared)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := refresh.OpenBox(priv, enc, []byte("info"), []byte("data"), ct); err != nil || !bytes.Equal(got, c.Shared) {
			t.Errorf("case %d: opened %x: %v", c.ID, got, err)
		} else {
			opened++
		}
		if last != nil && !last.Equal(priv) {
			if _, err := refresh.OpenBox(last, enc, []byte("info"), []byte("data"), ct); err == nil {
				t.Errorf("case %d: opens with the key of another", c.ID)
			}
		}
		last = priv
	}
	if len(cases) != 518 || agreed != 487 || refused != 31 || opened != 487 {
		t.Errorf("%d cases: %d agreed, %d refused, %d opened; want 518: 487, 31, 487", len(cases), agreed, refused, opened)
	}
}

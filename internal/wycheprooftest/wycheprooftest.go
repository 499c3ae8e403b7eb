// Package wycheprooftest holds test vectors of project Wycheproof, for the tests of
// what verifies signatures and agrees on keys here. No production code imports it.
package wycheprooftest

import (
	"bytes"
	"embed"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"testing"
)

//go:embed testdata/*.json
var files embed.FS

// Files names the vectors by their hash, as testdata/README.md does.
var Files = map[string]string{
	ECDSA:   "543dcb717016959f287dfc65af749e4501b9d2ec42824c59d80796aa605695da",
	Ed25519: "752d2ea7d7c6cf4736381b6cbacb61f8182b126ab7cd9b058f00c50084975536",
	X25519:  "35c3f5231cf25cc640b524d403461deee9e49441d5d915a3a25b2c8ff5adbe7d",
}

// The files.
const (
	ECDSA   = "ecdsa_secp256k1_sha256_bitcoin_test.json" // over secp256k1 with SHA-256 and low s
	Ed25519 = "ed25519_test.json"
	X25519  = "x25519_test.json"
)

// Bytes are written in hex.
type Bytes []byte

// UnmarshalText implements [encoding.TextUnmarshaler].
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

// A Case is one vector, with what it is of its group.
type Case struct {
	ID      int      `json:"tcId"`
	Comment string   `json:"comment"`
	Flags   []string `json:"flags"`
	Result  string   `json:"result"` // valid, invalid or acceptable

	Key Bytes `json:"-"`   // public key of a signature: uncompressed point or 32 bytes
	Msg Bytes `json:"msg"` // that was signed
	Sig Bytes `json:"sig"` // DER, or 64 bytes

	Public, Private, Shared Bytes // of a key agreement
}

// Load returns the cases of a file, after it has compared their number.
func Load(t testing.TB, name string) []Case {
	t.Helper()
	raw, err := files.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Number int `json:"numberOfTests"`
		Groups []struct {
			Key struct {
				Uncompressed Bytes `json:"uncompressed"`
				PK           Bytes `json:"pk"`
			} `json:"publicKey"`
			Tests []Case `json:"tests"`
		} `json:"testGroups"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	var out []Case
	for _, g := range f.Groups {
		for _, c := range g.Tests {
			c.Key = append(g.Key.Uncompressed, g.Key.PK...)
			out = append(out, c)
		}
	}
	if len(out) != f.Number || len(out) == 0 {
		t.Fatalf("%s: %d cases, and it says %d", name, len(out), f.Number)
	}
	return out
}

// Raw returns r ‖ s of 32 bytes each of a signature in DER. It is false for what
// has no such form: another encoding than the one of DER, negative or longer
// numbers, and what is no signature at all.
func (c Case) Raw() (sig [64]byte, ok bool) {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(c.Sig, &v); err != nil {
		return sig, false
	}
	// The decoder takes more than the one form.
	if again, err := asn1.Marshal(v); err != nil || !bytes.Equal(again, c.Sig) || v.R.Sign() < 0 || v.S.Sign() < 0 || v.R.BitLen() > 256 || v.S.BitLen() > 256 {
		return sig, false
	}
	v.R.FillBytes(sig[:32])
	v.S.FillBytes(sig[32:])
	return sig, true
}

// Compressed returns the compressed form of an uncompressed key.
func (c Case) Compressed() []byte { return append([]byte{2 + c.Key[64]&1}, c.Key[1:33]...) }

// A Tally counts what a test did with the cases of a file, so that it can assert
// that it did it with all of them.
type Tally struct{ Accepted, Refused, Unwritable int }

// Signatures runs verify on every case of [ECDSA]: over the digest, whose 32 bytes
// digest gives, with a compressed key and each recovery identifier from 0 to 3. One
// that is valid must verify under one of them and no other may under any.
func Signatures(t *testing.T, digest func(msg []byte) []byte, verify func(sig [65]byte, digest, key []byte) bool) (n Tally) {
	t.Helper()
	for _, c := range Load(t, ECDSA) {
		raw, ok := c.Raw()
		if !ok {
			n.Unwritable++
			if c.Result == "valid" {
				t.Errorf("case %d: a valid signature that has no raw form: %s", c.ID, c.Comment)
			}
			continue
		}
		good := 0
		for v := range byte(4) {
			var sig [65]byte
			copy(sig[:], raw[:])
			sig[64] = v
			if verify(sig, digest(c.Msg), c.Compressed()) {
				good++
			}
		}
		switch {
		case c.Result == "valid" && good == 1:
			n.Accepted++
		case c.Result == "invalid" && good == 0:
			n.Refused++
		default:
			t.Errorf("case %d, which is %s, verifies with %d recovery identifiers: %s", c.ID, c.Result, good, c.Comment)
		}
	}
	return n
}

// Messages runs verify on every case of [Ed25519].
func Messages(t *testing.T, verify func(key, msg, sig []byte) bool) (n Tally) {
	t.Helper()
	for _, c := range Load(t, Ed25519) {
		switch ok := verify(c.Key, c.Msg, c.Sig); {
		case ok && c.Result == "valid":
			n.Accepted++
		case !ok && c.Result == "invalid":
			n.Refused++
		default:
			t.Errorf("case %d, which is %s: accepted %t: %s", c.ID, c.Result, ok, c.Comment)
		}
	}
	return n
}

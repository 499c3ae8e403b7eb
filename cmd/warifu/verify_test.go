package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"github.com/warifu/warifu/intent"
)

// testKey is the first key of the standard development mnemonic.
const testKey = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

func TestVerifyMessage(t *testing.T) {
	t.Parallel()
	key, err := crypto.HexToECDSA(testKey)
	if err != nil {
		t.Fatal(err)
	}
	address := crypto.PubkeyToAddress(key.PublicKey).Hex()
	sig, err := crypto.Sign(accounts.TextHash([]byte("hi")), key)
	if err != nil {
		t.Fatal(err)
	}
	sig[64] += 27
	edit := func(f func(s []byte)) string {
		out := append([]byte(nil), sig...)
		f(out)
		return hex.EncodeToString(out)
	}
	high := edit(func(s []byte) {
		n := crypto.S256().Params().N
		new(big.Int).Sub(n, new(big.Int).SetBytes(s[32:64])).FillBytes(s[32:64])
		s[64] ^= 27 ^ 28 // the other v
	})
	for _, tc := range []struct {
		name, text, address, sig string
		code                     int
		out                      string
	}{
		{"good", "hi", address, "0x" + hex.EncodeToString(sig), exitDone, "valid: signed by " + address},
		{"v-0-or-1", "hi", address, edit(func(s []byte) { s[64] -= 27 }), exitDone, "valid"},
		{"other-text", "ho", address, hex.EncodeToString(sig), exitFailed, "not valid"},
		{"other-address", "hi", "0x0000000000000000000000000000000000000001", hex.EncodeToString(sig), exitFailed, "not valid"},
		{"malleable", "hi", address, high, exitFailed, "malleable"},
		{"bad-v", "hi", address, edit(func(s []byte) { s[64] = 30 }), exitFailed, "not valid"},
		{"zero", "hi", address, hex.EncodeToString(make([]byte, 65)), exitFailed, "not valid"},
		{"short", "hi", address, hex.EncodeToString(sig[:64]), exitFailed, "65 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := warifu(t, t.Context(), "", "verify", "message", tc.text, "--address", tc.address, "--signature", tc.sig)
			if o.code != tc.code {
				t.Errorf("%+v", o)
			}
			has(t, "stdout", o.stdout, tc.out)
		})
	}
	wrong := []byte(address)
	for i := range wrong {
		if i > 2 && wrong[i] >= 'a' && wrong[i] <= 'f' {
			wrong[i] -= 'a' - 'A'
			break
		}
	}
	o := warifu(t, t.Context(), "", "verify", "message", "hi", "--address", string(wrong), "--signature", hex.EncodeToString(sig))
	has(t, "stderr", o.stderr, "checksum")
	if o.code != exitFailed {
		t.Errorf("a bad checksum: %+v", o)
	}
}

// TestVerifyTypedDataThatIsSigned: what can be signed can be verified, over the
// same digest.
func TestVerifyTypedDataThatIsSigned(t *testing.T) {
	t.Parallel()
	key, err := crypto.HexToECDSA(testKey)
	if err != nil {
		t.Fatal(err)
	}
	address := crypto.PubkeyToAddress(key.PublicKey)
	const salt = `"0x0000000000000000000000000000000000000000000000000000000000000001"`
	dir := t.TempDir()
	for name, doc := range map[string]struct{ domainTypes, types, domain, message string }{
		"plain":        {`{"name":"name","type":"string"}`, ``, `"name":"N"`, `"n":5`},
		"empty-name":   {`{"name":"name","type":"string"},{"name":"version","type":"string"}`, ``, `"name":"","version":"1"`, `"n":5`},
		"empty-domain": {`{"name":"name","type":"string"}`, ``, `"name":""`, `"n":-5`},
		"number":       {`{"name":"chainId","type":"uint256"}`, ``, `"chainId":9007199254740991`, `"n":-9007199254740991`},
		"text-number":  {`{"name":"chainId","type":"uint256"}`, ``, `"chainId":"0x0a"`, `"n":"0x10"`},
		"large-chain":  {`{"name":"chainId","type":"uint256"}`, ``, `"chainId":"115792089237316195423570985008687907853269984665640564039457584007913129639935"`, `"n":0`},
		"salt":         {`{"name":"salt","type":"bytes32"}`, ``, `"salt":` + salt, `"n":0`},
		"order":        {`{"name":"salt","type":"bytes32"},{"name":"name","type":"string"}`, ``, `"name":"N","salt":` + salt, `"n":0`},
		"unused":       {`{"name":"name","type":"string"}`, `,"Unused":[{"name":"a","type":"Missing"}]`, `"name":"N"`, `"n":5`},
		"undeclared":   {`{"name":"name","type":"string"}`, ``, `"name":"N","version":"1"`, `"n":5,"m":6`},
		"unusual":      {`{"name":"name","type":"bytes"},{"name":"realm","type":"T"}`, ``, `"name":"0x01","realm":{"n":1}`, `"n":5`},
		"no-domain":    {``, ``, ``, `"n":5`},
		"unused-self":  {`{"name":"name","type":"string"}`, `,"Unused":[{"name":"a","type":"Unused"}]`, `"name":"N"`, `"n":5`},
	} {
		text := fmt.Appendf(nil, `{"types":{"EIP712Domain":[%s],"T":[{"name":"n","type":"int64"}]%s},"primaryType":"T","domain":{%s},"message":{%s}}`,
			doc.domainTypes, doc.types, doc.domain, doc.message)
		payload, err := intent.Normalize(intent.Input{Kind: intent.TypedData, JSON: text})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		in, err := intent.Decode(intent.TypedData, payload, intent.Context{Account: "ethereum", Address: address, PublicKey: crypto.CompressPubkey(&key.PublicKey)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sig, err := crypto.Sign(in.ToSign, key)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		o := warifu(t, t.Context(), "", "verify", "typed-data", path, "--address", address.Hex(), "--signature", hex.EncodeToString(sig))
		if o.code != exitDone || o.stdout != "valid: signed by "+address.Hex()+"\n" {
			t.Errorf("%s: %+v", name, o)
		}
		if name == "undeclared" {
			has(t, "stderr", o.stderr, `note: the document has fields that no type declares and that are not signed: "domain.version", "message.m"`)
		} else if o.stderr != "" {
			t.Errorf("%s: %s", name, o.stderr)
		}
	}
}

// TestVerifyTypedDataLikeAPITypes: the digest is the one that go-ethereum's own
// package finds.
func TestVerifyTypedDataLikeAPITypes(t *testing.T) {
	t.Parallel()
	key, err := crypto.HexToECDSA(testKey)
	if err != nil {
		t.Fatal(err)
	}
	const doc = `{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"chainId","type":"uint256"}],"Trip":[{"name":"stops","type":"Stop[]"},{"name":"fare","type":"int32"}],
"Stop":[{"name":"at","type":"bytes2"},{"name":"open","type":"bool"}]},"primaryType":"Trip","domain":{"name":"Rail","chainId":"0x0a"},"message":{"stops":[{"at":"0x0102","open":true}],"fare":"-4"}}`
	var td apitypes.TypedData
	if err := json.Unmarshal([]byte(doc), &td); err != nil {
		t.Fatal(err)
	}
	digest, _, err := apitypes.TypedDataAndHash(td)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := crypto.Sign(digest, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "trip.json")
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	address := crypto.PubkeyToAddress(key.PublicKey).Hex()
	o := warifu(t, t.Context(), "", "verify", "typed-data", path, "--address", address, "--signature", hex.EncodeToString(sig))
	has(t, "stdout", o.stdout, "valid: signed by "+address)
}

// TestVerifyTellsOfLineBreaks: a file that ends in a line break is another
// message than its text.
func TestVerifyTellsOfLineBreaks(t *testing.T) {
	t.Parallel()
	key, err := crypto.HexToECDSA(testKey)
	if err != nil {
		t.Fatal(err)
	}
	address := crypto.PubkeyToAddress(key.PublicKey).Hex()
	for _, c := range []struct {
		signed, given string
		code          int
		out, note     string
	}{
		{"hi", "hi", exitDone, "valid: signed by", ""},
		{"hi\n", "hi\n", exitDone, "valid: signed by", `note: the message ends in a line break (\n), which is signed too`},
		{"hi", "hi\n", exitFailed, "not valid: it is valid for the message without the line break at its end", `ends in a line break (\n)`},
		{"hi\n", "hi", exitFailed, "not valid: it is valid for the message with a line break at its end", ""},
		{"hi", "hi\r\n", exitFailed, "not valid: it is valid for the message without the line break at its end", `ends in a line break (\r\n)`},
		{"ho", "hi\n", exitFailed, "not valid: it was made by", `ends in a line break (\n)`},
	} {
		sig, err := crypto.Sign(accounts.TextHash([]byte(c.signed)), key)
		if err != nil {
			t.Fatal(err)
		}
		o := warifu(t, t.Context(), c.given, "verify", "message", "--file", "-", "--address", address, "--signature", hex.EncodeToString(sig))
		if o.code != c.code {
			t.Errorf("%+v: %+v", c, o)
		}
		has(t, "stdout", o.stdout, c.out)
		has(t, "stderr", o.stderr, c.note)
		if c.note == "" && o.stderr != "" {
			t.Errorf("%+v: %s", c, o.stderr)
		}
	}
}

// TestSignTellsWhatIsLeftOutOrAdded: before anything is asked, the person hears
// what of an input is signed against expectation.
func TestSignTellsWhatIsLeftOutOrAdded(t *testing.T) {
	t.Parallel()
	const doc = `{"types":{"EIP712Domain":[],"M":[{"name":"b","type":"bool"}]},"primaryType":"M","domain":{},"message":{"b":true,"c":1}}`
	for _, c := range []struct{ kind, in, note string }{
		{"typed-data", doc, `note: the document has fields that no type declares and that are not signed: "message.c"`},
		{"message", "hi\n", `note: the message ends in a line break (\n), which is signed too`},
	} {
		args := []string{"--home", t.TempDir(), "sign", c.kind, "-"}
		if c.kind == "message" {
			args = append(args[:4], "--file", "-")
		}
		o := warifu(t, t.Context(), c.in, args...) // no daemon runs there
		if o.code != exitFailed {
			t.Errorf("%+v", o)
		}
		has(t, "stderr", o.stderr, c.note)
	}
}

package intent_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/warifu/warifu/intent"
)

// cow is the key of the example of EIP-712.
func cow(t testing.TB) (*ecdsa.PrivateKey, intent.Context) {
	t.Helper()
	return account(t, "cow")
}

func account(t testing.TB, seed string) (*ecdsa.PrivateKey, intent.Context) {
	t.Helper()
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte(seed)))
	if err != nil {
		t.Fatal(err)
	}
	return key, intent.Context{
		Account:   "ethereum",
		Address:   crypto.PubkeyToAddress(key.PublicKey),
		PublicKey: crypto.CompressPubkey(&key.PublicKey),
	}
}

func sshAccount() (ed25519.PrivateKey, intent.Context) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	return key, intent.Context{Account: "ssh", PublicKey: key.Public().(ed25519.PublicKey)}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func normalize(t testing.TB, in intent.Input) []byte {
	t.Helper()
	payload, err := intent.Normalize(in)
	if err != nil {
		t.Fatalf("normalize: %v", err)
	}
	return payload
}

// read normalizes and decodes.
func read(t testing.TB, in intent.Input, ctx intent.Context) ([]byte, intent.Intent) {
	t.Helper()
	payload := normalize(t, in)
	out, err := intent.Decode(in.Kind, payload, ctx)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	return payload, out
}

func readJSON(t testing.TB, kind intent.Kind, json string, ctx intent.Context) intent.Intent {
	t.Helper()
	_, in := read(t, intent.Input{Kind: kind, JSON: []byte(json)}, ctx)
	return in
}

func wantLine(t *testing.T, in intent.Intent, label, value string) {
	t.Helper()
	if !slices.ContainsFunc(in.Lines, func(l intent.Line) bool { return l.Label == label && l.Value == value }) {
		t.Errorf("no line %q: %q in %+v", label, value, in.Lines)
	}
}

func wantWarning(t *testing.T, in intent.Intent, part string) {
	t.Helper()
	if !slices.ContainsFunc(in.Warnings, func(w string) bool { return strings.Contains(w, part) }) {
		t.Errorf("no warning with %q in %q", part, in.Warnings)
	}
}

func wantError(t *testing.T, err error, code, part string) {
	t.Helper()
	var e *intent.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want an *intent.Error %s with %q", err, code, part)
	}
	if e.Code != code || !strings.Contains(e.Reason, part) {
		t.Fatalf("error is %s: %q, want %s with %q", e.Code, e.Reason, code, part)
	}
}

func TestUnknownKind(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	_, err := intent.Normalize(intent.Input{Kind: "hash", Message: make([]byte, 32)})
	wantError(t, err, intent.CodeUnknownKind, "unknown kind")
	_, err = intent.Decode("hash", make([]byte, 32), ctx)
	wantError(t, err, intent.CodeUnknownKind, "unknown kind")
}

func TestDecodeRefusesOversizedPayload(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	for _, k := range intent.Kinds() {
		_, err := intent.Decode(k, make([]byte, intent.MaxPayload+1), ctx)
		wantError(t, err, intent.CodeTooLarge, "a payload of")
	}
}

func TestNormalizeRefusesOversizedPayload(t *testing.T) {
	t.Parallel()
	_, err := intent.Normalize(intent.Input{Kind: intent.Message, Message: make([]byte, intent.MaxPayload+1)})
	wantError(t, err, intent.CodeTooLarge, "the message has")
	_, err = intent.Normalize(intent.Input{Kind: intent.Message, Message: make([]byte, intent.MaxPayload-2)})
	wantError(t, err, intent.CodeTooLarge, "the request has")
	_, err = intent.Normalize(intent.Input{Kind: intent.TypedData, JSON: bytes.Repeat([]byte(" "), 600<<10)})
	wantError(t, err, intent.CodeTooLarge, "of JSON")
}

func TestWrongAccount(t *testing.T) {
	t.Parallel()
	_, eth := cow(t)
	_, ssh := sshAccount()
	payload := normalize(t, intent.Input{Kind: intent.Message, Message: []byte("hello")})
	_, err := intent.Decode(intent.Message, payload, ssh)
	wantError(t, err, intent.CodeWrongAccount, "no Ethereum address")
	_, err = intent.Decode(intent.Message, payload, intent.Context{Account: "ethereum"})
	wantError(t, err, intent.CodeWrongAccount, "no Ethereum address")
	payload = normalize(t, fileInput())
	_, err = intent.Decode(intent.SSHFile, payload, eth)
	wantError(t, err, intent.CodeWrongAccount, "no Ed25519 key")
}

// A payload of one kind must not be read as another.
func TestKindsDoNotMix(t *testing.T) {
	t.Parallel()
	_, eth := cow(t)
	_, ssh := sshAccount()
	payloads := map[intent.Kind][]byte{
		intent.Message:     normalize(t, intent.Input{Kind: intent.Message, Message: []byte("hello")}),
		intent.TypedData:   normalize(t, intent.Input{Kind: intent.TypedData, JSON: []byte(mail)}),
		intent.Transaction: normalize(t, intent.Input{Kind: intent.Transaction, JSON: []byte(eip155)}),
		intent.SSHFile:     normalize(t, fileInput()),
	}
	for made, payload := range payloads {
		for _, kind := range intent.Kinds() {
			ctx := eth
			if kind == intent.SSHFile {
				ctx = ssh
			}
			_, err := intent.Decode(kind, payload, ctx)
			// A message and typed data have the same shape of payload; JSON
			// is a fine message, but no message is typed data.
			if ok := kind == made || made == intent.TypedData && kind == intent.Message; ok != (err == nil) {
				t.Errorf("a payload of %s read as %s: %v", made, kind, err)
			}
		}
	}
}

func TestHashCoversEveryField(t *testing.T) {
	t.Parallel()
	base := func() intent.Intent {
		return intent.Intent{
			Kind: intent.Message, Account: "ethereum", Purpose: "eip191", Summary: "s",
			Lines: []intent.Line{{Label: "l", Value: "v"}}, Warnings: []string{"w"}, ToSign: []byte{1},
		}
	}
	seen := map[string]string{base().Hash().Hex(): "base"}
	for name, change := range map[string]func(*intent.Intent){
		"kind":     func(in *intent.Intent) { in.Kind = intent.TypedData },
		"account":  func(in *intent.Intent) { in.Account = "x" },
		"purpose":  func(in *intent.Intent) { in.Purpose = "x" },
		"summary":  func(in *intent.Intent) { in.Summary = "x" },
		"label":    func(in *intent.Intent) { in.Lines[0].Label = "x" },
		"value":    func(in *intent.Intent) { in.Lines[0].Value = "x" },
		"warn":     func(in *intent.Intent) { in.Lines[0].Warn = true },
		"no-line":  func(in *intent.Intent) { in.Lines = nil },
		"warnings": func(in *intent.Intent) { in.Warnings[0] = "x" },
		"to-sign":  func(in *intent.Intent) { in.ToSign[0] = 2 },
	} {
		in := base()
		change(&in)
		h := in.Hash().Hex()
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[h] = name
	}
}

// Two inputs that mean the same are one request.
func TestEqualInputsHaveEqualPayloads(t *testing.T) {
	t.Parallel()
	same := func(kind intent.Kind, a, b string) {
		t.Helper()
		pa := normalize(t, intent.Input{Kind: kind, JSON: []byte(a)})
		pb := normalize(t, intent.Input{Kind: kind, JSON: []byte(b)})
		if !bytes.Equal(pa, pb) {
			t.Errorf("payloads differ:\n%s\n%s", pa, pb)
		}
	}
	loose := strings.NewReplacer(
		`"chainId":1,`, `"chainId" : "0x01",`,
		"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC", "0xcccccccccccccccccccccccccccccccccccccccc",
		`"Hello, Bob!"`, `"\u0048ello\u002c Bob!"`,
		`"Person":[`, `"Unused":[{"name":"x","type":"uint8"}],"Person":[`,
	).Replace(mail)
	same(intent.TypedData, mail, loose)
	same(intent.Transaction, eip155, strings.NewReplacer(
		`"nonce":"0x9"`, `"type":"0x0","nonce":"0x09","maxFeePerGas":null`, `"data":"0x"`, `"data":"0x","input":"0x"`,
	).Replace(eip155))
}

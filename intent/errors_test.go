package intent_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/wire"
)

// A row changes one thing in a good input; each fails only by the check that
// it names.
type row struct {
	name     string
	old, new string
	code     string // empty: accepted
	want     string
}

func run(t *testing.T, kind intent.Kind, base string, rows []row) {
	t.Helper()
	if _, err := intent.Normalize(intent.Input{Kind: kind, JSON: []byte(base)}); err != nil {
		t.Fatalf("the base is refused: %v", err)
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(base, r.old) {
				t.Fatalf("the base has no %s", r.old)
			}
			b := []byte(strings.Replace(base, r.old, r.new, 1))
			_, err := intent.Normalize(intent.Input{Kind: kind, JSON: slices.Clip(b)})
			if r.code == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			wantError(t, err, r.code, r.want)
		})
	}
}

func TestJSONErrors(t *testing.T) {
	t.Parallel()
	const bad = intent.CodeBadJSON
	run(t, intent.Transaction, eip155, []row{
		{"empty", eip155, "", bad, "a value is missing"},
		{"trailing", eip155, eip155 + "x", bad, "something follows"},
		{"two-values", eip155, eip155 + eip155, bad, "something follows"},
		{"duplicate", `"nonce":"0x9"`, `"nonce":"0x9","nonce":"0x8"`, bad, `the field "nonce" stands twice`},
		{"duplicate-escaped", `"nonce":"0x9"`, `"nonce":"0x9","n\u006fnce":"0x8"`, bad, `the field "nonce" stands twice`},
		{"not-utf8", `0x9`, "\xff", bad, "not UTF-8"},
		{"bom", eip155, "\ufeff" + eip155, bad, "a value is missing"},
		{"control", `0x9`, "\x01", bad, "control character"},
		{"open-string", eip155, `{"nonce`, bad, "does not end"},
		{"open-escape", eip155, `{"nonce\`, bad, "unknown escape"},
		{"bad-escape", `0x9`, `\x41`, bad, "unknown escape"},
		{"bad-unicode", `0x9`, `\u00g0`, bad, "unknown escape"},
		{"short-unicode", eip155, `"\u00`, bad, "unknown escape"},
		{"high-surrogate", `0x9`, `\ud800`, bad, "surrogate"},
		{"low-surrogate", `0x9`, `\udc00\ud800`, bad, "surrogate"},
		{"half-pair", `0x9`, `\ud800\u0041`, bad, "surrogate"},
		{"pair-without-u", `0x9`, `\ud83dxxde00`, bad, "surrogate"},
		{"open-pair", eip155, `"\ud83d`, bad, "surrogate"},
		{"open-half", eip155, `"\ud83d\ud`, bad, "surrogate"},
		{"no-colon", `"nonce":`, `"nonce"`, bad, "colon"},
		{"no-comma", `"0x9",`, `"0x9"`, bad, "comma"},
		{"trailing-comma", `"0x1"}`, `"0x1",}`, bad, "name of a field"},
		{"bare-name", `"nonce"`, `nonce`, bad, "name of a field"},
		{"list-comma", `"0x9"`, `["0x9" 1]`, bad, "comma"},
		{"open-list", eip155, `["0x9"`, bad, "comma"},
		{"word", `"0x9"`, `nul`, bad, "a value is missing"},
		{"leading-zero", `"0x9"`, `09`, bad, "not a number"},
		{"minus", `"0x9"`, `-`, bad, "not a number"},
		{"fraction", `"0x9"`, `1.`, bad, "not a number"},
		{"exponent", `"0x9"`, `1e+`, bad, "not a number"},
		{"deep", `"0x9"`, strings.Repeat("[", 40) + strings.Repeat("]", 40), bad, "levels"},
		{"many", `"0x9"`, "[" + strings.Repeat("0,", 70000) + "0]", bad, "more than 65536 values"},
		{"hostile-name", `"nonce"`, `"\u001b[2J\u202e"`, intent.CodeBadTransaction, `unknown field "\u{1b}[2J\u{202e}"`},
		{"line", `"0x9",`, "\"0x9\",\n\n?", bad, "line 3"},
	})
}

func TestTransactionErrors(t *testing.T) {
	t.Parallel()
	const bad = intent.CodeBadTransaction
	const dynamic = `{"type":"0x2","chainId":"0x1","nonce":"0x1","gas":"0x5208","maxFeePerGas":"0x10","maxPriorityFeePerGas":"0x1",
"to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","value":"0x1","input":"0x",
"accessList":[{"address":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","storageKeys":["0x0000000000000000000000000000000000000000000000000000000000000001"]}]}`
	run(t, intent.Transaction, dynamic, []row{
		{"list", dynamic, "[]", bad, "an object"},
		{"unknown", `"type"`, `"kind"`, bad, `unknown field "kind"`},
		{"gas-limit", `"gas"`, `"gasLimit"`, "", ""},
		{"gas-limit-beside-gas", `"gas":"0x5208"`, `"gas":"0x5208","gasLimit":"0x05208"`, "", ""},
		{"gas-limit-differs", `"gas":"0x5208"`, `"gas":"0x5208","gasLimit":"0x5209"`, bad, "gas and gasLimit differ"},
		{"gas-limit-null", `"gas":"0x5208"`, `"gas":"0x5208","gasLimit":null`, "", ""},
		{"signed-v", `"type":"0x2"`, `"type":"0x2","v":"0x0"`, bad, "signed already"},
		{"signed-hash", `"type":"0x2"`, `"type":"0x2","hash":"0x` + strings.Repeat("cc", 32) + `"`, bad, "signed already"},
		{"hash-null", `"type":"0x2"`, `"type":"0x2","hash":null,"blockHash":null,"v":null`, "", ""},
		{"zero-signature", `"type":"0x2"`, `"type":"0x2","v":"0x0","r":"0x0","s":"0x0","yParity":"0x0","hash":"0x` + strings.Repeat("cc", 32) + `"`, "", ""},
		{"zero-signature-without-s", `"type":"0x2"`, `"type":"0x2","v":"0x0","r":"0x0"`, bad, "signed already"},
		{"half-signature", `"type":"0x2"`, `"type":"0x2","v":"0x0","r":"0x0","s":"0x1"`, bad, "signed already"},
		{"zero-signature-parity", `"type":"0x2"`, `"type":"0x2","v":"0x1","r":"0x0","s":"0x0"`, bad, "signed already"},
		{"zero-signature-mined", `"type":"0x2"`, `"type":"0x2","r":"0x0","s":"0x0","blockNumber":"0x1"`, bad, "signed already"},
		{"zero-signature-number", `"type":"0x2"`, `"type":"0x2","r":0,"s":0`, bad, "signed already"},
		{"no-nonce", `"nonce":"0x1",`, ``, bad, "nonce is missing"},
		{"null-nonce", `"nonce":"0x1"`, `"nonce":null`, bad, "nonce is missing"},
		{"no-gas", `"gas":"0x5208",`, ``, bad, "gas is missing"},
		{"zero-gas", `"gas":"0x5208"`, `"gas":"0x0"`, bad, "gas is 0"},
		{"no-chain", `"chainId":"0x1",`, ``, bad, "chainId is missing"},
		{"chain-0", `"chainId":"0x1"`, `"chainId":"0x0"`, bad, "chain id is 0"},
		{"chain-large", `"chainId":"0x1"`, `"chainId":"0x8000000000000000"`, bad, "chain id is too large"},
		{"chain-wide", `"chainId":"0x1"`, `"chainId":"0x10000000000000001"`, bad, "chain id is too large"}, // mainnet's in 64 bits
		{"key-trailing", `000001"]`, `000001zz"]`, bad, "a storage key of access list entry 1 is not 32 bytes"},
		{"chain-largest", `"chainId":"0x1"`, `"chainId":"0x7fffffffffffffdb"`, "", ""},
		{"chain-larger", `"chainId":"0x1"`, `"chainId":"0x7fffffffffffffdc"`, bad, "chain id is too large"},
		{"no-fee", `"maxFeePerGas":"0x10",`, ``, bad, "maxFeePerGas is missing"},
		{"no-tip", `,"maxPriorityFeePerGas":"0x1"`, ``, bad, "maxPriorityFeePerGas is missing"},
		{"tip-over-fee", `"maxFeePerGas":"0x10"`, `"maxFeePerGas":"0x0"`, bad, "larger than maxFeePerGas"},
		{"both-fees", `"nonce"`, `"gasPrice":"0x1","nonce"`, bad, "type 2 has no field gasPrice"},
		{"type-0", `"type":"0x2"`, `"type":"0x0"`, bad, "type 0 has no field maxFeePerGas"},
		{"type-1", `"type":"0x2"`, `"type":"0x1"`, bad, "type 1 has no field maxFeePerGas"},
		{"type-4", `"type":"0x2"`, `"type":"0x4"`, bad, "authorizationList is not a list"},
		{"type-5", `"type":"0x2"`, `"type":"0x5"`, bad, "unknown type 5"},
		{"type-word", `"type":"0x2"`, `"type":"eip1559"`, bad, "type is not a quantity"},
		{"type-implied", `"type":"0x2",`, ``, "", ""},
		{"type-3", `"type":"0x2"`, `"type":"0x3"`, intent.CodeBlobTransaction, "blob transactions"},
		{"blob-hashes", `"type":"0x2"`, `"blobVersionedHashes":[]`, intent.CodeBlobTransaction, "blob transactions"},
		{"blob-fee", `"type":"0x2"`, `"type":"0x2","maxFeePerBlobGas":"0x1"`, intent.CodeBlobTransaction, "blob transactions"},
		{"authorizations-on-2", `"nonce"`, `"authorizationList":[],"nonce"`, bad, "type 2 has no field authorizationList"},
		{"number", `"nonce":"0x1"`, `"nonce":1`, bad, "nonce is not a quantity"},
		{"decimal", `"nonce":"0x1"`, `"nonce":"1"`, bad, "nonce is not a quantity"},
		{"empty-hex", `"nonce":"0x1"`, `"nonce":"0x"`, bad, "nonce is not a quantity"},
		{"negative", `"nonce":"0x1"`, `"nonce":"-0x1"`, bad, "nonce is not a quantity"},
		{"negative-hex", `"nonce":"0x1"`, `"nonce":"0x-1"`, bad, "nonce is not a quantity"},
		{"underscore", `"nonce":"0x1"`, `"nonce":"0x1_0"`, bad, "nonce is not a quantity"},
		{"leading-zeros", `"nonce":"0x1"`, `"nonce":"0x0001"`, "", ""},
		{"upper-hex", `"nonce":"0x1"`, `"nonce":"0xAF"`, "", ""},
		{"nonce-65-bits", `"nonce":"0x1"`, `"nonce":"0x10000000000000000"`, bad, "nonce is larger than 64 bits"},
		{"nonce-last", `"nonce":"0x1"`, `"nonce":"0xffffffffffffffff"`, bad, "EIP-2681"},
		{"value-257-bits", `"value":"0x1"`, `"value":"0x` + strings.Repeat("f", 65) + `"`, bad, "value is not a quantity"},
		{"value-256-bits", `"value":"0x1"`, `"value":"0x` + strings.Repeat("f", 64) + `"`, "", ""},
		{"value-absent", `"value":"0x1",`, ``, "", ""},
		{"to-checksum", `"to":"0x5aA`, `"to":"0x5aa`, bad, "to: the checksum"},
		{"to-short", `"to":"0x5aAe`, `"to":"0x5a`, bad, "to: an address is"},
		{"to-number", `"to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"`, `"to":5`, bad, "to is a number"},
		{"to-digit", `"to":"0x5aAe`, `"to":"0x5aAg`, bad, "to: an address has only"},
		{"creation-without-code", `"to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",`, ``, bad, "neither a recipient nor data"},
		{"from-checksum", `"nonce"`, `"from":"0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed","nonce"`, bad, "from: the checksum"},
		{"input-odd", `"input":"0x"`, `"input":"0x1"`, bad, "input is not"},
		{"input-bare", `"input":"0x"`, `"input":"12"`, bad, "input is not"},
		{"input-number", `"input":"0x"`, `"input":12`, bad, "input is not"},
		{"input-and-data", `"input":"0x"`, `"input":"0x","data":"0x00"`, bad, "input and data differ"},
		{"input-equals-data", `"input":"0x"`, `"input":"0xAA","data":"0xaa"`, "", ""},
		{"access-object", `"accessList":[`, `"accessList":{},"x":[`, bad, "unknown field"},
		{"access-type", `"accessList":[{`, `"accessList":[1,{`, bad, "access list entry 1 is a number"},
		{"access-not-list", `"accessList":[{"address":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","storageKeys":["0x0000000000000000000000000000000000000000000000000000000000000001"]}]`, `"accessList":{}`, bad, "accessList is not a list"},
		{"access-unknown", `"storageKeys"`, `"keys"`, bad, `unknown field "keys" of access list entry 1`},
		{"access-no-keys", `,"storageKeys":["0x0000000000000000000000000000000000000000000000000000000000000001"]`, ``, bad, "no list of storageKeys"},
		{"access-key-short", `"0x00000000`, `"0x000000`, bad, "not 32 bytes"},
		{"access-key-type", `["0x0000000000000000000000000000000000000000000000000000000000000001"]`, `[1]`, bad, "not 32 bytes"},
		{"access-checksum", `{"address":"0x5aA`, `{"address":"0x5aa`, bad, "access list entry 1: the checksum"},
		{"access-many", `["0x0000000000000000000000000000000000000000000000000000000000000001"]`,
			"[" + strings.Repeat(`"0x0000000000000000000000000000000000000000000000000000000000000001",`, 511) + `"0x0000000000000000000000000000000000000000000000000000000000000001"]`, bad, "more than 512 entries"},
	})
	run(t, intent.Transaction, eip155, []row{
		{"legacy-no-fee", `"gasPrice":"0x4a817c800",`, ``, bad, "the fee is missing"},
		{"legacy-stated-no-fee", `"gasPrice":"0x4a817c800",`, `"type":"0x0",`, bad, "gasPrice is missing"},
		{"legacy-access-list", `"nonce"`, `"type":"0x0","accessList":[],"nonce"`, bad, "type 0 has no field accessList"},
		{"implied-1", `"nonce"`, `"accessList":[],"nonce"`, "", ""},
		{"implied-1-no-fee", `"gasPrice":"0x4a817c800"`, `"accessList":[]`, bad, "gasPrice is missing"},
		{"implied-2-with-price", `"nonce"`, `"maxFeePerGas":"0x1","nonce"`, bad, "type 2 has no field gasPrice"},
	})
}

// setCode returns a type 4 transaction with the given authorization list.
func setCode(auths string) string {
	return `{"chainId":"0x1","nonce":"0x1","gas":"0x15f90","maxFeePerGas":"0x10","maxPriorityFeePerGas":"0x1",
"to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","authorizationList":` + auths + `}`
}

func authorization(t testing.TB, seed string, chain uint64) string {
	t.Helper()
	key, _ := account(t, seed)
	a, err := types.SignSetCode(key, types.SetCodeAuthorization{
		ChainID: *uint256.NewInt(chain), Address: common.HexToAddress("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), Nonce: 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"chainId":"%#x","address":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","nonce":"0x5","yParity":"%#x","r":"%s","s":"%s"}`,
		chain, a.V, a.R.Hex(), a.S.Hex())
}

func TestAuthorizationErrors(t *testing.T) {
	t.Parallel()
	const bad, own = intent.CodeBadTransaction, intent.CodeOwnAuthorization
	good := authorization(t, "other", 1)
	base := setCode("[" + good + "]")
	unsigned := `{"chainId":"0x1","address":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","nonce":"0x5"}`
	run(t, intent.Transaction, base, []row{
		{"empty", "[" + good + "]", "[]", bad, "is empty"},
		{"absent", `,"authorizationList":[` + good + "]", ``, "", ""}, // a plain type 2
		{"null", "[" + good + "]", "null", "", ""},
		{"stated-type", `"chainId":"0x1","nonce":"0x1"`, `"type":"0x4","chainId":"0x1","nonce":"0x1"`, "", ""},
		{"object", "[" + good + "]", good, bad, "is not a list"},
		{"unsigned", good, unsigned, own, "authorization 1 is not signed"},
		{"zero-signature", good, strings.TrimSuffix(unsigned, "}") + `,"yParity":"0x0","r":"0x0","s":"0x0"}`, own, "authorization 1 is not signed"},
		{"half-signed", good, strings.TrimSuffix(unsigned, "}") + `,"yParity":"0x0"}`, bad, "r is missing"},
		{"parity", `"yParity":"0x`, `"yParity":"0x1`, bad, "authorization 1 is not valid"},
		{"unknown", `"yParity"`, `"v":"0x1b","yParity"`, bad, `unknown field "v" of authorization 1`},
		{"second", good, good + "," + unsigned, own, "authorization 2 is not signed"},
		{"no-address", `"address":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",`, ``, bad, "authorization 1: address is missing"},
		{"many", good, strings.Repeat(good+",", 64) + good, bad, "at most 64"},
		{"creation", `"to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",`, ``, bad, "cannot create a contract"},
		{"gas-price", `"maxFeePerGas"`, `"gasPrice":"0x1","maxFeePerGas"`, bad, "type 4 has no field gasPrice"},
	})
}

// One's own authorization would hand the account over; it is told apart only
// where the account is known.
func TestOwnAuthorizationIsRefused(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	payload := normalize(t, intent.Input{Kind: intent.Transaction,
		JSON: []byte(setCode("[" + authorization(t, "other", 1) + "," + authorization(t, "cow", 1) + "]"))})
	_, err := intent.Decode(intent.Transaction, payload, ctx)
	wantError(t, err, intent.CodeOwnAuthorization, "authorization 2 hands this account over")
	_, err = intent.Finish(intent.Transaction, payload, ctx, make([]byte, 65))
	wantError(t, err, intent.CodeOwnAuthorization, "authorization 2 hands this account over")
}

func TestForeignSenderIsRefused(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	_, other := account(t, "other")
	with := func(a [20]byte) []byte {
		return normalize(t, intent.Input{Kind: intent.Transaction,
			JSON: []byte(strings.Replace(eip155, `"nonce"`, `"from":"`+common.Address(a).Hex()+`","nonce"`, 1))})
	}
	if _, err := intent.Decode(intent.Transaction, with(ctx.Address), ctx); err != nil {
		t.Error(err)
	}
	_, err := intent.Decode(intent.Transaction, with(other.Address), ctx)
	wantError(t, err, intent.CodeWrongAccount, "but this account is "+common.Address(ctx.Address).Hex())
}

// What a peer sends is checked as what a person gives is.
func TestTransactionPayloadErrors(t *testing.T) {
	t.Parallel()
	key, ctx := cow(t)
	type payload struct {
		Version uint8  `cbor:"1,keyasint"`
		Tx      []byte `cbor:"2,keyasint"`
		From    []byte `cbor:"3,keyasint"`
	}
	to := common.Address{1}
	one := common.Big1
	legacy := func(v uint64) *types.Transaction {
		return types.NewTx(&types.LegacyTx{GasPrice: one, Gas: 21000, To: &to, Value: one, V: uint256.NewInt(v).ToBig()})
	}
	dynamic := types.NewTx(&types.DynamicFeeTx{ChainID: one, GasTipCap: one, GasFeeCap: one, Gas: 21000, To: &to, Value: one})
	signed, err := types.SignTx(dynamic, types.LatestSignerForChainID(one), key)
	if err != nil {
		t.Fatal(err)
	}
	signedLegacy, err := types.SignTx(legacy(0), types.LatestSignerForChainID(one), key)
	if err != nil {
		t.Fatal(err)
	}
	parity := types.NewTx(&types.DynamicFeeTx{ChainID: one, GasTipCap: one, GasFeeCap: one, Gas: 21000, To: &to, Value: one, V: one})
	half := func(r, s *big.Int) *types.Transaction {
		return types.NewTx(&types.DynamicFeeTx{ChainID: one, GasTipCap: one, GasFeeCap: one, Gas: 21000, To: &to, Value: one, R: r, S: s})
	}
	blob := types.NewTx(&types.BlobTx{ChainID: uint256.NewInt(1), GasTipCap: uint256.NewInt(1), GasFeeCap: uint256.NewInt(1), Gas: 21000,
		To: to, Value: uint256.NewInt(1), BlobFeeCap: uint256.NewInt(1), BlobHashes: []common.Hash{{1}}})
	other, _ := account(t, "other")
	auth, err := types.SignSetCode(other, types.SetCodeAuthorization{ChainID: *uint256.NewInt(1), Address: to})
	if err != nil {
		t.Fatal(err)
	}
	auths := func(n int, a types.SetCodeAuthorization) *types.Transaction {
		list := make([]types.SetCodeAuthorization, n)
		for i := range list {
			list[i] = a
		}
		return types.NewTx(&types.SetCodeTx{ChainID: uint256.NewInt(1), GasTipCap: uint256.NewInt(1), GasFeeCap: uint256.NewInt(1), Gas: 21000,
			To: to, Value: uint256.NewInt(1), AuthList: list})
	}
	fees := func(value, fee, tip uint) *types.Transaction {
		n := func(bits uint) *big.Int { return new(big.Int).Lsh(common.Big1, bits) }
		return types.NewTx(&types.DynamicFeeTx{ChainID: one, GasTipCap: n(tip), GasFeeCap: n(fee), Gas: 21000, To: &to, Value: n(value)})
	}
	raw := func(tx *types.Transaction) []byte {
		b, err := tx.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	none := []byte{}
	for name, c := range map[string]struct {
		payload any
		code    string
		want    string
	}{
		"version":        {payload{2, raw(dynamic), none}, intent.CodeBadPayload, "malformed"},
		"from-null":      {payload{1, raw(dynamic), nil}, intent.CodeBadPayload, "malformed"},
		"from-short":     {payload{1, raw(dynamic), make([]byte, 19)}, intent.CodeBadPayload, "malformed"},
		"from-other":     {payload{1, raw(dynamic), make([]byte, 20)}, intent.CodeWrongAccount, "is from"},
		"trailing":       {payload{1, append(raw(dynamic), 0), none}, intent.CodeBadPayload, "malformed"},
		"truncated":      {payload{1, raw(dynamic)[:20], none}, intent.CodeBadPayload, "malformed"},
		"empty":          {payload{1, nil, none}, intent.CodeBadPayload, "malformed"},
		"signed":         {payload{1, raw(signed), none}, intent.CodeBadPayload, "has a signature"},
		"signed-legacy":  {payload{1, raw(signedLegacy), none}, intent.CodeBadPayload, "has a signature"},
		"parity":         {payload{1, raw(parity), none}, intent.CodeBadPayload, "has a signature"},
		"signed-r":       {payload{1, raw(half(one, new(big.Int))), none}, intent.CodeBadPayload, "has a signature"},
		"signed-s":       {payload{1, raw(half(new(big.Int), one)), none}, intent.CodeBadPayload, "has a signature"},
		"legacy-chain-0": {payload{1, raw(legacy(0)), none}, intent.CodeBadTransaction, "chain id is 0"},
		"blob":           {payload{1, raw(blob), none}, intent.CodeBlobTransaction, "blob transactions"},
		"no-auths":       {payload{1, raw(auths(0, auth)), none}, intent.CodeBadTransaction, "is empty"},
		"many-auths":     {payload{1, raw(auths(65, auth)), none}, intent.CodeBadTransaction, "more than 64"},
		"unsigned-auth":  {payload{1, raw(auths(1, types.SetCodeAuthorization{})), none}, intent.CodeOwnAuthorization, "not signed"},
		"wide-value":     {payload{1, raw(fees(256, 1, 1)), none}, intent.CodeBadTransaction, "value is larger"},
		"wide-fee":       {payload{1, raw(fees(1, 256, 1)), none}, intent.CodeBadTransaction, "the fee is larger"},
		"tip-over-fee":   {payload{1, raw(fees(1, 1, 2)), none}, intent.CodeBadTransaction, "larger than maxFeePerGas"},
		"bare":           {raw(dynamic), intent.CodeBadPayload, "malformed"},
		"digest":         {crypto.Keccak256(nil), intent.CodeBadPayload, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := intent.Decode(intent.Transaction, wire.Marshal(c.payload), ctx)
			wantError(t, err, c.code, c.want)
		})
	}
	if _, err := intent.Decode(intent.Transaction, wire.Marshal(payload{1, raw(dynamic), none}), ctx); err != nil {
		t.Error(err)
	}
}

func TestPayloadErrors(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	_, ssh := sshAccount()
	type pair struct {
		Version uint8  `cbor:"1,keyasint"`
		Body    []byte `cbor:"2,keyasint"`
	}
	canonical := string(normalize(t, intent.Input{Kind: intent.TypedData, JSON: []byte(mail)}))
	canonical = canonical[strings.IndexByte(canonical, '{'):]
	_, err := intent.Decode(intent.TypedData, wire.Marshal(pair{1, []byte(canonical)}), ctx)
	if err != nil {
		t.Fatalf("the canonical JSON is refused: %v", err)
	}
	for name, c := range map[string]struct {
		kind    intent.Kind
		payload []byte
		code    string
		want    string
	}{
		"typed-version":   {intent.TypedData, wire.Marshal(pair{2, []byte(canonical)}), intent.CodeBadPayload, "malformed"},
		"typed-space":     {intent.TypedData, wire.Marshal(pair{1, []byte(" " + canonical)}), intent.CodeBadPayload, "not in canonical form"},
		"typed-case":      {intent.TypedData, wire.Marshal(pair{1, []byte(strings.Replace(canonical, "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", "0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826", 1))}), intent.CodeBadPayload, "not in canonical form"},
		"typed-number":    {intent.TypedData, wire.Marshal(pair{1, []byte(strings.Replace(canonical, `"chainId":"1"`, `"chainId":1`, 1))}), intent.CodeBadPayload, "not in canonical form"},
		"typed-original":  {intent.TypedData, wire.Marshal(pair{1, []byte(mail)}), intent.CodeBadPayload, "not in canonical form"},
		"typed-wrong":     {intent.TypedData, wire.Marshal(pair{1, []byte(`{}`)}), intent.CodeBadTypedData, "types"},
		"message-empty":   {intent.Message, wire.Marshal(pair{1, []byte{}}), intent.CodeBadPayload, "malformed"},
		"message-null":    {intent.Message, wire.Marshal(pair{1, nil}), intent.CodeBadPayload, "malformed"},
		"message-version": {intent.Message, wire.Marshal(pair{0, []byte("x")}), intent.CodeBadPayload, "malformed"},
		"message-trail":   {intent.Message, append(wire.Marshal(pair{1, []byte("x")}), 0), intent.CodeBadPayload, "malformed"},
		"file":            {intent.SSHFile, wire.Marshal(pair{1, []byte("x")}), intent.CodeBadPayload, "malformed"},
		"nothing":         {intent.SSHFile, nil, intent.CodeBadPayload, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			who := ctx
			if c.kind == intent.SSHFile {
				who = ssh
			}
			_, err := intent.Decode(c.kind, c.payload, who)
			wantError(t, err, c.code, c.want)
		})
	}
	_, err = intent.Normalize(intent.Input{Kind: intent.Message})
	wantError(t, err, intent.CodeBadMessage, "empty")
}

// A file of a peer passes the checks of a person's.
func TestFilePayloadErrors(t *testing.T) {
	t.Parallel()
	_, ctx := sshAccount()
	type payload struct {
		Version   uint8    `cbor:"1,keyasint"`
		Namespace string   `cbor:"2,keyasint"`
		SHA512    [64]byte `cbor:"3,keyasint"`
		Name      string   `cbor:"4,keyasint"`
		Size      uint64   `cbor:"5,keyasint"`
	}
	good := payload{1, "file", [64]byte{1}, "x", 3}
	for name, change := range map[string]func(*payload){
		"namespace": func(p *payload) { p.Namespace = "" },
		"hash":      func(p *payload) { p.SHA512 = [64]byte{} },
		"size":      func(p *payload) { p.Size = 1 << 63 },
	} {
		p := good
		change(&p)
		_, err := intent.Decode(intent.SSHFile, wire.Marshal(p), ctx)
		t.Run(name, func(t *testing.T) { wantError(t, err, intent.CodeBadFile, "") })
	}
	if _, err := intent.Decode(intent.SSHFile, wire.Marshal(good), ctx); err != nil {
		t.Error(err)
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for _, s := range []string{ // the examples of EIP-55
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
		"0x52908400098527886E0F7030069857D2E4169EE7", "0xde709f2102306220921060314715629080e2fb77",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
	} {
		a, err := intent.ParseAddress(s)
		if err != nil || a != common.HexToAddress(s) {
			t.Errorf("%s: %x, %v", s, a, err)
		}
	}
	for s, want := range map[string]string{
		"": "0x and 40", "0x": "0x and 40", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed": "0x and 40",
		"0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed":     "0x and 40",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae":      "0x and 40",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaedd":    "0x and 40",
		" 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed":    "0x and 40",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg":     "only the digits",
		"0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed":     "checksum",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD":     "checksum",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1bea\u200b": "0x and 40",
	} {
		_, err := intent.ParseAddress(s)
		t.Run(s, func(t *testing.T) { wantError(t, err, intent.CodeBadAddress, want) })
	}
}

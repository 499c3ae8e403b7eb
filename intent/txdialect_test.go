package intent_test

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/warifu/warifu/intent"
)

// ethers' Transaction.toJSON writes numbers, decimal digits and a null
// signature.
func TestTransactionAsEthersWritesIt(t *testing.T) {
	t.Parallel()
	const ethers = `{"type":2,"to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","data":"0x","nonce":12,"gasLimit":"21000","gasPrice":null,"maxPriorityFeePerGas":"1000000000",
"maxFeePerGas":"2000000000","value":"340","chainId":"1","sig":null,"accessList":[]}`
	const plain = `{"type":"0x2","to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","data":"0x","nonce":"0xc","gas":"0x5208","maxPriorityFeePerGas":"0x3b9aca00",
"maxFeePerGas":"0x77359400","value":"0x154","chainId":"0x1","accessList":[]}`
	same := func(a, b string) {
		t.Helper()
		if !bytes.Equal(normalize(t, intent.Input{Kind: intent.Transaction, JSON: []byte(a)}), normalize(t, intent.Input{Kind: intent.Transaction, JSON: []byte(b)})) {
			t.Errorf("payloads differ: %s %s", a, b)
		}
	}
	same(ethers, plain)
	same(`{"type":0,"to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","data":"0x01","nonce":0,"gasLimit":"30000","gasPrice":"5","maxPriorityFeePerGas":null,"maxFeePerGas":null,"value":"0","chainId":"10","sig":null,"accessList":null}`,
		`{"to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","data":"0x01","nonce":"0x0","gas":"0x7530","gasPrice":"0x5","value":"0x0","chainId":"0xa"}`)
	const bad = intent.CodeBadTransaction
	run(t, intent.Transaction, ethers, []row{
		{"signed", `"sig":null`, `"sig":{"r":"0x1"}`, bad, "the field sig belongs to a transaction that is signed"},
		{"hex-beside-decimals", `"value":"340"`, `"value":"0x154"`, bad, "value is not a quantity"},
		{"number-beside-decimals", `"value":"340"`, `"value":340`, bad, "value is not a quantity"},
		{"leading-zero", `"value":"340"`, `"value":"0340"`, bad, "value is not a quantity"},
		{"nonce-string", `"nonce":12`, `"nonce":"12"`, bad, "nonce is not a quantity"},
		{"nonce-rounded", `"nonce":12`, `"nonce":9007199254740993`, bad, "nonce is not a quantity"},
		{"exponent", `"nonce":12`, `"nonce":12e0`, bad, "nonce is not a quantity"},
		// Without the mark that it is of ethers it is JSON-RPC, and all wrong.
		{"no-mark", `"sig":null,`, ``, bad, "type is not a quantity"},
		{"no-mark-told", `"sig":null,`, ``, bad, `value is not a quantity but the decimal number 340: write "0x154"`},
		{"blob", `"type":2`, `"type":3`, intent.CodeBlobTransaction, "blob"},
		{"type-4", `"type":2`, `"type":4`, bad, "authorizationList is not a list"},
	})
}

func raw(t *testing.T, typ byte, list ...any) string {
	t.Helper()
	b, err := rlp.EncodeToBytes(list)
	if err != nil {
		t.Fatal(err)
	}
	if typ != types.LegacyTxType {
		b = append([]byte{typ}, b...)
	}
	return fmt.Sprintf("0x%x", b)
}

// The bytes that are hashed for a signature are a form of a transaction, too.
func TestUnsignedRLP(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	to, one := common.HexToAddress(someone), big.NewInt(1)
	list := types.AccessList{{Address: to, StorageKeys: []common.Hash{{1}}}}
	auth := make([]types.SetCodeAuthorization, 1)
	if err := auth[0].UnmarshalJSON([]byte(authorization(t, "other", 1))); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		raw    string
		signer types.Signer
		tx     *types.Transaction
	}{
		"0": {raw(t, 0, uint64(9), big.NewInt(5), uint64(21000), to, one, []byte{1}, big.NewInt(10), uint(0), uint(0)), types.LatestSignerForChainID(big.NewInt(10)),
			types.NewTx(&types.LegacyTx{Nonce: 9, GasPrice: big.NewInt(5), Gas: 21000, To: &to, Value: one, Data: []byte{1}})},
		"1": {raw(t, 1, one, uint64(9), big.NewInt(5), uint64(21000), to, one, []byte{}, list), types.LatestSignerForChainID(one),
			types.NewTx(&types.AccessListTx{ChainID: one, Nonce: 9, GasPrice: big.NewInt(5), Gas: 21000, To: &to, Value: one, AccessList: list})},
		"2": {raw(t, 2, one, uint64(9), big.NewInt(5), big.NewInt(6), uint64(21000), to, one, []byte{}, list), types.LatestSignerForChainID(one),
			types.NewTx(&types.DynamicFeeTx{ChainID: one, Nonce: 9, GasTipCap: big.NewInt(5), GasFeeCap: big.NewInt(6), Gas: 21000, To: &to, Value: one, AccessList: list})},
		"2-creation": {raw(t, 2, one, uint64(9), big.NewInt(5), big.NewInt(6), uint64(21000), []byte{}, one, []byte{0x60}, types.AccessList{}), types.LatestSignerForChainID(one),
			types.NewTx(&types.DynamicFeeTx{ChainID: one, Nonce: 9, GasTipCap: big.NewInt(5), GasFeeCap: big.NewInt(6), Gas: 21000, Value: one, Data: []byte{0x60}})},
		"4": {raw(t, 4, one, uint64(9), big.NewInt(5), big.NewInt(6), uint64(21000), to, one, []byte{}, list, auth), types.LatestSignerForChainID(one), nil},
	} {
		for _, form := range []string{c.raw, c.raw[2:], " " + c.raw + "\n", `"` + c.raw + `"`} {
			in := readJSON(t, intent.Transaction, form, ctx)
			if c.tx != nil && !bytes.Equal(in.ToSign, c.signer.Hash(c.tx).Bytes()) {
				t.Errorf("%s: digest %x", name, in.ToSign)
			}
			if name == "4" && !strings.Contains(fmt.Sprint(in.Lines), "authorization 1") {
				t.Errorf("%s: %v", name, in.Lines)
			}
		}
	}
	const bad = intent.CodeBadTransaction
	good := raw(t, 2, one, uint64(9), big.NewInt(5), big.NewInt(6), uint64(21000), to, one, []byte{}, list)
	wide := new(big.Int).Lsh(one, 256)
	for name, c := range map[string]struct{ in, code, want string }{
		"signed":        {raw(t, 2, one, uint64(9), big.NewInt(5), big.NewInt(6), uint64(21000), to, one, []byte{}, list, uint(1), one, one), bad, "signed already"},
		"signed-legacy": {raw(t, 0, uint64(9), big.NewInt(5), uint64(21000), to, one, []byte{1}, big.NewInt(37), one, one), bad, "signed already"},
		"no-chain":      {raw(t, 0, uint64(9), big.NewInt(5), uint64(21000), to, one, []byte{1}), bad, "no chain id"},
		"chain-0":       {raw(t, 0, uint64(9), big.NewInt(5), uint64(21000), to, one, []byte{1}, uint(0), uint(0), uint(0)), bad, "chain id is 0"},
		"blob":          {raw(t, 3, one), intent.CodeBlobTransaction, "blob"},
		"type-5":        {raw(t, 5, one), bad, "the type is unknown"},
		"type-0-prefix": {"0x00" + raw(t, 0, uint64(9), big.NewInt(5), uint64(21000), to, one, []byte{1}, big.NewInt(10), uint(0), uint(0))[2:], bad, "the type is unknown"},
		"few":           {raw(t, 2, one, uint64(9)), bad, "the number of its fields"},
		"trailing":      {good + "00", bad, "not one list"},
		"cut":           {good[:len(good)-2], bad, "not one list"},
		"short-address": {raw(t, 2, one, uint64(9), big.NewInt(5), big.NewInt(6), uint64(21000), to[:19], one, []byte{}, list), bad, "a field of it cannot be read"},
		"wide-value":    {raw(t, 2, one, uint64(9), big.NewInt(5), big.NewInt(6), uint64(21000), to, wide, []byte{}, list), bad, "value is larger than 256 bits"},
		"wide-value-4":  {raw(t, 4, one, uint64(9), big.NewInt(5), big.NewInt(6), uint64(21000), to, wide, []byte{}, list, auth), bad, "a field of it cannot be read"},
		"odd":           {good[:len(good)-1], bad, "pairs of hexadecimal digits"},
		"large":         {"0x" + strings.Repeat("00", 300<<10), intent.CodeTooLarge, "bytes of JSON"},
		"nothing":       {"0x", bad, "pairs of hexadecimal digits"},
		"odd-bare":      {good[2 : len(good)-1], intent.CodeBadJSON, ""},
		"message":       {"0x1901" + strings.Repeat("00", 64), bad, "not one list"},
	} {
		_, err := intent.Normalize(intent.Input{Kind: intent.Transaction, JSON: []byte(c.in)})
		t.Run(name, func(t *testing.T) { wantError(t, err, c.code, c.want) })
	}
}

// Both names of the gas and a signature of zeros change nothing.
func TestDialectsOfJSONRPC(t *testing.T) {
	t.Parallel()
	base := normalize(t, intent.Input{Kind: intent.Transaction, JSON: []byte(eip155)})
	for _, more := range []string{`"gasLimit":"0x5208"`, `"r":"0x0","s":"0x0","v":"0x0","hash":"0x` + strings.Repeat("1", 64) + `"`, `"blockHash":null,"from":null`} {
		got := normalize(t, intent.Input{Kind: intent.Transaction, JSON: []byte(strings.Replace(eip155, `"nonce"`, more+`,"nonce"`, 1))})
		if !bytes.Equal(got, base) {
			t.Errorf("with %s the payload is another one", more)
		}
	}
}

package tx

import (
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/holiman/uint256"

	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/intent/internal/strictjson"
)

// rawTransaction reads hexadecimal digits, bare or as a JSON string, with or
// without 0x, and reports whether the input is meant as such: no JSON object
// begins like that.
func rawTransaction(b []byte) (raw []byte, meant bool, err error) {
	if len(b) > strictjson.MaxInput {
		return nil, false, nil // refused as JSON
	}
	s := strings.Trim(string(b), " \t\r\n")
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	s, prefixed := strings.CutPrefix(s, "0x")
	raw, err = hex.DecodeString(s)
	if prefixed && (err != nil || len(raw) < 2) {
		return nil, true, request.Refuse(request.CodeBadTransaction, "what follows 0x is not pairs of hexadecimal digits").
			WithHint("copy the whole transaction again")
	}
	return raw, err == nil && len(raw) > 1 && (prefixed || raw[0] <= types.SetCodeTxType || raw[0] >= 0xc0), nil
}

// parseRaw reads the bytes of a transaction that is not signed yet, which are
// those whose hash is signed: RLP after EIP-155 for type 0, else the type and
// RLP without a signature (EIP-2718).
func parseRaw(raw []byte) (*Transaction, error) {
	bad := func(why string) (*Transaction, error) {
		return nil, request.Refuse(request.CodeBadTransaction, "the hexadecimal digits are not an unsigned transaction: %s", why)
	}
	typ, body := byte(types.LegacyTxType), raw
	if raw[0] < 0xc0 {
		typ, body = raw[0], raw[1:]
	}
	n, err := countFields(body)
	if err != nil {
		return bad("they are not one list in RLP")
	}
	if typ == types.BlobTxType {
		return nil, refuseBlob()
	}
	want, ok := map[byte]int{types.LegacyTxType: 9, types.AccessListTxType: 8, types.DynamicFeeTxType: 9, types.SetCodeTxType: 10}[typ]
	switch {
	case !ok || typ == types.LegacyTxType && raw[0] < 0xc0:
		return bad("the type is unknown")
	case typ == types.LegacyTxType && n == 6:
		return nil, request.Refuse(request.CodeBadTransaction, "the transaction has no chain id (EIP-155); it would be valid on every chain").
			WithHint("make it for the chain that is meant")
	case typ != types.LegacyTxType && n == want+3:
		return nil, refuseSigned("r")
	case n != want:
		return bad("the number of its fields is another")
	}
	t := &Transaction{from: []byte{}}
	switch typ {
	case types.LegacyTxType:
		var f struct {
			Nonce       uint64
			GasPrice    *big.Int
			Gas         uint64
			To          *common.Address `rlp:"nil"`
			Value       *big.Int
			Data        []byte
			Chain, R, S *big.Int
		}
		if err = rlp.DecodeBytes(body, &f); err != nil {
			break
		}
		if f.R.Sign() != 0 || f.S.Sign() != 0 {
			return nil, refuseSigned("r")
		}
		t.chain = f.Chain
		t.tx = types.NewTx(&types.LegacyTx{Nonce: f.Nonce, GasPrice: f.GasPrice, Gas: f.Gas, To: f.To, Value: f.Value, Data: f.Data, V: f.Chain})
	case types.AccessListTxType:
		var f struct {
			Chain    *big.Int
			Nonce    uint64
			GasPrice *big.Int
			Gas      uint64
			To       *common.Address `rlp:"nil"`
			Value    *big.Int
			Data     []byte
			Access   types.AccessList
		}
		if err = rlp.DecodeBytes(body, &f); err != nil {
			break
		}
		t.chain = f.Chain
		t.tx = types.NewTx(&types.AccessListTx{ChainID: f.Chain, Nonce: f.Nonce, GasPrice: f.GasPrice, Gas: f.Gas, To: f.To, Value: f.Value, Data: f.Data, AccessList: f.Access})
	case types.DynamicFeeTxType:
		var f struct {
			Chain      *big.Int
			Nonce      uint64
			Tip, Limit *big.Int
			Gas        uint64
			To         *common.Address `rlp:"nil"`
			Value      *big.Int
			Data       []byte
			Access     types.AccessList
		}
		if err = rlp.DecodeBytes(body, &f); err != nil {
			break
		}
		t.chain = f.Chain
		t.tx = types.NewTx(&types.DynamicFeeTx{ChainID: f.Chain, Nonce: f.Nonce, GasTipCap: f.Tip, GasFeeCap: f.Limit, Gas: f.Gas, To: f.To, Value: f.Value, Data: f.Data, AccessList: f.Access})
	case types.SetCodeTxType:
		var f struct {
			Chain      *uint256.Int
			Nonce      uint64
			Tip, Limit *uint256.Int
			Gas        uint64
			To         common.Address
			Value      *uint256.Int
			Data       []byte
			Access     types.AccessList
			Auths      []types.SetCodeAuthorization
		}
		if err = rlp.DecodeBytes(body, &f); err != nil {
			break
		}
		t.chain = f.Chain.ToBig()
		t.tx = types.NewTx(&types.SetCodeTx{ChainID: f.Chain, Nonce: f.Nonce, GasTipCap: f.Tip, GasFeeCap: f.Limit, Gas: f.Gas, To: f.To, Value: f.Value, Data: f.Data, AccessList: f.Access, AuthList: f.Auths})
	}
	if err != nil {
		return bad("a field of it cannot be read")
	}
	return t, nil
}

// countFields returns how many items the one list of b has.
func countFields(b []byte) (int, error) {
	content, rest, err := rlp.SplitList(b)
	if err != nil {
		return 0, err
	}
	if len(rest) > 0 {
		return 0, rlp.ErrMoreThanOneValue
	}
	return rlp.CountValues(content)
}

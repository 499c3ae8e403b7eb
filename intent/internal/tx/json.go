package tx

import (
	"bytes"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/holiman/uint256"

	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/intent/internal/strictjson"
	"github.com/warifu/warifu/intent/internal/text"
)

// signatureField is where ethers writes the signature of a transaction. That it
// is there, and null, tells the form of ethers' Transaction.toJSON: type and
// nonce are numbers, and other quantities are decimal digits in strings.
const signatureField = "sig"

// parseTransaction reads a transaction object of JSON-RPC, one as ethers writes
// it, or the bytes to sign in hexadecimal digits. Quantities of JSON-RPC are
// strings of 0x and hexadecimal digits; leading zeros are tolerated, since
// tools write them and they change nothing. A field that is null counts as
// absent. Unknown fields, and fields that contradict one another, are errors:
// a person who wrote them meant something.
func parseTransaction(b []byte) (*Transaction, error) {
	if raw, meant, err := rawTransaction(b); err != nil {
		return nil, err
	} else if meant {
		return parseRaw(raw)
	}
	top, err := strictjson.Parse(b)
	if err != nil {
		return nil, err
	}
	if top.Kind != strictjson.Object {
		return nil, request.Refuse(request.CodeBadTransaction, "a transaction is an object with the field names of JSON-RPC")
	}
	o := &txObject{n: top, Problems: new(request.Problems)}
	if sig, ok := top.Get(signatureField); ok {
		if sig.Kind != strictjson.Null {
			return nil, refuseSigned(signatureField)
		}
		o.ethers = true
	}
	typ, err := o.typ()
	if err != nil {
		return nil, err
	}
	if err := o.checkNames(typ); err != nil {
		return nil, err
	}
	t := new(Transaction)
	t.chain = o.required("chainId", 256)
	nonce := o.required("nonce", 64).Uint64()
	gas := o.gas()
	amount := o.quantity("value", 256)
	to := o.address("to")
	from := o.address("from")
	data := o.data()
	access := o.accessList()
	t.from = []byte{}
	if from != nil {
		t.from = from[:]
	}
	switch typ {
	case types.LegacyTxType:
		price := o.required("gasPrice", 256)
		t.tx = types.NewTx(&types.LegacyTx{
			Nonce: nonce, GasPrice: price, Gas: gas, To: to, Value: amount, Data: data, V: t.chain,
		})
	case types.AccessListTxType:
		price := o.required("gasPrice", 256)
		t.tx = types.NewTx(&types.AccessListTx{
			ChainID: t.chain, Nonce: nonce, GasPrice: price, Gas: gas, To: to, Value: amount, Data: data, AccessList: access,
		})
	case types.DynamicFeeTxType:
		tip, limit := o.required("maxPriorityFeePerGas", 256), o.required("maxFeePerGas", 256)
		t.tx = types.NewTx(&types.DynamicFeeTx{
			ChainID: t.chain, Nonce: nonce, GasTipCap: tip, GasFeeCap: limit, Gas: gas, To: to, Value: amount, Data: data, AccessList: access,
		})
	case types.SetCodeTxType:
		tip, limit := o.required("maxPriorityFeePerGas", 256), o.required("maxFeePerGas", 256)
		auths := o.authorizations()
		if to == nil {
			o.fail("to is missing; a type 4 transaction cannot create a contract")
			to = new(common.Address)
		}
		t.tx = types.NewTx(&types.SetCodeTx{
			ChainID: uint256.MustFromBig(t.chain), Nonce: nonce, GasTipCap: uint256.MustFromBig(tip), GasFeeCap: uint256.MustFromBig(limit),
			Gas: gas, To: *to, Value: uint256.MustFromBig(amount), Data: data, AccessList: access, AuthList: auths,
		})
	}
	if err := o.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// A txObject reads fields and keeps what is wrong, so that the code above reads
// as a list of fields and a person is told everything at once.
type txObject struct {
	n      strictjson.Node
	ethers bool // quantities are as ethers writes them
	*request.Problems
}

func (o *txObject) fail(format string, args ...any) {
	o.Add(request.Refuse(request.CodeBadTransaction, format, args...))
}

func (o *txObject) failHint(hint, format string, args ...any) {
	o.Add(request.Refuse(request.CodeBadTransaction, format, args...).WithHint(hint))
}

// get returns a field that is there and not null.
func (o *txObject) get(name string) (strictjson.Node, bool) {
	n, ok := o.n.Get(name)
	return n, ok && n.Kind != strictjson.Null
}

// typ returns the type that the object states, or that its fields imply.
func (o *txObject) typ() (byte, error) {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { _, ok := o.get(n); return ok })
	}
	if has(blobFields...) {
		return 0, refuseBlob()
	}
	if _, ok := o.get("type"); ok {
		switch t := o.required("type", 64); {
		case o.Err() != nil:
			break // the fields tell the type, too
		case t.Cmp(big.NewInt(types.BlobTxType)) == 0:
			return 0, refuseBlob()
		case t.Cmp(big.NewInt(types.SetCodeTxType)) > 0:
			return 0, request.Refuse(request.CodeBadTransaction, "unknown type %s of a transaction", t).WithHint("types 0x0, 0x1, 0x2 and 0x4 are signed")
		default:
			return byte(t.Uint64()), nil
		}
	}
	switch {
	case has("authorizationList"):
		return types.SetCodeTxType, nil
	case has("maxFeePerGas", "maxPriorityFeePerGas"):
		return types.DynamicFeeTxType, nil
	case has("accessList"):
		return types.AccessListTxType, nil
	case has("gasPrice"):
		return types.LegacyTxType, nil
	}
	o.failHint("give maxFeePerGas and maxPriorityFeePerGas, or gasPrice", "the fee is missing")
	return 0, o.Err()
}

// required reads a quantity that must be there. It never returns nil.
func (o *txObject) required(name string, bits int) *big.Int {
	if _, ok := o.get(name); !ok {
		o.fail("%s is missing", name)
		return new(big.Int)
	}
	return o.quantity(name, bits)
}

// quantity reads a quantity; absent is 0.
func (o *txObject) quantity(name string, bits int) *big.Int {
	n, ok := o.get(name)
	if !ok {
		return new(big.Int)
	}
	return o.parseQuantity(n, name, bits)
}

func (o *txObject) parseQuantity(n strictjson.Node, name string, bits int) *big.Int {
	v, ok := o.readQuantity(n, name)
	if !ok {
		hint := `quantities are strings of 0x and hexadecimal digits: 21000 is "0x5208"`
		if d, isDecimal := eth.Decimal(n.Text); isDecimal && (n.Kind == strictjson.Number || n.Kind == strictjson.String) {
			o.failHint(hint, `%s is not a quantity but the decimal number %s: write "%#x"`, name, d, d)
		} else {
			o.failHint(hint, "%s is not a quantity", name)
		}
		return new(big.Int)
	}
	if v.BitLen() > bits {
		o.fail("%s is larger than %d bits", name, bits)
		return new(big.Int)
	}
	return v
}

func (o *txObject) readQuantity(n strictjson.Node, name string) (*big.Int, bool) {
	if o.ethers {
		number := name == "type" || name == "nonce"
		v, ok := eth.Decimal(n.Text)
		if !ok || number && (n.Kind != strictjson.Number || v.Cmp(eth.MaxExact) > 0) || !number && n.Kind != strictjson.String {
			return nil, false
		}
		return v, true
	}
	digits, ok := strings.CutPrefix(n.Text, "0x")
	if n.Kind != strictjson.String || !ok || digits == "" || len(digits) > 64 || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return nil, false
	}
	return new(big.Int).SetString(digits, 16)
}

// address reads an address; absent is nil.
func (o *txObject) address(name string) *common.Address {
	n, ok := o.get(name)
	if !ok {
		return nil
	}
	return o.parseAddress(n, name)
}

func (o *txObject) parseAddress(n strictjson.Node, name string) *common.Address {
	if n.Kind != strictjson.String {
		o.fail("%s is %s, not an address", name, n.Kind)
		return nil
	}
	a, err := eth.ParseAddress(n.Text)
	if err != nil {
		e := err.(*request.Error)
		o.failHint(e.Hint, "%s: %s", name, e.Reason)
		return nil
	}
	return (*common.Address)(&a)
}

// data reads the call data, which has two names.
func (o *txObject) data() []byte {
	var out []byte
	seen := ""
	for _, name := range []string{"input", "data"} {
		n, ok := o.get(name)
		if !ok {
			continue
		}
		b, ok := eth.HexBytes(n.Text)
		if n.Kind != strictjson.String || !ok {
			o.fail("%s is not 0x and pairs of hexadecimal digits", name)
			return nil
		}
		if seen != "" && !bytes.Equal(out, b) {
			o.fail("input and data differ")
			return nil
		}
		out, seen = b, name
	}
	return out
}

// object checks that n is an object with exactly these fields.
func (o *txObject) object(n strictjson.Node, what string, fields ...string) bool {
	if n.Kind != strictjson.Object {
		o.fail("%s is %s, not an object", what, n.Kind)
		return false
	}
	for _, k := range n.Keys {
		if !slices.Contains(fields, k) {
			o.fail("unknown field %s of %s", text.Quote(k), what)
			return false
		}
	}
	return true
}

func (o *txObject) accessList() types.AccessList {
	n, ok := o.get("accessList")
	if !ok {
		return nil
	}
	if n.Kind != strictjson.List || len(n.Items) > maxAccessEntries {
		o.fail("accessList is not a list of at most %d entries", maxAccessEntries)
		return nil
	}
	out := types.AccessList{}
	for i, item := range n.Items {
		what := "access list entry " + strconv.Itoa(i+1)
		if !o.object(item, what, "address", "storageKeys") {
			return nil
		}
		address, _ := item.Get("address")
		a := o.parseAddress(address, what)
		keys, _ := item.Get("storageKeys")
		if a == nil || keys.Kind != strictjson.List || len(keys.Items) > maxAccessEntries {
			o.fail("%s has no list of storageKeys", what)
			return nil
		}
		entry := types.AccessTuple{Address: *a, StorageKeys: []common.Hash{}}
		for _, k := range keys.Items {
			b, ok := eth.HexBytes(k.Text)
			if k.Kind != strictjson.String || !ok || len(b) != common.HashLength {
				o.fail("a storage key of %s is not 32 bytes", what)
				return nil
			}
			entry.StorageKeys = append(entry.StorageKeys, common.Hash(b))
		}
		out = append(out, entry)
	}
	return out
}

func (o *txObject) authorizations() []types.SetCodeAuthorization {
	n, ok := o.get("authorizationList")
	if !ok || n.Kind != strictjson.List || len(n.Items) > maxAuthorizations {
		o.fail("authorizationList is not a list of at most %d authorizations", maxAuthorizations)
		return nil
	}
	var out []types.SetCodeAuthorization
	for i, item := range n.Items {
		what := "authorization " + strconv.Itoa(i+1)
		if !o.object(item, what, "chainId", "address", "nonce", "yParity", "r", "s") {
			return nil
		}
		inner := &txObject{n: item, Problems: new(request.Problems)}
		_, hasR := inner.get("r")
		_, hasS := inner.get("s")
		_, hasV := inner.get("yParity")
		if !hasR && !hasS && !hasV {
			o.First(refuseUnsigned(i))
			return nil
		}
		a := inner.address("address")
		auth := types.SetCodeAuthorization{
			ChainID: *uint256.MustFromBig(inner.required("chainId", 256)),
			Nonce:   inner.required("nonce", 64).Uint64(),
			V:       uint8(inner.required("yParity", 8).Uint64()),
			R:       *uint256.MustFromBig(inner.required("r", 256)),
			S:       *uint256.MustFromBig(inner.required("s", 256)),
		}
		if a == nil {
			inner.fail("address is missing")
			a = new(common.Address)
		}
		auth.Address = *a
		if err := inner.Err(); err != nil {
			e := err.(*request.Error)
			o.failHint(e.Hint, "%s: %s", what, e.Reason)
			return nil
		}
		out = append(out, auth)
	}
	return out
}

package intent

import (
	"bytes"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/holiman/uint256"
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
func parseTransaction(b []byte) (*transaction, error) {
	if raw, meant, err := rawTransaction(b); err != nil {
		return nil, err
	} else if meant {
		return parseRaw(raw)
	}
	top, err := parseJSON(b)
	if err != nil {
		return nil, err
	}
	if top.kind != jsonObject {
		return nil, refuse(CodeBadTransaction, "a transaction is an object with the field names of JSON-RPC")
	}
	o := &txObject{n: top, problems: new(problems)}
	if sig, ok := top.get(signatureField); ok {
		if sig.kind != jsonNull {
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
	t := new(transaction)
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
	if err := o.err(); err != nil {
		return nil, err
	}
	return t, nil
}

// A txObject reads fields and keeps what is wrong, so that the code above reads
// as a list of fields and a person is told everything at once.
type txObject struct {
	n      node
	ethers bool // quantities are as ethers writes them
	*problems
}

func (o *txObject) fail(format string, args ...any) {
	o.add(refuse(CodeBadTransaction, format, args...))
}

func (o *txObject) failHint(hint, format string, args ...any) {
	o.add(refuse(CodeBadTransaction, format, args...).hint(hint))
}

// get returns a field that is there and not null.
func (o *txObject) get(name string) (node, bool) {
	n, ok := o.n.get(name)
	return n, ok && n.kind != jsonNull
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
		case o.err() != nil:
			break // the fields tell the type, too
		case t.Cmp(big.NewInt(types.BlobTxType)) == 0:
			return 0, refuseBlob()
		case t.Cmp(big.NewInt(types.SetCodeTxType)) > 0:
			return 0, refuse(CodeBadTransaction, "unknown type %s of a transaction", t).hint("types 0x0, 0x1, 0x2 and 0x4 are signed")
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
	return 0, o.err()
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

func (o *txObject) parseQuantity(n node, name string, bits int) *big.Int {
	v, ok := o.readQuantity(n, name)
	if !ok {
		hint := `quantities are strings of 0x and hexadecimal digits: 21000 is "0x5208"`
		if d, isDecimal := decimal(n.text); isDecimal && (n.kind == jsonNumber || n.kind == jsonString) {
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

func (o *txObject) readQuantity(n node, name string) (*big.Int, bool) {
	if o.ethers {
		number := name == "type" || name == "nonce"
		v, ok := decimal(n.text)
		if !ok || number && (n.kind != jsonNumber || v.Cmp(maxExact) > 0) || !number && n.kind != jsonString {
			return nil, false
		}
		return v, true
	}
	digits, ok := strings.CutPrefix(n.text, "0x")
	if n.kind != jsonString || !ok || digits == "" || len(digits) > 64 || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
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

func (o *txObject) parseAddress(n node, name string) *common.Address {
	if n.kind != jsonString {
		o.fail("%s is %s, not an address", name, n.kind)
		return nil
	}
	a, err := ParseAddress(n.text)
	if err != nil {
		e := err.(*Error)
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
		b, ok := hexBytes(n.text)
		if n.kind != jsonString || !ok {
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
func (o *txObject) object(n node, what string, fields ...string) bool {
	if n.kind != jsonObject {
		o.fail("%s is %s, not an object", what, n.kind)
		return false
	}
	for _, k := range n.keys {
		if !slices.Contains(fields, k) {
			o.fail("unknown field %s of %s", short(k), what)
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
	if n.kind != jsonArray || len(n.items) > maxAccessEntries {
		o.fail("accessList is not a list of at most %d entries", maxAccessEntries)
		return nil
	}
	out := types.AccessList{}
	for i, item := range n.items {
		what := "access list entry " + strconv.Itoa(i+1)
		if !o.object(item, what, "address", "storageKeys") {
			return nil
		}
		address, _ := item.get("address")
		a := o.parseAddress(address, what)
		keys, _ := item.get("storageKeys")
		if a == nil || keys.kind != jsonArray || len(keys.items) > maxAccessEntries {
			o.fail("%s has no list of storageKeys", what)
			return nil
		}
		entry := types.AccessTuple{Address: *a, StorageKeys: []common.Hash{}}
		for _, k := range keys.items {
			b, ok := hexBytes(k.text)
			if k.kind != jsonString || !ok || len(b) != common.HashLength {
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
	if !ok || n.kind != jsonArray || len(n.items) > maxAuthorizations {
		o.fail("authorizationList is not a list of at most %d authorizations", maxAuthorizations)
		return nil
	}
	var out []types.SetCodeAuthorization
	for i, item := range n.items {
		what := "authorization " + strconv.Itoa(i+1)
		if !o.object(item, what, "chainId", "address", "nonce", "yParity", "r", "s") {
			return nil
		}
		inner := &txObject{n: item, problems: new(problems)}
		_, hasR := inner.get("r")
		_, hasS := inner.get("s")
		_, hasV := inner.get("yParity")
		if !hasR && !hasS && !hasV {
			o.first(refuseUnsigned(i))
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
		if err := inner.err(); err != nil {
			e := err.(*Error)
			o.failHint(e.Hint, "%s: %s", what, e.Reason)
			return nil
		}
		out = append(out, auth)
	}
	return out
}

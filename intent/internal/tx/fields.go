package tx

import (
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/core/types"

	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/intent/internal/strictjson"
	"github.com/warifu/warifu/intent/internal/text"
)

// txFields lists the fields of a transaction object in JSON-RPC.
var txFields = []string{
	"type", "chainId", "nonce", "from", "to", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas",
	"value", "input", "data", "accessList", "authorizationList", "gasLimit",
}

// blobFields mark a blob transaction.
var blobFields = []string{"maxFeePerBlobGas", "blobVersionedHashes", "blobs", "commitments", "proofs", "sidecar", "blobVersion"}

// signedFields mark a transaction that is signed or mined already.
var signedFields = []string{"v", "r", "s", "yParity", "hash", "blockHash", "blockNumber", "transactionIndex"}

// checkNames refuses fields that no transaction has, or not this type, and
// signatures. A signature of zeros is none: go-ethereum writes it, with a hash,
// into the JSON of a transaction that is not signed.
func (o *txObject) checkNames(typ byte) error {
	absent := map[byte][]string{
		types.LegacyTxType:     {"maxFeePerGas", "maxPriorityFeePerGas", "accessList", "authorizationList"},
		types.AccessListTxType: {"maxFeePerGas", "maxPriorityFeePerGas", "authorizationList"},
		types.DynamicFeeTxType: {"gasPrice", "authorizationList"},
		types.SetCodeTxType:    {"gasPrice"},
	}[typ]
	unsigned := o.isZero("r") && o.isZero("s")
	for i, name := range o.n.Keys {
		null := o.n.Items[i].Kind == strictjson.Null
		switch {
		case slices.Contains(signedFields, name):
			if !null && !(unsigned && (name == "hash" || o.isZero(name))) {
				return refuseSigned(name)
			}
		case name == signatureField:
		case !slices.Contains(txFields, name) && !slices.Contains(blobFields, name):
			o.fail("unknown field %s of a transaction", text.Quote(name))
		case slices.Contains(absent, name) && !null:
			o.failHint("type 0: gasPrice; 1: gasPrice, accessList; 2: maxFeePerGas, maxPriorityFeePerGas, accessList; 4: those and authorizationList",
				"a transaction of type %d has no field %s", typ, name)
		}
	}
	return nil
}

func refuseSigned(field string) error {
	return request.Refuse(request.CodeBadTransaction, "the field %s belongs to a transaction that is signed already", field).
		WithHint("give the transaction without its signature and block")
}

// isZero reports whether a field is there and is a quantity of zero.
func (o *txObject) isZero(name string) bool {
	n, ok := o.get(name)
	digits, isHex := strings.CutPrefix(n.Text, "0x")
	return ok && n.Kind == strictjson.String && isHex && digits != "" && len(digits) <= 64 && strings.Trim(digits, "0") == ""
}

// gas reads the gas, which has two names.
func (o *txObject) gas() uint64 {
	_, gas := o.get("gas")
	_, limit := o.get("gasLimit")
	if !limit {
		return o.required("gas", 64).Uint64()
	}
	v := o.quantity("gasLimit", 64)
	if gas && o.quantity("gas", 64).Cmp(v) != 0 {
		o.fail("gas and gasLimit differ")
	}
	return v.Uint64()
}

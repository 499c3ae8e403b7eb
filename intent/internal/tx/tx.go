// Package tx reads unsigned transactions of Ethereum, of type 0, 1, 2 or 4: as
// JSON-RPC has them, as ethers writes them, or as the bytes that are hashed. It
// tells them in words and makes the signed one. Digests and encodings are
// go-ethereum's.
package tx

import (
	"bytes"
	"math"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/wire"
)

// payload is the canonical payload of a transaction. Its fields are wire
// format: append only.
type payload struct {
	Version uint8 `cbor:"1,keyasint"`

	// Tx is the transaction with an empty signature, as EIP-2718 writes it; a
	// legacy one has the chain id for v, which makes it the preimage of
	// EIP-155.
	Tx []byte `cbor:"2,keyasint"`

	// From is the sender that the person named, or empty.
	From []byte `cbor:"3,keyasint"`
}

// A Transaction is an unsigned transaction of type 0, 1, 2 or 4.
type Transaction struct {
	tx    *types.Transaction
	chain *big.Int
	from  []byte
}

// Limits of transactions.
const (
	maxAccessEntries  = 512
	maxAuthorizations = 64
)

// maxChain bounds chain ids (EIP-2294), so that v fits 64 bits.
const maxChain = math.MaxUint64/2 - 36

func (t *Transaction) signer() types.Signer { return types.LatestSignerForChainID(t.chain) }

// ToSign returns the hash that is signed, 32 bytes.
func (t *Transaction) ToSign() []byte { return t.signer().Hash(t.tx).Bytes() }

// Normalize returns the canonical payload of a transaction that a person gave. An
// error is a [*request.Error].
func Normalize(json []byte) ([]byte, error) {
	t, err := parseTransaction(json)
	if err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t.encode()
}

func (t *Transaction) encode() ([]byte, error) {
	raw, err := t.tx.MarshalBinary()
	if err != nil {
		return nil, request.Refuse(request.CodeBadTransaction, "the transaction cannot be encoded")
	}
	return wire.Marshal(payload{Version: 1, Tx: raw, From: t.from}), nil
}

// Decode reads a payload that [Normalize] has made. An error is a
// [*request.Error].
func Decode(b []byte) (*Transaction, error) {
	malformed := request.Refuse(request.CodeBadPayload, "malformed payload of a transaction")
	var p payload
	if err := wire.Unmarshal(b, &p); err != nil || p.Version != 1 || p.From == nil ||
		len(p.From) != 0 && len(p.From) != common.AddressLength {
		return nil, malformed
	}
	t := &Transaction{tx: new(types.Transaction), from: p.From}
	if err := t.tx.UnmarshalBinary(p.Tx); err != nil {
		return nil, malformed
	}
	v, r, s := t.tx.RawSignatureValues()
	if r.Sign() != 0 || s.Sign() != 0 {
		return nil, request.Refuse(request.CodeBadPayload, "the transaction of the payload has a signature")
	}
	t.chain = t.tx.ChainId()
	if t.tx.Type() == types.LegacyTxType {
		t.chain = v
	} else if v.Sign() != 0 {
		return nil, request.Refuse(request.CodeBadPayload, "the transaction of the payload has a signature")
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	again, err := t.encode()
	if err != nil || !bytes.Equal(again, b) {
		return nil, malformed
	}
	return t, nil
}

// check refuses transactions that no chain would take or that this package
// does not sign. It holds for what a person gave and for what a peer sent.
func (t *Transaction) check() error {
	bad := func(format string, args ...any) *request.Error {
		return request.Refuse(request.CodeBadTransaction, format, args...)
	}
	tx := t.tx
	switch tx.Type() {
	case types.LegacyTxType, types.AccessListTxType, types.DynamicFeeTxType, types.SetCodeTxType:
	case types.BlobTxType:
		return refuseBlob()
	default:
		return bad("unknown type %d of a transaction", tx.Type())
	}
	if t.chain.Sign() <= 0 {
		return bad("the chain id is 0; the transaction would be valid on every chain").
			WithHint("set chainId to the chain that is meant, 0x1 for Ethereum mainnet")
	}
	if !t.chain.IsUint64() || t.chain.Uint64() > maxChain {
		return bad("the chain id is too large")
	}
	for _, n := range []struct {
		name string
		v    *big.Int
	}{{"value", tx.Value()}, {"the fee", tx.GasFeeCap()}, {"the priority fee", tx.GasTipCap()}} {
		if n.v.Sign() < 0 || n.v.BitLen() > 256 {
			return bad("%s is larger than 256 bits", n.name)
		}
	}
	if tx.GasTipCap().Cmp(tx.GasFeeCap()) > 0 {
		return bad("maxPriorityFeePerGas is larger than maxFeePerGas")
	}
	if tx.Gas() == 0 {
		return bad("gas is 0")
	}
	if tx.Nonce() == math.MaxUint64 {
		return bad("the nonce is too large (EIP-2681)")
	}
	if tx.To() == nil && len(tx.Data()) == 0 {
		return bad("neither a recipient nor data").
			WithHint(`set "to"; leaving it out creates a contract from the code in "input"`)
	}
	entries := 0
	for _, e := range tx.AccessList() {
		entries += 1 + len(e.StorageKeys)
	}
	if entries > maxAccessEntries {
		return bad("more than %d entries in the access list", maxAccessEntries)
	}
	if tx.Type() == types.SetCodeTxType {
		return t.checkAuthorizations()
	}
	return nil
}

func refuseBlob() error {
	return request.Refuse(request.CodeBlobTransaction, "blob transactions (type 3) are not signed: the blobs they carry cannot be shown to a person").
		WithHint("blobs are data of rollups; send them with a key made for that")
}

// checkAuthorizations checks the authorizations of EIP-7702. Those of this
// account are refused in Permitted, where it is known.
func (t *Transaction) checkAuthorizations() error {
	auths := t.tx.SetCodeAuthorizations()
	if len(auths) == 0 {
		return request.Refuse(request.CodeBadTransaction, "the authorization list of a type 4 transaction is empty")
	}
	if len(auths) > maxAuthorizations {
		return request.Refuse(request.CodeBadTransaction, "more than %d authorizations", maxAuthorizations)
	}
	for i, a := range auths {
		if a.R.IsZero() && a.S.IsZero() {
			return refuseUnsigned(i)
		}
		if _, err := a.Authority(); err != nil {
			return request.Refuse(request.CodeBadTransaction, "the signature of authorization %d is not valid", i+1)
		}
	}
	return nil
}

func refuseUnsigned(i int) *request.Error {
	return request.Refuse(request.CodeOwnAuthorization, "authorization %d is not signed: this account would have to sign it, which hands the account over to code", i+1).
		WithHint("warifu does not sign authorizations of EIP-7702; only those that others have signed can be sent along")
}

// Permitted refuses a sender that is not this account, and authorizations by
// this account.
func (t *Transaction) Permitted(ctx request.Context) error {
	if len(t.from) != 0 && !bytes.Equal(t.from, ctx.Address[:]) {
		return request.Refuse(request.CodeWrongAccount, "the transaction is from %s, but this account is %s",
			eth.Checksum(common.Address(t.from)), eth.Checksum(ctx.Address))
	}
	for i, a := range t.tx.SetCodeAuthorizations() {
		// It recovered in check.
		if who, err := a.Authority(); err != nil || who == common.Address(ctx.Address) {
			return request.Refuse(request.CodeOwnAuthorization, "authorization %d hands this account over to the code at %s", i+1, eth.Checksum(a.Address)).
				WithHint("the code could move everything the account has; warifu neither signs nor sends such an authorization")
		}
	}
	return nil
}

// Finish makes the signed transaction of a signature over [Transaction.ToSign],
// having verified it.
func (t *Transaction) Finish(ctx request.Context, sig []byte) (request.Result, error) {
	digest := t.ToSign()
	key, err := eth.Recover(ctx.Address, digest, sig)
	if err != nil {
		return request.Result{}, err
	}
	signed, err := t.tx.WithSignature(t.signer(), sig)
	if err != nil {
		return request.Result{}, request.Refuse(request.CodeBadSignature, "the signature does not fit the transaction")
	}
	raw, err := signed.MarshalBinary()
	if err != nil {
		return request.Result{}, request.Refuse(request.CodeBadTransaction, "the transaction cannot be encoded")
	}
	// What will be broadcast is read back as a node would read it.
	back := new(types.Transaction)
	if err := back.UnmarshalBinary(raw); err != nil {
		return request.Result{}, request.Refuse(request.CodeBadSignature, "the signed transaction cannot be read back")
	}
	if from, err := types.Sender(t.signer(), back); err != nil || from != common.Address(ctx.Address) {
		return request.Result{}, request.Refuse(request.CodeBadSignature, "the signed transaction is not from this account")
	}
	return request.Result{
		Signature: bytes.Clone(sig),
		Raw:       raw,
		TxHash:    back.Hash().Bytes(),
		Digest:    digest,
		PublicKey: eth.PublicKey(key),
	}, nil
}

package eth

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/warifu/warifu/intent/internal/request"
)

// Sizes in bytes.
const (
	DigestSize    = 32
	signatureSize = 65 // r, s and the recovery id
)

// Recover returns the uncompressed key that signed digest, if its signature
// is one that Ethereum accepts (s in the lower half) and its address is the
// account's. The signature is r, s and the recovery id 0 or 1, 65 bytes. An error
// is a [*request.Error].
func Recover(account [20]byte, digest, sig []byte) ([]byte, error) {
	if len(sig) != signatureSize {
		return nil, request.Refuse(request.CodeBadSignature, "a signature of %d bytes instead of %d", len(sig), signatureSize)
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:64])
	if !crypto.ValidateSignatureValues(sig[64], r, s, true) {
		return nil, request.Refuse(request.CodeBadSignature, "the signature is not in the canonical form of Ethereum")
	}
	key, err := crypto.Ecrecover(digest, sig)
	if err != nil {
		return nil, request.Refuse(request.CodeBadSignature, "the signature does not verify")
	}
	if addressOf(key) != common.Address(account) {
		return nil, request.Refuse(request.CodeBadSignature, "the signature is of another key")
	}
	return key, nil
}

// addressOf returns the address of an uncompressed key of 65 bytes.
func addressOf(key []byte) common.Address {
	return common.BytesToAddress(crypto.Keccak256(key[1:])[12:])
}

// PublicKey returns the compressed form of an uncompressed key as text.
func PublicKey(key []byte) string {
	return fmt.Sprintf("0x%x", append([]byte{2 + key[64]&1}, key[1:33]...))
}

// Personal makes the result of a message or of typed data, whose v is 27 or 28.
func Personal(ctx request.Context, digest, sig []byte) (request.Result, error) {
	key, err := Recover(ctx.Address, digest, sig)
	if err != nil {
		return request.Result{}, err
	}
	out := bytes.Clone(sig)
	out[64] += 27
	return request.Result{
		Signature: out,
		Digest:    digest,
		PublicKey: PublicKey(key),
	}, nil
}

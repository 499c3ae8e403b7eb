package intent

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Finish turns the raw signature of a session into the form that the kind
// needs, having verified it over the payload with code that took no part in
// making it: go-ethereum's recovery must give the address of ctx, or
// crypto/ed25519 must accept it. sig is r, s and the recovery id 0 or 1 (65
// bytes), or an Ed25519 signature (64 bytes). An error is an [*Error].
func Finish(kind Kind, payload []byte, ctx Context, sig []byte) (Result, error) {
	r, _, err := decode(kind, payload, ctx)
	if err != nil {
		return Result{}, err
	}
	return r.finish(ctx, sig)
}

// recoverKey returns the uncompressed key that signed digest, if its signature
// is one that Ethereum accepts (s in the lower half) and its address is the
// account's.
func recoverKey(ctx Context, digest, sig []byte) ([]byte, error) {
	if len(sig) != signatureSize {
		return nil, refuse(CodeBadSignature, "a signature of %d bytes instead of %d", len(sig), signatureSize)
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:64])
	if !crypto.ValidateSignatureValues(sig[64], r, s, true) {
		return nil, refuse(CodeBadSignature, "the signature is not in the canonical form of Ethereum")
	}
	key, err := crypto.Ecrecover(digest, sig)
	if err != nil {
		return nil, refuse(CodeBadSignature, "the signature does not verify")
	}
	if addressOf(key) != common.Address(ctx.Address) {
		return nil, refuse(CodeBadSignature, "the signature is of another key")
	}
	return key, nil
}

// addressOf returns the address of an uncompressed key of 65 bytes.
func addressOf(key []byte) common.Address {
	return common.BytesToAddress(crypto.Keccak256(key[1:])[12:])
}

// compressed returns the compressed form of an uncompressed key.
func compressed(key []byte) []byte {
	return append([]byte{2 + key[64]&1}, key[1:33]...)
}

// finishPersonal makes the result of a message or of typed data.
func finishPersonal(ctx Context, digest, sig []byte) (Result, error) {
	key, err := recoverKey(ctx, digest, sig)
	if err != nil {
		return Result{}, err
	}
	out := bytes.Clone(sig)
	out[64] += 27
	return Result{
		Signature: out,
		Digest:    digest,
		PublicKey: fmt.Sprintf("0x%x", compressed(key)),
	}, nil
}

func (m *message) finish(ctx Context, sig []byte) (Result, error) {
	digest, err := m.toSign()
	if err != nil {
		return Result{}, err
	}
	return finishPersonal(ctx, digest, sig)
}

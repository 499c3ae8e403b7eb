package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
	"github.com/spf13/cobra"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
)

// A claim is what verify checks.
type claim struct {
	address   string
	signature string
}

func (a *app) verifyCmd() *cobra.Command {
	var c claim
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check a signature; needs no daemon and no circle",
		Args:  kindFirst,
		RunE:  kindFirst,
	}
	f := cmd.PersistentFlags()
	f.StringVar(&c.address, "address", "", "who is said to have signed")
	f.StringVar(&c.signature, "signature", "", "65 bytes as hexadecimal digits")
	cmd.AddCommand(a.verifyMessageCmd(&c), a.verifyTypedDataCmd(&c))
	return cmd
}

func (a *app) verifyMessageCmd(c *claim) *cobra.Command {
	var source messageSource
	cmd := &cobra.Command{
		Use:   "message TEXT --address A --signature S",
		Short: "Check the signature of a message (EIP-191)",
		Args:  atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			message, err := source.read(a, cmd, args)
			if err != nil {
				return err
			}
			return a.verify(*c, accounts.TextHash(message))
		},
	}
	source.flags(cmd)
	return cmd
}

func (a *app) verifyTypedDataCmd(c *claim) *cobra.Command {
	return &cobra.Command{
		Use:   "typed-data FILE --address A --signature S",
		Short: "Check the signature of typed data (EIP-712)",
		Args:  one("a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, err := a.readInput(cmd.Context(), args[0], maxDocument)
			if err != nil {
				return err
			}
			// As strict as if it were to be signed: a document that can be
			// read in two ways has no one signature.
			if _, err := intent.Normalize(intent.Input{Kind: intent.TypedData, JSON: doc}); err != nil {
				return err
			}
			digest, err := typedDigest(doc)
			if err != nil {
				return err
			}
			return a.verify(*c, digest)
		},
	}
}

// typedDigest hashes typed data with apitypes. Two things it would refuse are
// no fault of a document: a domain with an empty field, which
// apitypes.TypedDataDomain takes for absent, and types that nothing refers to.
func typedDigest(doc []byte) ([]byte, error) {
	var data apitypes.TypedData
	var domain struct {
		Domain apitypes.TypedDataMessage `json:"domain"`
	}
	if err := errors.Join(json.Unmarshal(doc, &data), json.Unmarshal(doc, &domain)); err != nil {
		return nil, fmt.Errorf("read typed data: %w", err)
	}
	used := data.Dependencies(data.PrimaryType, nil)
	maps.DeleteFunc(data.Types, func(name string, _ []apitypes.Type) bool {
		return name != "EIP712Domain" && !slices.Contains(used, name)
	})
	data.Domain = apitypes.TypedDataDomain{ChainId: math.NewHexOrDecimal256(0)} // must be there; hashed is what was given
	separator, err := data.HashStruct("EIP712Domain", domain.Domain)
	if err != nil {
		return nil, fmt.Errorf("hash typed data: %w", err)
	}
	message, err := data.HashStruct(data.PrimaryType, data.Message)
	if err != nil {
		return nil, fmt.Errorf("hash typed data: %w", err)
	}
	return crypto.Keccak256([]byte{0x19, 0x01}, separator, message), nil
}

// verify prints whether the claim holds for digest. A signature that does not
// is an answer and a failure, but no error.
func (a *app) verify(c claim, digest []byte) error {
	if c.address == "" || c.signature == "" {
		return usagef("--address and --signature are needed")
	}
	claimed, err := intent.ParseAddress(c.address)
	if err != nil {
		return err
	}
	sig, err := hex.DecodeString(strings.TrimPrefix(c.signature, "0x"))
	if err != nil {
		return usagef("--signature is not an even number of hexadecimal digits")
	}
	out := struct {
		Valid  bool      `json:"valid"`
		Signer string    `json:"signer,omitempty"`
		Reason string    `json:"reason,omitempty"`
		Digest api.Bytes `json:"digest"`
	}{Digest: digest}
	signer, err := recoverSigner(digest, sig)
	switch {
	case err != nil:
		out.Reason = err.Error()
	case signer != common.Address(claimed):
		out.Signer = signer.Hex()
		out.Reason = "it was made by " + signer.Hex() + ", or for other content"
	default:
		out.Valid, out.Signer = true, signer.Hex()
	}
	err = a.result(out, func(w io.Writer) {
		if out.Valid {
			fmt.Fprintf(w, "valid: signed by %s\n", out.Signer)
			return
		}
		fmt.Fprintf(w, "not valid: %s\n", out.Reason)
	})
	if err == nil && !out.Valid {
		return errSaid
	}
	return err
}

// recoverSigner returns the address whose key made sig, which is r‖s‖v, over
// digest, with go-ethereum and none of our own mathematics. It takes v as 27
// or 28, or as 0 or 1, and refuses the second form of every signature, whose s
// is high.
func recoverSigner(digest, sig []byte) (common.Address, error) {
	if len(sig) != crypto.SignatureLength {
		return common.Address{}, fmt.Errorf("a signature is %d bytes long, this one %d", crypto.SignatureLength, len(sig))
	}
	v := sig[64]
	if v >= 27 {
		v -= 27
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:64])
	if !crypto.ValidateSignatureValues(v, r, s, true) {
		return common.Address{}, errors.New("its values are out of range, or it is the malleable form")
	}
	normal := append(append([]byte(nil), sig[:64]...), v)
	key, err := crypto.SigToPub(digest, normal)
	if err != nil {
		return common.Address{}, errors.New("no key can have made it")
	}
	return crypto.PubkeyToAddress(*key), nil
}

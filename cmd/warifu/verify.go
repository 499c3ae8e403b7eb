package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/spf13/cobra"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
)

// A claim is what verify checks.
type claim struct {
	address   string
	signature string
}

func verifyCmd(con *console) *cobra.Command {
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
	cmd.AddCommand(verifyMessageCmd(con, &c), verifyTypedDataCmd(con, &c))
	return cmd
}

func verifyMessageCmd(con *console, c *claim) *cobra.Command {
	var source messageSource
	cmd := &cobra.Command{
		Use:   "message TEXT --address A --signature S",
		Short: "Check the signature of a message (EIP-191)",
		Args:  atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			message, err := source.read(con, cmd, args)
			if err != nil {
				return err
			}
			con.notes(intent.Input{Kind: intent.Message, Message: message})
			return c.check(con, accounts.TextHash(message), lineBreaks(message)...)
		},
	}
	source.flags(cmd)
	return cmd
}

func verifyTypedDataCmd(con *console, c *claim) *cobra.Command {
	return &cobra.Command{
		Use:   "typed-data FILE --address A --signature S",
		Short: "Check the signature of typed data (EIP-712)",
		Args:  one("a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, err := con.readInput(cmd.Context(), args[0], maxDocument)
			if err != nil {
				return err
			}
			// As strict as if it were to be signed: a document that can be
			// read in two ways has no one signature.
			digest, err := intent.TypedDigest(doc)
			if err != nil {
				return err
			}
			con.notes(intent.Input{Kind: intent.TypedData, JSON: doc})
			return c.check(con, digest)
		},
	}
}

// A variant is other content that was perhaps meant.
type variant struct {
	digest []byte
	what   string
}

// lineBreaks returns a message with and without a line break at its end, which
// editors and shells add and take away.
func lineBreaks(message []byte) []variant {
	if bare, ok := bytes.CutSuffix(message, []byte("\n")); ok {
		bare = bytes.TrimSuffix(bare, []byte("\r"))
		return []variant{{accounts.TextHash(bare), "it is valid for the message without the line break at its end"}}
	}
	ended := append(bytes.Clone(message), '\n')
	return []variant{{accounts.TextHash(ended), "it is valid for the message with a line break at its end"}}
}

// notes tells what a person should know of an input.
func (con *console) notes(in intent.Input) {
	for _, n := range intent.Notes(in) {
		con.note("note: %s", n)
	}
}

// check prints whether the claim holds for digest. A signature that does not
// is an answer and a failure, but no error; if it is the signature of a variant,
// that is said.
func (c claim) check(con *console, digest []byte, variants ...variant) error {
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
		for _, v := range variants {
			if other, err := recoverSigner(v.digest, sig); err == nil && other == common.Address(claimed) {
				out.Signer, out.Reason = other.Hex(), v.what
			}
		}
	default:
		out.Valid, out.Signer = true, signer.Hex()
	}
	err = con.result(out, func(w io.Writer) {
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

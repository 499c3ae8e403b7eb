package refresh

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A dealing is the body of a deal statement:
//
//	per account, in the order of the record: t' points
//	per receiver, ascending: enc (32 bytes) ‖ ciphertext (per account 32, and 16)
//
// Each sealed part holds the receiver's sub-shares of all accounts, under HPKE
// (RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305).
type dealing struct {
	commitments [][][]byte // by account
	sealed      [][]byte   // by receiver, in the order of receivers
}

const (
	tagSealInfo wire.Tag = "refresh/seal-info"
	tagSealData wire.Tag = "refresh/seal-data"

	encSize = 32
	macSize = 16
)

func sealedSize(accounts int) int { return encSize + accounts*scalarSize + macSize }

// SealInfo is the HPKE info of every sealed sub-share of an attempt.
func SealInfo(attempt wire.Hash) []byte {
	h := wire.Sum(tagSealInfo, attempt[:])
	return h[:]
}

// sealData is the associated data that ties a sealed sub-share to one dealer,
// one receiver and the commitments that it must fit.
func sealData(attempt wire.Hash, dealer, receiver wire.Slot, commitments []byte) []byte {
	h := wire.Sum(tagSealData, attempt[:], wire.U16(dealer), wire.U16(receiver), commitments)
	return h[:]
}

// commitmentBytes is the public half of a dealing.
func (d dealing) commitmentBytes() []byte {
	var b []byte
	for _, list := range d.commitments {
		b = append(b, slices.Concat(list...)...)
	}
	return b
}

func (d dealing) bytes() []byte { return append(d.commitmentBytes(), slices.Concat(d.sealed...)...) }

// parseDealing takes apart a body of exactly the length that p and the record
// ask for.
func parseDealing(p Proposal, parent roster.Record, b []byte) (dealing, bool) {
	receivers := p.receivers()
	size := len(receivers) * sealedSize(len(parent.Accounts))
	for _, a := range parent.Accounts {
		size += p.Threshold * a.Suite.PointSize()
	}
	if len(b) != size {
		return dealing{}, false
	}
	next := func(n int) []byte {
		head := b[:n:n]
		b = b[n:]
		return head
	}
	var d dealing
	for _, a := range parent.Accounts {
		var list [][]byte
		for range p.Threshold {
			list = append(list, next(a.Suite.PointSize()))
		}
		d.commitments = append(d.commitments, list)
	}
	for range receivers {
		d.sealed = append(d.sealed, next(sealedSize(len(parent.Accounts))))
	}
	return d, true
}

// ErrSealed says that a sealed part does not open, which is the fault of
// whoever sealed it.
var ErrSealed = errors.New("refresh: what was sealed does not open")

// OpenBox opens what was sealed to the X25519 key priv under info and data.
func OpenBox(priv *ecdh.PrivateKey, enc, info, data, ciphertext []byte) ([]byte, error) {
	key, err := hpke.NewDHKEMPrivateKey(priv)
	if err != nil {
		return nil, fmt.Errorf("refresh: box key: %w", err)
	}
	r, err := hpke.NewRecipient(enc, key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		return nil, ErrSealed
	}
	plain, err := r.Open(data, ciphertext)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// checkBox reports whether something can be sealed to a box key. Points of low
// order, with which X25519 yields no secret, are refused.
func checkBox(box [32]byte) error {
	pub, err := ecdh.X25519().NewPublicKey(box[:])
	if err != nil {
		return err
	}
	// Any scalar tells: it is a multiple of the cofactor by construction.
	one, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		return err
	}
	_, err = one.ECDH(pub)
	return err
}

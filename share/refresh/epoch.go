package refresh

import (
	"bytes"
	"crypto/ed25519"
	"io"

	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

const (
	tagTest  wire.Tag = "refresh/test"
	tagProof wire.Tag = "refresh/proof"
	tagNonce wire.Tag = "refresh/proof-nonce"
)

// An epoch is the record to be, with what its new shares prove and sign before
// anybody commits to it.
type epoch struct {
	attempt wire.Hash
	record  roster.Record
	hash    wire.Hash
}

// prove returns the body of a ready of the device in slot, whose new shares keys
// are, by account: the record's hash, and a proof of each share.
func (e *epoch) prove(slot wire.Slot, keys []secret.Key) ([]byte, error) {
	body := append([]byte(nil), e.hash[:]...)
	for a, acc := range e.record.Accounts {
		proof, err := algebraOf(acc.Suite).prove(keys[a], e.challenge(a, slot), e.proofNonce(a))
		if err != nil {
			return nil, err
		}
		body = append(body, proof...)
	}
	return body, nil
}

// proves reports whether the device that said ready for this record has a share
// of its own of every account.
func (e *epoch) proves(s statement) bool {
	holds, rest := true, s.Body[len(e.hash):]
	for a, acc := range e.record.Accounts {
		size := acc.Suite.PointSize() + scalarSize
		public, err := share.PublicShare(acc, s.Slot)
		holds = holds && err == nil && algebraOf(acc.Suite).verify(public, rest[:size], e.challenge(a, s.Slot))
		rest = rest[size:]
	}
	return holds
}

func (e *epoch) challenge(account int, slot wire.Slot) func(t []byte) io.Reader {
	return func(t []byte) io.Reader {
		return wire.XOF(tagProof, e.attempt[:], e.hash[:], wire.U16(slot), []byte(e.record.Accounts[account].Name), t)
	}
}

func (e *epoch) proofNonce(account int) func(share []byte) io.Reader {
	return func(share []byte) io.Reader {
		return wire.XOF(tagNonce, share, e.attempt[:], e.hash[:], []byte(e.record.Accounts[account].Name))
	}
}

// testMessage is [Machine.TestMessage].
func testMessage(attempt, record wire.Hash, a roster.Account) []byte {
	h := wire.Sum(tagTest, attempt[:], record[:], []byte(a.Name))
	if a.Suite == roster.Ed25519 {
		return append([]byte("warifu re-deal test\x00"), h[:]...)
	}
	return h[:]
}

// testHolds verifies one signature per account under the unchanged group keys,
// by implementations that did not make them.
func (e *epoch) testHolds(list [][]byte) bool {
	for a, acc := range e.record.Accounts {
		msg := testMessage(e.attempt, e.hash, acc)
		switch acc.Suite {
		case roster.Ed25519:
			if !ed25519.Verify(acc.GroupKey(), msg, list[a]) {
				return false
			}
		case roster.Secp256k1:
			if list[a][64] > 3 {
				return false
			}
			compact := append([]byte{27 + 4 + list[a][64]}, list[a][:64]...)
			key, _, err := ecdsa.RecoverCompact(compact, msg)
			if err != nil || !bytes.Equal(key.SerializeCompressed(), acc.GroupKey()) {
				return false
			}
		}
	}
	return true
}

// holds reports whether key is the share of the device in slot of the account
// with that number.
func (e *epoch) holds(account int, key []byte, slot wire.Slot) bool {
	acc := e.record.Accounts[account]
	return algebraOf(acc.Suite).checkShare(key, acc.Commitments, slot)
}

package keygen

import (
	"bytes"
	"io"
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// The kinds of frames, in the order in which they are sent. Every body but
// that of a complaint has one length, known from the proposal.
const (
	kindHello       wire.Kind = 1 // nonce, 32 bytes
	kindCommit      wire.Kind = 2 // commitment, 32 bytes
	kindReveal      wire.Kind = 3 // see reveal
	kindShare       wire.Kind = 4 // to one device: 32 secret bytes per account
	kindVerified    wire.Kind = 5 // hash of the record, 32 bytes
	kindReady       wire.Kind = 6 // hash of the record, signature of 64 bytes
	kindCertificate wire.Kind = 7 // hash of the record, n signatures by slot
	kindComplaint   wire.Kind = 8 // see complaint
	kinds                     = 9
)

const (
	tagSid        wire.Tag = "keygen/sid"
	tagCommit     wire.Tag = "keygen/commit"
	tagView       wire.Tag = "keygen/view"
	tagProof      wire.Tag = "keygen/proof"
	tagChain      wire.Tag = "keygen/chain-code"
	tagCircle     wire.Tag = "keygen/circle"
	tagTranscript wire.Tag = "keygen/transcript"
)

const (
	hashSize = 32
	sigSize  = 64
)

// The accounts that one run makes, in the order of a record.
var accounts = []struct {
	name   string
	suite  roster.Suite
	origin string
}{
	{roster.Ethereum, roster.Secp256k1, roster.EthereumOrigin},
	{roster.SSH, roster.Ed25519, ""},
}

const shareSize = 2 * scalarSize

// bodySize returns the length of a body of the given kind in a run of n
// devices with threshold t, and false if there is no such kind.
func bodySize(k wire.Kind, t, n int) (int, bool) {
	switch k {
	case kindHello, kindCommit, kindVerified:
		return hashSize, true
	case kindReveal:
		size := 3 * hashSize
		for _, a := range accounts {
			size += (t+1)*a.suite.PointSize() + scalarSize
		}
		return size, true
	case kindShare:
		return shareSize, true
	case kindReady:
		return hashSize + sigSize, true
	case kindCertificate:
		return hashSize + n*sigSize, true
	}
	return 0, false
}

// A reveal is, in this order and without lengths:
//
//	view   32 bytes, the sender's hash of all commitments
//	salt   32 bytes
//	chain  32 bytes, its part of the chain code
//	then for each account
//	F      t points
//	T      1 point
//	z      32 bytes
type reveal struct {
	view        wire.Hash
	salt, chain []byte
	parts       []part
}

// A part is a dealer's contribution to one account.
type part struct {
	f    [][]byte
	t, z []byte
}

// An opened contribution is a reveal that has passed every check.
type opened struct {
	chain []byte
	parts []commitments // by account
}

func (r reveal) bytes() []byte {
	b := slices.Concat(r.view[:], r.salt, r.chain)
	for _, p := range r.parts {
		b = append(append(append(b, bytes.Join(p.f, nil)...), p.t...), p.z...)
	}
	return b
}

// parseReveal takes apart a body of the length that bodySize gives. The result
// aliases it.
func parseReveal(b []byte, t int) reveal {
	next := func(n int) []byte {
		head := b[:n:n]
		b = b[n:]
		return head
	}
	r := reveal{view: wire.Hash(next(hashSize)), salt: next(hashSize), chain: next(hashSize)}
	for _, a := range accounts {
		var p part
		for range t {
			p.f = append(p.f, next(a.suite.PointSize()))
		}
		p.t, p.z = next(a.suite.PointSize()), next(scalarSize)
		r.parts = append(r.parts, p)
	}
	return r
}

// commitment is what binds the device in slot i to a reveal before it sees
// anybody else's. The slot keeps a copy of it from being opened by another.
func (r reveal) commitment(sid wire.Hash, i wire.Slot) wire.Hash {
	fields := [][]byte{sid[:], wire.U16(i), r.salt, r.chain}
	for _, p := range r.parts {
		fields = append(append(fields, p.f...), p.t)
	}
	return wire.Sum(tagCommit, fields...)
}

// challenge returns the stream from which the challenge of a proof comes. It
// binds the proof to the run, the prover, the account, the statement and
// everything that was said before it.
func (p part) challenge(sid wire.Hash, i wire.Slot, account int, view wire.Hash) io.Reader {
	return wire.XOF(tagProof, sid[:], wire.U16(i), []byte(accounts[account].name), p.f[0], p.t, view[:])
}

package pairing

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gtank/ristretto255"
)

// CPACE-RISTR255-SHA512, draft-irtf-cfrg-cpace-21. The letters are the
// draft's; testdata/cpace-ristr255.json holds its vectors.

const (
	dsi    = "CPaceRistretto255"
	dsiISK = dsi + "_ISK"
	dsiMac = "CPaceMac"

	sidSize   = 16
	shareSize = 32
	macSize   = sha512.Size

	// The block of SHA-512 in bytes, s_in_bytes in the draft.
	hashBlock = sha512.BlockSize
)

// errShare is a share that section 6 of the draft says to abort on: no
// canonical encoding, or one whose product is the neutral element.
var errShare = errors.New("invalid group element")

// lvCat is lv_cat of the draft's section 5.1: each part behind its length in
// LEB128, which is what binary.AppendUvarint writes.
func lvCat(parts ...[]byte) []byte {
	return appendLV(make([]byte, 0, lvSize(parts...)), parts...)
}

// appendLV appends lvCat of parts to out. With room for it in out no copy of a
// secret part is left behind.
func appendLV(out []byte, parts ...[]byte) []byte {
	for _, p := range parts {
		out = binary.AppendUvarint(out, uint64(len(p)))
		out = append(out, p...)
	}
	return out
}

// lvSize returns the length of lvCat of parts in bytes.
func lvSize(parts ...[]byte) (n int) {
	var b [binary.MaxVarintLen64]byte
	for _, p := range parts {
		n += binary.PutUvarint(b[:], uint64(len(p))) + len(p)
	}
	return n
}

// generator is calculate_generator of the draft's sections 7.1 and 7.3. The
// zero padding fills the first block of the hash, so that the time it takes
// tells nothing of the password.
func generator(prs, ci, sid []byte) *ristretto255.Element {
	pad := max(0, hashBlock-1-lvSize(prs)-lvSize([]byte(dsi)))
	in := lvCat([]byte(dsi), prs, make([]byte, pad), ci, sid)
	h := sha512.Sum512(in)
	clear(in)
	g, err := ristretto255.NewIdentityElement().SetUniformBytes(h[:])
	clear(h[:])
	if err != nil {
		panic("pairing: internal error: " + err.Error())
	}
	return g
}

// An exchange is one party's part of one run: a secret scalar that is used
// once, and the share Y that belongs to it.
type exchange struct {
	initiator bool
	sid, ad   []byte
	y         *ristretto255.Scalar
	share     []byte
}

// newExchange samples a scalar from 64 bytes of rand (section 7.3,
// sample_scalar) and computes the share.
func newExchange(initiator bool, prs, ci, sid, ad []byte, rand io.Reader) (*exchange, error) {
	var wide [64]byte
	if _, err := io.ReadFull(rand, wide[:]); err != nil {
		return nil, fmt.Errorf("pairing: read randomness: %w", err)
	}
	y, err := ristretto255.NewScalar().SetUniformBytes(wide[:])
	clear(wide[:])
	if err != nil {
		panic("pairing: internal error: " + err.Error())
	}
	Y := ristretto255.NewIdentityElement().ScalarMult(y, generator(prs, ci, sid))
	if Y.Equal(ristretto255.NewIdentityElement()) == 1 {
		// One in 2^252, or a source of randomness that is broken.
		return nil, errors.New("pairing: randomness gave the neutral element")
	}
	return &exchange{initiator: initiator, sid: sid, ad: ad, y: y, share: Y.Bytes()}, nil
}

// agreed is what an exchange comes to: the session key and the confirmation
// tag of each side.
type agreed struct {
	isk          [sha512.Size]byte
	mine, theirs [macSize]byte
}

func (a *agreed) wipe() { *a = agreed{} }

// finish consumes the exchange. It multiplies the peer's share in constant
// time and returns errShare for one that is not acceptable.
func (e *exchange) finish(share, ad []byte) (*agreed, error) {
	defer e.wipe()
	q, err := ristretto255.NewIdentityElement().SetCanonicalBytes(share)
	if err != nil {
		return nil, errShare
	}
	p := ristretto255.NewIdentityElement().ScalarMult(e.y, q)
	if p.Equal(ristretto255.NewIdentityElement()) == 1 {
		return nil, errShare
	}
	k := p.Bytes()
	defer clear(k)

	mine, theirs := lvCat(e.share, e.ad), lvCat(share, ad)
	first, second := mine, theirs
	if !e.initiator {
		first, second = theirs, mine
	}
	a := new(agreed)
	parts := [][]byte{[]byte(dsiISK), e.sid, k}
	in := appendLV(make([]byte, 0, lvSize(parts...)+len(first)+len(second)), parts...)
	in = append(in, first...)
	in = append(in, second...)
	a.isk = sha512.Sum512(in)
	clear(in)

	// Section 9.4. The draft concatenates here without lengths, which is
	// unambiguous because sid and ISK have fixed lengths in this package.
	in = slices.Concat([]byte(dsiMac), e.sid, a.isk[:])
	mac := sha512.Sum512(in)
	clear(in)
	tag(mac[:], mine, &a.mine)
	tag(mac[:], theirs, &a.theirs)
	clear(mac[:])
	return a, nil
}

// wipe forgets the scalar, as far as Go lets us.
func (e *exchange) wipe() {
	if e.y != nil {
		e.y.Zero()
	}
}

func tag(key, message []byte, out *[macSize]byte) {
	m := hmac.New(sha512.New, key)
	m.Write(message)
	m.Sum(out[:0])
}

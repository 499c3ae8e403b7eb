package sign

import (
	"bytes"
	"errors"

	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

// lagrange returns λ_i^S = Π x_j/(x_j - x_i) over the other signers j, the weight
// of the share of self in the interpolation at 0.
func lagrange(self wire.Slot, signers []wire.Slot) secp.Scalar {
	num, den := secp.NewScalar(1), secp.NewScalar(1)
	xi := secp.NewScalar(uint64(self))
	for _, j := range signers {
		if j == self {
			continue
		}
		xj := secp.NewScalar(uint64(j))
		num, den = num.Mul(xj), den.Mul(xj.Sub(xi))
	}
	return num.Mul(den.Inv())
}

// pairID names the pair of signers in which alice brings the vector and bob the
// factor.
func pairID(sid wire.Hash, alice, bob wire.Slot) []byte {
	id := wire.Sum(tagPair, sid[:], wire.U16(alice), wire.U16(bob))
	return id[:]
}

// zeroShare returns the addend of self in a sharing of 0 between self and other,
// who adds its negative. mine and theirs are what they sent each other.
func zeroShare(sid wire.Hash, self, other wire.Slot, mine, theirs []byte) secp.Secret {
	lo, hi, first, second := self, other, mine, theirs
	if other < self {
		lo, hi, first, second = other, self, theirs, mine
	}
	b := [secp.ScalarSize]byte(wire.Sum(tagZero, sid[:], wire.U16(lo), wire.U16(hi), first, second))
	defer clear(b[:])
	z := secp.ReduceSecret(&b)
	if other < self {
		defer z.Wipe()
		return z.Neg()
	}
	return z
}

// commitment binds a signer to its nonce point before it has seen the others'.
func commitment(sid wire.Hash, slot wire.Slot, point, salt []byte) wire.Hash {
	return wire.Sum(tagCommit, sid[:], wire.U16(slot), point, salt)
}

var errSignature = errors.New("sign: signature is not valid under the child key")

// combine makes the signature r ‖ s ‖ v out of the sums u = r·φ and w = φ(m +
// r_x·sk) and the nonce point. s is low (BIP-62, EIP-2). v is the recovery
// identifier of SEC 1, section 4.1.6: bit 0 says that y of the point that
// belongs to s is odd, bit 1 that its x is not below the group order.
func combine(nonce secp.Point, u, w secp.Scalar) (sig [65]byte, err error) {
	r, overflow, odd := nonce.X()
	s := w.Mul(u.Inv())
	if r.IsZero() || s.IsZero() {
		return sig, errSignature
	}
	var v byte
	if odd {
		v |= 1
	}
	if overflow {
		v |= 2
	}
	if s.IsHigh() {
		// -s belongs to the negated nonce point, whose y has the other parity
		// and whose x is the same.
		s, v = s.Neg(), v^1
	}
	rb, sb := r.Bytes(), s.Bytes()
	copy(sig[:32], rb[:])
	copy(sig[32:64], sb[:])
	sig[64] = v
	return sig, nil
}

// verify checks sig and its recovery identifier with decred's implementation,
// which shares no code with ours. child is a compressed point.
func verify(sig [65]byte, digest, child []byte) error {
	pub, err := decred.ParsePubKey(child)
	if err != nil {
		return errSignature
	}
	var r, s decred.ModNScalar
	if r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:64]) || s.IsOverHalfOrder() {
		return errSignature
	}
	if !ecdsa.NewSignature(&r, &s).Verify(digest, pub) {
		return errSignature
	}
	// Bitcoin's compact form puts 27, plus 4 for a compressed key, plus the
	// recovery identifier in front.
	compact := append([]byte{27 + 4 + sig[64]}, sig[:64]...)
	recovered, _, err := ecdsa.RecoverCompact(compact, digest)
	if err != nil || !bytes.Equal(recovered.SerializeCompressed(), child) {
		return errSignature
	}
	return nil
}

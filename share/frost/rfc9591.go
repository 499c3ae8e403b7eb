package frost

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/poly"
	"github.com/warifu/warifu/wire"
)

// This file is RFC 9591 and nothing else: no session, no proposal, no frame.
// Names follow the RFC, letters the paper (Komlo and Goldberg, "FROST", SAC 2020).

// contextString is that of RFC 9591, section 6.1.
const contextString = "FROST-ED25519-SHA512-v1"

func hash(parts ...[]byte) (sum [sha512.Size]byte) {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}

func hashToScalar(parts ...[]byte) ed.Scalar {
	sum := hash(parts...)
	return ed.ScalarFromWide(&sum)
}

// The hash functions of section 6.1. H2 has no prefix, for the result must
// verify as plain Ed25519.
func h1(m []byte) ed.Scalar { return hashToScalar([]byte(contextString+"rho"), m) }
func h2(m []byte) ed.Scalar { return hashToScalar(m) }
func h4(m []byte) [64]byte  { return hash([]byte(contextString+"msg"), m) }
func h5(m []byte) [64]byte  { return hash([]byte(contextString+"com"), m) }

// h3 hashes secrets: its input and its output are wiped or owned by the caller.
func h3(random *[32]byte, share *[ed.ScalarSize]byte) ed.Secret {
	sum := hash([]byte(contextString+"nonce"), random[:], share[:])
	defer clear(sum[:])
	return ed.SecretFromWide(&sum)
}

// identifier returns the slot as the RFC encodes an identifier: a scalar.
func identifier(slot wire.Slot) []byte {
	b := ed.NewScalar(uint64(slot)).Bytes()
	return b[:]
}

// A commitment is the pair (D_i, E_i) that device i commits to in round 1.
type commitment struct {
	slot            wire.Slot
	hiding, binding ed.Point // D_i, E_i
}

// commitmentSize is the length in bytes of an encoded pair.
const commitmentSize = 2 * ed.PointSize

func (c commitment) bytes() []byte {
	d, e := c.hiding.Bytes(), c.binding.Bytes()
	return slices.Concat(d[:], e[:])
}

// parseCommitment decodes D_i ‖ E_i. Neither can be the identity or have a
// component of small order (section 6.1, DeserializeElement).
func parseCommitment(slot wire.Slot, b []byte) (c commitment, err error) {
	if len(b) != commitmentSize {
		return commitment{}, errors.New("frost: commitment of the wrong length")
	}
	c.slot = slot
	if c.hiding, err = ed.ParsePoint(b[:ed.PointSize]); err != nil {
		return commitment{}, fmt.Errorf("frost: hiding commitment: %w", err)
	}
	if c.binding, err = ed.ParsePoint(b[ed.PointSize:]); err != nil {
		return commitment{}, fmt.Errorf("frost: binding commitment: %w", err)
	}
	return c, nil
}

var (
	errNonceUsed  = errors.New("frost: signing nonces have been used")
	errOwnCommit  = errors.New("frost: our own commitment is missing or altered")
	errCommitList = errors.New("frost: commitments are not one for each signer, in order")
)

// A nonces is the secret pair (d_i, e_i) with the commitment to it. It signs
// once.
type nonces struct {
	hiding, binding ed.Secret // d_i, e_i
	own             commitment
	used            bool
}

// commit is round one (section 5.1): d_i = H3(random ‖ s_i), then e_i likewise
// with new randomness. The share in the hash keeps nonces secret even where the
// source of randomness is weak (section 4.1). It does not keep them different if
// the source repeats itself: that is for whoever brings rand.
func commit(slot wire.Slot, share ed.Secret, rand io.Reader) (*nonces, error) {
	s := share.Bytes()
	defer clear(s[:])
	n := &nonces{own: commitment{slot: slot}}
	for _, k := range []*ed.Secret{&n.hiding, &n.binding} {
		var random [32]byte
		if _, err := io.ReadFull(rand, random[:]); err != nil {
			n.wipe()
			return nil, fmt.Errorf("frost: read randomness: %w", err)
		}
		*k = h3(&random, &s)
		clear(random[:])
	}
	n.own.hiding, n.own.binding = ed.BaseMul(n.hiding), ed.BaseMul(n.binding)
	return n, nil
}

// wipe makes the pair unusable.
func (n *nonces) wipe() {
	n.used = true
	n.hiding.Wipe()
	n.binding.Wipe()
}

// A signing is what all signers of one message compute from the same public
// values: the commitment list and what follows from it (section 4).
type signing struct {
	list      []commitment
	factors   []ed.Scalar // ρ_i, in the order of the list, as the next two
	lagrange  []ed.Scalar // λ_i
	shares    []ed.Point  // R_i = D_i + ρ_i·E_i
	group     ed.Point    // R = Σ R_i
	challenge ed.Scalar   // c
}

// newSigning takes the commitments of exactly the signers, ascending.
func newSigning(signers []wire.Slot, list []commitment, key [ed.PointSize]byte, msg []byte) (*signing, error) {
	if len(list) != len(signers) {
		return nil, errCommitList
	}
	for i, c := range list {
		if c.slot != signers[i] {
			return nil, errCommitList
		}
	}
	s := &signing{list: list}
	var encoded []byte
	for _, c := range list {
		encoded = slices.Concat(encoded, identifier(c.slot), c.bytes())
	}
	msgHash, listHash := h4(msg), h5(encoded)
	prefix := slices.Concat(key[:], msgHash[:], listHash[:])
	for _, c := range list {
		rho := h1(slices.Concat(prefix, identifier(c.slot)))
		lambda, err := poly.Ed25519().Lagrange(signers, c.slot, 0)
		if err != nil {
			return nil, fmt.Errorf("frost: interpolate: %w", err)
		}
		ri := c.hiding.Add(ed.MulVartime(rho, c.binding))
		s.factors = append(s.factors, rho)
		s.lagrange = append(s.lagrange, lambda)
		s.shares = append(s.shares, ri)
		s.group = s.group.Add(ri)
	}
	r := s.group.Bytes()
	s.challenge = h2(slices.Concat(r[:], key[:], msg))
	return s, nil
}

// sign is round two (section 5.2). It takes the nonces, which are wiped
// whatever the outcome, and returns z_i = d_i + e_i·ρ_i + λ_i·s_i·c.
//
// The list must hold the commitment that these nonces made, unaltered: a
// response under another one would not verify, but it would be a second
// equation about the same secrets.
func (s *signing) sign(n *nonces, share ed.Secret) (z ed.Scalar, err error) {
	if n.used {
		return ed.Scalar{}, errNonceUsed
	}
	defer n.wipe()
	i := slices.IndexFunc(s.list, func(c commitment) bool { return c.slot == n.own.slot })
	if i < 0 || !bytes.Equal(s.list[i].bytes(), n.own.bytes()) {
		return ed.Scalar{}, errOwnCommit
	}
	blind := n.binding.MulPublic(s.factors[i])
	masked := n.hiding.Add(blind)
	part := share.MulPublic(s.lagrange[i].Mul(s.challenge))
	sum := masked.Add(part)
	defer func() {
		blind.Wipe()
		masked.Wipe()
		part.Wipe()
		sum.Wipe()
	}()
	// z_i is what the signature publishes; d_i + e_i·ρ_i, uniform and used
	// only here, hides the share in it.
	return sum.Public(), nil
}

// verify reports whether z is the response of the i-th signer, whose public
// share is y (section 5.4): z·B = R_i + c·λ_i·Y_i.
func (s *signing) verify(i int, z ed.Scalar, y ed.Point) bool {
	want := s.shares[i].Add(ed.MulVartime(s.challenge.Mul(s.lagrange[i]), y))
	return ed.BaseMulVartime(z).Equal(want)
}

// aggregate returns R ‖ Σ z_i (section 5.3).
func (s *signing) aggregate(responses []ed.Scalar) (sig [64]byte) {
	var z ed.Scalar
	for _, zi := range responses {
		z = z.Add(zi)
	}
	r, zb := s.group.Bytes(), z.Bytes()
	copy(sig[:32], r[:])
	copy(sig[32:], zb[:])
	return sig
}

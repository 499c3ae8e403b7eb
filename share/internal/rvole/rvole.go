// Package rvole is the random vector oblivious linear evaluation of DKLs23
// (IACR ePrint 2023/765, protocol 5.2) over the order of secp256k1. Alice brings
// a vector a of two scalars. Bob ends with a random scalar b and shares d, Alice
// with shares c, and
//
//	c[i] + d[i] = a[i]·b
//
// It takes one message, from Alice to Bob, on top of the transfers of package
// ot. The paper prints two indices of Alice's check wrongly, as Trail of Bits
// says in appendix F of its review of the Silence Laboratories implementation
// (2024): θ_{k,k} for θ_{i,k}, and â_i for â_k. What is computed here is, for
// each check column k,
//
//	η_k   = â_k + Σ_i θ_{i,k}·a_i
//	μ_j,k = α⁰_{j,ℓ+k} + Σ_i θ_{i,k}·α⁰_{j,i}
//
// which is what Bob's side comes out at (TestAgreesWithReference, and no other
// choice of the indices passes his check).
//
// The parameters are ξ = 512 transfers per multiplication, which leaves 2λ_s =
// 256 bits of slack for what a cheating Alice learns of β by guessing, ℓ = 2
// inputs and ρ = 2 check columns. ρ = 1 would be sound over a field of 256 bits;
// readings of the paper differ, and 2 satisfies them all.
//
// Time depends on public data only. Bob's errors wrap [ErrEncoding] or
// [ErrCheck] and mean that Alice departed from the protocol.
package rvole

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"github.com/warifu/warifu/share/internal/ot"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

const (
	// Inputs is ℓ, the number of scalars that are multiplied by b.
	Inputs = 2

	checks  = 2 // ρ
	width   = Inputs + checks
	rowSize = width * secp.ScalarSize

	tildeSize = ot.Xi * rowSize
	etaSize   = checks * secp.ScalarSize
	muSize    = 32

	// MessageSize is the length in bytes of Alice's message: Ã, η, μ.
	MessageSize = tildeSize + etaSize + muSize // 65 632
)

// The pads of package ot are exactly one row of scalars.
const _ = uint(ot.PadSize-rowSize) + uint(rowSize-ot.PadSize)

const (
	tagGadget wire.Tag = "rvole/gadget"
	tagTheta  wire.Tag = "rvole/theta"
	tagMu     wire.Tag = "rvole/mu"
)

var (
	// ErrEncoding says that bytes are not what any honest party would send.
	ErrEncoding = errors.New("not a canonical encoding")
	// ErrCheck says that the multiplication check fails.
	ErrCheck = errors.New("check failed")
)

// gadget returns g_j for j < ξ, which is public.
func gadget(psid []byte) secp.Vector {
	h := wire.NewPrefix(tagGadget, psid)
	b := make([]byte, ot.Xi*secp.ScalarSize)
	for j := range ot.Xi {
		h.Read(b[j*secp.ScalarSize:][:secp.ScalarSize], wire.U32(uint32(j)))
	}
	g := secp.NewVector(ot.Xi)
	g.Reduce(b, secp.ScalarSize)
	return g
}

// theta returns the challenge θ_{i,k}, bound to all of Ã.
func theta(psid, tilde []byte) (t [Inputs][checks]secp.Scalar) {
	var b [Inputs * checks * secp.ScalarSize]byte
	wire.XOF(tagTheta, psid, tilde).Read(b[:])
	for i := range Inputs {
		for k := range checks {
			t[i][k] = secp.ReduceScalar((*[secp.ScalarSize]byte)(b[(i*checks+k)*secp.ScalarSize:]))
		}
	}
	return t
}

// table is the four columns of ξ scalars that both parties compute with.
type table [width]secp.Vector

func newTable() (t table) {
	for k := range t {
		t[k] = secp.NewVector(ot.Xi)
	}
	return t
}

func (t table) reduce(b []byte) {
	for k := range t {
		t[k].Reduce(b[k*secp.ScalarSize:], rowSize)
	}
}

func (t table) wipe() {
	for k := range t {
		t[k].Wipe()
	}
}

// Alice runs her side with inputs a and the pads of s, and returns her message
// of [MessageSize] bytes and her shares. It reads 128 bytes of r for the â.
func Alice(psid []byte, a [Inputs]secp.Secret, s *ot.Sender, r io.Reader) (msg []byte, c [Inputs]secp.Secret, err error) {
	pads0, pads1 := make([]byte, tildeSize), make([]byte, tildeSize)
	alpha, tilde := newTable(), newTable()
	defer func() {
		clear(pads0)
		clear(pads1)
		alpha.wipe()
		tilde.wipe()
	}()
	s.Pads(pads0, pads1)
	alpha.reduce(pads0) // α⁰
	tilde.reduce(pads1) // α¹, until it is Ã

	in := [width]secp.Secret{a[0], a[1]}
	for k := Inputs; k < width; k++ {
		if in[k], err = secp.RandomSecret(r); err != nil {
			return nil, c, fmt.Errorf("rvole: check input: %w", err)
		}
		defer in[k].Wipe()
	}
	msg = make([]byte, MessageSize)
	for k := range width {
		// ã = α⁰ - α¹ + a, computed as -(α¹ - α⁰ - a).
		tilde[k].Sub(alpha[k])
		tilde[k].Negate()
		tilde[k].AddEach(in[k])
		tilde[k].Put(msg[k*secp.ScalarSize:], rowSize)
	}

	g := gadget(psid)
	for i := range Inputs {
		positive := g.Dot(alpha[i])
		c[i] = positive.Neg()
		positive.Wipe()
	}
	th := theta(psid, msg[:tildeSize])
	mu := make([]byte, ot.Xi*checks*secp.ScalarSize)
	defer clear(mu)
	for k := range checks {
		eta := in[Inputs+k] // grows in place of â_k, which has no further use
		for i := range Inputs {
			term := a[i].MulPublic(th[i][k])
			eta.Accumulate(term)
			term.Wipe()
			alpha[Inputs+k].AddScaled(th[i][k], alpha[i])
		}
		// η_k is what Alice sends: the random â_k hides her inputs in it.
		b := eta.Public().Bytes()
		copy(msg[tildeSize+k*secp.ScalarSize:], b[:])
		alpha[Inputs+k].Put(mu[k*secp.ScalarSize:], checks*secp.ScalarSize)
	}
	sum := wire.Sum(tagMu, psid, mu)
	copy(msg[tildeSize+etaSize:], sum[:])
	return msg, c, nil
}

// A Bob is the side that brings the factor.
type Bob struct {
	psid   []byte
	ot     *ot.Receiver
	gadget secp.Vector
}

// NewBob starts Bob's side with the transfers of r, which stay the caller's to
// wipe.
func NewBob(psid []byte, r *ot.Receiver) *Bob { return &Bob{psid, r, gadget(psid)} }

// Factor returns b = Σ g_j·β_j.
func (b *Bob) Factor() secp.Secret { return b.gadget.SumMasked(b.ot.Beta()) }

// Shares runs Bob's side on Alice's message and returns his shares d.
func (b *Bob) Shares(msg []byte) (d [Inputs]secp.Secret, err error) {
	if len(msg) != MessageSize {
		return d, fmt.Errorf("rvole: message of %d bytes: %w", len(msg), ErrEncoding)
	}
	var eta [checks]secp.Scalar
	for k := range checks {
		if eta[k], err = secp.ParseScalar(msg[tildeSize+k*secp.ScalarSize:][:secp.ScalarSize]); err != nil {
			return d, fmt.Errorf("rvole: eta: %w", ErrEncoding)
		}
	}
	beta := b.ot.Beta()
	pads := make([]byte, tildeSize)
	dot, tilde := newTable(), secp.NewVector(ot.Xi)
	defer func() {
		clear(pads)
		dot.wipe()
		tilde.Wipe()
	}()
	b.ot.Pads(pads)
	dot.reduce(pads) // γ, until it is ḋ
	for k := range width {
		if err := tilde.Parse(msg[k*secp.ScalarSize:], rowSize); err != nil {
			return d, fmt.Errorf("rvole: a-tilde: %w", ErrEncoding)
		}
		dot[k].AddMasked(beta, tilde)
	}
	th := theta(b.psid, msg[:tildeSize])
	mu := make([]byte, ot.Xi*checks*secp.ScalarSize)
	defer clear(mu)
	for k := range checks {
		for i := range Inputs {
			dot[Inputs+k].AddScaled(th[i][k], dot[i])
		}
		dot[Inputs+k].SubMaskedEach(beta, eta[k])
		dot[Inputs+k].Put(mu[k*secp.ScalarSize:], checks*secp.ScalarSize)
	}
	sum := wire.Sum(tagMu, b.psid, mu)
	if subtle.ConstantTimeCompare(sum[:], msg[tildeSize+etaSize:]) != 1 {
		return d, fmt.Errorf("rvole: multiplication: %w", ErrCheck)
	}
	for i := range Inputs {
		d[i] = b.gadget.Dot(dot[i])
	}
	return d, nil
}

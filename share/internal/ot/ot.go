package ot

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"github.com/warifu/warifu/wire"
)

const (
	// Lambda is λ_c, the computational security in bits, and so the number of
	// base transfers and the bits of Δ.
	Lambda = 128
	// Sigma is σ, the width in bits of the check of the extension.
	Sigma = 128
	// Xi is ξ = κ + 2λ_s with κ = 256 and λ_s = 128: the transfers that one
	// multiplication takes.
	Xi = 512

	// PadSize is the length in bytes of the pad of one row: ℓ + ρ = 4 values
	// of 32 bytes.
	PadSize = 128

	blocks   = Xi / Sigma // m
	rowBits  = Xi + Sigma // ξ'
	rowBytes = rowBits / 8
	keySize  = Lambda / 8
)

// Lengths in bytes of the messages.
const (
	PointMessage  = 32                                         // A
	BaseMessage   = Lambda * 2 * 32                            // 8 192
	ExtendMessage = Lambda*rowBytes + Sigma/8 + Lambda*Sigma/8 // U, x̂, t̂: 12 304
)

const (
	tagPOPF wire.Tag = "ot/popf"
	tagBase wire.Tag = "ot/bot"
	tagPRG  wire.Tag = "ot/prg"
	tagChi  wire.Tag = "ot/chi"
	tagRow  wire.Tag = "ot/row"
)

var (
	// ErrEncoding says that bytes are not what any honest party would send.
	ErrEncoding = errors.New("not a canonical encoding")
	// ErrCheck says that well-formed values fail a check.
	ErrCheck = errors.New("check failed")
)

// hidden keeps a secret out of the reach of fmt and ==, as secret.Key does.
type hidden[T any] struct{ value func() *T }

func hide[T any](v *T) hidden[T] { return hidden[T]{func() *T { return v }} }

func (h hidden[T]) get() *T { return h.value() }

func (h hidden[T]) wipe() {
	if h.value != nil {
		var zero T
		*h.value() = zero
	}
}

// Format implements [fmt.Formatter] and prints a placeholder for every verb.
func (hidden[T]) Format(f fmt.State, _ rune) { io.WriteString(f, "[secret]") }

// maskOf returns 0xff for bit 1 and 0 for bit 0.
func maskOf(bit byte) byte { return -bit }

// bitOf returns bit i of s.
func bitOf(s []byte, i int) byte { return s[i/8] >> (i % 8) & 1 }

// choose sets dst to a if bit is 0 and to b if it is 1, without a branch.
func choose(dst, a, b []byte, bit byte) {
	subtle.ConstantTimeCopy(1, dst, a)
	subtle.ConstantTimeCopy(int(bit), dst, b)
}

package eip712

import (
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/warifu/warifu/intent/internal/eth"
)

// A typeHasher hashes values of EIP-712. It encodes each type once and each
// value once, so that the work is linear in what is signed; a list of many
// equal structures costs no more than its bytes.
type typeHasher struct {
	types map[string][]Member
	known map[string][]byte                // typeHash of a structure type
	sum   func(parts ...[]byte) (h []byte) // Keccak-256 of the parts in a row
}

func newTypeHasher(types map[string][]Member) *typeHasher {
	return &typeHasher{types: types, known: make(map[string][]byte, len(types)), sum: crypto.Keccak256}
}

// typeHash returns the hash of encodeType (EIP-712, "Definition of
// encodeType"): the type and, sorted by name, all that it refers to.
func (h *typeHasher) typeHash(name string) []byte {
	if sum, ok := h.known[name]; ok {
		return sum
	}
	uses := map[string]bool{name: true}
	queue := []string{name}
	for i := 0; i < len(queue); i++ {
		for _, m := range h.types[queue[i]] {
			base, _, _ := strings.Cut(m.Type, "[")
			if _, isType := h.types[base]; isType && !uses[base] {
				uses[base] = true
				queue = append(queue, base)
			}
		}
	}
	slices.Sort(queue[1:])
	var b []byte
	for _, n := range queue {
		b = append(append(b, n...), '(')
		for i, m := range h.types[n] {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(append(b, m.Type...), ' '), m.Name...)
		}
		b = append(b, ')')
	}
	sum := h.sum(b)
	h.known[name] = sum
	return sum
}

// encode returns the 32 bytes that stand for v inside a structure or a list
// (EIP-712, "Definition of encodeData"). Of a structure they are hashStruct.
func (h *typeHasher) encode(v Value) []byte {
	switch v.Shape {
	case Structure:
		parts := make([][]byte, 1, 1+len(v.Items))
		parts[0] = h.typeHash(v.Type)
		return h.sum(h.append(parts, v.Items)...)
	case List:
		return h.sum(h.append(nil, v.Items)...)
	}
	switch a, _ := ParseAtom(v.Type); a.Family {
	case "string":
		return h.sum([]byte(v.Text))
	case "bytes":
		b, _ := eth.HexBytes(v.Text)
		if a.Size == 0 {
			return h.sum(b)
		}
		return append(b, make([]byte, eth.DigestSize-len(b))...)
	case "address":
		out := make([]byte, eth.DigestSize)
		address := v.Address()
		copy(out[eth.DigestSize-len(address):], address[:])
		return out
	case "bool":
		out := make([]byte, eth.DigestSize)
		if v.Text == "true" {
			out[eth.DigestSize-1] = 1
		}
		return out
	}
	n := v.Num
	if n.Sign() < 0 { // two's complement of 256 bits
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 8*eth.DigestSize))
	}
	return n.FillBytes(make([]byte, eth.DigestSize))
}

func (h *typeHasher) append(parts [][]byte, items []Value) [][]byte {
	for _, item := range items {
		parts = append(parts, h.encode(item))
	}
	return parts
}

package intent

import (
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/crypto"
)

// A typeHasher hashes values of EIP-712. It encodes each type once and each
// value once, so that the work is linear in what is signed; a list of many
// equal structures costs no more than its bytes.
type typeHasher struct {
	types map[string][]member
	known map[string][]byte                // typeHash of a structure type
	sum   func(parts ...[]byte) (h []byte) // Keccak-256 of the parts in a row
}

func newTypeHasher(types map[string][]member) *typeHasher {
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
			base, _, _ := strings.Cut(m.typ, "[")
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
			b = append(append(append(b, m.typ...), ' '), m.name...)
		}
		b = append(b, ')')
	}
	sum := h.sum(b)
	h.known[name] = sum
	return sum
}

// encode returns the 32 bytes that stand for v inside a structure or a list
// (EIP-712, "Definition of encodeData"). Of a structure they are hashStruct.
func (h *typeHasher) encode(v value) []byte {
	switch v.shape {
	case structure:
		parts := make([][]byte, 1, 1+len(v.items))
		parts[0] = h.typeHash(v.typ)
		return h.sum(h.append(parts, v.items)...)
	case list:
		return h.sum(h.append(nil, v.items)...)
	}
	switch a, _ := parseAtom(v.typ); a.family {
	case "string":
		return h.sum([]byte(v.text))
	case "bytes":
		b, _ := hexBytes(v.text)
		if a.size == 0 {
			return h.sum(b)
		}
		return append(b, make([]byte, digestSize-len(b))...)
	case "address":
		out := make([]byte, digestSize)
		address := v.addressValue()
		copy(out[digestSize-len(address):], address[:])
		return out
	case "bool":
		out := make([]byte, digestSize)
		if v.text == "true" {
			out[digestSize-1] = 1
		}
		return out
	}
	n := v.num
	if n.Sign() < 0 { // two's complement of 256 bits
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 8*digestSize))
	}
	return n.FillBytes(make([]byte, digestSize))
}

func (h *typeHasher) append(parts [][]byte, items []value) [][]byte {
	for _, item := range items {
		parts = append(parts, h.encode(item))
	}
	return parts
}

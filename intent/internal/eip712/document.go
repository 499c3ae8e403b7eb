// Package eip712 reads typed data (EIP-712): a document of eth_signTypedData_v4
// becomes a [Document] of which there is one reading, one canonical text and one
// digest. What its values mean is not this package's affair.
//
// Fields that no type declares are not signed: [Parse] leaves them out and names
// them.
package eip712

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent/internal/strictjson"
)

const domainType = "EIP712Domain"

// A Document is an EIP-712 request whose values are known to match its types.
type Document struct {
	Types   map[string][]Member // only those that are used, with EIP712Domain
	Primary string
	Domain  Value // a structure
	Message Value // a structure

	// Unsigned names what the JSON held besides, sorted: no type declares it, so
	// that no signature covers it.
	Unsigned []string

	digest []byte // once it is known
}

// A Member is one field of a structure type.
type Member struct{ Name, Type string }

// A Value is a piece of typed data that fits its type.
type Value struct {
	Type    string // as declared; empty of the zero value, which stands for none
	Shape   Shape
	Text    string   // of an atom, in its one canonical form
	Num     *big.Int // of an integer
	Members []Member // of a structure: its type
	Items   []Value  // of a structure, in the order of its type, or a list
}

// A Shape is what a value is made of.
type Shape uint8

// The shapes.
const (
	Atom Shape = iota
	Structure
	List
)

// Get returns a field of a structure, or the zero value.
func (v Value) Get(name string) Value {
	for i, m := range v.Members {
		if m.Name == name {
			return v.Items[i]
		}
	}
	return Value{}
}

// Str returns a field that is a string, or "".
func (v Value) Str(name string) string {
	if f := v.Get(name); f.Type == "string" {
		return f.Text
	}
	return ""
}

// Address returns the address of an atom of that type.
func (v Value) Address() common.Address { return common.HexToAddress(v.Text) }

// Digest returns the EIP-712 digest, 32 bytes.
func (td *Document) Digest() []byte {
	if td.digest == nil {
		h := newTypeHasher(td.Types)
		td.digest = h.sum([]byte{0x19, 0x01}, h.encode(td.Domain), h.encode(td.Message))
	}
	return td.digest
}

// Canonical returns the one JSON text of td: names sorted except where their
// order is signed, no white space, values in their canonical form.
func (td *Document) Canonical() []byte {
	b := td.Domain.appendJSON([]byte(`{"domain":`))
	b = td.Message.appendJSON(append(b, `,"message":`...))
	b = strictjson.AppendString(append(b, `,"primaryType":`...), td.Primary)
	b = append(b, `,"types":{`...)
	for i, name := range slices.Sorted(maps.Keys(td.Types)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strictjson.AppendString(b, name), ":["...)
		for j, m := range td.Types[name] {
			if j > 0 {
				b = append(b, ',')
			}
			b = strictjson.AppendString(append(b, `{"name":`...), m.Name)
			b = append(strictjson.AppendString(append(b, `,"type":`...), m.Type), '}')
		}
		b = append(b, ']')
	}
	return append(b, "}}"...)
}

func (v Value) appendJSON(b []byte) []byte {
	switch {
	case v.Shape == Structure:
		b = append(b, '{')
		for i, m := range v.Members {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.Items[i].appendJSON(append(strictjson.AppendString(b, m.Name), ':'))
		}
		return append(b, '}')
	case v.Shape == List:
		b = append(b, '[')
		for i, item := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.appendJSON(b)
		}
		return append(b, ']')
	case v.Type == "bool":
		return append(b, v.Text...)
	}
	return strictjson.AppendString(b, v.Text)
}

// An AtomType is a type without parts.
type AtomType struct {
	Family string // "bool", "address", "string", "bytes", "int", "uint"
	Bits   int    // of an integer
	Size   int    // of bytes1 to bytes32; 0 for bytes
}

// ParseAtom reads the name of a type without parts.
func ParseAtom(name string) (AtomType, bool) {
	switch name {
	case "bool", "address", "string", "bytes":
		return AtomType{Family: name}, true
	}
	for _, family := range []string{"uint", "int", "bytes"} {
		digits, ok := strings.CutPrefix(name, family)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(digits)
		switch {
		case err != nil || strconv.Itoa(n) != digits:
		case family == "bytes" && n >= 1 && n <= 32:
			return AtomType{Family: family, Size: n}, true
		case family != "bytes" && n >= 8 && n <= 256 && n%8 == 0:
			return AtomType{Family: family, Bits: n}, true
		}
	}
	return AtomType{}, false
}

package intent

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/warifu/warifu/wire"
)

const domainType = "EIP712Domain"

// typedPayload is the canonical payload of typed data. Its fields are wire
// format: append only.
type typedPayload struct {
	Version uint8  `cbor:"1,keyasint"` // 2 if Unsigned has something, else 1
	JSON    []byte `cbor:"2,keyasint"` // of typedData.canonical

	// Unsigned names what the document held besides, sorted: no type declares
	// it, so that no signature covers it. It is what the asking device says;
	// nobody else has the document.
	Unsigned []string `cbor:"3,keyasint,omitempty"`
}

// A typedData is an EIP-712 request whose values are known to match its types.
type typedData struct {
	types    map[string][]member // only those that are used, with EIP712Domain
	primary  string
	domain   value
	message  value
	unsigned []string // as in typedPayload
	digest   []byte   // once it is known
}

// A member is one field of a structure type.
type member struct{ name, typ string }

// A value is a piece of typed data that fits its type.
type value struct {
	typ     string // as declared
	shape   shape
	text    string   // of an atom, in its one canonical form
	num     *big.Int // of an integer
	members []member // of a structure: its type
	items   []value  // of a structure, in the order of its type, or a list
}

type shape uint8

const (
	atom shape = iota
	structure
	list
)

func (v value) get(name string) value {
	for i, m := range v.members {
		if m.name == name {
			return v.items[i]
		}
	}
	return value{}
}

func normalizeTypedData(json []byte) ([]byte, error) {
	td, err := parseTypedData(json)
	if err != nil {
		return nil, err
	}
	p := typedPayload{Version: 1, JSON: td.canonical(), Unsigned: td.unsigned}
	if len(p.Unsigned) > 0 {
		p.Version = 2
	}
	return wire.Marshal(p), nil
}

func decodeTypedData(payload []byte) (request, error) {
	malformed := refuse(CodeBadPayload, "malformed payload of typed data")
	var p typedPayload
	if err := wire.Unmarshal(payload, &p); err != nil {
		return nil, malformed
	}
	switch p.Version {
	case 1:
		if len(p.Unsigned) > 0 {
			return nil, malformed
		}
	case 2:
		if err := checkUnsigned(p.Unsigned); err != nil {
			return nil, err
		}
	default:
		return nil, malformed
	}
	td, err := parseTypedData(p.JSON)
	if err != nil {
		return nil, err
	}
	// Canonical JSON holds nothing that is not signed.
	if string(td.canonical()) != string(p.JSON) {
		return nil, refuse(CodeBadPayload, "the typed data is not in canonical form")
	}
	td.unsigned = p.Unsigned
	return td, nil
}

func (td *typedData) purpose() string         { return PurposeEIP712 }
func (td *typedData) permitted(Context) error { return nil }

func (td *typedData) finish(ctx Context, sig []byte) (Result, error) {
	digest, err := td.toSign()
	if err != nil {
		return Result{}, err
	}
	return finishPersonal(ctx, digest, sig)
}

// toSign returns the EIP-712 digest.
func (td *typedData) toSign() ([]byte, error) {
	if td.digest == nil {
		h := newTypeHasher(td.types)
		td.digest = h.sum([]byte{0x19, 0x01}, h.encode(td.domain), h.encode(td.message))
	}
	return td.digest, nil
}

// canonical returns the one JSON text of td: names sorted except where their
// order is signed, no white space, values in their canonical form.
func (td *typedData) canonical() []byte {
	b := td.domain.appendJSON([]byte(`{"domain":`))
	b = td.message.appendJSON(append(b, `,"message":`...))
	b = appendString(append(b, `,"primaryType":`...), td.primary)
	b = append(b, `,"types":{`...)
	for i, name := range slices.Sorted(maps.Keys(td.types)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ":["...)
		for j, m := range td.types[name] {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendString(append(b, `{"name":`...), m.name)
			b = append(appendString(append(b, `,"type":`...), m.typ), '}')
		}
		b = append(b, ']')
	}
	return append(b, "}}"...)
}

func (v value) appendJSON(b []byte) []byte {
	switch {
	case v.shape == structure:
		b = append(b, '{')
		for i, m := range v.members {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.items[i].appendJSON(append(appendString(b, m.name), ':'))
		}
		return append(b, '}')
	case v.shape == list:
		b = append(b, '[')
		for i, item := range v.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.appendJSON(b)
		}
		return append(b, ']')
	case v.typ == "bool":
		return append(b, v.text...)
	}
	return appendString(b, v.text)
}

// An atomType is a type without parts.
type atomType struct {
	family string // "bool", "address", "string", "bytes", "int", "uint"
	bits   int    // of an integer
	size   int    // of bytes1 to bytes32; 0 for bytes
}

// parseAtom reads the name of a type without parts.
func parseAtom(name string) (atomType, bool) {
	switch name {
	case "bool", "address", "string", "bytes":
		return atomType{family: name}, true
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
			return atomType{family: family, size: n}, true
		case family != "bytes" && n >= 8 && n <= 256 && n%8 == 0:
			return atomType{family: family, bits: n}, true
		}
	}
	return atomType{}, false
}

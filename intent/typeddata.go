package intent

import (
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"github.com/warifu/warifu/wire"
)

const domainType = "EIP712Domain"

// typedPayload is the canonical payload of typed data. Its fields are wire
// format: append only.
type typedPayload struct {
	Version uint8  `cbor:"1,keyasint"`
	JSON    []byte `cbor:"2,keyasint"` // of typedData.canonical
}

// A typedData is an EIP-712 request whose values are known to match its types.
type typedData struct {
	types   map[string][]member // only those that are used, with EIP712Domain
	primary string
	domain  value
	message value
}

// A member is one field of a structure type.
type member struct{ name, typ string }

// A value is a piece of typed data that fits its type.
type value struct {
	typ   string // as declared
	shape shape
	text  string   // of an atom, in its one canonical form
	num   *big.Int // of an integer
	names []string // of a structure, in the order of its type
	items []value  // of a structure or a list
}

type shape uint8

const (
	atom shape = iota
	structure
	list
)

func (v value) get(name string) value {
	if i := slices.Index(v.names, name); i >= 0 {
		return v.items[i]
	}
	return value{}
}

func normalizeTypedData(json []byte) ([]byte, error) {
	td, err := parseTypedData(json)
	if err != nil {
		return nil, err
	}
	if _, err := td.toSign(); err != nil {
		return nil, err
	}
	return wire.Marshal(typedPayload{Version: 1, JSON: td.canonical()}), nil
}

func decodeTypedData(payload []byte) (request, error) {
	var p typedPayload
	if err := wire.Unmarshal(payload, &p); err != nil || p.Version != 1 {
		return nil, refuse(CodeBadPayload, "malformed payload of typed data")
	}
	td, err := parseTypedData(p.JSON)
	if err != nil {
		return nil, err
	}
	if string(td.canonical()) != string(p.JSON) {
		return nil, refuse(CodeBadPayload, "the typed data is not in canonical form")
	}
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

// toSign returns the EIP-712 digest, computed by apitypes.
func (td *typedData) toSign() ([]byte, error) {
	at := apitypes.TypedData{
		Types:       make(apitypes.Types, len(td.types)),
		PrimaryType: td.primary,
		// The domain is hashed from td.domain: this field would drop empty
		// strings that the type declares. It only has to be present.
		Domain: apitypes.TypedDataDomain{ChainId: math.NewHexOrDecimal256(0)},
	}
	for name, members := range td.types {
		for _, m := range members {
			at.Types[name] = append(at.Types[name], apitypes.Type{Name: m.name, Type: m.typ})
		}
	}
	domain, err := at.HashStruct(domainType, td.domain.plain().(map[string]any))
	if err != nil {
		return nil, refuse(CodeBadTypedData, "the domain cannot be hashed")
	}
	message, err := at.HashStruct(td.primary, td.message.plain().(map[string]any))
	if err != nil {
		return nil, refuse(CodeBadTypedData, "the message cannot be hashed")
	}
	return crypto.Keccak256([]byte{0x19, 0x01}, domain, message), nil
}

// plain returns v in the form that apitypes takes.
func (v value) plain() any {
	switch v.shape {
	case structure:
		m := make(map[string]any, len(v.items))
		for i, name := range v.names {
			m[name] = v.items[i].plain()
		}
		return m
	case list:
		l := make([]any, len(v.items))
		for i, item := range v.items {
			l[i] = item.plain()
		}
		return l
	}
	if v.typ == "bool" {
		return v.text == "true"
	}
	return v.text
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
		for i, name := range v.names {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.items[i].appendJSON(append(appendString(b, name), ':'))
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

// parseTypedData reads the JSON of eth_signTypedData_v4 and checks every value
// against its type, so that there is one reading of it and nothing in it stays
// unsigned.
func parseTypedData(b []byte) (*typedData, error) {
	top, err := parseJSON(b)
	if err != nil {
		return nil, err
	}
	if top.kind != jsonObject {
		return nil, refuse(CodeBadTypedData, "typed data is an object with types, primaryType, domain and message")
	}
	for _, k := range top.keys {
		if !slices.Contains([]string{"types", "primaryType", "domain", "message"}, k) {
			return nil, refuse(CodeBadTypedData, "unknown field %s of typed data", short(k))
		}
	}
	td := new(typedData)
	types, ok := top.get("types")
	if !ok || types.kind != jsonObject {
		return nil, refuse(CodeBadTypedData, "the field types is missing or not an object")
	}
	if td.types, err = parseTypes(types); err != nil {
		return nil, err
	}
	primary, ok := top.get("primaryType")
	if !ok || primary.kind != jsonString {
		return nil, refuse(CodeBadTypedData, "the field primaryType is missing or not a string")
	}
	td.primary = primary.text
	if td.types[td.primary] == nil {
		return nil, refuse(CodeBadTypedData, "the primary type %s is not among the types", short(td.primary))
	}
	if td.primary == domainType {
		return nil, refuse(CodeBadTypedData, "the primary type is %s: there is no message to sign", domainType)
	}
	if err := checkDomainType(td.types[domainType]); err != nil {
		return nil, err
	}
	if err := td.keepUsedTypes(); err != nil {
		return nil, err
	}
	left := maxValues
	for _, part := range []struct {
		name, typ string
		to        *value
	}{{"domain", domainType, &td.domain}, {"message", td.primary, &td.message}} {
		n, ok := top.get(part.name)
		if !ok {
			return nil, refuse(CodeBadTypedData, "the field %s is missing", part.name)
		}
		if *part.to, err = td.fit(n, part.typ, part.name, 0, &left); err != nil {
			return nil, err
		}
	}
	return td, nil
}

// identifier is what EIP-712 allows as a name. Anything else could imitate
// another type inside the string that is hashed. Types may not begin with an
// underscore or a dollar, which apitypes refuses.
var (
	identifier     = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)
	typeIdentifier = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	typeExpression = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_]*)((\[[0-9]*\])*)$`)
)

func parseTypes(n node) (map[string][]member, error) {
	if len(n.keys) > maxTypes {
		return nil, refuse(CodeBadTypedData, "%d types; at most %d are read", len(n.keys), maxTypes)
	}
	types := make(map[string][]member, len(n.keys))
	fields := 0
	for i, name := range n.keys {
		if len(name) > maxName || !typeIdentifier.MatchString(name) {
			return nil, refuse(CodeBadTypedData, "the type name %s is not an identifier", short(name))
		}
		if _, ok := parseAtom(name); ok || name == "int" || name == "uint" {
			return nil, refuse(CodeBadTypedData, "the type %s would replace a built-in one", short(name))
		}
		list := n.items[i]
		if list.kind != jsonArray || len(list.items) == 0 {
			return nil, refuse(CodeBadTypedData, "the type %s is not a list of fields", short(name))
		}
		if fields += len(list.items); fields > maxFields {
			return nil, refuse(CodeBadTypedData, "more than %d fields in the types", maxFields)
		}
		seen := make(map[string]bool)
		for _, f := range list.items {
			fieldName, ok1 := f.get("name")
			typ, ok2 := f.get("type")
			if f.kind != jsonObject || !ok1 || !ok2 || len(f.keys) != 2 ||
				fieldName.kind != jsonString || typ.kind != jsonString {
				return nil, refuse(CodeBadTypedData, "a field of the type %s is not an object of name and type", short(name))
			}
			if len(fieldName.text) > maxName || !identifier.MatchString(fieldName.text) {
				return nil, refuse(CodeBadTypedData, "the field name %s of the type %s is not an identifier", short(fieldName.text), short(name))
			}
			if seen[fieldName.text] {
				return nil, refuse(CodeBadTypedData, "the type %s has the field %s twice", short(name), short(fieldName.text))
			}
			seen[fieldName.text] = true
			if len(typ.text) > maxName || !typeExpression.MatchString(typ.text) {
				return nil, refuse(CodeBadTypedData, "the field %s of the type %s has the malformed type %s",
					short(fieldName.text), short(name), short(typ.text))
			}
			types[name] = append(types[name], member{fieldName.text, typ.text})
		}
	}
	return types, nil
}

// checkDomainType checks the declaration of EIP712Domain. Were it missing,
// what the domain says would be shown but not signed.
func checkDomainType(members []member) error {
	if members == nil {
		return refuse(CodeBadTypedData, "the types do not declare %s, so the domain would not be signed", domainType).
			hint("add its declaration to types, with the fields that the domain has")
	}
	known := map[string]string{
		"name": "string", "version": "string", "chainId": "uint256",
		"verifyingContract": "address", "salt": "bytes32",
	}
	for _, m := range members {
		want, ok := known[m.name]
		if !ok {
			return refuse(CodeBadTypedData, "%s declares the unknown field %s", domainType, short(m.name))
		}
		if m.typ != want {
			return refuse(CodeBadTypedData, "%s declares %s as %s; it is %s", domainType, m.name, short(m.typ), want)
		}
	}
	return nil
}

// keepUsedTypes drops the types that nothing refers to, since they are not
// signed, and refuses references to nothing and types that contain themselves.
func (td *typedData) keepUsedTypes() error {
	const (
		entered = 1
		left    = 2
	)
	state := make(map[string]int)
	var visit func(name string) error
	visit = func(name string) error {
		switch {
		case state[name] == entered:
			return refuse(CodeBadTypedData, "the type %s contains itself", short(name))
		case state[name] == left:
			return nil
		}
		state[name] = entered
		for _, m := range td.types[name] {
			base, _, _ := strings.Cut(m.typ, "[")
			if _, ok := parseAtom(base); ok {
				continue
			}
			if td.types[base] == nil {
				e := refuse(CodeBadTypedData, "the field %s of the type %s has the unknown type %s", short(m.name), short(name), short(base))
				if base == "uint" || base == "int" {
					e = e.hint("typed data has no short names: write " + base + "256")
				}
				return e
			}
			if err := visit(base); err != nil {
				return err
			}
		}
		state[name] = left
		return nil
	}
	for _, root := range []string{domainType, td.primary} {
		if err := visit(root); err != nil {
			return err
		}
	}
	maps.DeleteFunc(td.types, func(name string, _ []member) bool { return state[name] == 0 })
	return nil
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

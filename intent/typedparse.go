package intent

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A typedParser reads a document of typed data. It goes on after what is wrong
// with one value, so that a person is told all of it at once.
type typedParser struct {
	typedData
	problems problems
	index    map[string]map[string]int // of the fields of each type
	left     map[string]bool           // fields that are not signed
}

// parseTypedData reads the JSON of eth_signTypedData_v4 and checks every value
// against its type, so that there is one reading of it. What the types do not
// declare is left out and named in the result.
func parseTypedData(b []byte) (*typedData, error) {
	top, err := parseJSON(b)
	if err != nil {
		return nil, err
	}
	if top.kind != jsonObject {
		return nil, refuse(CodeBadTypedData, "typed data is an object with types, primaryType, domain and message")
	}
	p := &typedParser{left: make(map[string]bool)}
	for _, k := range top.keys {
		if !slices.Contains([]string{"types", "primaryType", "domain", "message"}, k) {
			p.leaveOut(nil, k)
		}
	}
	types, ok := top.get("types")
	if !ok || types.kind != jsonObject {
		return nil, refuse(CodeBadTypedData, "the field types is missing or not an object")
	}
	if err := p.parseTypes(types); err != nil {
		return nil, err
	}
	primary, ok := top.get("primaryType")
	if !ok || primary.kind != jsonString {
		return nil, refuse(CodeBadTypedData, "the field primaryType is missing or not a string")
	}
	p.primary = primary.text
	if p.types[p.primary] == nil {
		return nil, refuse(CodeBadTypedData, "the primary type %s is not among the types", short(p.primary))
	}
	if p.primary == domainType {
		return nil, refuse(CodeBadTypedData, "the primary type is %s: there is no message to sign", domainType)
	}
	if p.types[domainType] == nil {
		// Were it missing, what the domain says would be shown but not signed.
		return nil, refuse(CodeBadTypedData, "the types do not declare %s, so the domain would not be signed", domainType).
			hint("add its declaration to types, with the fields that the domain has")
	}
	if err := p.keepUsedTypes(); err != nil {
		return nil, err
	}
	p.indexTypes()
	for _, part := range []struct {
		name, typ string
		to        *value
	}{{"domain", domainType, &p.domain}, {"message", p.primary, &p.message}} {
		n, ok := top.get(part.name)
		if !ok {
			return nil, refuse(CodeBadTypedData, "the field %s is missing", part.name)
		}
		*part.to = p.fit(n, part.typ, &place{name: part.name}, 0)
	}
	if err := p.problems.err(); err != nil {
		return nil, err
	}
	if len(p.left) > maxUnsigned {
		return nil, refuse(CodeBadTypedData, "more than %d fields that no type declares and that would not be signed", maxUnsigned).
			hint("sign the document for which the types were made")
	}
	p.unsigned = slices.Sorted(maps.Keys(p.left))
	return &p.typedData, nil
}

// A place is where a value stands. Its text is made only when it is needed.
type place struct {
	up   *place
	name string // of a field, or empty for an item of a list
	at   int    // index of an item
}

func (p *place) field(name string) *place { return &place{up: p, name: name} }
func (p *place) item(at int) *place       { return &place{up: p, at: at} }

// String returns the path, out of identifiers and indexes.
func (p *place) String() string {
	switch {
	case p.up == nil:
		return p.name
	case p.name == "":
		return fmt.Sprintf("%s[%d]", p.up, p.at)
	}
	return p.up.String() + "." + p.name
}

// leaveOut notes a field that no type declares. Items of a list count as one,
// and of a long path the end is kept.
func (p *typedParser) leaveOut(at *place, field string) {
	if len(p.left) > maxUnsigned {
		return
	}
	path := cut(field, maxUnsignedName/2)
	for ; at != nil; at = at.up {
		step := at.name
		if step == "" {
			step = "[]"
		}
		if path[0] != '[' {
			step += "."
		}
		if len(step)+len(path) > maxUnsignedName {
			break
		}
		path = step + path
	}
	p.left[path] = true
}

// checkUnsigned checks the names of what is not signed, as they come from a
// peer: sorted, each once, none of them too long.
func checkUnsigned(names []string) error {
	bad := len(names) == 0 || len(names) > maxUnsigned
	for i, name := range names {
		bad = bad || name == "" || len(name) > maxUnsignedName || !utf8.ValidString(name) || i > 0 && names[i-1] >= name
	}
	if bad {
		return refuse(CodeBadPayload, "the list of unsigned fields is malformed")
	}
	return nil
}

// What may be a name. Anything else could imitate another type inside the
// string that is hashed. Hyperliquid writes colons into its primary types.
var (
	identifier     = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)
	typeIdentifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(:[A-Za-z0-9_]+)*$`)
	typeExpression = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(:[A-Za-z0-9_]+)*((\[[0-9]*\])*)$`)
)

func (p *typedParser) parseTypes(n node) error {
	if len(n.keys) > maxTypes {
		return refuse(CodeBadTypedData, "%d types; at most %d are read", len(n.keys), maxTypes)
	}
	p.types = make(map[string][]member, len(n.keys))
	bad := func(format string, args ...any) { p.problems.add(refuse(CodeBadTypedData, format, args...)) }
	fields := 0
	for i, name := range n.keys {
		if len(name) > maxName || !typeIdentifier.MatchString(name) {
			bad("the type name %s is not an identifier", short(name))
			continue
		}
		if _, ok := parseAtom(name); ok || name == "int" || name == "uint" {
			bad("the type %s would replace a built-in one", short(name))
			continue
		}
		list := n.items[i]
		if list.kind != jsonArray || len(list.items) == 0 && name != domainType {
			bad("the type %s is not a list of fields", short(name))
			continue
		}
		if fields += len(list.items); fields > maxFields {
			return refuse(CodeBadTypedData, "more than %d fields in the types", maxFields)
		}
		p.types[name] = p.parseMembers(name, list.items, bad)
	}
	return p.problems.err()
}

func (p *typedParser) parseMembers(name string, items []node, bad func(format string, args ...any)) []member {
	seen := make(map[string]bool)
	out := make([]member, 0, len(items)) // not nil: EIP712Domain may be empty
	for _, f := range items {
		field, ok1 := f.get("name")
		typ, ok2 := f.get("type")
		switch {
		case f.kind != jsonObject || !ok1 || !ok2 || field.kind != jsonString || typ.kind != jsonString:
			bad("a field of the type %s is not an object of name and type", short(name))
			continue
		case len(field.text) > maxName || !identifier.MatchString(field.text):
			bad("the field name %s of the type %s is not an identifier", short(field.text), short(name))
		case seen[field.text]:
			bad("the type %s has the field %s twice", short(name), short(field.text))
		case len(typ.text) > maxName || !typeExpression.MatchString(typ.text):
			bad("the field %s of the type %s has the malformed type %s", short(field.text), short(name), short(typ.text))
		}
		seen[field.text] = true
		for _, k := range f.keys {
			if k != "name" && k != "type" {
				p.leaveOut((&place{name: "types"}).field(name).item(0), k)
			}
		}
		out = append(out, member{field.text, typ.text})
	}
	return out
}

// keepUsedTypes drops the types that nothing refers to, since they are not
// signed, and refuses references to nothing and types that contain themselves.
func (p *typedParser) keepUsedTypes() error {
	const (
		entered = 1
		left    = 2
	)
	state := make(map[string]int)
	var visit func(name string)
	visit = func(name string) {
		if state[name] == left {
			return
		}
		state[name] = entered
		for _, m := range p.types[name] {
			base, _, _ := strings.Cut(m.typ, "[")
			if _, ok := parseAtom(base); ok {
				continue
			}
			switch {
			case p.types[base] == nil:
				e := refuse(CodeBadTypedData, "the field %s of the type %s has the unknown type %s", short(m.name), short(name), short(base))
				if base == "uint" || base == "int" {
					e = e.hint("typed data has no short names: write " + base + "256")
				}
				p.problems.add(e)
			case state[base] == entered:
				p.problems.add(refuse(CodeBadTypedData, "the type %s contains itself", short(base)))
			case strings.Contains(name+base, ":"):
				// MetaMask and viem take a name for ended at the colon and
				// leave out what the type refers to; ethers does not.
				p.problems.add(refuse(CodeBadTypedData, "the type %s refers to the type %s, and wallets hash such names with a colon in two ways",
					short(name), short(base)))
			default:
				visit(base)
			}
		}
		state[name] = left
	}
	if head, _, ok := strings.Cut(p.primary, ":"); ok && p.types[head] != nil {
		p.problems.add(refuse(CodeBadTypedData, "there are the types %s and %s, and wallets hash such names with a colon in two ways",
			short(p.primary), short(head)))
	}
	for _, root := range []string{domainType, p.primary} {
		visit(root)
	}
	if err := p.problems.err(); err != nil {
		return err
	}
	maps.DeleteFunc(p.types, func(name string, _ []member) bool { return state[name] == 0 })
	return nil
}

func (p *typedParser) indexTypes() {
	p.index = make(map[string]map[string]int, len(p.types))
	for name, members := range p.types {
		at := make(map[string]int, len(members))
		for i, m := range members {
			at[m.name] = i
		}
		p.index[name] = at
	}
}

package eip712

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/intent/internal/strictjson"
	"github.com/warifu/warifu/intent/internal/text"
)

// Limits of typed data. How many values there may be is bounded by the payload
// alone: each value and each type is looked at, shown and hashed once. The
// encoding of a type repeats the types that it refers to, so that types take up
// to maxTypes times their own length.
const (
	maxTypes        = 64  // structure types
	maxFields       = 256 // fields of all types together
	maxValueDepth   = 16  // structures and lists inside one another
	maxName         = 128 // bytes of the name of a type or field
	maxUnsigned     = 64  // fields that no type declares
	maxUnsignedName = 256 // bytes of the path to one of them
)

// A parser reads a document of typed data. It goes on after what is wrong
// with one value, so that a person is told all of it at once.
type parser struct {
	Document
	problems request.Problems
	index    map[string]map[string]int // of the fields of each type
	left     map[string]bool           // fields that are not signed
}

// Parse reads the JSON of eth_signTypedData_v4 and checks every value
// against its type, so that there is one reading of it. What the types do not
// declare is left out and named in the result.
func Parse(b []byte) (*Document, error) {
	top, err := strictjson.Parse(b)
	if err != nil {
		return nil, err
	}
	if top.Kind != strictjson.Object {
		return nil, request.Refuse(request.CodeBadTypedData, "typed data is an object with types, primaryType, domain and message")
	}
	p := &parser{left: make(map[string]bool)}
	for _, k := range top.Keys {
		if !slices.Contains([]string{"types", "primaryType", "domain", "message"}, k) {
			p.leaveOut(nil, k)
		}
	}
	types, ok := top.Get("types")
	if !ok || types.Kind != strictjson.Object {
		return nil, request.Refuse(request.CodeBadTypedData, "the field types is missing or not an object")
	}
	if err := p.parseTypes(types); err != nil {
		return nil, err
	}
	primary, ok := top.Get("primaryType")
	if !ok || primary.Kind != strictjson.String {
		return nil, request.Refuse(request.CodeBadTypedData, "the field primaryType is missing or not a string")
	}
	p.Primary = primary.Text
	if p.Types[p.Primary] == nil {
		return nil, request.Refuse(request.CodeBadTypedData, "the primary type %s is not among the types", text.Quote(p.Primary))
	}
	if p.Primary == domainType {
		return nil, request.Refuse(request.CodeBadTypedData, "the primary type is %s: there is no message to sign", domainType)
	}
	if p.Types[domainType] == nil {
		// Were it missing, what the domain says would be shown but not signed.
		return nil, request.Refuse(request.CodeBadTypedData, "the types do not declare %s, so the domain would not be signed", domainType).
			WithHint("add its declaration to types, with the fields that the domain has")
	}
	if err := p.keepUsedTypes(); err != nil {
		return nil, err
	}
	p.indexTypes()
	for _, part := range []struct {
		name, typ string
		to        *Value
	}{{"domain", domainType, &p.Domain}, {"message", p.Primary, &p.Message}} {
		n, ok := top.Get(part.name)
		if !ok {
			return nil, request.Refuse(request.CodeBadTypedData, "the field %s is missing", part.name)
		}
		*part.to = p.fit(n, part.typ, &place{name: part.name}, 0)
	}
	if err := p.problems.Err(); err != nil {
		return nil, err
	}
	if len(p.left) > maxUnsigned {
		return nil, request.Refuse(request.CodeBadTypedData, "more than %d fields that no type declares and that would not be signed", maxUnsigned).
			WithHint("sign the document for which the types were made")
	}
	p.Unsigned = slices.Sorted(maps.Keys(p.left))
	return &p.Document, nil
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
func (p *parser) leaveOut(at *place, field string) {
	if len(p.left) > maxUnsigned {
		return
	}
	path := text.Cut(field, maxUnsignedName/2)
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

// CheckUnsigned checks the names of what is not signed, as they come from a
// peer: sorted, each once, none of them too long.
func CheckUnsigned(names []string) error {
	bad := len(names) == 0 || len(names) > maxUnsigned
	for i, name := range names {
		bad = bad || name == "" || len(name) > maxUnsignedName || !utf8.ValidString(name) || i > 0 && names[i-1] >= name
	}
	if bad {
		return request.Refuse(request.CodeBadPayload, "the list of unsigned fields is malformed")
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

func (p *parser) parseTypes(n strictjson.Node) error {
	if len(n.Keys) > maxTypes {
		return request.Refuse(request.CodeBadTypedData, "%d types; at most %d are read", len(n.Keys), maxTypes)
	}
	p.Types = make(map[string][]Member, len(n.Keys))
	bad := func(format string, args ...any) {
		p.problems.Add(request.Refuse(request.CodeBadTypedData, format, args...))
	}
	fields := 0
	for i, name := range n.Keys {
		if len(name) > maxName || !typeIdentifier.MatchString(name) {
			bad("the type name %s is not an identifier", text.Quote(name))
			continue
		}
		if _, ok := ParseAtom(name); ok || name == "int" || name == "uint" {
			bad("the type %s would replace a built-in one", text.Quote(name))
			continue
		}
		list := n.Items[i]
		if list.Kind != strictjson.List || len(list.Items) == 0 && name != domainType {
			bad("the type %s is not a list of fields", text.Quote(name))
			continue
		}
		if fields += len(list.Items); fields > maxFields {
			return request.Refuse(request.CodeBadTypedData, "more than %d fields in the types", maxFields)
		}
		p.Types[name] = p.parseMembers(name, list.Items, bad)
	}
	return p.problems.Err()
}

func (p *parser) parseMembers(name string, items []strictjson.Node, bad func(format string, args ...any)) []Member {
	seen := make(map[string]bool)
	out := make([]Member, 0, len(items)) // not nil: EIP712Domain may be empty
	for _, f := range items {
		field, ok1 := f.Get("name")
		typ, ok2 := f.Get("type")
		switch {
		case f.Kind != strictjson.Object || !ok1 || !ok2 || field.Kind != strictjson.String || typ.Kind != strictjson.String:
			bad("a field of the type %s is not an object of name and type", text.Quote(name))
			continue
		case len(field.Text) > maxName || !identifier.MatchString(field.Text):
			bad("the field name %s of the type %s is not an identifier", text.Quote(field.Text), text.Quote(name))
		case seen[field.Text]:
			bad("the type %s has the field %s twice", text.Quote(name), text.Quote(field.Text))
		case len(typ.Text) > maxName || !typeExpression.MatchString(typ.Text):
			bad("the field %s of the type %s has the malformed type %s", text.Quote(field.Text), text.Quote(name), text.Quote(typ.Text))
		}
		seen[field.Text] = true
		for _, k := range f.Keys {
			if k != "name" && k != "type" {
				p.leaveOut((&place{name: "types"}).field(name).item(0), k)
			}
		}
		out = append(out, Member{field.Text, typ.Text})
	}
	return out
}

// keepUsedTypes drops the types that nothing refers to, since they are not
// signed, and refuses references to nothing and types that contain themselves.
func (p *parser) keepUsedTypes() error {
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
		for _, m := range p.Types[name] {
			base, _, _ := strings.Cut(m.Type, "[")
			if _, ok := ParseAtom(base); ok {
				continue
			}
			switch {
			case p.Types[base] == nil:
				e := request.Refuse(request.CodeBadTypedData, "the field %s of the type %s has the unknown type %s", text.Quote(m.Name), text.Quote(name), text.Quote(base))
				if base == "uint" || base == "int" {
					e = e.WithHint("typed data has no short names: write " + base + "256")
				}
				p.problems.Add(e)
			case state[base] == entered:
				p.problems.Add(request.Refuse(request.CodeBadTypedData, "the type %s contains itself", text.Quote(base)))
			case strings.Contains(name+base, ":"):
				// MetaMask and viem take a name for ended at the colon and
				// leave out what the type refers to; ethers does not.
				p.problems.Add(request.Refuse(request.CodeBadTypedData, "the type %s refers to the type %s, and wallets hash such names with a colon in two ways",
					text.Quote(name), text.Quote(base)))
			default:
				visit(base)
			}
		}
		state[name] = left
	}
	if head, _, ok := strings.Cut(p.Primary, ":"); ok && p.Types[head] != nil {
		p.problems.Add(request.Refuse(request.CodeBadTypedData, "there are the types %s and %s, and wallets hash such names with a colon in two ways",
			text.Quote(p.Primary), text.Quote(head)))
	}
	for _, root := range []string{domainType, p.Primary} {
		visit(root)
	}
	if err := p.problems.Err(); err != nil {
		return err
	}
	maps.DeleteFunc(p.Types, func(name string, _ []Member) bool { return state[name] == 0 })
	return nil
}

func (p *parser) indexTypes() {
	p.index = make(map[string]map[string]int, len(p.Types))
	for name, members := range p.Types {
		at := make(map[string]int, len(members))
		for i, m := range members {
			at[m.Name] = i
		}
		p.index[name] = at
	}
}

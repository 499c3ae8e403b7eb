package eip712

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/intent/internal/strictjson"
	"github.com/warifu/warifu/intent/internal/text"
)

// fit checks the JSON value n against the type typ and returns it in canonical
// form. What does not fit becomes a problem, and its value is empty.
func (p *parser) fit(n strictjson.Node, typ string, at *place, depth int) Value {
	switch {
	case depth > maxValueDepth:
		return p.bad(at, ": more than %d levels of values", maxValueDepth)
	case n.Kind == strictjson.Null:
		return p.bad(at, " is null")
	case strings.HasSuffix(typ, "]"):
		return p.fitList(n, typ, at, depth)
	}
	if a, ok := ParseAtom(typ); ok {
		return p.fitAtom(n, a, typ, at)
	}
	return p.fitStructure(n, typ, at, depth)
}

// bad notes a problem with the value at a place. The format goes on after its
// path.
func (p *parser) bad(at *place, format string, args ...any) Value {
	return p.badHint("", at, format, args...)
}

func (p *parser) badHint(hint string, at *place, format string, args ...any) Value {
	if !p.problems.Full() {
		p.problems.Add(request.Refuse(request.CodeBadTypedData, "%s%s", at, fmt.Sprintf(format, args...)).WithHint(hint))
	}
	return Value{}
}

func (p *parser) fitList(n strictjson.Node, typ string, at *place, depth int) Value {
	open := strings.LastIndexByte(typ, '[')
	inner, size := typ[:open], typ[open+1:len(typ)-1]
	if n.Kind != strictjson.List {
		return p.bad(at, " is %s, not a list", n.Kind)
	}
	if size != "" {
		// EIP-712 hashes the type as it is written: "[02]" is another type.
		want, err := strconv.Atoi(size)
		if err != nil || strconv.Itoa(want) != size || want == 0 {
			return p.bad(at, " has a list type of malformed length")
		}
		if want != len(n.Items) {
			return p.bad(at, " has %d items, its type %d", len(n.Items), want)
		}
	}
	v := Value{Type: typ, Shape: List, Items: make([]Value, len(n.Items))}
	for i, item := range n.Items {
		v.Items[i] = p.fit(item, inner, at.item(i), depth+1)
	}
	return v
}

func (p *parser) fitStructure(n strictjson.Node, typ string, at *place, depth int) Value {
	if n.Kind != strictjson.Object {
		return p.bad(at, " is %s, not an object of the type %s", n.Kind, text.Quote(typ))
	}
	members := p.Types[typ]
	v := Value{Type: typ, Shape: Structure, Members: members, Items: make([]Value, len(members))}
	seen := make([]bool, len(members))
	for i, key := range n.Keys {
		slot, ok := p.index[typ][key]
		if !ok {
			p.leaveOut(at, key)
			continue
		}
		seen[slot] = true
		v.Items[slot] = p.fit(n.Items[i], members[slot].Type, at.field(key), depth+1)
	}
	for i, ok := range seen {
		if !ok {
			p.bad(at.field(members[i].Name), " is missing")
		}
	}
	return v
}

func (p *parser) fitAtom(n strictjson.Node, a AtomType, typ string, at *place) Value {
	v := Value{Type: typ}
	wrong := func(want string) Value {
		return p.bad(at, " is %s; its type %s takes %s", n.Kind, typ, want)
	}
	switch a.Family {
	case "bool":
		if n.Kind != strictjson.Bool {
			return wrong("true or false")
		}
		v.Text = strconv.FormatBool(n.Truth)
	case "string":
		if n.Kind != strictjson.String {
			return wrong("a string")
		}
		v.Text = n.Text
	case "address":
		if n.Kind != strictjson.String {
			return wrong("a string of 0x and 40 hexadecimal digits")
		}
		address, err := eth.ParseAddress(n.Text)
		if err != nil {
			e := err.(*request.Error)
			return p.badHint(e.Hint, at, ": %s", e.Reason)
		}
		v.Text = eth.Checksum(address)
	case "bytes":
		if n.Kind != strictjson.String {
			return wrong("a string of 0x and hexadecimal digits")
		}
		b, ok := eth.HexBytes(n.Text)
		if !ok {
			return p.bad(at, " is not 0x and pairs of hexadecimal digits")
		}
		if a.Size != 0 && len(b) != a.Size {
			return p.bad(at, " has %d bytes, its type %s has %d", len(b), typ, a.Size)
		}
		v.Text = fmt.Sprintf("0x%x", b)
	default:
		return p.fitInteger(n, a, typ, at)
	}
	return v
}

func (p *parser) fitInteger(n strictjson.Node, a AtomType, typ string, at *place) Value {
	bad := func(why string) Value {
		return p.badHint("write integers as decimal digits or 0x-hexadecimal in a string", at, ": %s", why)
	}
	if n.Kind != strictjson.Number && n.Kind != strictjson.String {
		return bad(fmt.Sprintf("%s where its type %s takes an integer", n.Kind, typ))
	}
	digits, negative := strings.CutPrefix(n.Text, "-")
	v, ok := eth.Decimal(digits)
	if h, isHex := strings.CutPrefix(digits, "0x"); isHex && !negative && n.Kind == strictjson.String && h != "" && len(h) <= 64 {
		if strings.Trim(h, "0123456789abcdefABCDEF") == "" {
			v, ok = new(big.Int).SetString(h, 16)
		}
	}
	if !ok || negative && v.Sign() == 0 {
		return bad("not an integer")
	}
	if n.Kind == strictjson.Number && v.Cmp(eth.MaxExact) > 0 {
		return bad("an integer beyond 2^53, which other programs round")
	}
	if negative {
		v.Neg(v)
	}
	low, high := new(big.Int), eth.MaxUint(uint(a.Bits))
	if a.Family == "int" {
		high = eth.MaxUint(uint(a.Bits - 1))
		low.Not(high) // -2^(bits-1)
	}
	if v.Cmp(low) < 0 || v.Cmp(high) > 0 {
		return bad("out of the range of " + typ)
	}
	return Value{Type: typ, Text: v.String(), Num: v}
}

package intent

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// fit checks the JSON value n against the type typ and returns it in canonical
// form. What does not fit becomes a problem, and its value is empty.
func (p *typedParser) fit(n node, typ string, at *place, depth int) value {
	switch {
	case depth > maxValueDepth:
		return p.bad(at, ": more than %d levels of values", maxValueDepth)
	case n.kind == jsonNull:
		return p.bad(at, " is null")
	case strings.HasSuffix(typ, "]"):
		return p.fitList(n, typ, at, depth)
	}
	if a, ok := parseAtom(typ); ok {
		return p.fitAtom(n, a, typ, at)
	}
	return p.fitStructure(n, typ, at, depth)
}

// bad notes a problem with the value at a place. The format goes on after its
// path.
func (p *typedParser) bad(at *place, format string, args ...any) value {
	return p.badHint("", at, format, args...)
}

func (p *typedParser) badHint(hint string, at *place, format string, args ...any) value {
	if !p.problems.full() {
		p.problems.add(refuse(CodeBadTypedData, "%s%s", at, fmt.Sprintf(format, args...)).hint(hint))
	}
	return value{}
}

func (p *typedParser) fitList(n node, typ string, at *place, depth int) value {
	open := strings.LastIndexByte(typ, '[')
	inner, size := typ[:open], typ[open+1:len(typ)-1]
	if n.kind != jsonArray {
		return p.bad(at, " is %s, not a list", n.kind)
	}
	if size != "" {
		// EIP-712 hashes the type as it is written: "[02]" is another type.
		want, err := strconv.Atoi(size)
		if err != nil || strconv.Itoa(want) != size || want == 0 {
			return p.bad(at, " has a list type of malformed length")
		}
		if want != len(n.items) {
			return p.bad(at, " has %d items, its type %d", len(n.items), want)
		}
	}
	v := value{typ: typ, shape: list, items: make([]value, len(n.items))}
	for i, item := range n.items {
		v.items[i] = p.fit(item, inner, at.item(i), depth+1)
	}
	return v
}

func (p *typedParser) fitStructure(n node, typ string, at *place, depth int) value {
	if n.kind != jsonObject {
		return p.bad(at, " is %s, not an object of the type %s", n.kind, short(typ))
	}
	members := p.types[typ]
	v := value{typ: typ, shape: structure, members: members, items: make([]value, len(members))}
	seen := make([]bool, len(members))
	for i, key := range n.keys {
		slot, ok := p.index[typ][key]
		if !ok {
			p.leaveOut(at, key)
			continue
		}
		seen[slot] = true
		v.items[slot] = p.fit(n.items[i], members[slot].typ, at.field(key), depth+1)
	}
	for i, ok := range seen {
		if !ok {
			p.bad(at.field(members[i].name), " is missing")
		}
	}
	return v
}

func (p *typedParser) fitAtom(n node, a atomType, typ string, at *place) value {
	v := value{typ: typ}
	wrong := func(want string) value {
		return p.bad(at, " is %s; its type %s takes %s", n.kind, typ, want)
	}
	switch a.family {
	case "bool":
		if n.kind != jsonBool {
			return wrong("true or false")
		}
		v.text = strconv.FormatBool(n.truth)
	case "string":
		if n.kind != jsonString {
			return wrong("a string")
		}
		v.text = n.text
	case "address":
		if n.kind != jsonString {
			return wrong("a string of 0x and 40 hexadecimal digits")
		}
		address, err := ParseAddress(n.text)
		if err != nil {
			e := err.(*Error)
			return p.badHint(e.Hint, at, ": %s", e.Reason)
		}
		v.text = checksummed(address)
	case "bytes":
		if n.kind != jsonString {
			return wrong("a string of 0x and hexadecimal digits")
		}
		b, ok := hexBytes(n.text)
		if !ok {
			return p.bad(at, " is not 0x and pairs of hexadecimal digits")
		}
		if a.size != 0 && len(b) != a.size {
			return p.bad(at, " has %d bytes, its type %s has %d", len(b), typ, a.size)
		}
		v.text = fmt.Sprintf("0x%x", b)
	default:
		return p.fitInteger(n, a, typ, at)
	}
	return v
}

// maxExact is the largest integer that every reader of JSON numbers keeps.
var maxExact = big.NewInt(1<<53 - 1)

func (p *typedParser) fitInteger(n node, a atomType, typ string, at *place) value {
	bad := func(why string) value {
		return p.badHint("write integers as decimal digits or 0x-hexadecimal in a string", at, ": %s", why)
	}
	if n.kind != jsonNumber && n.kind != jsonString {
		return bad(fmt.Sprintf("%s where its type %s takes an integer", n.kind, typ))
	}
	digits, negative := strings.CutPrefix(n.text, "-")
	v, ok := decimal(digits)
	if h, isHex := strings.CutPrefix(digits, "0x"); isHex && !negative && n.kind == jsonString && h != "" && len(h) <= 64 {
		if strings.Trim(h, "0123456789abcdefABCDEF") == "" {
			v, ok = new(big.Int).SetString(h, 16)
		}
	}
	if !ok || negative && v.Sign() == 0 {
		return bad("not an integer")
	}
	if n.kind == jsonNumber && v.Cmp(maxExact) > 0 {
		return bad("an integer beyond 2^53, which other programs round")
	}
	if negative {
		v.Neg(v)
	}
	low, high := new(big.Int), maxUint(uint(a.bits))
	if a.family == "int" {
		high = maxUint(uint(a.bits - 1))
		low.Not(high) // -2^(bits-1)
	}
	if v.Cmp(low) < 0 || v.Cmp(high) > 0 {
		return bad("out of the range of " + typ)
	}
	return value{typ: typ, text: v.String(), num: v}
}

// hexBytes reads 0x and pairs of hexadecimal digits.
func hexBytes(s string) ([]byte, bool) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return nil, false
	}
	b, err := hex.DecodeString(digits)
	return b, err == nil
}

// addressValue returns the address of an atom of that type.
func (v value) addressValue() common.Address { return common.HexToAddress(v.text) }

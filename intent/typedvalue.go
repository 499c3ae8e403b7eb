package intent

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// fit checks the JSON value n against the type typ and returns it in canonical
// form. path names the place, out of identifiers and indexes only; left counts
// the values that may still come.
func (td *typedData) fit(n node, typ, path string, depth int, left *int) (value, error) {
	if depth > maxValueDepth {
		return value{}, refuse(CodeBadTypedData, "%s: more than %d levels of values", path, maxValueDepth)
	}
	if *left--; *left < 0 {
		return value{}, refuse(CodeBadTypedData, "more than %d values", maxValues)
	}
	if n.kind == jsonNull {
		return value{}, refuse(CodeBadTypedData, "%s is null", path)
	}
	if strings.HasSuffix(typ, "]") {
		return td.fitList(n, typ, path, depth, left)
	}
	if a, ok := parseAtom(typ); ok {
		return fitAtom(n, a, typ, path)
	}
	return td.fitStructure(n, typ, path, depth, left)
}

func (td *typedData) fitList(n node, typ, path string, depth int, left *int) (value, error) {
	open := strings.LastIndexByte(typ, '[')
	inner, size := typ[:open], typ[open+1:len(typ)-1]
	if n.kind != jsonArray {
		return value{}, refuse(CodeBadTypedData, "%s is %s, not a list", path, n.kind)
	}
	if size != "" {
		// EIP-712 hashes the type as it is written: "[02]" is another type.
		want, err := strconv.Atoi(size)
		if err != nil || strconv.Itoa(want) != size || want == 0 {
			return value{}, refuse(CodeBadTypedData, "%s has a list type of malformed length", path)
		}
		if want != len(n.items) {
			return value{}, refuse(CodeBadTypedData, "%s has %d items, its type %d", path, len(n.items), want)
		}
	}
	v := value{typ: typ, shape: list}
	for i, item := range n.items {
		f, err := td.fit(item, inner, fmt.Sprintf("%s[%d]", path, i), depth+1, left)
		if err != nil {
			return value{}, err
		}
		v.items = append(v.items, f)
	}
	return v, nil
}

func (td *typedData) fitStructure(n node, typ, path string, depth int, left *int) (value, error) {
	if n.kind != jsonObject {
		return value{}, refuse(CodeBadTypedData, "%s is %s, not an object of the type %s", path, n.kind, short(typ))
	}
	members := td.types[typ]
	for _, key := range n.keys {
		if !slices.ContainsFunc(members, func(m member) bool { return m.name == key }) {
			return value{}, refuse(CodeBadTypedData, "%s has the field %s, which its type does not declare and which would not be signed", path, short(key))
		}
	}
	v := value{typ: typ, shape: structure}
	for _, m := range members {
		item, ok := n.get(m.name)
		if !ok {
			return value{}, refuse(CodeBadTypedData, "%s.%s is missing", path, m.name)
		}
		f, err := td.fit(item, m.typ, path+"."+m.name, depth+1, left)
		if err != nil {
			return value{}, err
		}
		v.names = append(v.names, m.name)
		v.items = append(v.items, f)
	}
	return v, nil
}

func fitAtom(n node, a atomType, typ, path string) (value, error) {
	v := value{typ: typ}
	wrong := func(want string) (value, error) {
		return value{}, refuse(CodeBadTypedData, "%s is %s; its type %s takes %s", path, n.kind, typ, want)
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
			return value{}, refuse(CodeBadTypedData, "%s: %s", path, e.Reason).hint(e.Hint)
		}
		v.text = checksummed(address)
	case "bytes":
		if n.kind != jsonString {
			return wrong("a string of 0x and hexadecimal digits")
		}
		b, ok := hexBytes(n.text)
		if !ok {
			return value{}, refuse(CodeBadTypedData, "%s is not 0x and pairs of hexadecimal digits", path)
		}
		if a.size != 0 && len(b) != a.size {
			return value{}, refuse(CodeBadTypedData, "%s has %d bytes, its type %s has %d", path, len(b), typ, a.size)
		}
		v.text = fmt.Sprintf("0x%x", b)
	default:
		return fitInteger(n, a, typ, path)
	}
	return v, nil
}

// maxExact is the largest integer that every reader of JSON numbers keeps.
var maxExact = big.NewInt(1<<53 - 1)

func fitInteger(n node, a atomType, typ, path string) (value, error) {
	bad := func(why string) (value, error) {
		return value{}, refuse(CodeBadTypedData, "%s: %s", path, why).
			hint("write integers as decimal digits or 0x-hexadecimal in a string")
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
	return value{typ: typ, text: v.String(), num: v}, nil
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

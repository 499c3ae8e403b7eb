package intent

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A jsonKind is one of the six kinds of JSON values.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

func (k jsonKind) String() string {
	return [...]string{"null", "true or false", "a number", "a string", "a list", "an object"}[k]
}

// A node is a JSON value. Numbers keep their text, objects their order.
type node struct {
	kind  jsonKind
	truth bool
	text  string   // of a string, decoded; of a number, as written
	keys  []string // of an object
	items []node   // of a list, or the values of an object
}

func (n node) get(key string) (node, bool) {
	for i, k := range n.keys {
		if k == key {
			return n.items[i], true
		}
	}
	return node{}, false
}

// parseJSON reads one JSON value (RFC 8259). Unlike encoding/json it refuses
// everything that two parsers may read differently: names given twice, bytes
// that are not UTF-8, and halves of surrogate pairs. Errors tell the line and
// quote nothing.
func parseJSON(b []byte) (node, error) {
	if len(b) > maxInput {
		return node{}, refuse(CodeTooLarge, "%d bytes of JSON; at most %d are read", len(b), maxInput)
	}
	p := &jsonParser{in: b, nodes: maxJSONNodes}
	if !utf8.Valid(b) {
		return node{}, refuse(CodeBadJSON, "the JSON is not UTF-8")
	}
	n, err := p.value(0)
	if err != nil {
		return node{}, err
	}
	p.space()
	if p.at < len(p.in) {
		return node{}, p.fail("something follows the value")
	}
	return n, nil
}

var jsonLiterals = [...]struct {
	word  string
	value node
}{
	{"null", node{}},
	{"true", node{kind: jsonBool, truth: true}},
	{"false", node{kind: jsonBool}},
}

type jsonParser struct {
	in    []byte
	at    int
	nodes int // values that may still come
}

func (p *jsonParser) fail(format string, args ...any) error {
	line := 1 + bytes.Count(p.in[:min(p.at, len(p.in))], []byte("\n"))
	return refuse(CodeBadJSON, "the JSON is wrong in line %d: %s", line, fmt.Sprintf(format, args...))
}

func (p *jsonParser) space() {
	for p.at < len(p.in) && strings.IndexByte(" \t\r\n", p.in[p.at]) >= 0 {
		p.at++
	}
}

// next returns the byte at the cursor, or 0 at the end. A 0 in the input is
// never valid where next is used.
func (p *jsonParser) next() byte {
	if p.at == len(p.in) {
		return 0
	}
	return p.in[p.at]
}

func (p *jsonParser) value(depth int) (node, error) {
	if depth > maxJSONDepth {
		return node{}, p.fail("more than %d levels", maxJSONDepth)
	}
	if p.nodes--; p.nodes < 0 {
		return node{}, p.fail("more than %d values", maxJSONNodes)
	}
	p.space()
	switch c := p.next(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.str()
		return node{kind: jsonString, text: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, l := range jsonLiterals {
		if bytes.HasPrefix(p.in[p.at:], []byte(l.word)) {
			p.at += len(l.word)
			return l.value, nil
		}
	}
	return node{}, p.fail("a value is missing")
}

func (p *jsonParser) object(depth int) (node, error) {
	n := node{kind: jsonObject}
	p.at++
	p.space()
	if p.next() == '}' {
		p.at++
		return n, nil
	}
	seen := make(map[string]bool)
	for {
		p.space()
		if p.next() != '"' {
			return node{}, p.fail("the name of a field is missing")
		}
		key, err := p.str()
		if err != nil {
			return node{}, err
		}
		if seen[key] {
			return node{}, p.fail("the field %s stands twice", short(key))
		}
		seen[key] = true
		p.space()
		if p.next() != ':' {
			return node{}, p.fail("a colon is missing")
		}
		p.at++
		v, err := p.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.keys = append(n.keys, key)
		n.items = append(n.items, v)
		p.space()
		switch p.next() {
		case ',':
			p.at++
		case '}':
			p.at++
			return n, nil
		default:
			return node{}, p.fail("a comma or } is missing")
		}
	}
}

func (p *jsonParser) array(depth int) (node, error) {
	n := node{kind: jsonArray}
	p.at++
	p.space()
	if p.next() == ']' {
		p.at++
		return n, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, v)
		p.space()
		switch p.next() {
		case ',':
			p.at++
		case ']':
			p.at++
			return n, nil
		default:
			return node{}, p.fail("a comma or ] is missing")
		}
	}
}

func (p *jsonParser) number() (node, error) {
	start := p.at
	digits := func() int {
		from := p.at
		for p.next() >= '0' && p.next() <= '9' {
			p.at++
		}
		return p.at - from
	}
	if p.next() == '-' {
		p.at++
	}
	zero := p.next() == '0'
	if n := digits(); n == 0 || zero && n > 1 {
		return node{}, p.fail("not a number")
	}
	if p.next() == '.' {
		p.at++
		if digits() == 0 {
			return node{}, p.fail("not a number")
		}
	}
	if c := p.next(); c == 'e' || c == 'E' {
		p.at++
		if c := p.next(); c == '+' || c == '-' {
			p.at++
		}
		if digits() == 0 {
			return node{}, p.fail("not a number")
		}
	}
	return node{kind: jsonNumber, text: string(p.in[start:p.at])}, nil
}

func (p *jsonParser) str() (string, error) {
	p.at++ // the opening quote
	var b strings.Builder
	for {
		c := p.next()
		switch {
		case p.at == len(p.in):
			return "", p.fail("a string does not end")
		case c == '"':
			p.at++
			return b.String(), nil
		case c < 0x20:
			return "", p.fail("a control character inside a string")
		case c != '\\':
			b.WriteByte(c)
			p.at++
			continue
		}
		p.at++
		c = p.next()
		p.at++
		switch c {
		case '"', '\\', '/':
			b.WriteByte(c)
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'u':
			r, err := p.unicodeEscape()
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
		default:
			p.at = min(p.at, len(p.in))
			return "", p.fail("unknown escape in a string")
		}
	}
}

// unicodeEscape reads what follows \u, and the second half of a pair.
func (p *jsonParser) unicodeEscape() (rune, error) {
	unit := func() (rune, bool) {
		if p.at+4 > len(p.in) {
			return 0, false
		}
		for _, c := range p.in[p.at : p.at+4] {
			if strings.IndexByte("0123456789abcdefABCDEF", c) < 0 {
				return 0, false
			}
		}
		v, _ := strconv.ParseUint(string(p.in[p.at:p.at+4]), 16, 16)
		p.at += 4
		return rune(v), true
	}
	r, ok := unit()
	if !ok {
		return 0, p.fail("unknown escape in a string")
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if p.at+2 > len(p.in) || p.in[p.at] != '\\' || p.in[p.at+1] != 'u' {
		return 0, p.fail("half of a surrogate pair in a string")
	}
	p.at += 2
	low, ok := unit()
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, p.fail("half of a surrogate pair in a string")
	}
	return r, nil
}

// appendString appends s as a JSON string in its one canonical form: only the
// quote, the backslash and control characters below space are escaped.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

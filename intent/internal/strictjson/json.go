// Package strictjson reads JSON that has one reading: nothing in it can mean one
// thing to this program and another to the next.
package strictjson

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/intent/internal/text"
)

// MaxInput bounds what is read, in bytes: JSON may be written with more white
// space than its canonical form.
const MaxInput = 512 << 10

// Limits of JSON before its meaning is looked at. A value takes at least two
// bytes, so that every payload is read whole.
const (
	maxDepth = 32
	maxNodes = request.MaxPayload / 2
)

// A Kind is one of the six kinds of JSON values.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Object
)

func (k Kind) String() string {
	return [...]string{"null", "true or false", "a number", "a string", "a list", "an object"}[k]
}

// A Node is a JSON value. Numbers keep their text, objects their order.
type Node struct {
	Kind  Kind
	Truth bool
	Text  string   // of a string, decoded; of a number, as written
	Keys  []string // of an object
	Items []Node   // of a list, or the values of an object
}

// Get returns a field of an object.
func (n Node) Get(key string) (Node, bool) {
	for i, k := range n.Keys {
		if k == key {
			return n.Items[i], true
		}
	}
	return Node{}, false
}

// Parse reads one JSON value (RFC 8259). Unlike encoding/json it refuses
// everything that two parsers may read differently: names given twice, bytes
// that are not UTF-8, and halves of surrogate pairs. Errors tell the line and
// quote nothing.
func Parse(b []byte) (Node, error) {
	if len(b) > MaxInput {
		return Node{}, request.Refuse(request.CodeTooLarge, "%d bytes of JSON; at most %d are read", len(b), MaxInput)
	}
	p := &parser{in: b, nodes: maxNodes}
	if !utf8.Valid(b) {
		return Node{}, request.Refuse(request.CodeBadJSON, "the JSON is not UTF-8")
	}
	n, err := p.value(0)
	if err != nil {
		return Node{}, err
	}
	p.space()
	if p.at < len(p.in) {
		return Node{}, p.fail("something follows the value")
	}
	return n, nil
}

var literals = [...]struct {
	word  string
	value Node
}{
	{"null", Node{}},
	{"true", Node{Kind: Bool, Truth: true}},
	{"false", Node{Kind: Bool}},
}

type parser struct {
	in    []byte
	at    int
	nodes int // values that may still come
}

func (p *parser) fail(format string, args ...any) error {
	line := 1 + bytes.Count(p.in[:min(p.at, len(p.in))], []byte("\n"))
	return request.Refuse(request.CodeBadJSON, "the JSON is wrong in line %d: %s", line, fmt.Sprintf(format, args...))
}

func (p *parser) space() {
	for p.at < len(p.in) && strings.IndexByte(" \t\r\n", p.in[p.at]) >= 0 {
		p.at++
	}
}

// next returns the byte at the cursor, or 0 at the end. A 0 in the input is
// never valid where next is used.
func (p *parser) next() byte {
	if p.at == len(p.in) {
		return 0
	}
	return p.in[p.at]
}

func (p *parser) value(depth int) (Node, error) {
	if depth > maxDepth {
		return Node{}, p.fail("more than %d levels", maxDepth)
	}
	if p.nodes--; p.nodes < 0 {
		return Node{}, p.fail("more than %d values", maxNodes)
	}
	p.space()
	switch c := p.next(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.str()
		return Node{Kind: String, Text: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, l := range literals {
		if bytes.HasPrefix(p.in[p.at:], []byte(l.word)) {
			p.at += len(l.word)
			return l.value, nil
		}
	}
	return Node{}, p.fail("a value is missing")
}

func (p *parser) object(depth int) (Node, error) {
	n := Node{Kind: Object}
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
			return Node{}, p.fail("the name of a field is missing")
		}
		key, err := p.str()
		if err != nil {
			return Node{}, err
		}
		if seen[key] {
			return Node{}, p.fail("the field %s stands twice", text.Quote(key))
		}
		seen[key] = true
		p.space()
		if p.next() != ':' {
			return Node{}, p.fail("a colon is missing")
		}
		p.at++
		v, err := p.value(depth + 1)
		if err != nil {
			return Node{}, err
		}
		n.Keys = append(n.Keys, key)
		n.Items = append(n.Items, v)
		p.space()
		switch p.next() {
		case ',':
			p.at++
		case '}':
			p.at++
			return n, nil
		default:
			return Node{}, p.fail("a comma or } is missing")
		}
	}
}

func (p *parser) array(depth int) (Node, error) {
	n := Node{Kind: List}
	p.at++
	p.space()
	if p.next() == ']' {
		p.at++
		return n, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return Node{}, err
		}
		n.Items = append(n.Items, v)
		p.space()
		switch p.next() {
		case ',':
			p.at++
		case ']':
			p.at++
			return n, nil
		default:
			return Node{}, p.fail("a comma or ] is missing")
		}
	}
}

func (p *parser) number() (Node, error) {
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
		return Node{}, p.fail("not a number")
	}
	if p.next() == '.' {
		p.at++
		if digits() == 0 {
			return Node{}, p.fail("not a number")
		}
	}
	if c := p.next(); c == 'e' || c == 'E' {
		p.at++
		if c := p.next(); c == '+' || c == '-' {
			p.at++
		}
		if digits() == 0 {
			return Node{}, p.fail("not a number")
		}
	}
	return Node{Kind: Number, Text: string(p.in[start:p.at])}, nil
}

func (p *parser) str() (string, error) {
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
func (p *parser) unicodeEscape() (rune, error) {
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

// AppendString appends s as a JSON string in its one canonical form: only the
// quote, the backslash and control characters below space are escaped.
func AppendString(b []byte, s string) []byte {
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

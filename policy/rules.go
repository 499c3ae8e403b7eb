package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/warifu/warifu/wire"
)

// Limits of the text of rules.
const (
	maxText  = 16 << 10 // bytes
	maxLines = 256
)

// defaultKind begins the line that decides for kinds without a line.
const defaultKind = "default"

// Rules are a set of lines like "message ask". The zero value has no lines: it
// asks for everything.
type Rules struct {
	lines []line // sorted, each once
}

// A line says what to do with one kind of request.
type line struct {
	kind     string // one of kinds, or defaultKind
	decision Decision
}

func (l line) String() string { return l.kind + " " + l.decision.String() }

func compareLines(a, b line) int {
	return cmp.Or(strings.Compare(a.kind, b.kind), cmp.Compare(a.decision, b.decision))
}

// ParseRules reads rules, one on a line: a kind of request and allow, ask or
// deny. The line "default ask" or "default deny" decides for kinds that have no
// line; without it they are asked. Order, repetition, empty lines, lines that
// begin with # and further spaces do not matter. An unknown word is an error
// that tells the line.
func ParseRules(text string) (Rules, error) {
	if len(text) > maxText {
		return Rules{}, fmt.Errorf("policy: rules of %d bytes, more than %d", len(text), maxText)
	}
	var r Rules
	for i, l := range strings.Split(text, "\n") {
		words := strings.Fields(l)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) != 2 {
			return Rules{}, fmt.Errorf("policy: line %d is not a kind and a decision", i+1)
		}
		if words[0] != defaultKind && !slices.Contains(kinds, words[0]) {
			return Rules{}, fmt.Errorf("policy: line %d begins with neither %s nor %s", i+1, strings.Join(kinds, ", "), defaultKind)
		}
		d := slices.Index(decisionNames[:], words[1])
		if d < 0 {
			return Rules{}, fmt.Errorf("policy: line %d ends with neither allow, ask nor deny", i+1)
		}
		if words[0] == defaultKind && Decision(d) == Allow {
			return Rules{}, fmt.Errorf("policy: line %d allows everything; name the kinds that need no asking", i+1)
		}
		if r.lines = append(r.lines, line{words[0], Decision(d)}); len(r.lines) > maxLines {
			return Rules{}, fmt.Errorf("policy: more than %d rules", maxLines)
		}
	}
	slices.SortFunc(r.lines, compareLines)
	r.lines = slices.Compact(r.lines)
	return r, nil
}

// String returns the canonical text: [ParseRules] gives the same rules for it,
// and equal rules have equal texts.
func (r Rules) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", line{defaultKind, r.fallback()})
	for _, l := range r.lines {
		if l.kind != defaultKind {
			fmt.Fprintf(&b, "%s\n", l)
		}
	}
	return b.String()
}

// fallback returns the decision for kinds that have no line.
func (r Rules) fallback() Decision {
	d := Ask
	for _, l := range r.lines {
		if l.kind == defaultKind {
			d = max(d, l.decision)
		}
	}
	return d
}

const tagRules wire.Tag = "policy/rules"

// Hash returns the hash of the canonical text, by which devices compare rules.
func (r Rules) Hash() wire.Hash { return wire.Sum(tagRules, []byte(r.String())) }

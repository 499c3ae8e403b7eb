package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/policy"
	"github.com/warifu/warifu/wire"
)

func parse(t testing.TB, text string) policy.Rules {
	t.Helper()
	r, err := policy.ParseRules(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func facts(kind string) policy.Facts {
	return policy.Facts{Kind: kind, Account: "ethereum", Purpose: "eip191", Initiator: 1}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules   string
		change  func(*policy.Facts, *policy.History)
		want    policy.Decision
		reasons []string
	}{
		"nothing":         {"", nil, policy.Ask, []string{"rule: default ask"}},
		"allow":           {"message allow", nil, policy.Allow, []string{"rule: message allow"}},
		"deny":            {"message deny", nil, policy.Deny, []string{"rule: message deny"}},
		"other-kind":      {"transaction allow\nssh-file deny", nil, policy.Ask, []string{"rule: default ask"}},
		"default-deny":    {"default deny", nil, policy.Deny, []string{"rule: default deny"}},
		"default-beaten":  {"default deny\nmessage allow", nil, policy.Allow, []string{"rule: message allow"}},
		"strictest":       {"message allow\nmessage deny\nmessage ask", nil, policy.Deny, []string{"rule: message deny"}},
		"unknown-kind":    {"message allow", func(f *policy.Facts, _ *policy.History) { f.Kind = "hash" }, policy.Deny, []string{"this device does not know the kind of the request"}},
		"no-initiator":    {"message allow", func(f *policy.Facts, _ *policy.History) { f.Initiator = 0 }, policy.Deny, []string{"the request names no device that asks"}},
		"warnings":        {"message allow", func(f *policy.Facts, _ *policy.History) { f.Warnings = 1 }, policy.Ask, []string{"the request has warnings for a person to read"}},
		"warnings-denied": {"message deny", func(f *policy.Facts, _ *policy.History) { f.Warnings = 1 }, policy.Deny, []string{"rule: message deny"}},
		"denied": {"message allow", func(_ *policy.Facts, h *policy.History) { h.Denied = []wire.Slot{3, 2} }, policy.Deny,
			[]string{"device 2 has denied it", "device 3 has denied it"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, h := facts("message"), policy.History{}
			if c.change != nil {
				c.change(&f, &h)
			}
			got, reasons := policy.Decide(f, parse(t, c.rules), h)
			if got != c.want || !slices.Equal(reasons, c.reasons) {
				t.Errorf("%v %q, want %v %q", got, reasons, c.want, c.reasons)
			}
		})
	}
}

func TestZeroRulesAsk(t *testing.T) {
	t.Parallel()
	for _, k := range intent.Kinds() {
		if got, _ := policy.Decide(facts(string(k)), policy.Rules{}, policy.History{}); got != policy.Ask {
			t.Errorf("%s: %v", k, got)
		}
	}
}

// The kinds are those of package intent, which policy may not import.
func TestEveryKindHasRules(t *testing.T) {
	t.Parallel()
	for _, k := range intent.Kinds() {
		r := parse(t, string(k)+" allow")
		if got, reasons := policy.Decide(facts(string(k)), r, policy.History{}); got != policy.Allow {
			t.Errorf("%s: %v %q", k, got, reasons)
		}
	}
	_, err := policy.ParseRules("x ask")
	for _, k := range intent.Kinds() {
		if err == nil || !strings.Contains(err.Error(), string(k)) {
			t.Errorf("the error does not offer %s: %v", k, err)
		}
	}
}

func TestParseRulesErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"one-word":      {"message", "line 1 is not a kind and a decision"},
		"three-words":   {"message ask now", "line 1 is not a kind and a decision"},
		"unknown-kind":  {"\n# note\nmesage ask", "line 3 begins with neither"},
		"unknown-word":  {"message yes", "line 1 ends with neither"},
		"upper-case":    {"message ASK", "line 1 ends with neither"},
		"default-allow": {"default allow", "line 1 allows everything"},
		"too-long":      {strings.Repeat(" ", 16<<10+1), "more than 16384"},
		"too-many":      {strings.Repeat("message ask\n", 257), "more than 256 rules"},
	} {
		_, err := policy.ParseRules(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestCanonicalText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":            "default ask\n",
		"default ask": "default ask\n",
		"# none\n\n":  "default ask\n",
		" transaction\task \r\nmessage allow\nmessage allow\n": "default ask\nmessage allow\ntransaction ask\n",
		"typed-data deny\ndefault deny\ndefault ask":           "default deny\ntyped-data deny\n",
	} {
		r := parse(t, text)
		if got := r.String(); got != want {
			t.Errorf("%q prints %q, want %q", text, got, want)
		}
		if again := parse(t, r.String()); again.Hash() != r.Hash() {
			t.Errorf("%q does not come back", text)
		}
	}
	if parse(t, "message ask").Hash() == parse(t, "message deny").Hash() {
		t.Error("two rules have one hash")
	}
	if policy.Decision(7).String() != "Decision(7)" || policy.Deny.String() != "deny" {
		t.Error("decisions print wrongly")
	}
}

// random returns random lines, facts and history.
func random(rng *rand.Rand) ([]string, policy.Facts, policy.History) {
	kinds := []string{"message", "typed-data", "transaction", "ssh-file", "default"}
	var lines []string
	for range rng.IntN(8) {
		k := kinds[rng.IntN(len(kinds))]
		d := policy.Decision(rng.IntN(3))
		if k == "default" {
			d = max(d, policy.Ask)
		}
		lines = append(lines, fmt.Sprintf("%s %s", k, d))
	}
	f := facts([]string{"message", "typed-data", "transaction", "ssh-file", "hash"}[rng.IntN(5)])
	f.Initiator, f.Warnings = wire.Slot(rng.IntN(4)), max(0, rng.IntN(4)-2)
	var h policy.History
	for range max(0, rng.IntN(5)-3) {
		h.Denied = append(h.Denied, wire.Slot(1+rng.IntN(3)))
	}
	return lines, f, h
}

// slow is the definition, written down another way.
func slow(lines []string, f policy.Facts, h policy.History) policy.Decision {
	if f.Kind == "hash" || f.Initiator == 0 || len(h.Denied) > 0 || slices.Contains(lines, f.Kind+" deny") {
		return policy.Deny
	}
	if f.Warnings > 0 || slices.Contains(lines, f.Kind+" ask") {
		if !slices.Contains(lines, f.Kind+" allow") && !slices.Contains(lines, f.Kind+" ask") && slices.Contains(lines, "default deny") {
			return policy.Deny
		}
		return policy.Ask
	}
	switch {
	case slices.Contains(lines, f.Kind+" allow"):
		return policy.Allow
	case slices.Contains(lines, "default deny"):
		return policy.Deny
	}
	return policy.Ask
}

func TestDecideProperties(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20000) {
		rng := rand.New(rand.NewPCG(seed, 62))
		lines, f, h := random(rng)
		decide := func(lines []string, f policy.Facts, h policy.History) policy.Decision {
			d, reasons := policy.Decide(f, parse(t, strings.Join(lines, "\n")), h)
			if len(reasons) == 0 || d > policy.Deny {
				t.Fatalf("seed %d: %v for no reason", seed, d)
			}
			return d
		}
		base := decide(lines, f, h)
		if want := slow(lines, f, h); base != want {
			t.Fatalf("seed %d: %v, reference %v: %q %+v %+v", seed, base, want, lines, f, h)
		}

		shuffled := slices.Clone(lines)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if got := decide(append(shuffled, lines...), f, h); got != base {
			t.Fatalf("seed %d: order or repetition changes %v to %v", seed, base, got)
		}

		// Stricter lines, facts and history never relax the decision.
		for i, l := range lines {
			kind, _, _ := strings.Cut(l, " ")
			tight := slices.Clone(lines)
			tight[i] = kind + " deny"
			if got := decide(tight, f, h); got < base {
				t.Fatalf("seed %d: tightening %q relaxes %v to %v", seed, l, base, got)
			}
		}
		for _, d := range []string{"deny", "ask", "allow"} {
			matched := slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, f.Kind+" ") })
			if d != "deny" && !matched {
				continue // the first line for a kind replaces the default
			}
			if f.Kind == "hash" {
				continue
			}
			if got := decide(append(slices.Clone(lines), f.Kind+" "+d), f, h); got < base {
				t.Fatalf("seed %d: adding %s relaxes %v to %v", seed, d, base, got)
			}
		}
		f.Warnings++
		if got := decide(lines, f, h); got < base {
			t.Fatalf("seed %d: a warning relaxes %v to %v", seed, base, got)
		}
		h.Denied = append(h.Denied, 1)
		if got := decide(lines, f, h); got != policy.Deny {
			t.Fatalf("seed %d: a denied request is %v", seed, got)
		}
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add("default deny\nmessage allow\n# note\n transaction  ask")
	f.Add("message")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := policy.ParseRules(text)
		if err != nil {
			return
		}
		again, err := policy.ParseRules(r.String())
		if err != nil || again.String() != r.String() || again.Hash() != r.Hash() {
			t.Fatalf("%q prints %q, which reads as %q, %v", text, r, again, err)
		}
		for _, k := range intent.Kinds() {
			a, why := policy.Decide(facts(string(k)), r, policy.History{})
			if b, whyAgain := policy.Decide(facts(string(k)), again, policy.History{}); a != b || !slices.Equal(why, whyAgain) {
				t.Fatalf("%q: %v, its canonical text %v", text, a, b)
			}
		}
	})
}

package policy

import (
	"fmt"
	"slices"

	"github.com/warifu/warifu/wire"
)

// A Decision is what a device does with a request. Later ones are stricter.
type Decision uint8

const (
	Allow Decision = iota // approve without asking
	Ask                   // ask the person
	Deny                  // deny without asking
)

var decisionNames = [...]string{Allow: "allow", Ask: "ask", Deny: "deny"}

// String returns the word of the decision as rules write it.
func (d Decision) String() string {
	if int(d) < len(decisionNames) {
		return decisionNames[d]
	}
	return fmt.Sprintf("Decision(%d)", uint8(d))
}

// The kinds of requests that rules speak of. They are those of package intent,
// which a test compares.
var kinds = []string{"message", "ssh-file", "transaction", "typed-data"}

// Facts are what a decision may depend on. They come from the request as this
// device decoded it, never from what a peer says of it.
type Facts struct {
	Kind      string    // the intent's kind
	Account   string    // the name of the account that would sign
	Purpose   string    // the intent's purpose
	Initiator wire.Slot // the device that asks

	// Warnings counts what the intent warns of. A request with warnings is
	// not allowed without asking.
	Warnings int
}

// History is what the device remembers of the request.
type History struct {
	// Denied lists the devices whose signed denial this device has seen. Any
	// one closes the request.
	Denied []wire.Slot
}

// Decide returns what to do, and the reasons for it in words: one for each rule
// that reached the decision, sorted. It is total: every input has a decision.
func Decide(f Facts, r Rules, h History) (Decision, []string) {
	var votes []vote
	say := func(d Decision, format string, args ...any) {
		votes = append(votes, vote{d, fmt.Sprintf(format, args...)})
	}
	if !slices.Contains(kinds, f.Kind) {
		say(Deny, "this device does not know the kind of the request")
	}
	if f.Initiator == 0 {
		say(Deny, "the request names no device that asks")
	}
	for _, s := range h.Denied {
		say(Deny, "device %d has denied it", s)
	}
	if f.Warnings > 0 {
		say(Ask, "the request has warnings for a person to read")
	}
	matched := false
	for _, l := range r.lines {
		if l.kind == f.Kind {
			matched = true
			say(l.decision, "rule: %s", l)
		}
	}
	if !matched {
		say(r.fallback(), "rule: %s", line{defaultKind, r.fallback()})
	}
	return maximum(votes)
}

// A vote is what one rule says.
type vote struct {
	decision Decision
	reason   string
}

// maximum returns the strictest decision and the reasons of those who said it.
func maximum(votes []vote) (Decision, []string) {
	var most Decision
	for _, v := range votes {
		most = max(most, v.decision)
	}
	var reasons []string
	for _, v := range votes {
		if v.decision == most {
			reasons = append(reasons, v.reason)
		}
	}
	slices.Sort(reasons)
	return most, slices.Compact(reasons)
}

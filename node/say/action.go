package say

import "fmt"

// An Action is something that a person can do at a device.
type Action string

// What persons can do. Those that are about a request say so with its id.
const (
	Abandon    Action = "abandon" // a founding
	Approve    Action = "approve"
	At         Action = "at" // an address: where it is given
	Deny       Action = "deny"
	DenyThis   Action = "deny this" // request
	Follow     Action = "follow"    // a request, until something comes of it
	Found      Action = "found"
	Freeze     Action = "freeze"
	Identities Action = "identities" // look up identities of devices
	Init       Action = "init"
	Invite     Action = "invite"
	Join       Action = "join"
	JoinAt     Action = "join at" // an address
	Leave      Action = "leave"
	Lost       Action = "lost"
	Refresh    Action = "refresh"
	Requests   Action = "requests"
	Show       Action = "show" // a request
	Status     Action = "status"
	Thaw       Action = "thaw"
	Threshold  Action = "threshold" // choose it, at a founding
	Unlock     Action = "unlock"
	Up         Action = "up"
)

// Actions lists them.
func Actions() []Action {
	return []Action{
		Abandon, Approve, At, Deny, DenyThis, Follow, Found, Freeze, Identities, Init, Invite, Join, JoinAt, Leave, Lost, Refresh, Requests,
		Show, Status, Thaw, Threshold, Unlock, Up,
	}
}

// A Vocabulary is what actions are called where somebody reads of them, as formats for
// what they are about.
type Vocabulary map[Action]string

// Do says how to do something. An action without words is called by its name.
func (v Vocabulary) Do(a Action, args ...any) string {
	if words, ok := v[a]; ok {
		return fmt.Sprintf(words, args...)
	}
	return string(a)
}

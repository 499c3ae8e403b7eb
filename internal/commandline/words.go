// Package commandline has what the command line calls what persons can do.
package commandline

import "github.com/warifu/warifu/node/say"

// Words are the commands, as they are typed.
var Words = say.Vocabulary{
	say.Abandon:    "warifu found --abandon",
	say.Approve:    "warifu approve",
	say.At:         "--at",
	say.Deny:       "warifu deny",
	say.DenyThis:   "warifu deny %v",
	say.Follow:     "warifu show %v --wait",
	say.Found:      "warifu found",
	say.Freeze:     "warifu freeze",
	say.Identities: "warifu status --json",
	say.Init:       "warifu init",
	say.Invite:     "warifu invite",
	say.Join:       "warifu join",
	say.JoinAt:     "warifu join --at ADDRESS",
	say.Leave:      "warifu leave",
	say.Lost:       "warifu lost",
	say.Refresh:    "warifu refresh",
	say.Requests:   "warifu requests",
	say.Show:       "warifu show %v",
	say.Status:     "warifu status",
	say.Thaw:       "warifu thaw",
	say.Threshold:  "--threshold",
	say.Unlock:     "warifu unlock",
	say.Up:         "warifu up",
}

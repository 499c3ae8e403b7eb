package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/warifu/warifu/node/api"
)

// event shows one step of a long call on stderr.
func (a *app) event(e api.Event) {
	if a.json {
		a.mu.Lock()
		defer a.mu.Unlock()
		printJSON(a.stderr, e)
		return
	}
	switch e.Event {
	case api.EventReady:
		a.note("ready: %s", shortID(e.Device))
		for _, addr := range e.Addresses {
			a.note("  at %s", esc(addr))
		}
	case api.EventInvitation:
		a.invitation(e)
	case api.EventJoined:
		a.note("joined: %s (%s), fingerprint %s", esc(e.Name), esc(e.Kind), esc(e.Fingerprint))
	case api.EventRequest:
		a.note("request %s", shortID(e.ID))
	case api.EventWaiting:
		a.note("%s", waitingText(e))
	case api.EventProgress:
		text := esc(e.Text)
		if e.Of > 0 {
			text = fmt.Sprintf("%s (%d of %d)", text, e.Step, e.Of)
		}
		a.showProgress(text)
	case api.EventError:
		if e.Error != nil {
			a.note("%s", esc(e.Error.Message))
			if e.Error.Hint != "" {
				a.note("hint: %s", esc(e.Error.Hint))
			}
		}
	}
}

func waitingText(e api.Event) string {
	text := "waiting"
	if len(e.For) > 0 {
		text += " for " + escAll(e.For)
	}
	if e.Reason != "" {
		text += ": " + esc(e.Reason)
	}
	return text
}

func (a *app) invitation(e api.Event) {
	which := ""
	if e.Of > 0 {
		which = fmt.Sprintf(" (%d of %d)", e.Step, e.Of)
	}
	a.note("\nThe next device%s. While its daemon runs, type `warifu join` there, and then\n", which)
	a.note("  %s\n", esc(e.Invitation))
	if e.Code != "" {
		code := esc(strings.ReplaceAll(spaced(e.Code), " ", "-"))
		a.note("or, on the same network, %s\n", code)
		if at := elsewhere(e.Addresses); at != "" {
			a.note("or, if it is not found there, `warifu join --at %s` and then %s\n", esc(at), code)
		}
	}
	if isTerminal(a.stderr) {
		if picture, ok := invitationCode(e.Invitation); ok {
			a.note("or scan:\n\n%s", picture)
		}
	}
	if e.Expires != nil {
		a.note("It works once and ends %s.\n", until(*e.Expires))
	}
}

// elsewhere returns the address at which another machine is most likely to reach
// this device, or "". It has no peer id: with the code nobody has to type one.
func elsewhere(addresses []string) string {
	i := slices.IndexFunc(addresses, func(at string) bool {
		return !strings.HasPrefix(at, "/ip4/127.") && !strings.HasPrefix(at, "/ip6/::1/") && !strings.HasPrefix(at, "/ip6/fe80:")
	})
	if i < 0 && len(addresses) > 0 {
		i = 0
	}
	if i < 0 {
		return ""
	}
	at, _, _ := strings.Cut(addresses[i], "/p2p/")
	return at
}

// showProgress prints a line that the next one replaces on a terminal.
func (a *app) showProgress(text string) {
	if !isTerminal(a.stderr) {
		a.note("%s", text)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintf(a.stderr, "\r\x1b[K%s", text)
	a.progress = true
}

// endProgress takes the progress line off the terminal.
func (a *app) endProgress() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.progress {
		fmt.Fprint(a.stderr, "\r\x1b[K")
		a.progress = false
	}
}

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
	case api.EventCode:
		a.note("%s", esc(e.Text))
		if e.Code != "" {
			a.note("  code %s", esc(e.Code))
		}
	case api.EventJoined:
		a.note("joined: %s (%s), fingerprint %s", esc(e.Name), esc(e.Kind), esc(e.Fingerprint))
	case api.EventRequest:
		a.note("request %s", shortID(e.ID))
		for _, w := range e.Warnings {
			a.note("! %s", esc(w))
		}
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

// invitation shows one invitation: the text, then the picture if it can be seen
// and scanned, and last the digits, which so stay in sight.
func (a *app) invitation(e api.Event) {
	which := ""
	if e.Of > 0 {
		which = fmt.Sprintf(" (%d of %d)", e.Step, e.Of)
	}
	above := []string{"", fmt.Sprintf("The next device%s. While its daemon runs, type `warifu join` there:", which), "  " + esc(e.Invitation)}
	var below []string
	if e.Code != "" {
		code := esc(e.Code)
		below = append(below, "or, on the same network,", "  "+code)
		if at := elsewhere(e.Addresses); at != "" {
			below = append(below, "or, if it is not found there, the same digits after")
			if line := "  warifu join --at " + esc(at); a.fits(line) {
				below = append(below, line)
			} else { // an address stays in one piece, and the command can be pasted
				below = append(below, "  warifu join \\", "    --at "+esc(at))
			}
		}
	}
	if e.Expires != nil {
		below = append(below, fmt.Sprintf("It works once and ends %s.", until(*e.Expires)))
	}
	a.endProgress()
	a.mu.Lock()
	defer a.mu.Unlock()
	lines := append(above, a.picture(e.Invitation, append(above, below...))...)
	w := onScreen(a.stderr)
	for _, line := range append(lines, below...) {
		if strings.HasPrefix(line, " ") || strings.ContainsAny(line, "█▀▄") {
			whole(w, line) // to be copied, or scanned
			continue
		}
		fmt.Fprintln(w, line)
	}
}

func (a *app) noQRFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.noQR, "no-qr", false, "draw no QR code of invitations")
}

// picture returns the lines of an invitation's QR code, or of why there is none. It
// must be seen in one piece, together with the other lines of its screen.
func (a *app) picture(invitation string, others []string) []string {
	columns, rows := size(a.stderr)
	if columns == 0 || a.noQR {
		return nil
	}
	style, why := qrStyleFor(a.env)
	var lines []string
	if why == "" {
		var width int
		lines, width = invitationCode(invitation, style)
		lines = append([]string{"or scan"}, lines...)
		needed := len(lines) + 1 // for the cursor
		for _, line := range others {
			needed += max(1, (across(line)+columns-1)/columns)
		}
		switch {
		case width == 0:
			why = "the invitation is too long for one"
		case width > columns || needed > rows:
			why = fmt.Sprintf("it takes %d columns and %d rows, and this terminal has %d and %d", width, needed, columns, rows)
		}
	}
	if why != "" {
		return []string{"(No QR code is shown: " + why + ".)"}
	}
	return lines
}

// fits reports whether a line fits into a line of the terminal, if there is one.
func (a *app) fits(line string) bool {
	width := columns(a.stderr)
	return width == 0 || across(line) <= width
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
	if width := columns(a.stderr); width > 1 {
		text = broken(text, width-1, width-1)[0] // a second line would stay
	}
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

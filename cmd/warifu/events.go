package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// event shows one step of a long call on stderr.
func (con *console) event(e api.Event) {
	if con.json {
		con.mu.Lock()
		defer con.mu.Unlock()
		printJSON(con.stderr, e)
		return
	}
	switch e.Event {
	case api.EventReady:
		con.note("ready: %s", shortID(e.Device))
		for _, addr := range e.Addresses {
			con.note("  at %s", esc(addr))
		}
	case api.EventInvitation:
		con.invitation(e)
	case api.EventCode:
		con.note("%s", esc(e.Text))
		if e.Code != "" {
			con.note("  code %s", esc(e.Code))
		}
	case api.EventJoined:
		con.note("joined: %s (%s), fingerprint %s", esc(e.Name), esc(e.Kind), esc(e.Fingerprint))
	case api.EventRequest:
		con.note("request %s", shortID(e.ID))
		for _, w := range e.Warnings {
			con.note("! %s", esc(w))
		}
	case api.EventWaiting:
		con.note("%s", waitingText(e))
	case api.EventProgress:
		text := esc(e.Text)
		if e.Of > 0 {
			text = fmt.Sprintf("%s (%d of %d)", text, e.Step, e.Of)
		}
		con.showProgress(text)
	case api.EventError:
		if e.Error != nil {
			con.note("%s", esc(e.Error.Message))
			if e.Error.Hint != "" {
				con.note("hint: %s", esc(e.Error.Hint))
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
func (con *console) invitation(e api.Event) {
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
			if line := "  warifu join --at " + esc(at); con.fits(line) {
				below = append(below, line)
			} else { // an address stays in one piece, and the command can be pasted
				below = append(below, "  warifu join \\", "    --at "+esc(at))
			}
		}
	}
	if e.Expires != nil {
		below = append(below, fmt.Sprintf("It works once and expires %s.", until(*e.Expires)))
	}
	con.endProgress()
	con.mu.Lock()
	defer con.mu.Unlock()
	lines := append(above, con.picture(e.Invitation, append(above, below...))...)
	w := onScreen(con.stderr)
	for _, line := range append(lines, below...) {
		if strings.HasPrefix(line, " ") || strings.ContainsAny(line, "█▀▄") {
			whole(w, line) // to be copied, or scanned
			continue
		}
		fmt.Fprintln(w, line)
	}
}

func (con *console) noQRFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&con.noQR, "no-qr", false, "draw no QR code of invitations")
}

// picture returns the lines of an invitation's QR code, or of why there is none. It
// must be seen in one piece, together with the other lines of its screen.
func (con *console) picture(invitation string, others []string) []string {
	columns, rows := size(con.stderr)
	if columns == 0 || con.noQR {
		return nil
	}
	style, why := qrStyleFor(con.env)
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
func (con *console) fits(line string) bool {
	width := columns(con.stderr)
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
func (con *console) showProgress(text string) {
	if !isTerminal(con.stderr) {
		con.note("%s", text)
		return
	}
	con.mu.Lock()
	defer con.mu.Unlock()
	if width := columns(con.stderr); width > 1 {
		text = broken(text, width-1, width-1)[0] // a second line would stay
	}
	fmt.Fprintf(con.stderr, "\r\x1b[K%s", text)
	con.progress = true
}

// endProgress takes the progress line off the terminal.
func (con *console) endProgress() {
	con.mu.Lock()
	defer con.mu.Unlock()
	if con.progress {
		fmt.Fprint(con.stderr, "\r\x1b[K")
		con.progress = false
	}
}

package main

import (
	"bufio"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"rsc.io/qr"

	"github.com/warifu/warifu/node/api"
)

// onTerminal returns what show writes to a terminal of that size, without the
// carriage returns that the terminal adds.
func onTerminal(t *testing.T, columns, rows uint16, show func(terminal *os.File)) string {
	t.Helper()
	user, program := pseudoTerminal(t)
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		t.Fatal(err)
	}
	const end = "\x04that is all\n"
	go func() {
		show(program)
		_, _ = io.WriteString(program, end)
	}()
	var out strings.Builder
	for in := bufio.NewReader(user); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line = strings.ReplaceAll(line, "\r", ""); strings.HasSuffix(line, end) {
			return out.String() + strings.TrimSuffix(line, end)
		}
		out.WriteString(line)
	}
}

// A spot is one character of a screen, with the light of what is drawn and of the
// ground that it is drawn on.
type spot struct {
	r            rune
	drawn, still bool // light
}

// screenOf lays what was written out on a terminal of so many columns, as one would
// that knows the colours that we use and scrolls nothing away.
func screenOf(t *testing.T, out string, columns int, dark bool) (rows [][]spot) {
	t.Helper()
	pen := spot{drawn: dark, still: !dark}
	row := []spot{}
	for out != "" {
		if rest, ok := strings.CutPrefix(out, "\x1b["); ok {
			var codes string
			codes, out, _ = strings.Cut(rest, "m")
			switch codes {
			case "0":
				pen = spot{drawn: dark, still: !dark}
			case "97;40":
				pen = spot{drawn: true, still: false}
			default:
				t.Fatalf("an escape that is not known: %q", codes)
			}
			continue
		}
		r := []rune(out[:min(len(out), 4)])[0]
		out = out[len(string(r)):]
		if r == '\n' {
			rows, row = append(rows, row), []spot{}
			continue
		}
		if len(row) == columns {
			rows, row = append(rows, row), []spot{}
		}
		pen.r = r
		row = append(row, pen)
	}
	return append(rows, row)
}

// light reports whether the upper and the lower half of a spot are light.
func (s spot) light(t *testing.T) (upper, lower bool) {
	t.Helper()
	switch s.r {
	case '█':
		return s.drawn, s.drawn
	case '▀':
		return s.drawn, s.still
	case '▄':
		return s.still, s.drawn
	case ' ':
		return s.still, s.still
	}
	t.Fatalf("%q in a QR code", s.r)
	return false, false
}

func plainText(rows [][]spot) string {
	var b strings.Builder
	for _, row := range rows {
		for _, s := range row {
			b.WriteRune(s.r)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

const (
	// Of a device with four addresses: what found prints on an ordinary network.
	sampleInvitation = "warifu1:abkyiwbgaasaqaisedp7hemvrgvxhogh6m3icjqydtchb3v3zcwo77vmk2e6kqx7ujasccbzsz5jyp3aqpyhbdiaaabqagydycyhzqgbo4jr7qaaaba2od2syep4aaaamraki4rtidkdjhmxcgg43uajqkbibcua5ru7mbu2ynxqj4z5hosq"
	sampleCode       = "5720-3524"
)

func sampleEvent() api.Event {
	expires := time.Now().Add(5 * time.Minute)
	return api.Event{Event: api.EventInvitation, Step: 2, Of: 3, Invitation: sampleInvitation, Code: sampleCode, Expires: &expires,
		Addresses: []string{"/ip4/127.0.0.1/tcp/4243/p2p/12D3Koo", "/ip4/192.168.178.112/tcp/42461/p2p/12D3Koo"}}
}

var (
	coloured = map[string]string{"TERM": "xterm-256color", "LANG": "en_GB.UTF-8"}
	plain256 = map[string]string{"TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
)

func with(env map[string]string, name, value string) map[string]string {
	out := map[string]string{name: value}
	for k, v := range env {
		if k != name {
			out[k] = v
		}
	}
	return out
}

// TestInvitationCanBeScanned: read back from the cells of the terminal, what is
// drawn is the QR code of the invitation, dark on light with a margin, whatever
// the colours of the terminal are; and the digits stand below it, with nothing
// scrolled away.
func TestInvitationCanBeScanned(t *testing.T) {
	t.Parallel()
	want, err := qr.Encode(strings.ToUpper(sampleInvitation), qr.L)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		env  map[string]string
		dark bool
	}{
		"colours on dark":           {coloured, true},
		"colours on light":          {coloured, false},
		"no colours, dark":          {with(plain256, "COLORFGBG", "15;0"), true},
		"no colours, dark, default": {with(plain256, "COLORFGBG", "7;default;0"), true},
		"no colours, light":         {with(plain256, "COLORFGBG", "0;15"), false},
		"no colours, grey":          {with(plain256, "COLORFGBG", "0;default;7"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := onTerminal(t, 120, 45, func(f *os.File) {
				con := &console{stderr: f, env: func(name string) string { return tc.env[name] }}
				con.event(sampleEvent())
			})
			if colours := strings.Contains(out, "\x1b"); colours != (tc.env["NO_COLOR"] == "") {
				t.Errorf("colours are set: %v", colours)
			}
			rows := screenOf(t, out, 120, tc.dark)
			if len(rows) > 45 {
				t.Errorf("%d rows", len(rows))
			}
			text := strings.Split(plainText(rows), "\n")
			first, last := -1, 0
			for y, line := range text {
				if strings.HasPrefix(line, "or scan") {
					first = y + 1
				}
				if first >= 0 && last == 0 && strings.HasPrefix(line, "or, on the same") {
					last = y
				}
			}
			if first < 0 || last == 0 || !strings.Contains(text[last+1], "  5720-3524") {
				t.Fatalf("no digits below a code:\n%s", strings.Join(text, "\n"))
			}
			var modules [][]bool // light
			for _, row := range rows[first:last] {
				var upper, lower []bool
				for _, s := range row {
					u, l := s.light(t)
					upper, lower = append(upper, u), append(lower, l)
				}
				modules = append(modules, upper, lower)
			}
			if high := want.Size + 2*qrQuiet; len(modules) < high {
				t.Fatalf("%d rows of modules, want %d", len(modules), high)
			}
			for y, row := range modules {
				if len(row) != want.Size+2*qrQuiet {
					t.Fatalf("row %d has %d modules, want %d", y, len(row), want.Size+2*qrQuiet)
				}
				for x, light := range row {
					if light == want.Black(x-qrQuiet, y-qrQuiet) {
						t.Fatalf("the module at %d, %d is light: %v", x, y, light)
					}
				}
			}
		})
	}
}

// TestInvitationScreens: on each terminal the invitation in one piece, sentences
// broken between words only, and a QR code only where all of it is seen and can
// be scanned; where there is none it says why.
func TestInvitationScreens(t *testing.T) {
	t.Parallel()
	const narrow = `
The next device (2 of 3). While its
    daemon runs, type ` + "`warifu join`" + `
    there:
  ` + sampleInvitation + `
(No QR code is shown: it takes 45
    columns and 40 rows, and this
    terminal has 40 and 24.)
or, on the same network,
  5720-3524
or, if it is not found there, the same
    digits after
  warifu join \
    --at /ip4/192.168.178.112/tcp/42461
It works once and expires in 5 min.
`
	wide := func(why string) string {
		return "\nThe next device (2 of 3). While its daemon runs, type `warifu join` there:\n  " + sampleInvitation + "\n" + why +
			"or, on the same network,\n  5720-3524\nor, if it is not found there, the same digits after\n" +
			"  warifu join --at /ip4/192.168.178.112/tcp/42461\nIt works once and expires in 5 min.\n"
	}
	for name, tc := range map[string]struct {
		columns, rows uint16
		env           map[string]string
		noQR          bool
		want          string // "" for one with a code
	}{
		"40x24":              {40, 24, coloured, false, narrow},
		"80x24":              {80, 24, coloured, false, wide("(No QR code is shown: it takes 45 columns and 35 rows, and this terminal has 80\n    and 24.)\n")},
		"120x40":             {120, 40, coloured, false, ""},
		"just enough":        {80, 35, coloured, false, ""},
		"one row too few":    {80, 34, coloured, false, wide("(No QR code is shown: it takes 45 columns and 35 rows, and this terminal has 80\n    and 34.)\n")},
		"--no-qr":            {120, 45, coloured, true, wide("")},
		"dumb":               {120, 45, with(coloured, "TERM", "dumb"), false, wide("(No QR code is shown: TERM is \"dumb\", which cannot draw one.)\n")},
		"no TERM":            {120, 45, with(coloured, "TERM", ""), false, wide("(No QR code is shown: TERM is \"\", which cannot draw one.)\n")},
		"not UTF-8":          {120, 45, with(coloured, "LC_ALL", "C"), false, wide("(No QR code is shown: the locale is not one of UTF-8: see LANG.)\n")},
		"no colours, unsure": {120, 45, plain256, false, wide("(No QR code is shown: NO_COLOR is set, and nobody knows whether this terminal is dark or light.)\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := onTerminal(t, tc.columns, tc.rows, func(f *os.File) {
				con := &console{stderr: f, env: func(name string) string { return tc.env[name] }, noQR: tc.noQR}
				con.event(sampleEvent())
			})
			if rows := len(screenOf(t, out, int(tc.columns), true)); rows > int(tc.rows) {
				t.Errorf("%d rows scroll away what is above", rows)
			}
			if drawn := strings.ContainsAny(out, "█▀▄\x1b"); drawn != (tc.want == "") {
				t.Fatalf("a code is drawn: %v\n%s", drawn, out)
			}
			if tc.want != "" && out != tc.want {
				t.Errorf("got\n%s\nwant\n%s", out, tc.want)
			}
		})
	}
}

package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"rsc.io/qr"
)

// qrQuiet is the margin in modules. The standard asks for four; scanners are
// content with two, and a terminal is small.
const qrQuiet = 2

// A qrStyle is how a QR code is drawn so that it is dark on light.
type qrStyle int

const (
	qrColoured qrStyle = iota // it sets its own colours
	qrOnLight                 // in those of the terminal, which is dark on light
	qrOnDark                  // or light on dark
)

// qrStyleFor returns how this terminal can show a QR code that scanners read, or
// why it cannot. env looks up the environment.
func qrStyleFor(env func(string) string) (style qrStyle, why string) {
	term, locale := env("TERM"), ""
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale = env(name); locale != "" {
			break
		}
	}
	windows := runtime.GOOS == "windows" // which has neither of the two
	utf8 := strings.Contains(strings.ReplaceAll(strings.ToLower(locale), "-", ""), "utf8")
	switch {
	case !windows && (term == "" || term == "dumb" || term == "unknown" || strings.HasPrefix(term, "vt")):
		return 0, fmt.Sprintf("TERM is %q, which cannot draw one", term)
	case !windows && !utf8:
		return 0, "the locale is not one of UTF-8: see LANG"
	case env("NO_COLOR") == "":
		return qrColoured, ""
	}
	// "foreground;background", of which some terminals have a third in between.
	colours := env("COLORFGBG")
	ground, err := strconv.Atoi(colours[strings.LastIndex(colours, ";")+1:])
	switch {
	case err != nil:
		return 0, "NO_COLOR is set, and nobody knows whether this terminal is dark or light"
	case ground == 7 || ground > 8:
		return qrOnLight, ""
	}
	return qrOnDark, ""
}

// invitationCode draws an invitation in capitals, which it may be written in as
// well: a code holds them in its alphanumeric mode, and is smaller.
func invitationCode(text string, style qrStyle) (lines []string, width int) {
	return qrCode(strings.ToUpper(text), style)
}

// qrCode draws text as a QR code, two modules to a character, and returns its
// lines and how many columns they take: none if text does not fit into a code.
func qrCode(text string, style qrStyle) (lines []string, width int) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil, 0
	}
	// What is drawn is the foreground: the light modules and the margin, so that
	// nothing of them is lost with blanks at the end of a line, or where the terminal
	// is light the dark ones. What is outside is light, and so margin.
	end := code.Size + qrQuiet
	drawn := func(x, y int) bool { return code.Black(x, y) == (style == qrOnLight) }
	for y := -qrQuiet; y < end; y += 2 {
		var b strings.Builder
		if style == qrColoured {
			b.WriteString("\x1b[97;40m") // bright white on black
		}
		for x := -qrQuiet; x < end; x++ {
			switch top, bottom := drawn(x, y), drawn(x, y+1); {
			case top && bottom:
				b.WriteRune('█')
			case top:
				b.WriteRune('▀')
			case bottom:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		if style == qrColoured {
			b.WriteString("\x1b[0m")
		}
		lines = append(lines, b.String())
	}
	return lines, code.Size + 2*qrQuiet
}

package main

import (
	"strings"

	"rsc.io/qr"
)

// qrQuiet is the margin in modules. The standard asks for four; scanners are
// content with two, and a terminal is small.
const qrQuiet = 2

// invitationCode draws an invitation in capitals, which it may be written in as
// well: a code holds them in its alphanumeric mode, and is smaller.
func invitationCode(text string) (string, bool) { return qrCode(strings.ToUpper(text)) }

// qrCode draws text as a QR code, two modules to a character. It sets its own
// colours, so that it is dark on light whatever the terminal's are. It reports
// false if text does not fit into a code.
func qrCode(text string) (string, bool) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", false
	}
	dark := func(x, y int) bool { return code.Black(x, y) }
	var b strings.Builder
	for y := -qrQuiet; y < code.Size+qrQuiet; y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := -qrQuiet; x < code.Size+qrQuiet; x++ {
			switch top, bottom := dark(x, y), dark(x, y+1); {
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
		b.WriteString("\x1b[0m\n")
	}
	return b.String(), true
}

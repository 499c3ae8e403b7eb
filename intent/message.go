package intent

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ethereum/go-ethereum/accounts"

	"github.com/warifu/warifu/wire"
)

// A message is an EIP-191 personal message of version 0x45. Its fields are
// wire format: append only.
type message struct {
	Version uint8  `cbor:"1,keyasint"`
	Text    []byte `cbor:"2,keyasint"`
}

func normalizeMessage(text []byte) ([]byte, error) {
	if len(text) == 0 {
		return nil, refuse(CodeBadMessage, "the message is empty")
	}
	if len(text) > MaxPayload {
		return nil, refuse(CodeTooLarge, "the message has %d bytes; at most %d can be signed", len(text), MaxPayload)
	}
	return wire.Marshal(message{Version: 1, Text: text}), nil
}

func decodeMessage(payload []byte) (request, error) {
	m := new(message)
	if err := wire.Unmarshal(payload, m); err != nil || m.Version != 1 || len(m.Text) == 0 {
		return nil, refuse(CodeBadPayload, "malformed payload of a message")
	}
	return m, nil
}

func (m *message) purpose() string         { return PurposeEIP191 }
func (m *message) permitted(Context) error { return nil }
func (m *message) toSign() ([]byte, error) { return accounts.TextHash(m.Text), nil }

func (m *message) describe(w *writer) {
	text := string(m.Text)
	w.line("length", fmt.Sprintf("%d bytes", len(text)))
	if end := lineBreak(m.Text); end != "" {
		w.line("end", "a line break ("+end+"), which is signed too")
	}
	switch s, err := parseSignIn(text); {
	case s != nil:
		s.describe(w)
	case err != nil:
		w.summary = "sign a message that imitates a sign-in: " + short(firstLine(text))
		w.warn("looks like a sign-in (EIP-4361) but is not one: " + err.Error())
	case !utf8.Valid(m.Text):
		w.summary = fmt.Sprintf("sign a message of %d bytes that are not text", len(text))
	default:
		w.summary = "sign the message " + short(text)
	}
	m.hashWarning(w)
	if !utf8.Valid(m.Text) {
		w.warn("the message is not text; what its bytes mean is unknown")
		w.flag("bytes", showHex(m.Text, maxShown))
		return
	}
	writeText(w, text)
}

// hashWarning warns if the message may stand for something that is not shown.
func (m *message) hashWarning(w *writer) {
	digits := strings.TrimPrefix(string(m.Text), "0x")
	isHex := len(digits) == 2*digestSize && strings.Trim(digits, "0123456789abcdefABCDEF") == ""
	switch {
	case len(m.Text) == digestSize || isHex:
		w.warn("the message looks like a hash; what it stands for cannot be shown")
	case bytes.HasPrefix(m.Text, []byte{0x19}):
		w.warn("the message begins like signed data of Ethereum (0x19); what it stands for cannot be shown")
	}
}

// writeText writes a text line by line, since line breaks are part of what a
// person reads, escaping each line.
func writeText(w *writer, text string) {
	shown := cut(text, maxShownText)
	lines := strings.Split(shown, "\n")
	rest := len(text) - len(shown)
	for len(lines) > maxTextLines {
		last := len(lines) - 1
		rest += len(lines[last]) + 1
		lines = lines[:last]
	}
	found := Suspicious(shown)
	for i, l := range lines {
		label := "message"
		if len(lines) > 1 {
			label = fmt.Sprintf("message line %d", i+1)
		}
		w.lines = append(w.lines, Line{Label: label, Value: Escape(l), Warn: len(Suspicious(l)) > 0})
	}
	if rest > 0 {
		w.flag("message", fmt.Sprintf("… %d more bytes", rest))
		w.warn(fmt.Sprintf("the message is too long to be shown whole: %d bytes are not shown", rest))
	}
	for _, f := range found {
		w.warn("message: " + f)
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// lineBreak returns the line break at the end of a message, escaped, or "".
func lineBreak(text []byte) string {
	switch {
	case bytes.HasSuffix(text, []byte("\r\n")):
		return `\r\n`
	case bytes.HasSuffix(text, []byte("\n")):
		return `\n`
	}
	return ""
}

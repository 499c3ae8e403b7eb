// Package eip191 reads personal messages (EIP-191, version 0x45) and tells them in
// words. A sign-in is told as one.
package eip191

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ethereum/go-ethereum/accounts"

	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/intent/internal/signin"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/words"
	"github.com/warifu/warifu/wire"
)

// maxShownText bounds how much of a message is shown, in bytes.
const maxShownText = 16384

// A Message is an EIP-191 personal message of version 0x45. Its fields are
// wire format: append only.
type Message struct {
	Version uint8  `cbor:"1,keyasint"`
	Text    []byte `cbor:"2,keyasint"`
}

// Normalize returns the canonical payload of a message. An error is a
// [*request.Error].
func Normalize(message []byte) ([]byte, error) {
	if len(message) == 0 {
		return nil, request.Refuse(request.CodeBadMessage, "the message is empty")
	}
	if len(message) > request.MaxPayload {
		return nil, request.Refuse(request.CodeTooLarge, "the message has %d bytes; at most %d can be signed", len(message), request.MaxPayload)
	}
	return wire.Marshal(Message{Version: 1, Text: message}), nil
}

// Decode reads a payload that [Normalize] has made. An error is a
// [*request.Error].
func Decode(payload []byte) (*Message, error) {
	m := new(Message)
	if err := wire.Unmarshal(payload, m); err != nil || m.Version != 1 || len(m.Text) == 0 {
		return nil, request.Refuse(request.CodeBadPayload, "malformed payload of a message")
	}
	return m, nil
}

// Permitted returns nil: every account may sign a message.
func (m *Message) Permitted(request.Context) error { return nil }

// ToSign returns the hash that is signed, 32 bytes.
func (m *Message) ToSign() []byte { return accounts.TextHash(m.Text) }

// Finish makes the result of a signature over [Message.ToSign], having verified it.
func (m *Message) Finish(ctx request.Context, sig []byte) (request.Result, error) {
	return eth.Personal(ctx, m.ToSign(), sig)
}

// End returns the line break at the end of a message, escaped, or "".
func End(message []byte) string {
	switch {
	case bytes.HasSuffix(message, []byte("\r\n")):
		return `\r\n`
	case bytes.HasSuffix(message, []byte("\n")):
		return `\n`
	}
	return ""
}

// Describe writes the message in words.
func (m *Message) Describe(w *words.Writer) {
	message := string(m.Text)
	w.Line("length", fmt.Sprintf("%d bytes", len(message)))
	if end := End(m.Text); end != "" {
		w.Line("end", "a line break ("+end+"), which is signed too")
	}
	switch s, err := signin.Parse(message); {
	case s != nil:
		s.Describe(w)
	case err != nil:
		w.Summary = "sign a message that imitates a sign-in: " + text.Quote(firstLine(message))
		w.Warn("looks like a sign-in (EIP-4361) but is not one: " + err.Error())
	case !utf8.Valid(m.Text):
		w.Summary = fmt.Sprintf("sign a message of %d bytes that are not text", len(message))
	default:
		w.Summary = "sign the message " + text.Quote(message)
	}
	m.hashWarning(w)
	if !utf8.Valid(m.Text) {
		w.Warn("the message is not text; what its bytes mean is unknown")
		w.Flag("bytes", text.Hex(m.Text, words.MaxShown))
		return
	}
	writeText(w, message)
}

// hashWarning warns if the message may stand for something that is not shown.
func (m *Message) hashWarning(w *words.Writer) {
	digits := strings.TrimPrefix(string(m.Text), "0x")
	isHex := len(digits) == 2*eth.DigestSize && strings.Trim(digits, "0123456789abcdefABCDEF") == ""
	switch {
	case len(m.Text) == eth.DigestSize || isHex:
		w.Warn("the message looks like a hash; what it stands for cannot be shown")
	case bytes.HasPrefix(m.Text, []byte{0x19}):
		w.Warn("the message begins like signed data of Ethereum (0x19); what it stands for cannot be shown")
	}
}

// writeText writes a text line by line, since line breaks are part of what a
// person reads, escaping each line.
func writeText(w *words.Writer, message string) {
	shown := text.Cut(message, maxShownText)
	lines := strings.Split(shown, "\n")
	rest := len(message) - len(shown)
	for len(lines) > words.MaxLines {
		last := len(lines) - 1
		rest += len(lines[last]) + 1
		lines = lines[:last]
	}
	found := text.Suspicious(shown)
	for i, l := range lines {
		label := "message"
		if len(lines) > 1 {
			label = fmt.Sprintf("message line %d", i+1)
		}
		w.Lines = append(w.Lines, words.Line{Label: label, Value: text.Escape(l), Warn: len(text.Suspicious(l)) > 0})
	}
	if rest > 0 {
		w.Flag("message", fmt.Sprintf("… %d more bytes", rest))
		w.Warn(fmt.Sprintf("the message is too long to be shown whole: %d bytes are not shown", rest))
	}
	for _, f := range found {
		w.Warn("message: " + f)
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

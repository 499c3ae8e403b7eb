// Package signin reads messages of EIP-4361, Sign-In with Ethereum, and the
// rights that they hand on (ERC-5573), and tells them in words.
package signin

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/words"
)

// A SignIn is a message of EIP-4361, Sign-In with Ethereum.
type SignIn struct {
	scheme    string
	domain    string
	address   common.Address
	statement string
	uri       string
	host      string // of the URI, with its port; empty if it has no authority
	chain     *big.Int
	nonce     string
	dates     []date // issued-at, expiration, not-before
	requestID string
	resources []string

	lowerCase bool // the address is not written with its checksum
	newline   bool // a line break follows the message
}

// A date is one of a sign-in, as it is written.
type date struct {
	label, text string
	instant          // what it means
	ok          bool // it could be read (RFC 3339)
}

const signInPhrase = " wants you to sign in with your Ethereum account:"

// Parse reads the grammar of EIP-4361. It returns nil and no error for a
// message that is something else, and an error for one that a person would
// take for a sign-in although it does not follow the grammar.
func Parse(message string) (*SignIn, error) {
	if !strings.Contains(message, strings.TrimSpace(signInPhrase)) {
		return nil, nil
	}
	// Whoever writes a file ends it with a line break. The grammar has none
	// there, but what is signed is a sign-in for many who read it.
	whole, newline := strings.CutSuffix(message, "\n")
	lines := strings.Split(whole, "\n")
	at := 0
	next := func() string {
		if at == len(lines) {
			return ""
		}
		at++
		return lines[at-1]
	}
	peek := func(prefix string) (string, bool) {
		if at < len(lines) {
			if v, ok := strings.CutPrefix(lines[at], prefix); ok {
				at++
				return v, true
			}
		}
		return "", false
	}

	s := &SignIn{newline: newline}
	first, ok := strings.CutSuffix(next(), signInPhrase)
	if !ok {
		return nil, errors.New("its first line does not name a site")
	}
	if s.scheme, s.domain, ok = strings.Cut(first, "://"); !ok {
		s.scheme, s.domain = "", first
	}
	if s.domain == "" || strings.ContainsAny(s.domain, " /?#") {
		return nil, errors.New("its first line does not name a site")
	}
	written := next()
	a, err := eth.ParseAddress(written)
	if err != nil {
		return nil, errors.New("its second line is not an address")
	}
	s.address, s.lowerCase = a, written != eth.Checksum(a)
	if next() != "" {
		return nil, errors.New("the empty line after the address is missing")
	}
	if s.statement = next(); s.statement != "" && next() != "" {
		return nil, errors.New("the statement is not one line")
	}
	if s.uri, ok = peek("URI: "); !ok {
		return nil, errors.New("the URI is missing")
	}
	if s.host, ok = parseURI(s.uri); !ok {
		return nil, errors.New("the URI is not one (RFC 3986)")
	}
	if v, ok := peek("Version: "); !ok || v != "1" {
		return nil, errors.New("it is not of version 1")
	}
	v, ok := peek("Chain ID: ")
	if s.chain, _ = eth.Decimal(v); !ok || s.chain == nil {
		return nil, errors.New("the chain ID is missing")
	}
	if s.nonce, ok = peek("Nonce: "); !ok || len(s.nonce) < 8 {
		return nil, errors.New("the nonce is missing or shorter than 8 characters")
	}
	for _, d := range []struct {
		prefix, label string
		required      bool
	}{
		{"Issued At: ", dateIssued, true},
		{"Expiration Time: ", dateExpires, false},
		{"Not Before: ", dateNotBefore, false},
	} {
		v, ok := peek(d.prefix)
		if d.required && !ok {
			return nil, errors.New("the time of issue is missing")
		}
		if ok {
			d := date{label: d.label, text: v}
			d.instant, d.ok = parseInstant(v)
			s.dates = append(s.dates, d)
		}
	}
	s.requestID, _ = peek("Request ID: ")
	if _, ok := peek("Resources:"); ok {
		for {
			v, ok := peek("- ")
			if !ok {
				break
			}
			s.resources = append(s.resources, v)
		}
	}
	if at != len(lines) {
		return nil, fmt.Errorf("line %d is not expected", at+1)
	}
	return s, nil
}

// Describe writes the sign-in in words.
func (s *SignIn) Describe(w *words.Writer) {
	w.Summary = "sign in to " + text.Quote(s.domain) + " with this account"
	if s.host != "" && !strings.EqualFold(s.domain, s.host) {
		w.Warn("the site that asks is " + text.Quote(s.domain) + " but the address of its page is " + text.Quote(s.host))
	}
	if strings.Contains(s.domain, "@") {
		w.Warn("the name of the site contains an @; the site is what follows it")
	}
	if strings.HasPrefix(s.domain, "xn--") || strings.Contains(s.domain, ".xn--") {
		w.Warn("the name of the site is an encoded one (xn--) that a browser may show in other letters")
	}
	if strings.ContainsFunc(s.domain, func(r rune) bool { return r >= 0x80 }) {
		w.Warn("the name of the site has letters outside ASCII")
	}
	if s.address != w.Ctx.Address {
		w.Warn("the sign-in names the account " + eth.Checksum(s.address) + ", which is not this one")
	}
	if s.lowerCase {
		w.Warn("the address is not written with its checksum (EIP-55), as a sign-in must have it")
	}
	if strings.Trim(s.nonce, alphanumeric) != "" {
		w.Warn("the nonce has other characters than letters and digits")
	}
	if s.newline {
		w.Warn("a line break follows the sign-in, which is signed too; a site that reads strictly refuses that")
	}
	w.Text("site", s.domain)
	if s.scheme != "" {
		w.Text("scheme", s.scheme)
	}
	w.Line("signs in as", w.Address(nil, s.address))
	if s.statement != "" {
		w.Text("statement", s.statement)
	}
	w.Text("uri", s.uri)
	if s.host == "" {
		w.Mark()
		w.Warn("the sign-in is for " + text.Quote(s.uri) + ", which is no page of a site; if it is a key, that key may act for this account")
	}
	w.Chain("chain", s.chain)
	w.Text("nonce", s.nonce)
	s.describeDates(w)
	if s.requestID != "" {
		w.Text("request id", s.requestID)
	}
	s.describeRecaps(w) // before what could crowd out its warnings
	for i, r := range s.resources {
		if i == words.MaxLines {
			w.Flag("resources", fmt.Sprintf("… %d more", len(s.resources)-i))
			w.Warn("resources: too many to be shown whole")
			break
		}
		w.Text("resource", r)
		if _, ok := parseURI(r); !ok {
			w.Mark()
			w.Warn("the resource " + text.Quote(r) + " is not a URI (RFC 3986)")
		}
	}
}

// describeDates writes the dates and what is wrong with them. They are compared
// with each other and with the time that the request itself names.
func (s *SignIn) describeDates(w *words.Writer) {
	issued := s.dates[0]
	for _, d := range s.dates {
		w.Text(d.label, d.text)
		if !d.ok {
			w.Mark()
			w.Warn("the date " + text.Quote(d.text) + " cannot be read (RFC 3339); the sign-in may never expire")
			continue
		}
		switch made := (instant{sec: int64(min(w.Ctx.Created, 1<<40))}); {
		case d.label == dateExpires && issued.ok && !issued.before(d.instant):
			w.Mark()
			w.Warn("the sign-in expires before it is issued")
		case d.label == dateExpires && w.Ctx.Created != 0 && !made.before(d.instant):
			w.Mark()
			w.Warn("the sign-in had expired when this was asked for")
		case d.label == dateNotBefore && w.Ctx.Created != 0 && made.before(d.instant):
			w.Warn("the sign-in is not valid yet")
		}
	}
}

const (
	dateIssued    = "issued at"
	dateExpires   = "expires"
	dateNotBefore = "not before"

	alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

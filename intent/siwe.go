package intent

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// A signIn is a message of EIP-4361, Sign-In with Ethereum.
type signIn struct {
	scheme    string
	domain    string
	address   common.Address
	statement string
	uri       string
	host      string // of the URI, with its port
	chain     *big.Int
	nonce     string
	dates     []field // issued-at, expiration, not-before, as written
	requestID string
	resources []string
}

type field struct{ label, value string }

const signInPhrase = " wants you to sign in with your Ethereum account:"

// parseSignIn reads the grammar of EIP-4361. It returns nil and no error for a
// message that is something else, and an error for one that a person would
// take for a sign-in although it does not follow the grammar.
func parseSignIn(text string) (*signIn, error) {
	if !strings.Contains(text, strings.TrimSpace(signInPhrase)) {
		return nil, nil
	}
	lines := strings.Split(text, "\n")
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

	s := new(signIn)
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
	a, err := ParseAddress(next())
	if err != nil {
		return nil, errors.New("its second line is not an address")
	}
	s.address = a
	if next() != "" {
		return nil, errors.New("the empty line after the address is missing")
	}
	if s.statement = next(); s.statement != "" && next() != "" {
		return nil, errors.New("the statement is not one line")
	}
	if s.uri, ok = peek("URI: "); !ok {
		return nil, errors.New("the URI is missing")
	}
	if s.host, ok = hostOf(s.uri); !ok {
		return nil, errors.New("the URI does not name a site")
	}
	if v, ok := peek("Version: "); !ok || v != "1" {
		return nil, errors.New("it is not of version 1")
	}
	v, ok := peek("Chain ID: ")
	if s.chain, _ = decimal(v); !ok || s.chain == nil {
		return nil, errors.New("the chain ID is missing")
	}
	if s.nonce, ok = peek("Nonce: "); !ok || len(s.nonce) < 8 {
		return nil, errors.New("the nonce is missing or shorter than 8 characters")
	}
	for _, d := range []struct {
		prefix, label string
		required      bool
	}{
		{"Issued At: ", "issued at", true},
		{"Expiration Time: ", "expires", false},
		{"Not Before: ", "not before", false},
	} {
		v, ok := peek(d.prefix)
		if d.required && !ok {
			return nil, errors.New("the time of issue is missing")
		}
		if ok {
			s.dates = append(s.dates, field{d.label, v})
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

func (s *signIn) describe(w *writer) {
	w.summary = "sign in to " + short(s.domain) + " with this account"
	if !strings.EqualFold(s.domain, s.host) {
		w.warn("the site that asks is " + short(s.domain) + " but the address of its page is " + short(s.host))
	}
	if strings.Contains(s.domain, "@") {
		w.warn("the name of the site contains an @; the site is what follows it")
	}
	if strings.HasPrefix(s.domain, "xn--") || strings.Contains(s.domain, ".xn--") {
		w.warn("the name of the site is an encoded one (xn--) that a browser may show in other letters")
	}
	if strings.ContainsFunc(s.domain, func(r rune) bool { return r >= 0x80 }) {
		w.warn("the name of the site has letters outside ASCII")
	}
	if s.address != w.ctx.Address {
		w.warn("the sign-in names the account " + checksummed(s.address) + ", which is not this one")
	}
	w.text("site", s.domain)
	if s.scheme != "" {
		w.text("scheme", s.scheme)
	}
	w.line("signs in as", w.address(nil, s.address))
	if s.statement != "" {
		w.text("statement", s.statement)
	}
	w.text("uri", s.uri)
	w.chain("chain", s.chain)
	w.text("nonce", s.nonce)
	for _, d := range s.dates {
		w.text(d.label, d.value)
	}
	if s.requestID != "" {
		w.text("request id", s.requestID)
	}
	for i, r := range s.resources {
		if i == maxTextLines {
			w.flag("resources", fmt.Sprintf("… %d more", len(s.resources)-i))
			w.warn("resources: too many to be shown whole")
			break
		}
		w.text("resource", r)
	}
}

// hostOf returns the host and port of a URI with an authority (RFC 3986,
// section 3.2).
func hostOf(uri string) (string, bool) {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || scheme == "" || strings.ContainsAny(scheme, "/?#@") {
		return "", false
	}
	if i := strings.IndexAny(rest, `/?#\`); i >= 0 {
		rest = rest[:i]
	}
	host := rest[strings.LastIndexByte(rest, '@')+1:]
	return host, host != ""
}

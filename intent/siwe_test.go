package intent_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
)

// Everything that the standard takes for a sign-in is one.
func TestUnusualSignInsAreSignIns(t *testing.T) {
	t.Parallel()
	base := signInText("service.org", "hi")
	for name, c := range map[string]struct{ old, new, warning string }{
		"did":        {"https://service.org/login", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "which is no page of a site"},
		"urn":        {"https://service.org/login", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "which is no page of a site"},
		"session":    {"https://service.org/login", "lit:session:0123456789abcdef", "which is no page of a site"},
		"mailto":     {"https://service.org/login", "mailto:a@service.org", "which is no page of a site"},
		"query":      {"https://service.org/login", "https://service.org/a%20b?x=1&y=/?#f", ""},
		"ipv6":       {"https://service.org/login", "https://[2001:db8::1]:8080/", "is \"[2001:db8::1]:8080\""},
		"newline":    {"https://example.com/x", "https://example.com/x\n", "a line break follows the sign-in"},
		"lower-case": {cowAddress, strings.ToLower(cowAddress), "not written with its checksum"},
		"upper-case": {cowAddress, "0x" + strings.ToUpper(cowAddress[2:]), "not written with its checksum"},
		"nonce":      {"Nonce: 32891756", "Nonce: 3289-1756", "the nonce has other characters"},
		"resource":   {"https://example.com/x", "not a uri", `the resource "not a uri" is not a URI`},
		"resource-2": {"https://example.com/x", "https://example.com/<x>", "is not a URI"},
		"resource-3": {"https://example.com/x", "https://example.com/%zz", "is not a URI"},
		"file":       {"https://example.com/x", "file:///etc/hosts", ""},
		"no-host":    {"https://example.com/x", "https:///evil.org", "is not a URI"},
	} {
		if !strings.Contains(base, c.old) {
			t.Fatalf("%s: the base has no %q", name, c.old)
		}
		in := readMessage(t, strings.Replace(base, c.old, c.new, 1))
		if want := `sign in to "service.org" with this account`; in.Summary != want {
			t.Errorf("%s: summary %q, want %q: %q", name, in.Summary, want, in.Warnings)
		}
		if c.warning != "" {
			t.Run(name, func(t *testing.T) { wantWarning(t, in, c.warning) })
		} else if len(in.Warnings) != 0 {
			t.Errorf("%s: %q", name, in.Warnings)
		}
		checkShown(t, name, in)
	}
	for name, uri := range map[string]string{
		"relative": "/login", "bare": "service.org", "digit": "1a:b", "space": "did:a b", "quote": `did:a"b`, "letter": "https://sérvice.org/", "bracket": "did:a[b]",
		"percent": "did:a%4", "percent-end": "did:a%", "backslash": `https://service.org\x`, "two-fragments": "did:a#b#c", "nothing": "", "no-host": "https:///x",
	} {
		in := readMessage(t, strings.Replace(base, "https://service.org/login", uri, 1))
		if !strings.HasPrefix(in.Summary, "sign a message that imitates a sign-in") {
			t.Errorf("%s: %s", name, in.Summary)
		}
	}
}

// Dates are compared with each other and with the time of the request, so that
// the words are the same at any time and on every device.
func TestDatesOfSignIns(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	at := func(s string) uint64 {
		d, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return uint64(d.Unix())
	}
	const issued, expires = "Issued At: 2021-09-30T16:25:24Z\n", "Expiration Time: 2021-10-01T16:25:24Z\n"
	base := signInText("service.org", "hi")
	for name, c := range map[string]struct {
		old, new string
		created  string // of the request
		want     string
	}{
		"good":                {"", "", "2021-09-30T16:26:00Z", ""},
		"unknown-time":        {"", "", "", ""},
		"expired":             {"", "", "2021-10-01T16:25:24Z", "had expired when this was asked for"},
		"last-second":         {"", "", "2021-10-01T16:25:23Z", ""},
		"never":               {expires, "Expiration Time: never\n", "2021-09-30T16:26:00Z", `the date "never" cannot be read`},
		"day":                 {expires, "Expiration Time: 2021-02-30T00:00:00Z\n", "", "cannot be read"},
		"no-zone":             {expires, "Expiration Time: 2021-10-01T16:25:24\n", "", "cannot be read"},
		"unix":                {expires, "Expiration Time: 1633105524\n", "", "cannot be read"},
		"issued-unreadable":   {issued, "Issued At: yesterday\n", "", `the date "yesterday" cannot be read`},
		"before-issued":       {expires, "Expiration Time: 2021-09-30T16:25:23Z\n", "", "expires before it is issued"},
		"when-issued":         {expires, "Expiration Time: 2021-09-30T16:25:24Z\n", "", "expires before it is issued"},
		"fraction":            {expires, "Expiration Time: 2021-09-30T16:25:24.5Z\n", "", ""},
		"zone":                {expires, "Expiration Time: 2021-09-30T18:25:24+02:00\n", "", "expires before it is issued"},
		"zone-later":          {expires, "Expiration Time: 2021-09-30T15:25:24-01:30\n", "", ""},
		"not-before":          {expires, expires + "Not Before: 2021-09-30T17:00:00Z\n", "2021-09-30T16:26:00Z", "is not valid yet"},
		"not-before-over":     {expires, expires + "Not Before: 2021-09-30T17:00:00Z\n", "2021-09-30T18:00:00Z", ""},
		"not-before-nonsense": {expires, expires + "Not Before: soon\n", "", `the date "soon" cannot be read`},
	} {
		t.Run(name, func(t *testing.T) {
			who := ctx
			if c.created != "" {
				who.Created = at(c.created)
			}
			text := strings.Replace(base, c.old, c.new, 1)
			_, in := read(t, intent.Input{Kind: intent.Message, Message: []byte(text)}, who)
			if c.want != "" {
				wantWarning(t, in, c.want)
			} else if len(in.Warnings) != 0 {
				t.Errorf("%q", in.Warnings)
			}
		})
	}
}

func grantsText(statement, uri, details string) string {
	return "app.example wants you to sign in with your Ethereum account:\n" + cowAddress + "\n\n" + statement + "\n\nURI: " + uri +
		"\nVersion: 1\nChain ID: 1\nNonce: 32891756\nIssued At: 2021-09-30T16:25:24Z\nResources:\n- https://app.example/terms\n- urn:recap:" +
		base64.RawURLEncoding.EncodeToString([]byte(details))
}

// What a sign-in grants besides is listed, and compared with what its statement
// says (ERC-5573, whose example this is).
func TestGrantsOfSignIns(t *testing.T) {
	t.Parallel()
	const (
		details = `{"att":{"https://example.com/pictures/":{"crud/delete":[{}],"crud/update":[{}],"other/action":[{}]},"mailto:username@example.com":` +
			`{"msg/receive":[{"max_count":5}],"msg/send":[{"to":"someone@email.com"},{"to":"joe@email.com"}],"msg/x":[]}},"prf":["bafy"]}`
		statement = "I further authorize the stated URI to perform the following actions on my behalf: " +
			"(1) 'crud': 'delete', 'update' for 'https://example.com/pictures/'. (2) 'other': 'action' for 'https://example.com/pictures/'. " +
			"(3) 'msg': 'receive', 'send', 'x' for 'mailto:username@example.com'."
		differs = "the statement does not say what the sign-in grants"
	)
	var crowd strings.Builder // of warnings
	for i := range 70 {
		fmt.Fprintf(&crowd, "- no uri %d\n", i)
	}
	in := readMessage(t, grantsText("Sign in. "+statement, "https://app.example/", details))
	if in.Summary != `sign in to "app.example" with this account` || strings.Contains(fmt.Sprint(in.Warnings), differs) {
		t.Errorf("%q %q", in.Summary, in.Warnings)
	}
	wantWarning(t, in, `the sign-in lets "https://app.example/" act for this account in 6 ways`)
	for _, line := range []string{
		`"crud/delete" for "https://example.com/pictures/"`, `"crud/update" for "https://example.com/pictures/"`, `"other/action" for "https://example.com/pictures/"`,
		`"msg/receive" for "mailto:username@example.com", within limits that its reader knows`, `"msg/x" for "mailto:username@example.com", but in no valid way`,
		"(1 rights of others are passed on)",
	} {
		wantLine(t, in, "grants", line)
	}
	in = readMessage(t, grantsText(statement, "did:key:z6Mk", details))
	wantWarning(t, in, `lets "did:key:z6Mk" act for this account`)
	for name, s := range map[string]string{
		"nothing": "Sign in to see your profile.", "less": strings.Replace(statement, "'delete', ", "", 1), "more": statement + " And that is all.",
		"other": strings.Replace(statement, "'send'", "'read'", 1),
	} {
		t.Run(name, func(t *testing.T) {
			wantWarning(t, readMessage(t, grantsText(s, "https://app.example/", details)), differs)
		})
	}
	for name, d := range map[string]string{
		"text": "hello", "list": "[]", "no-slash": `{"att":{"a:b":{"all":[{}]}}}`, "limits": `{"att":{"a:b":{"x/y":{}}}}`, "limit": `{"att":{"a:b":{"x/y":[1]}}}`,
		"abilities": `{"att":{"a:b":[]}}`, "unknown": `{"att":{},"more":1}`, "twice": `{"att":{"a:b":{"x/y":[{}],"x/y":[]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			wantWarning(t, readMessage(t, grantsText(statement, "https://app.example/", d)), "grants rights (ReCap, ERC-5573) that cannot be read")
		})
	}
	wantWarning(t, readMessage(t, signInText("service.org", statement)), "no resource grants them")
	in = readMessage(t, grantsText(statement, "https://app.example/", details)+"\n- https://app.example/after")
	wantWarning(t, in, "is not the only one at the end")
	in = readMessage(t, strings.Replace(grantsText("Sign in.", "https://app.example/", details), "- https://app.example/terms\n", crowd.String(), 1))
	wantWarning(t, in, differs)
	in = readMessage(t, strings.Replace(grantsText("Sign in.", "https://app.example/", details), "urn:recap:", "URN:ReCap:", 1))
	wantWarning(t, in, differs)
	in = readMessage(t, grantsText(statement, "https://app.example/", `{"att":{"a:\u202e":{"x/y":[{}]}}}`))
	checkShown(t, "grants", in)
	wantWarning(t, in, "grants: contains characters that cannot be seen")
}

// Our reader of dates is package time's.
func TestDatesAreReadAsByPackageTime(t *testing.T) {
	t.Parallel()
	base := signInText("service.org", "hi")
	_, ctx := cow(t)
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 1500 {
		d := start.Add(time.Duration(i) * 97 * time.Hour).Add(time.Duration(i) * time.Second)
		zone := time.FixedZone("", (i%27-13)*3600+(i%4)*900)
		text := strings.Replace(strings.Replace(base, "Expiration Time: 2021-10-01T16:25:24Z", "Expiration Time: "+d.In(zone).Format(time.RFC3339), 1),
			"Issued At: 2021-09-30T16:25:24Z", "Issued At: 1999-01-01T00:00:00Z", 1)
		for _, c := range []struct {
			created uint64
			expired bool
		}{{uint64(d.Unix()) - 1, false}, {uint64(d.Unix()), true}} {
			ctx.Created = c.created
			_, in := read(t, intent.Input{Kind: intent.Message, Message: []byte(text)}, ctx)
			if got := strings.Contains(fmt.Sprint(in.Warnings), "had expired"); got != c.expired || len(in.Warnings) > 1 {
				t.Fatalf("%s, asked at %d: %q", d.In(zone).Format(time.RFC3339), c.created, in.Warnings)
			}
		}
	}
}

// A line break at the end of a message is part of what is signed.
func TestLineBreakAtTheEndIsTold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"hello\n": `a line break (\n), which is signed too`, "hello\r\n": `a line break (\r\n), which is signed too`, "hello": "", "\nhello": ""} {
		in := readMessage(t, text)
		notes := intent.Notes(intent.Input{Kind: intent.Message, Message: []byte(text)})
		if want == "" {
			for _, l := range in.Lines {
				if l.Label == "end" {
					t.Errorf("%q: %q", text, l.Value)
				}
			}
			if len(notes) != 0 {
				t.Errorf("%q: %q", text, notes)
			}
			continue
		}
		wantLine(t, in, "end", want)
		if len(notes) != 1 || !strings.Contains(notes[0], "ends in "+want) {
			t.Errorf("%q: %q", text, notes)
		}
	}
}

package pairing_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/warifu/warifu/pairing"
)

func newInvitation(t testing.TB) pairing.Invitation {
	t.Helper()
	addrs := [][]byte{{4, 192, 0, 2, 7, 6, 0x11, 0x5c}, {4, 192, 0, 2, 7, 0x91, 2, 0x11, 0x5c, 0xcd, 3}}
	inv, err := newWindow(t).Invitation(showerPeer, addrs)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestInvitationRoundTrip(t *testing.T) {
	t.Parallel()
	inv := newInvitation(t)
	text := inv.Text()
	wrapped := "\n  " + text[:20] + "\r\n" + text[20:60] + " " + strings.ToUpper(text[60:]) + "\t\n"
	for name, s := range map[string]string{"text": text, "qr": strings.ToUpper(text), "wrapped": wrapped} {
		got, err := pairing.ParseInvitation(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(got.Peer, inv.Peer) || len(got.Addrs) != 2 || !bytes.Equal(got.Addrs[1], inv.Addrs[1]) ||
			got.Expires != now+pairing.Lifetime || got.Text() != text {
			t.Errorf("%s: differs", name)
		}
	}
	if !strings.HasPrefix(text, "warifu1:") || len(text) > 200 {
		t.Errorf("%d characters that begin with %q", len(text), text[:8])
	}
}

// TestInvitationTypos changes each character into each other one that an
// invitation may have, and cuts it everywhere.
func TestInvitationTypos(t *testing.T) {
	t.Parallel()
	text := newInvitation(t).Text()
	for i := len("warifu1:"); i < len(text); i++ {
		for _, c := range "abcdefghijklmnopqrstuvwxyz234567" {
			if byte(c) == text[i] {
				continue
			}
			_, err := pairing.ParseInvitation(text[:i] + string(c) + text[i+1:])
			e := wantCode(t, err, pairing.Malformed)
			// The first four characters hold the length, of which a change
			// looks like something missing or added.
			if i >= len("warifu1:")+4 && !strings.Contains(e.Text, "typing mistake") {
				t.Fatalf("character %d: %q", i, e.Text)
			}
		}
	}
	for i := range text {
		_, err := pairing.ParseInvitation(text[:i])
		if e := wantCode(t, err, pairing.Malformed); !strings.Contains(e.Text, "cut short") {
			t.Fatalf("cut at %d: %q", i, e.Text)
		}
	}
	for i := len("warifu1:"); i < len(text)-1; i++ {
		if text[i] == text[i+1] {
			continue
		}
		_, err := pairing.ParseInvitation(text[:i] + text[i+1:i+2] + text[i:i+1] + text[i+2:])
		wantCode(t, err, pairing.Malformed)
	}
}

func TestInvitationErrors(t *testing.T) {
	t.Parallel()
	text := newInvitation(t).Text()
	for name, row := range map[string]struct{ in, code, text string }{
		"empty":           {"", pairing.Malformed, "cut short"},
		"other-version":   {"warifu2:" + text[8:], pairing.Version, "another release"},
		"far-version":     {"WARIFU137:ABC", pairing.Version, "another release"},
		"prefix-only":     {"warifu1:", pairing.Malformed, "cut short"},
		"no-version":      {"warifu:" + text[8:], pairing.Malformed, "no invitation"},
		"not-ours":        {"https://example.com", pairing.Malformed, "no invitation"},
		"a-code":          {"1234 5678", pairing.Malformed, "no invitation"},
		"added":           {text + "aaaaaaaa", pairing.Malformed, "longer than it says"},
		"foreign-letter":  {text[:40] + "0" + text[41:], pairing.Malformed, "character that none has"},
		"escape-sequence": {text[:40] + "\x1b" + text[41:], pairing.Malformed, "character that none has"},
		"too-long":        {strings.Repeat("a", 5000), pairing.Malformed, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pairing.ParseInvitation(row.in)
			if e := wantCode(t, err, row.code); !strings.Contains(e.Text, row.text) {
				t.Errorf("text %q, want %q in it", e.Text, row.text)
			}
		})
	}
}

func TestInvitationBounds(t *testing.T) {
	t.Parallel()
	addr := []byte{1}
	for name, row := range map[string]struct {
		peer  []byte
		addrs [][]byte
		ok    bool
	}{
		"smallest":      {[]byte{1}, [][]byte{addr}, true},
		"largest":       {make([]byte, 64), bytes.SplitN(bytes.Repeat(append(make([]byte, 128), 'x'), 8)[:8*129-1], []byte("x"), 8), true},
		"no-peer":       {nil, [][]byte{addr}, false},
		"long-peer":     {make([]byte, 65), [][]byte{addr}, false},
		"no-address":    {[]byte{1}, nil, false},
		"nine-adresses": {[]byte{1}, [][]byte{addr, addr, addr, addr, addr, addr, addr, addr, addr}, false},
		"empty-address": {[]byte{1}, [][]byte{{}}, false},
		"long-address":  {[]byte{1}, [][]byte{make([]byte, 129)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inv, err := newWindow(t).Invitation(row.peer, row.addrs)
			if (err == nil) != row.ok {
				t.Fatal(err)
			}
			if !row.ok {
				return
			}
			if _, err := pairing.ParseInvitation(inv.Text()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestInvitationContents: the checksum is right and what it covers is not.
func TestInvitationContents(t *testing.T) {
	t.Parallel()
	peer, addrs, secret := []byte{1}, [][]byte{{1}}, make([]byte, pairing.SecretSize)
	if _, err := pairing.ParseInvitation(pairing.EncodeInvitation(peer, addrs, secret)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"short-secret": pairing.EncodeInvitation(peer, addrs, secret[1:]),
		"long-secret":  pairing.EncodeInvitation(peer, addrs, append(secret, 0)),
		"no-secret":    pairing.EncodeInvitation(peer, addrs, nil),
		"no-peer":      pairing.EncodeInvitation(nil, addrs, secret),
		"no-address":   pairing.EncodeInvitation(peer, nil, secret),
		"long-address": pairing.EncodeInvitation(peer, [][]byte{make([]byte, 129)}, secret),
	} {
		_, err := pairing.ParseInvitation(text)
		t.Log(name)
		wantCode(t, err, pairing.Malformed)
	}
}

func TestCodeText(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"12345678", "1234 5678", "1234-5678", " 12-34 56-78 ", "00000000", "1 2 3 4 5 6 7 8"} {
		c, err := pairing.ParseCode(s)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		digits := strings.NewReplacer(" ", "", "-", "").Replace(s)
		if want := digits[:4] + "-" + digits[4:]; c.Text() != want {
			t.Errorf("%q shown as %q", s, c.Text())
		}
		// It is one word in a shell, and read back as it is shown.
		if again, err := pairing.ParseCode(c.Text()); err != nil || !again.Equal(c) || len(strings.Fields(c.Text())) != 1 {
			t.Errorf("%q does not read back: %v", c.Text(), err)
		}
	}
	for _, s := range []string{"", "1234567", "123456789", "1234 567x", "１２３４５６７８", "1234.5678", "+12345678", "1234\x005678", strings.Repeat(" ", 60) + "12345678"} {
		_, err := pairing.ParseCode(s)
		if e := wantCode(t, err, pairing.Malformed); s != "" && strings.Contains(e.Text, s) {
			t.Errorf("the text quotes the input: %q", e.Text)
		}
	}
}

// TestCodeIsUniform pins the rejection: draws at and above the largest
// multiple of 10^8 in a uint32 are drawn again.
func TestCodeIsUniform(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		draws []byte
		want  string
	}{
		"zero":                       {[]byte{0, 0, 0, 0}, "0000-0000"},
		"one":                        {[]byte{0, 0, 0, 1}, "0000-0001"},
		"largest-accepted":           {[]byte{0xfa, 0x56, 0xe9, 0xff}, "9999-9999"}, // 4_199_999_999
		"smallest-refused":           {[]byte{0xfa, 0x56, 0xea, 0x00, 0, 0, 0, 7}, "0000-0007"},
		"largest-draw":               {[]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 8}, "0000-0008"},
		"wraps-at-a-hundred-million": {[]byte{0x05, 0xf5, 0xe1, 0x00}, "0000-0000"},
	} {
		c, err := pairing.NewCode(bytes.NewReader(row.draws))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.Text() != row.want {
			t.Errorf("%s: %s, want %s", name, c.Text(), row.want)
		}
	}
	if _, err := pairing.NewCode(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff})); err == nil {
		t.Error("a code without randomness")
	}
	// Chi-squared of the first digit over 20,000 codes, 9 degrees of freedom:
	// above 27.9 with a probability of one in a thousand for a true source,
	// and the seed is fixed.
	rng := seeded("uniform codes")
	var count [10]int
	const n = 20_000
	for range n {
		c, err := pairing.NewCode(rng)
		if err != nil {
			t.Fatal(err)
		}
		count[c.Text()[0]-'0']++
	}
	var chi float64
	for _, k := range count {
		chi += math.Pow(float64(k)-n/10, 2) / (n / 10)
	}
	if chi > 27.9 {
		t.Errorf("first digits %v, chi-squared %.1f", count, chi)
	}
}

func TestCodeHint(t *testing.T) {
	t.Parallel()
	c, err := pairing.ParseCode("1234 5678")
	if err != nil {
		t.Fatal(err)
	}
	rng := seeded("hints")
	same, peers := 0, 4000
	var count [64]int
	for range peers {
		other, err := pairing.NewCode(rng)
		if err != nil {
			t.Fatal(err)
		}
		h := other.Hint(showerPeer)
		if h >= 64 {
			t.Fatalf("hint %d", h)
		}
		count[h]++
		if h == c.Hint(showerPeer) {
			same++
		}
	}
	salted := map[byte]bool{}
	for i := range byte(20) {
		salted[c.Hint([]byte{i})] = true
	}
	if len(salted) < 5 {
		t.Errorf("20 hosts with one code show %d hints", len(salted))
	}
	// 4000/64 = 62.5 are expected, with a standard deviation of 7.8.
	if same < 25 || same > 100 {
		t.Errorf("%d of %d codes share a hint", same, peers)
	}
	for h, n := range count {
		if n == 0 {
			t.Errorf("hint %d never occurs", h)
		}
	}
}

// TestNothingPrintsASecret formats everything that holds one, also inside
// structs that know nothing of it.
func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	inv := newInvitation(t)
	c := w.Code()
	secretText := []string{strings.ReplaceAll(c.Text(), " ", ""), c.Text(), inv.Text(), inv.Text()[8:40]}
	a := newTypist(t, c.Password(), typistPeer, showerPeer)
	hidden := struct {
		c   pairing.Code
		p   pairing.Password
		inv pairing.Invitation
		w   *pairing.Window
		a   *pairing.Typist
	}{c, c.Password(), inv, w, a}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		for _, v := range []any{c, &c, c.Password(), inv, &inv, hidden, *w} {
			got := fmt.Sprintf(verb, v)
			for _, s := range secretText {
				if strings.Contains(got, s) || strings.Contains(got, fmt.Sprintf("%x", s)) {
					t.Errorf("%s of %T shows the secret", verb, v)
				}
			}
		}
	}
}

package roster

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// TestConfusablesAreThoseOfUnicode: the table is the one whose hash is known, and
// each of its lines is found, and nothing beside them.
func TestConfusablesAreThoseOfUnicode(t *testing.T) {
	t.Parallel()
	if got := sha256.Sum256([]byte(confusables)); hex.EncodeToString(got[:]) != "0c587a9186579dfa3a694397ab2cc422874086359b4a946b2860a3b6e055b2d8" {
		t.Errorf("the table has the hash %x", got)
	}
	lines := map[rune]string{}
	for line := range strings.Lines(confusables) {
		from, to, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		r := []rune(parseRunes(from))
		if len(r) != 1 || to == "" {
			t.Fatalf("line %q", line)
		}
		lines[r[0]] = parseRunes(to)
	}
	if len(lines) != 6565 {
		t.Errorf("%d lines", len(lines))
	}
	for r := rune(0); r <= 0x1ffff; r++ {
		got, ok := looksLike(r)
		if want, in := lines[r]; got != want || ok != in {
			t.Fatalf("%U looks like %q, %v; want %q", r, got, ok, want)
		}
	}
}

func TestCheckNewName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"phone", "phone-2", "Café", "日本", "телефон", "old phone", "2nd phone", "abc", "facade", "beef 12", "r2d2", "lol",
		"📱", "x", "Phone III", "deadbeef phone", "7 of nine"} {
		if err := CheckNewName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"2": "number", "02": "number", "+2": "number", "10": "number", "２": "number", "②": "number", "²": "number", "٢": "number", "1.5": "number",
		"1 2": "number", "l": "number", "I": "number", "O": "number", "lO": "number", "1O": "number", "О": "number", "#2": "number", "٢3": "number",
		"-2": "dash", "-rf": "dash", "--yes": "dash", "‐x": "dash", "−x": "dash",
		"deadbeef": "fingerprint", "DEADBEEF": "fingerprint", "0a1b2c3d": "fingerprint", "ｄｅａｄｂｅｅｆ": "fingerprint", strings.Repeat("ab", 16): "fingerprint",
		"": "empty", "a\u200bb": "does not show", " a": "space", "a\u202eb": "does not show",
	} {
		if err := CheckNewName(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
		if n := CheckName(name); (n == nil) != (want == "number" || want == "dash" || want == "fingerprint") {
			t.Errorf("%q as a name from before: %v", name, n)
		}
	}
}

func TestAlike(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"phone", "PHONE"}, {"Straße", "STRASSE"}, {"ΣΊΣΥΦΟΣ", "σίσυφος"}, {"ﬁle", "file"}, {"ｐｈｏｎｅ", "phone"}, {"İ", "i̇"}, // letter case and form
		{"laptop", "1aptop"}, {"laptop", "Iaptop"}, {"laptop", "IAPTOP"}, {"laptop", "|aptop"}, {"phone", "ph0ne"}, {"phone", "PH0NE"}, // digits and bars
		{"phone", "рһоnе"}, {"phone", "ρhοne"}, {"PHONE", "РНОΝЕ"}, {"сор", "cop"}, {"mac", "rnac"}, {"phone-2", "phone‐2"}, {"𝐩hone", "phone"},
		{"ГПФ", "ΓΠΦ"}, {"tablet", "tab1et"}, {"TAB1ET", "tablet"}, {"server 1", "server l"}, {"日", "⽇"},
	} {
		if !Alike(pair[0], pair[1]) || !Alike(pair[1], pair[0]) {
			t.Errorf("%q and %q are told apart", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{
		{"phone", "phone-2"}, {"phone", "phones"}, {"phone 1", "phone 2"}, {"café", "cafe"}, {"laptop", "desktop"}, {"日", "曰本"}, {"телефон", "телефон 2"},
		{"phone-2", "phone 2"}, {"pad", "ipad"},
	} {
		if Alike(pair[0], pair[1]) {
			t.Errorf("%q and %q are called alike", pair[0], pair[1])
		}
	}
	if !SameName("Straße", "STRASSE") || SameName("phone", "ph0ne") {
		t.Error("the same name is what differs in letter case")
	}
}

func BenchmarkAlike(b *testing.B) {
	x, y := strings.Repeat("р", 32), strings.Repeat("ｐ", 32)
	for b.Loop() {
		Alike(x, y)
	}
}

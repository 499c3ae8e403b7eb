package intent_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/warifu/warifu/intent"
)

// hostile is text that has repainted, reordered or hidden what a person
// approved, in terminals, editors and wallets.
var hostile = map[string]string{
	"clear":          "\x1b[2J\x1b[Hsend 1 ETH to Bob",
	"cursor-up":      "x\x1b[3A\x1b[Kto: 0xgood",
	"erase-line":     "bad\r\x1b[2Kgood",
	"carriage":       "transfer everything\rtransfer 1 wei     ",
	"backspace":      "evil\b\b\b\bgood",
	"title":          "\x1b]0;title\x07",
	"hyperlink":      "\x1b]8;;http://evil\x1b\\good\x1b]8;;\x1b\\",
	"c1-csi":         "\u009b2J",
	"c1-raw":         "\x9b2J",
	"osc-52":         "\x1b]52;c;ZXZpbA==\x07",
	"delete":         "a\x7fb",
	"bell":           "\x07\x07",
	"nul":            "a\x00b",
	"rlo":            "\u202egpj.exe",
	"lro":            "\u202d",
	"rle-pdf":        "\u202babc\u202c",
	"isolates":       "\u2066a\u2067b\u2068c\u2069",
	"marks":          "\u200e\u200f\u061c",
	"zero-width":     "pay\u200bpal\u200c\u200d\ufeff",
	"joiner":         "a\u2060b\u034fc",
	"soft-hyphen":    "pay\u00adpal",
	"spaces":         "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u0085g",
	"tags":           "\U000e0041\U000e0042",
	"selectors":      "1\ufe0f2\U000e0100",
	"fillers":        "\u115f\u1160\u3164\uffa0",
	"braille":        "a\u2800b",
	"private":        "\ue000\U000f0000",
	"unassigned":     "\u0378",
	"noncharacter":   "\ufffe\U0001ffff",
	"annotation":     "\ufff9a\ufffab\ufffb",
	"zalgo":          "a" + strings.Repeat("\u0300\u0316", 40),
	"leading-mark":   "\u0301abc",
	"mark-on-space":  "a \u0301",
	"strike":         "5\u0338",
	"enclosing":      "5\u20dd",
	"mongolian":      "\u180e",
	"invalid":        "\xff\xfe\xc0\xaf\xed\xa0\x80",
	"newlines":       "a\nto: 0xevil\r\n\tb\vc\fd",
	"imitate-escape": `\u{1b}[2J \n \x41`,
}

// safe reports what in s must not reach a screen.
func unsafeRune(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("not UTF-8")
	}
	marks := 99
	for i, r := range s {
		switch {
		case r < 0x20 || r >= 0x7f && r < 0xa0:
			return fmt.Errorf("control character %U at %d", r, i)
		case r != ' ' && unicode.IsSpace(r):
			return fmt.Errorf("space %U at %d", r, i)
		case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r) || unicode.Is(unicode.Cs, r) || unicode.Is(unicode.Zs, r) && r != ' ':
			return fmt.Errorf("format character %U at %d", r, i)
		case unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Variation_Selector, r) ||
			unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Noncharacter_Code_Point, r):
			return fmt.Errorf("hidden character %U at %d", r, i)
		case unicode.Is(unicode.Mn, r):
			if marks++; marks > 3 {
				return fmt.Errorf("mark %U at %d", r, i)
			}
		case unicode.IsLetter(r) || unicode.Is(unicode.Mc, r):
			marks = 0
		default:
			marks = 99
		}
	}
	return nil
}

// unescape is the inverse of Escape.
func unescape(s string) (string, error) {
	var b strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		switch {
		case s == "":
			return "", fmt.Errorf("lone backslash")
		case s[0] == '\\' || s[0] == 'n' || s[0] == 'r' || s[0] == 't':
			b.WriteByte(map[byte]byte{'\\': '\\', 'n': '\n', 'r': '\r', 't': '\t'}[s[0]])
			s = s[1:]
		case s[0] == 'x' && len(s) >= 3:
			v, err := strconv.ParseUint(s[1:3], 16, 8)
			if err != nil {
				return "", err
			}
			b.WriteByte(byte(v))
			s = s[3:]
		case strings.HasPrefix(s, "u{"):
			end := strings.IndexByte(s, '}')
			v, err := strconv.ParseUint(s[2:max(2, end)], 16, 32)
			if err != nil {
				return "", err
			}
			b.WriteRune(rune(v))
			s = s[end+1:]
		default:
			return "", fmt.Errorf("unknown escape")
		}
	}
	return b.String(), nil
}

func checkEscape(t *testing.T, s string) {
	t.Helper()
	e := intent.Escape(s)
	if err := unsafeRune(e); err != nil {
		t.Errorf("%q escapes to %q: %v", s, e, err)
	}
	if back, err := unescape(e); err != nil || back != s {
		t.Errorf("%q escapes to %q, which reads as %q, %v", s, e, back, err)
	}
}

func TestEscapeHostile(t *testing.T) {
	t.Parallel()
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			checkEscape(t, s)
			if intent.Escape(s) == s {
				t.Errorf("%q passes unchanged", s)
			}
		})
	}
}

func TestEscapeForms(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"a\nb\rc\td\\e":             `a\nb\rc\td\\e`,
		"\x1b[2J\x00":               `\u{1b}[2J\u{0}`,
		"\xffé\xc3":                 `\xffé\xc3`,
		"\u202eabc":                 `\u{202e}abc`,
		"a\u0301\u0301\u0301\u0301": "a\u0301\u0301\u0301" + `\u{301}`,
		"\ufffd":                    "\ufffd",
		"1\ua670\u0489\u20dd":       `1\u{a670}\u{489}\u{20dd}`,
		"a\U00016fe4b":              `a\u{16fe4}b`,
	} {
		if got := intent.Escape(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

// Every code point alone, and on a letter.
func TestEscapeEveryRune(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		s := "a" + string(r)
		if e := intent.Escape(s); unsafeRune(e) != nil {
			t.Fatalf("%U: %q: %v", r, e, unsafeRune(e))
		}
	}
}

func TestEscapeKeepsHonestText(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "plain text, 100%: (a) [b] {c} <d> ~ ` ^ | #", "Grüße an Zoë", "Привет, мир", "日本語のテキスト", "한국어",
		"e\u0301 in two parts", "שָׁלוֹם", "สวัสดีที่นี่", "Tiếng Việt ở đây", "€ £ ¥ ₿ → ✓ 😀",
	} {
		if got := intent.Escape(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestSuspicious(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"p\u0430ypal":                        "mixes Cyrillic and Latin",
		"\u0430\u0440\u0440\u04cf\u0435 pay": "looks like Latin letters but is Cyrillic",
		"\u03bfk \u0391\u0392 x":             "looks like Latin letters but is Greek",
		"Ꭺpple":                              "mixes Cherokee and Latin",
		"ｇｏｏｄ":                               "styled copies",
		"ⓖⓞⓞⓓ":                               "styled copies",
		"🄶🄾🄾🄳":                               "styled copies",
		"pay 1" + strings.Repeat(" ", 16) + "to me": "many spaces",
		"𝐠𝐨𝐨𝐝":                                      "styled copies",
		"amount ١٢٣":                                "unusual digits",
		"send 5 לאליס":                              "right-to-left",
		"5 לאליס":                                   "right-to-left",
		"hid\u200bden":                              "cannot be seen",
		"bad \xff":                                  "not text",
	} {
		got := intent.Suspicious(s)
		if !slices.ContainsFunc(got, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
		for _, f := range got {
			if err := unsafeRune(f); err != nil {
				t.Errorf("%q: the finding %q: %v", s, f, err)
			}
		}
	}
	for _, s := range []string{
		"", "plain text", "two\nlines\tand a tab", "Grüße", "Привет, мир, это сор", "日本語のテキスト と Latin", "한국어 漢字", "שלום",
		"0x52908400098527886E0F7030069857D2E4169EE7", "name      amount", "it's 3 o'clock — really…",
	} {
		if got := intent.Suspicious(s); len(got) != 0 {
			t.Errorf("%q: %q", s, got)
		}
	}
	if got := intent.Suspicious(strings.Repeat("p\u0430y ", 5) + manySuspicious(50)); len(got) != 8 {
		t.Errorf("%d findings", len(got))
	}
}

func manySuspicious(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\u0430b%dc ", i)
	}
	return b.String()
}

// Whatever stands where a text may stand, nothing unsafe comes out.
func TestNothingHostileIsShown(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	_, ssh := sshAccount()
	for name, s := range hostile {
		ctx.Account, ssh.Account = s, s
		inputs := []intent.Input{
			{Kind: intent.Message, Message: []byte(s)},
			{Kind: intent.Message, Message: []byte(signInText(s, s))},
			{Kind: intent.Message, Message: []byte(s + " wants you to sign in with your Ethereum account:\n")},
		}
		if utf8.ValidString(s) {
			f := fileInput()
			f.FileName = s
			inputs = append(inputs, f, intent.Input{Kind: intent.TypedData, JSON: typedText(t, s)})
		}
		for _, in := range inputs {
			who := ctx
			if in.Kind == intent.SSHFile {
				who = ssh
			}
			_, out := read(t, in, who)
			checkShown(t, name, out)
		}
	}
}

// checkShown checks that all text of an intent is safe and bounded.
func checkShown(t *testing.T, name string, in intent.Intent) {
	t.Helper()
	all := append([]string{in.Summary, in.Account, in.Purpose}, in.Warnings...)
	for _, l := range in.Lines {
		all = append(all, l.Label, l.Value)
	}
	for _, s := range all {
		if err := unsafeRune(s); err != nil {
			t.Errorf("%s: %q: %v", name, s, err)
		}
	}
	// A device may approve by itself what has no warnings.
	if len(in.Warnings) == 0 && slices.ContainsFunc(in.Lines, func(l intent.Line) bool { return l.Warn }) {
		t.Errorf("%s: a line deserves a second look, yet nothing is warned of", name)
	}
	if len(in.Summary) > 4096 || len(in.Warnings) > 65 || in.Summary == "" {
		t.Errorf("%s: a summary of %d bytes, %d warnings", name, len(in.Summary), len(in.Warnings))
	}
}

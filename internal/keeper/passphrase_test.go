package keeper_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/keeper/keepertest"
)

// TestNewPassphrases: what nobody meant to be there, or cannot type again, is
// refused when a passphrase is set. What was set so before still opens.
func TestNewPassphrases(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"correct horse", "passwort", "größer 日本語 пароль", "a  b  c  d", strings.Repeat("x", keeper.MaxPassphrase), "emoji ❤️ 👩‍🚀"} {
		if err := keeper.CheckPassphrase([]byte(good)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"":                             "fewer than 8",
		"seven c":                      "fewer than 8",
		strings.Repeat("x", 1025):      "longer than 1024",
		"\ufeffcorrect horse":          "U+FEFF",
		"correct\ufeff horse":          "U+FEFF",
		"correct horse\rbattery":       "control character in it, U+000D",
		"correct\x00horse":             "control character in it, U+0000",
		"correct\thorse":               "control character in it, U+0009",
		"correct horse\x1b[D":          "control character in it, U+001B",
		"correct horse\u0085":          "control character in it, U+0085",
		"correct horse\x7f":            "control character in it, U+007F",
		"correct\u2028horse":           "U+2028",
		"correct\ufffdhorse":           "U+FFFD",
		"correct\ufffehorse":           "U+FFFE",
		"correct horse\xff":            "not valid UTF-8",
		" correct horse":               "begins or ends with a space",
		"correct horse ":               "begins or ends with a space",
		"correct horse\u00a0":          "begins or ends with a space",
		"\u3000correct horse":          "begins or ends with a space",
		"\xff\xfec\x00o\x00r\x00r\x00": "not valid UTF-8",
	} {
		err := keeper.CheckPassphrase([]byte(bad))
		if !errors.Is(err, keeper.ErrBadPassphrase) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %s", bad, err, why)
		}
		if len(bad) > keeper.MaxPassphrase {
			continue // no release has set one
		}
		_, h := keepertest.New(t, bad)
		k, err := keeper.Unlock(h, []byte(bad))
		if err != nil {
			t.Errorf("%q was set and does not open: %v", bad, err)
			continue
		}
		k.Close()
	}
}

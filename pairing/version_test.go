package pairing_test

import (
	"strings"
	"testing"

	"github.com/warifu/warifu/pairing"
)

// TestVersionsAreNamed: each side of a pairing names its own version and the
// other's, and which of the two devices is older.
func TestVersionsAreNamed(t *testing.T) {
	t.Parallel()
	for theirs, update := range map[byte]string{0: "update the other device", 2: "update this device", 255: "update this device"} {
		p := newPair(t)
		hello := p.hello()
		hello[0] = theirs
		out, err := p.b.Deliver(now, hello)
		if e := wantCode(t, err, pairing.Version); !strings.HasSuffix(e.Text, update) || !strings.Contains(e.Text, "by version 1") {
			t.Errorf("%d: the shower says %q", theirs, e.Text)
		}
		if len(out) != 1 || p.w.TriesLeft() != pairing.MaxTries {
			t.Errorf("%d: %d messages, %d tries left", theirs, len(out), p.w.TriesLeft())
		}
		out[0][0] = theirs // what a release of that version would say
		_, err = p.a.Deliver(out[0])
		if e := wantCode(t, err, pairing.Version); !strings.HasSuffix(e.Text, update) {
			t.Errorf("%d: the typist says %q", theirs, e.Text)
		}
	}
	for text, update := range map[string]string{"warifu2:abc": "update this device", "warifu0:abc": "update the other device", "warifu137:abc": "update this device"} {
		_, err := pairing.ParseInvitation(text)
		if e := wantCode(t, err, pairing.Version); !strings.HasSuffix(e.Text, update) || !strings.Contains(e.Text, "reads version 1") {
			t.Errorf("%s: %q", text, e.Text)
		}
	}
}

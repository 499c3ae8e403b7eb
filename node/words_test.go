package node

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/cosign"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/roster"
)

// Two devices whose releases word a request differently do not sign it
// together, and the person who waits hears why. The third device, which words it
// like the first, does.
func TestDevicesThatWordARequestDifferentlySaySo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old  bool // the laptop's release does not know the reason "words"
		want string
	}{
		"new": {false, "device-2 shows this request in other words than this device: they run different releases of warifu; update both"},
		"old": {true, "device-2 sees the request or the circle otherwise than this device; if they run different releases of warifu, update both"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 51)
			l.found(2, 3)
			phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
			r := phone.ask("hello")
			if !l.run(time.Minute, func() bool { return laptop.request(r.ID) != nil }) {
				t.Fatal("the request does not arrive")
			}
			// As another release would have decoded it.
			laptop.request(r.ID).Intent.Lines[0].Label = "the account"
			want := strings.Replace(c.want, "device-2", laptop.name, 1)
			if c.old {
				l.watch = func(from, to *labDevice, _ string, _ []byte) {
					for _, s := range phone.core.LiveSessions() {
						if from == phone && to == laptop && s.Owner.Personal() {
							laptop.core.Sync(1, message.MsgClose, message.Closed{Session: s.ID, Reason: cosign.RefusedProposal})
						}
					}
				}
			}
			laptop.approves(r.ID)
			if !l.run(time.Minute, func() bool { return r.Trouble == want }) {
				t.Fatalf("the phone says %q, want %q", r.Trouble, want)
			}
			if phone.signed(r.ID) {
				t.Fatal("signed with a device that showed something else")
			}
			tablet.approves(r.ID)
			if !l.run(3*time.Minute, func() bool { return phone.signed(r.ID) }) {
				t.Errorf("not signed with the tablet either: %q", r.Trouble)
			}
		})
	}
}

// The dates of a sign-in are compared with the time that the request names, so
// that devices whose clocks differ show the same words.
func TestSignInIsComparedWithTheTimeOfTheRequest(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 52)
	l.found(2, 2)
	phone, laptop := l.devices[0], l.devices[1]
	text := func(expires time.Time) []byte {
		return []byte("service.org wants you to sign in with your Ethereum account:\n0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\n\n\nURI: https://service.org\n" +
			"Version: 1\nChain ID: 1\nNonce: 12345678\nIssued At: 2001-01-01T00:00:00Z\nExpiration Time: " + expires.UTC().Format(time.RFC3339))
	}
	for _, after := range []time.Duration{-time.Second, time.Hour} {
		phone.core.Now = l.now
		r, err := phone.core.Ask(intent.Input{Kind: intent.Message, Message: text(l.now.Add(after))}, roster.Ethereum, []uint32{0, 0}, desk.RequestLifetime)
		if err != nil {
			t.Fatal(err)
		}
		if !l.run(time.Minute, func() bool { return laptop.request(r.ID) != nil }) {
			t.Fatal("the request does not arrive")
		}
		got := laptop.request(r.ID).Intent
		if got.Hash() != r.Intent.Hash() {
			t.Error("the devices show different words")
		}
		if expired := strings.Contains(strings.Join(got.Warnings, "\n"), "had expired when this was asked for"); expired != (after < 0) {
			t.Errorf("expires %v after the request: %q", after, got.Warnings)
		}
	}
}

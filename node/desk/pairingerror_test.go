package desk

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/pairing"
)

// TestPairingErrorsAreSaid: whatever a pairing ends with has a code that scripts
// can tell apart, and a hint where a person can act.
func TestPairingErrorsAreSaid(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]api.Code{
		pairing.WrongCode:    api.CodeWrongCode,
		pairing.Expired:      api.CodeInvitationOld,
		pairing.Used:         api.CodeInvitationSpent,
		pairing.TooManyTries: api.CodeInvitationSpent,
		pairing.Cancelled:    api.CodeInvitationSpent,
		pairing.SameDevice:   api.CodeDeviceKnown,
		pairing.NameTaken:    api.CodeDeviceKnown,
		pairing.CircleFull:   api.CodeCircleFull,
		pairing.Malformed:    api.CodeBadInvitation,
		pairing.Version:      api.CodeBadInvitation,
		pairing.Refused:      api.CodeFoundingFailed,
		pairing.BadName:      api.CodeRefused,
	} {
		err := pairingError(&pairing.Error{Code: code, Text: "what happened"}, nil)
		e := api.AsError(err)
		if e.Code != want || e.Message != "what happened" {
			t.Errorf("%v: %+v", code, e)
		}
		if hinted := e.Hint != ""; hinted != (want != api.CodeBadInvitation && want != api.CodeFoundingFailed) {
			t.Errorf("%v: hint %q", code, e.Hint)
		}
		if code == pairing.BadName && !strings.Contains(e.Hint, "init") {
			t.Errorf("who has a bad name is told %q", e.Hint)
		}
	}
}

// TestExpiredInvitationIsSaid: an invitation for which nobody answers any more is
// told as that, with how long ago it ended.
func TestExpiredInvitationIsSaid(t *testing.T) {
	t.Parallel()
	for ago, words := range map[time.Duration]string{0: "has expired", 3 * time.Hour: "ended 3 hours ago"} {
		if e := api.AsError(pairingError(&meet.Expired{Ago: ago}, nil)); e.Code != api.CodeInvitationOld || !strings.Contains(e.Message, words) || e.Hint == "" {
			t.Errorf("after %v: %+v", ago, e)
		}
	}
}

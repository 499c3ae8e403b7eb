package desk

import (
	"errors"
	"fmt"
	"testing"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/say"
)

// TestEveryErrorHasACode: scripts branch on it.
func TestEveryErrorHasACode(t *testing.T) {
	t.Parallel()
	for _, id := range say.Errors() {
		if codes[id] == "" || codes[id] == api.CodeInternal {
			t.Errorf("%q has no code", say.New(id).Error())
		}
	}
}

// TestCodesOfInvitations: by what code a script knows why nobody is let in.
func TestCodesOfInvitations(t *testing.T) {
	t.Parallel()
	for id, want := range map[say.ID]api.Code{
		say.OwnName: api.CodeRefused, say.InvitationUnderWay: api.CodeRefused, say.ThisDevice: api.CodeBadArgument, say.UnknownDevice: api.CodeUnknown,
	} {
		if codes[id] != want {
			t.Errorf("%q has the code %s, want %s", say.New(id).Error(), codes[id], want)
		}
	}
}

// TestSaid: what a room says keeps its text, whoever has wrapped it, and other errors
// stay as they are.
func TestSaid(t *testing.T) {
	t.Parallel()
	words := say.Vocabulary{say.Unlock: "press unlock"}
	e := api.AsError(Said(fmt.Errorf("not now: %w", say.New(say.Locked).Of("phone")), words))
	if e.Code != api.CodeLocked || e.Message != "not now: this device is locked" || e.Hint != "press unlock" || e.Device != "phone" {
		t.Errorf("%+v", e)
	}
	other := errors.New("other")
	if Said(other, words) != other || Said(nil, words) != nil {
		t.Error("another error is changed")
	}
}

// TestStatesOfTheAPI: scripts know states by the names that rooms give them.
func TestStatesOfTheAPI(t *testing.T) {
	t.Parallel()
	for s, want := range map[ledger.State]string{
		ledger.Pending: api.StatePending, ledger.Signing: api.StateSigning, ledger.Releasing: api.StateReleased, ledger.Signed: api.StateSigned,
		ledger.Done: api.StateDone, ledger.Denied: api.StateDenied, ledger.Expired: api.StateExpired,
	} {
		if string(s) != want {
			t.Errorf("a request is %s, and %s to scripts", s, want)
		}
	}
	for s, want := range map[founding.State]string{
		founding.InvitingDevices: api.FoundingInviting, founding.Generating: api.FoundingGenerating,
		founding.Confirming: api.FoundingConfirming, founding.Pending: api.FoundingPending,
	} {
		if string(s) != want {
			t.Errorf("a founding is %s, and %s to scripts", s, want)
		}
	}
}

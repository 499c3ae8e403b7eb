package desk

import (
	"errors"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/say"
)

// codes are what scripts know the errors of rooms by.
var codes = map[say.ID]api.Code{
	say.AmbiguousID:            api.CodeAmbiguous,
	say.BadInput:               api.CodeBadArgument,
	say.BadInputHinted:         api.CodeBadArgument,
	say.BadNewName:             api.CodeRefused,
	say.CircleExists:           api.CodeCircleExists,
	say.CircleFull:             api.CodeCircleFull,
	say.CircleNotAccepted:      api.CodeFoundingFailed,
	say.CircleSize:             api.CodeBadArgument,
	say.DenialTooLate:          api.CodeRequestClosed,
	say.DiskFull:               api.CodeDiskFull,
	say.Evicted:                api.CodeEvicted,
	say.FormerDevice:           api.CodeUnknown,
	say.FoundingAbandoned:      api.CodeFoundingFailed,
	say.FoundingEnded:          api.CodeFoundingFailed,
	say.FoundingFailed:         api.CodeFoundingFailed,
	say.FoundingInProgress:     api.CodeFounding,
	say.FoundingNotFinished:    api.CodeFounding,
	say.FoundingRefused:        api.CodeNotConfirmed,
	say.FoundingWaits:          api.CodeFounding,
	say.FreezeStands:           api.CodeRefused,
	say.Frozen:                 api.CodeFrozen,
	say.InvitationUnderWay:     api.CodeRefused,
	say.Locked:                 api.CodeLocked,
	say.NoAccount:              api.CodeNoAccount,
	say.NoCircle:               api.CodeNoCircle,
	say.NoIdentity:             api.CodeBadArgument,
	say.NoShare:                api.CodeRolledBack,
	say.NotConnected:           api.CodeUnreachable,
	say.NotPresent:             api.CodeNotPresent,
	say.NothingToAbandon:       api.CodeNoFounding,
	say.NothingToConfirm:       api.CodeNoFounding,
	say.OnlyAskerTakesBack:     api.CodeRefused,
	say.OnlyAskerTakesBackLost: api.CodeRefused,
	say.OwnName:                api.CodeRefused,
	say.OwnRemoval:             api.CodeRefused,
	say.PersonSaidNo:           api.CodeNotConfirmed,
	say.PolicyDenies:           api.CodeRefused,
	say.RedealInterrupted:      api.CodeBusy,
	say.ReportedLost:           api.CodeRefused,
	say.RequestClosed:          api.CodeRequestClosed,
	say.RequestDenied:          api.CodeRequestClosed,
	say.SaidReady:              api.CodeFounding,
	say.ShareAwaited:           api.CodeBusy,
	say.ShortID:                api.CodeBadArgument,
	say.SponsorGaveUp:          api.CodeFoundingFailed,
	say.SponsorGone:            api.CodeUnreachable,
	say.ThawStands:             api.CodeRefused,
	say.ThisDevice:             api.CodeBadArgument,
	say.ThresholdOfHalves:      api.CodeBadArgument,
	say.ThresholdOfOne:         api.CodeBadArgument,
	say.ThresholdTooHigh:       api.CodeBadArgument,
	say.TooFewDealers:          api.CodeTooFew,
	say.TooFewLeft:             api.CodeStranded,
	say.TooFewMembers:          api.CodeTooFew,
	say.TooManyChanges:         api.CodeRefused,
	say.TooManyOpen:            api.CodeRefused,
	say.Unclear:                api.CodeRefused,
	say.UnknownDevice:          api.CodeUnknown,
	say.UnknownID:              api.CodeUnknownRequest,
	say.UnknownSubject:         api.CodeUnknown,
	say.WouldDealToAccused:     api.CodeFrozen,
	say.WordDoesNotCount:       api.CodeRefused,
}

// Said gives an error of a room the code that scripts know it by, and says in the words
// of v what to do about it. Other errors stay as they are.
func Said(err error, v say.Vocabulary) error {
	e, ok := errors.AsType[*say.Error](err)
	if !ok {
		return err
	}
	out := api.Errorf(codes[e.ID], "%s", err.Error())
	if hint := e.Hint(v); hint != "" {
		out = out.WithHint("%s", hint)
	}
	if e.Device != "" {
		out = out.WithDevice(e.Device)
	}
	return out
}

package desk

import (
	"errors"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/say"
)

// codes are what scripts know the errors of rooms by.
var codes = map[say.ID]api.Code{
	say.AmbiguousID:            api.CodeAmbiguous,
	say.BadFileHash:            api.CodeBadArgument,
	say.BadInput:               api.CodeBadArgument,
	say.BadInputHinted:         api.CodeBadArgument,
	say.BadNewName:             api.CodeRefused,
	say.CircleExists:           api.CodeCircleExists,
	say.CircleFull:             api.CodeCircleFull,
	say.CircleNotAccepted:      api.CodeFoundingFailed,
	say.CircleSize:             api.CodeBadArgument,
	say.DenialTooLate:          api.CodeRequestClosed,
	say.DeniedBy:               api.CodeDenied,
	say.DeniedTooLate:          api.CodeDenied,
	say.DiskFull:               api.CodeDiskFull,
	say.Evicted:                api.CodeEvicted,
	say.ExpiredTooLate:         api.CodeExpired,
	say.FormerDevice:           api.CodeUnknown,
	say.FoundingAbandoned:      api.CodeFoundingFailed,
	say.FoundingEnded:          api.CodeFoundingFailed,
	say.FoundingFailed:         api.CodeFoundingFailed,
	say.FoundingInProgress:     api.CodeFounding,
	say.FoundingNotFinished:    api.CodeFounding,
	say.FoundingOver:           api.CodeFoundingFailed,
	say.FoundingRefused:        api.CodeNotConfirmed,
	say.FoundingWaits:          api.CodeFounding,
	say.FreezeStands:           api.CodeRefused,
	say.Frozen:                 api.CodeFrozen,
	say.HalvesCouldSign:        api.CodeBadArgument,
	say.InvitationExpired:      api.CodeInvitationOld,
	say.InvitationUnderWay:     api.CodeRefused,
	say.Locked:                 api.CodeLocked,
	say.LockedMeanwhile:        api.CodeLocked,
	say.MoreThanThereAre:       api.CodeBadArgument,
	say.NoAccount:              api.CodeNoAccount,
	say.NoCircle:               api.CodeNoCircle,
	say.NoIdentity:             api.CodeBadArgument,
	say.NoShare:                api.CodeRolledBack,
	say.NoSuchAccount:          api.CodeNoAccount,
	say.NobodyCame:             api.CodeTimeout,
	say.NotConnected:           api.CodeUnreachable,
	say.NotFrozen:              api.CodeBadArgument,
	say.NotPresent:             api.CodeNotPresent,
	say.NotSilent:              api.CodeBadArgument,
	say.NothingToAbandon:       api.CodeNoFounding,
	say.NothingToConfirm:       api.CodeNoFounding,
	say.NothingToRetire:        api.CodeBadArgument,
	say.OneCouldSign:           api.CodeBadArgument,
	say.OnlyAskerTakesBack:     api.CodeRefused,
	say.OnlyAskerTakesBackLost: api.CodeRefused,
	say.OtherAccount:           api.CodeBadArgument,
	say.OtherDeviceWanted:      api.CodeBadArgument,
	say.OwnName:                api.CodeRefused,
	say.OwnRemoval:             api.CodeRefused,
	say.PairingBadName:         api.CodeRefused,
	say.PairingFailed:          api.CodeFoundingFailed,
	say.PairingFull:            api.CodeCircleFull,
	say.PairingKnown:           api.CodeDeviceKnown,
	say.PairingSpent:           api.CodeInvitationSpent,
	say.PairingTooLate:         api.CodeInvitationOld,
	say.PairingUnread:          api.CodeBadInvitation,
	say.PairingWrongCode:       api.CodeWrongCode,
	say.PathTooLong:            api.CodeBadArgument,
	say.PersonSaidNo:           api.CodeNotConfirmed,
	say.PolicyDenies:           api.CodeRefused,
	say.RedealInterrupted:      api.CodeBusy,
	say.ReportedLost:           api.CodeRefused,
	say.RequestClosed:          api.CodeRequestClosed,
	say.RequestDenied:          api.CodeRequestClosed,
	say.RequestExpired:         api.CodeExpired,
	say.RetireTooEarly:         api.CodeBusy,
	say.RetireUnknown:          api.CodeBusy,
	say.SaidReady:              api.CodeFounding,
	say.ShareAwaited:           api.CodeBusy,
	say.ShortID:                api.CodeBadArgument,
	say.SponsorGaveUp:          api.CodeFoundingFailed,
	say.SponsorGone:            api.CodeUnreachable,
	say.TakenBack:              api.CodeExpired,
	say.ThawStands:             api.CodeRefused,
	say.ThisDevice:             api.CodeBadArgument,
	say.ThresholdOfHalves:      api.CodeBadArgument,
	say.ThresholdOfOne:         api.CodeBadArgument,
	say.ThresholdStands:        api.CodeBadArgument,
	say.ThresholdTooHigh:       api.CodeBadArgument,
	say.TooFewDealers:          api.CodeTooFew,
	say.TooFewLeft:             api.CodeStranded,
	say.TooFewMembers:          api.CodeTooFew,
	say.TooManyChanges:         api.CodeRefused,
	say.TooManyOpen:            api.CodeRefused,
	say.Unclear:                api.CodeRefused,
	say.UnknownChangeKind:      api.CodeBadArgument,
	say.UnknownDevice:          api.CodeUnknown,
	say.UnknownID:              api.CodeUnknownRequest,
	say.UnknownRequestKind:     api.CodeBadArgument,
	say.UnknownSubject:         api.CodeUnknown,
	say.VacationTooLong:        api.CodeBadArgument,
	say.WordDoesNotCount:       api.CodeRefused,
	say.WouldDealToAccused:     api.CodeFrozen,
}

// Said gives an error of a room the code that scripts know it by, and says in the words
// of v what to do about it. Other errors stay as they are.
func Said(err error, v say.Vocabulary) error {
	e, ok := errors.AsType[*say.Error](err)
	if !ok {
		return err
	}
	text := err.Error()
	if err == error(e) { // what wraps it has no words for actions
		text = e.Text(v)
	}
	out := api.Errorf(codes[e.ID], "%s", text)
	if hint := e.Hint(v); hint != "" {
		out = out.WithHint("%s", hint)
	}
	if e.Device != "" {
		out = out.WithDevice(e.Device)
	}
	return out
}

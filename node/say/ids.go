package say

// An ID names something that persons are told. Their words are in one catalogue.
type ID int

// Everything that rooms refuse or fail at, for a reason that a person can act on.
const (
	_ ID = iota
	AmbiguousID
	BadInput
	BadInputHinted
	BadNewName
	CircleExists
	CircleFull
	CircleNotAccepted
	CircleSize
	DenialTooLate
	DiskFull
	Evicted
	FormerDevice
	FoundingAbandoned
	FoundingEnded
	FoundingFailed
	FoundingInProgress
	FoundingNotFinished
	FoundingRefused
	FoundingWaits
	FreezeStands
	Frozen
	InvitationUnderWay
	Locked
	NoAccount
	NoCircle
	NoIdentity
	NoShare
	NotConnected
	NotPresent
	NothingToAbandon
	NothingToConfirm
	OnlyAskerTakesBack
	OnlyAskerTakesBackLost
	OwnName
	OwnRemoval
	PersonSaidNo
	PolicyDenies
	RedealInterrupted
	ReportedLost
	RequestClosed
	RequestDenied
	SaidReady
	ShareAwaited
	ShortID
	SponsorGaveUp
	SponsorGone
	ThawStands
	ThisDevice
	ThresholdOfHalves
	ThresholdOfOne
	ThresholdTooHigh
	TooFewDealers
	TooFewLeft
	TooFewMembers
	TooManyChanges
	TooManyOpen
	Unclear
	UnknownDevice
	UnknownID
	UnknownSubject
	WouldDealToAccused
	WordDoesNotCount

	end // of the list
)

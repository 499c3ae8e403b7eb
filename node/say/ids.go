package say

// An ID names something that persons are told. Their words are in one catalogue.
type ID int

// Everything that a device refuses or fails at, for a reason that a person can act on.
const (
	_ ID = iota
	AmbiguousID
	BadFileHash
	BadInput
	BadInputHinted
	BadNewName
	CircleExists
	CircleFull
	CircleNotAccepted
	CircleSize
	DenialTooLate
	DeniedBy
	DeniedTooLate
	DiskFull
	Evicted
	ExpiredTooLate
	FormerDevice
	FoundingAbandoned
	FoundingEnded
	FoundingFailed
	FoundingInProgress
	FoundingNotFinished
	FoundingOver
	FoundingRefused
	FoundingWaits
	FreezeStands
	Frozen
	HalvesCouldSign
	InvitationExpired
	InvitationUnderWay
	Locked
	LockedMeanwhile
	MoreThanThereAre
	NoAccount
	NoCircle
	NoIdentity
	NoShare
	NoSuchAccount
	NobodyCame
	NotConnected
	NotFrozen
	NotPresent
	NotSilent
	NothingToAbandon
	NothingToConfirm
	NothingToRetire
	OneCouldSign
	OnlyAskerTakesBack
	OnlyAskerTakesBackLost
	OtherAccount
	OtherDeviceWanted
	OwnName
	OwnRemoval
	PairingBadName
	PairingFailed
	PairingFull
	PairingKnown
	PairingSpent
	PairingTooLate
	PairingUnread
	PairingWrongCode
	PathTooLong
	PersonSaidNo
	PolicyDenies
	RedealInterrupted
	ReportedLost
	RequestClosed
	RequestDenied
	RequestExpired
	RetireTooEarly
	RetireUnknown
	SaidReady
	ShareAwaited
	ShortID
	SponsorGaveUp
	SponsorGone
	TakenBack
	ThawStands
	ThisDevice
	ThresholdOfHalves
	ThresholdOfOne
	ThresholdStands
	ThresholdTooHigh
	TooFewDealers
	TooFewLeft
	TooFewMembers
	TooManyChanges
	TooManyOpen
	Unclear
	UnknownChangeKind
	UnknownDevice
	UnknownID
	UnknownRequestKind
	UnknownSubject
	VacationTooLong
	WordDoesNotCount
	WouldDealToAccused

	sayings // from here on nothing is an error

	// What a change of the circle asks for.

	ToAdd
	ToBeAway
	ToFreeze
	ToKeepSilent
	ToLeave
	ToRefresh
	ToRemoveLost
	ToRemoveSilent
	ToReplace
	ToRequire
	ToRetire
	ToThaw
	UnclearRequest

	// The lines of a request.

	DeviceOfKind
	Introduced
	IntroducedOnline
	IntroducedSeen
	IntroducedThis
	LabelAsker
	LabelDevice
	LabelEffect
	LabelFingerprint
	LabelMore
	LabelNewcomer
	NewcomerNamed
	NewcomerUnnamed
	TooLongForList

	// What follows from a change of the circle.

	AwayIsKept
	BackAsNew
	FreezeLasts
	KeysStay
	LeaverIsOut
	LostFreezes
	LostIsRemoved
	NewThreshold
	None
	RedealsGoOn
	ReplacedIsRemoved
	SilentIsRemoved
	ThawEndsFreeze
	VetoPutsOff

	// What deserves a second thought before anybody agrees.

	AgreesToNothing
	AllMustSign
	AllMustSignAddOne
	AskerAccused
	ConnectedNow
	MoreMustSign
	NameLooksLike
	NotDecoded
	NothingUnderName
	RetireLeavesLess
	ThawKeeps
	ThawKeepsThis
	ThievesNeedFewer
	ThisIsRemoved
	TooFewWouldStay

	// Whom a request waits for, and why.

	AfterLastAttempt
	ApproveOn
	ApprovedWithoutShare
	AskerOpens
	Because
	FollowChange
	MoreNeeded
	NoAnswerYet
	NotInEffectYet
	NotSignedYet
	OpeningSession
	OrElse
	OrWaitADay
	PersonsApproved
	SeeRequest
	SigningNow
	SigningSince
	SigningWith
	StartThose
	Starting
	StartingWithout
	TryingAgain
	UnlockThose

	// How far a re-deal or a founding is.

	AllMove
	GivingUp
	GoesOnThere
	HealingNow
	HealingWaits
	MakingShares
	OldSharesDie
	OtherRedeal
	OthersCompare
	Redealing
	SharesAreDealt
	SharesAreTried

	// What needs the person.

	CircleFrozen
	ClockAhead
	ClockBehind
	CompareNames
	Crowded
	DiskFullHere
	DiskFullStopped
	DiskStopped
	DiskTroubled
	EveryDeviceMustSign
	FailedACheck
	FailedChecks
	FormerCalls
	FoundingInTrouble
	FromAddress
	HeldBack
	NoCurrentShare
	NoSpareHere
	NoSpareLeft
	OldSharesAlive
	OldSharesAreKey
	OldSharesForPending
	OldSharesForSleeper
	Once
	OtherIsLocked
	ProofKept
	RedealDied
	RedealInTrouble
	RedealWaitsForGone
	SeemsTwice
	SendsForgeries
	ShareDoesNotFit
	Stranded
	ThisIsLocked
	Times
	TooFewConnected
	WasCalledLost
	WasRemoved

	end // of the list
)

// Errors lists those of errors.
func Errors() []ID { return between(0, sayings) }

// IDs lists all of them.
func IDs() []ID { return append(Errors(), between(sayings, end)...) }

func between(after, before ID) (ids []ID) {
	for id := after + 1; id < before; id++ {
		ids = append(ids, id)
	}
	return ids
}

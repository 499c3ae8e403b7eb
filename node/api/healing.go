package api

import (
	"context"
	"time"
)

// Healing is the part of a [Backend] that changes who is in the circle. Each
// call that takes a passphrase wants proof that a person is at this device;
// the passphrase is the caller's to wipe.
type Healing interface {
	// Invite shows an invitation for one more device, which takes the place
	// of the device that Replace identifies if that is not empty. Enough people must
	// approve; it emits like Found, and returns when the new device holds a
	// share.
	Invite(ctx context.Context, args InviteArgs, emit func(Event)) (Changed, error)

	// Lost declares a device lost: the circle is frozen for it at once, and
	// re-deals without it once enough people have confirmed it.
	Lost(ctx context.Context, args DeviceArgs, emit func(Event)) (Changed, error)

	// Refresh re-deals among the same devices.
	Refresh(ctx context.Context, args PresenceArgs, emit func(Event)) (Changed, error)

	// Leave takes this device out of the circle.
	Leave(ctx context.Context, args PresenceArgs, emit func(Event)) (Changed, error)

	// Threshold changes how many devices must sign. As many as must now approve.
	Threshold(ctx context.Context, args ThresholdArgs, emit func(Event)) (Changed, error)

	// Retire destroys this device's old shares although a device that sleeps may
	// still have its own. Each device does so for itself.
	Retire(ctx context.Context, args PresenceArgs) (Changed, error)

	// Freeze stops all signing at once. Thaw undoes it when enough people have
	// said so too.
	Freeze(ctx context.Context, args PresenceArgs) (Request, error)
	Thaw(ctx context.Context, args PresenceArgs, emit func(Event)) (Request, error)

	// Vacation announces that a device will be silent until a time; Veto
	// objects to the removal of a silent one, and Remove agrees to it.
	Vacation(ctx context.Context, args VacationArgs) (Request, error)
	Veto(ctx context.Context, args DeviceArgs) (Request, error)
	Remove(ctx context.Context, args DeviceArgs) (Request, error)

	// Preview says what a change would be shown as, to whoever asks for it and to
	// whoever is to approve it, and fails where the change would.
	Preview(ctx context.Context, args PreviewArgs) (Preview, error)

	// ApprovePresent is Approve for a request that wants a person's presence.
	ApprovePresent(ctx context.Context, id string, passphrase []byte) (Request, error)

	// Epochs returns the verified chain of epochs, oldest first.
	Epochs(ctx context.Context) ([]Epoch, error)
}

// PresenceArgs prove that a person is here. The passphrase is no part of the
// JSON: it follows it, so that no decoder makes copies of it.
type PresenceArgs struct {
	Passphrase []byte   `json:"-"`
	Timeout    Duration `json:"timeout,omitempty"`

	// DryRun asks whether the call would be refused: it fails as the call would,
	// as far as that is known before a person has proved to be here, looks at no
	// passphrase, changes nothing, emits nothing, and returns the zero value.
	DryRun bool `json:"dry_run,omitempty"`
}

// DeviceArgs say which device is meant: by its identity, 64 hex digits, as in
// [Device], and by nothing else. The client looks a name up, once, and shows its
// person what it found; were a name looked up again here, it might mean another
// device by now.
type DeviceArgs struct {
	PresenceArgs
	Device string `json:"device"`
}

// InviteArgs say whom the new device replaces, if anybody: an identity, as in
// [DeviceArgs].
type InviteArgs struct {
	PresenceArgs
	Replace string `json:"replace,omitempty"`
}

// ThresholdArgs say how many devices must sign from now on: more than half.
type ThresholdArgs struct {
	PresenceArgs
	Threshold int `json:"threshold"`
}

// VacationArgs say which device will be away, and until when: at most 90 days.
type VacationArgs struct {
	DeviceArgs
	Until time.Time `json:"until"`
}

// PreviewArgs say which change is meant, with what the call for it would have.
type PreviewArgs struct {
	Kind      string    `json:"kind"`                // one of the Kind… constants
	Device    string    `json:"device,omitempty"`    // identity
	Threshold int       `json:"threshold,omitempty"` // of KindThreshold
	Until     time.Time `json:"until,omitzero"`      // of KindVacation
}

// A Preview is what a person should know before asking for a change, in the words
// that the [Request] for it will have.
type Preview struct {
	Summary  string       `json:"summary"`
	Lines    List[Line]   `json:"lines"`
	Warnings List[string] `json:"warnings"`
}

// Changed is the circle after a re-deal.
type Changed struct {
	Epoch          uint64       `json:"epoch"`
	Kind           string       `json:"kind"`
	Members        List[string] `json:"members"` // took part
	Sleepers       List[string] `json:"sleepers"`
	Removed        List[string] `json:"removed"`
	Added          List[string] `json:"added"`
	OldSharesAlive int          `json:"old_shares_alive"` // as in [Status], like the next three
	OldSharesOn    List[string] `json:"old_shares_on"`
	OldSharesOut   int          `json:"old_shares_out"`
	OldSharesKey   int          `json:"old_shares_key"`
	Threshold      int          `json:"threshold"`
	Elapsed        Duration     `json:"elapsed,omitempty"`
}

// An Epoch is one entry of the chain, in words.
type Epoch struct {
	Epoch     uint64       `json:"epoch"`
	Since     *time.Time   `json:"since,omitempty"` // when it was stored here, by this device's clock; nil if not known
	Record    string       `json:"record"`          // hash, 64 hex digits
	Kind      string       `json:"kind"`
	Threshold int          `json:"threshold"`
	Devices   List[string] `json:"devices"`
	Members   List[string] `json:"members"`
	Sleepers  List[string] `json:"sleepers"`
	Removed   List[string] `json:"removed"`
	Added     List[string] `json:"added"`
	Signers   List[string] `json:"signers"` // of the certificate
}

// The kinds of requests that change the circle.
const (
	KindAdd       = "add"
	KindReplace   = "replace"
	KindLost      = "lost"
	KindRefresh   = "refresh"
	KindLeave     = "leave"
	KindFreeze    = "freeze"
	KindThaw      = "thaw"
	KindVacation  = "vacation"
	KindVeto      = "veto"
	KindRemove    = "remove"
	KindThreshold = "threshold"
)

// KindRetire is no request: each device does it for itself. It has a [Preview].
const KindRetire = "retire"

// The states of a request that changes the circle, beside the usual ones.
const (
	StateDone = "done" // took effect
)

// Codes of failures that only changes of the circle have.
const (
	CodeFrozen       Code = "frozen"      // the circle signs nothing until it is thawed
	CodeNotPresent   Code = "presence"    // the passphrase does not prove a person
	CodeTooFew       Code = "too-few"     // fewer devices are here than must take part
	CodeStranded     Code = "stranded"    // fewer than the threshold are left
	CodeBusy         Code = "redeal-busy" // another change is under way
	CodeUnknown      Code = "unknown-device"
	CodeWhichDevice  Code = "ambiguous-device" // what was typed may mean more than one
	CodeEvicted      Code = "evicted"          // this device is no longer in the circle
	CodeRolledBack   Code = "rolled-back"      // this device's data was set back
	CodeRedealFailed Code = "redeal-failed"    // the attempt was aborted; nothing changed
)

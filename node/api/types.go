package api

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Version is the version of the control interface. It is the first element of
// every path and part of [Status].
const Version = 1

// Bytes is a byte string that is written as 0x-hex.
type Bytes []byte

// String returns 0x and the lower-case hex digits.
func (b Bytes) String() string { return "0x" + hex.EncodeToString(b) }

// MarshalText implements [encoding.TextMarshaler].
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. The 0x is required.
func (b *Bytes) UnmarshalText(text []byte) error {
	digits, ok := strings.CutPrefix(string(text), "0x")
	if !ok {
		return fmt.Errorf("api: bytes do not begin with 0x")
	}
	out, err := hex.DecodeString(digits)
	if err != nil {
		return fmt.Errorf("api: bytes are not an even number of hex digits")
	}
	*b = out
	return nil
}

// A Duration is a [time.Duration] that is written in Go's notation, "1.5s".
type Duration time.Duration

// String returns Go's notation.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("api: not a duration")
	}
	*d = Duration(v)
	return nil
}

// A List is a slice that is written as [] when it is nil, so that a script can
// walk it without asking first.
type List[T any] []T

// MarshalJSON implements [encoding/json.Marshaler].
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(l))
}

// Status is everything that a person should know at a glance.
type Status struct {
	Version int    `json:"version"` // of this interface
	Device  string `json:"device"`  // identity of this device, 64 hex digits
	Name    string `json:"name"`    // of this device
	Kind    string `json:"kind"`    // of this device
	Locked  bool   `json:"locked"`  // this device's shares are not in memory

	// Addresses are the multiaddresses, peer id included, at which this
	// device listens.
	Addresses List[string] `json:"addresses"`

	// The circle, all zero while this device is in none.
	Circle    string        `json:"circle"` // 64 hex digits
	Threshold int           `json:"threshold"`
	Epoch     uint64        `json:"epoch"`
	Devices   List[Device]  `json:"devices"`
	Accounts  List[Account] `json:"accounts"`

	// Former are the devices that are out of the circle, in the order in which they
	// went.
	Former List[Former] `json:"former"`

	// Founding is set while a founding is in progress or was interrupted.
	Founding *Founding `json:"founding,omitempty"`

	// Requests are those that are open, oldest first.
	Requests List[Request] `json:"requests"`

	// OldSharesAlive is how many shares of one former epoch may still exist,
	// as far as this device knows, and OldSharesOn names the devices that may
	// have them. OldSharesOut of them are out of the circle's reach: nobody can see
	// to it that they are destroyed. OldSharesKey of them would be the key. It is the
	// epoch in which they are the greatest danger.
	OldSharesAlive int          `json:"old_shares_alive"`
	OldSharesOn    List[string] `json:"old_shares_on"`
	OldSharesOut   int          `json:"old_shares_out"`
	OldSharesKey   int          `json:"old_shares_key"`

	// Frozen says why the circle signs nothing, and Healing which change of
	// the circle is under way and what it waits for. Empty if neither.
	Frozen  string `json:"frozen,omitempty"`
	Healing string `json:"healing,omitempty"`

	// Warnings say what needs the person, most important first.
	Warnings List[string] `json:"warnings"`

	// Strangers is what others tried at this device's ports since it was
	// started; nil while nobody has.
	Strangers *Strangers `json:"strangers,omitempty"`
}

// Strangers counts connections of those who are not in the circle.
type Strangers struct {
	Refused    uint64    `json:"refused"`        // showed a key that is not allowed
	Unheard    uint64    `json:"unheard"`        // did not say who they are
	TurnedAway uint64    `json:"turned_away"`    // found no place
	Last       time.Time `json:"last"`           // of any of them
	From       string    `json:"from,omitempty"` // the multiaddr of the last that was refused
}

// A Device is a member of the circle, or one that is about to become one.
type Device struct {
	Slot        int        `json:"slot"`
	Device      string     `json:"device"` // identity, 64 hex digits
	Name        string     `json:"name"`
	Kind        string     `json:"kind"`
	Fingerprint string     `json:"fingerprint"` // of all its public keys, short
	This        bool       `json:"this"`        // the device that answers
	Online      bool       `json:"online"`
	LastSeen    *time.Time `json:"last_seen,omitempty"` // nil if never, or if This
	Epoch       uint64     `json:"epoch"`               // that it last reported

	// State is one of the Device… constants, or empty while all is well.
	// Until is when a vacation ends, or when a silent device is removed.
	State string     `json:"state,omitempty"`
	Until *time.Time `json:"until,omitempty"`

	// Why says the same in words.
	Why string `json:"why,omitempty"`

	// Load is how much of the time in which this device can answer anybody it has
	// spent lately on what that device sent, in percent. HeldBack says that it
	// wants more than it is given.
	Load     int  `json:"load_percent,omitempty"`
	HeldBack bool `json:"held_back,omitempty"`
}

// A Former is a device that was in the circle.
type Former struct {
	Slot        int        `json:"slot"`
	Device      string     `json:"device"` // identity, 64 hex digits
	Name        string     `json:"name"`
	Called      string     `json:"called"`          // name, with date and fingerprint if another device has or had it
	Fingerprint string     `json:"fingerprint"`     // as in Device
	State       string     `json:"state"`           // "silent", "stolen" or "left"
	Epoch       uint64     `json:"epoch"`           // the first without it
	Since       *time.Time `json:"since,omitempty"` // of Epoch, as in [Epoch]
}

// The values of Device.State.
const (
	DeviceQuiet    = "quiet"    // silent for longer than usual
	DeviceSuspect  = "suspect"  // silent for so long that it may be lost
	DeviceGrace    = "grace"    // will be removed at Until unless it comes back
	DeviceVacation = "vacation" // its person said that it will be silent up to Until
	DeviceAccused  = "accused"  // a person called it lost
	DeviceTwice    = "twice"    // seems to run twice: there is a copy of it
)

// An Account is a key that the circle holds.
type Account struct {
	Name      string `json:"name"`                 // "ethereum" or "ssh"
	Path      string `json:"path,omitempty"`       // full path of Address, "m/44'/60'/0'/0/0"
	Address   string `json:"address,omitempty"`    // EIP-55, of an Ethereum account
	Xpub      string `json:"xpub,omitempty"`       // BIP-32, of an Ethereum account at m/44'/60'/0': all its addresses
	PublicKey string `json:"public_key,omitempty"` // of an SSH account, one authorized_keys line without comment
}

// A Circle is the result of a founding, on the founder and on each device that
// joined.
type Circle struct {
	Circle    string        `json:"circle"` // 64 hex digits
	Device    string        `json:"device"` // identity of this device
	Epoch     uint64        `json:"epoch"`
	Threshold int           `json:"threshold"`
	Devices   List[Device]  `json:"devices"`
	Accounts  List[Account] `json:"accounts"`
}

// A Founding is a circle that does not stand yet.
type Founding struct {
	Session string       `json:"session"`         // 64 hex digits, empty before the protocol started
	State   string       `json:"state"`           // one of the Founding… constants
	Missing List[string] `json:"missing"`         // names of devices that it waits for
	Words   []string     `json:"words,omitempty"` // six, once they are known
}

// The states of a [Founding].
const (
	FoundingInviting   = "inviting"   // not all devices have joined
	FoundingGenerating = "generating" // the protocol runs
	FoundingConfirming = "confirming" // this device's person must say yes or no
	FoundingPending    = "pending"    // this device said ready; survives a restart
)

// A Line is one fact about a request, in words that a person can check.
type Line struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

// The kinds of requests. They are also the names of the sign commands.
const (
	KindMessage   = "message"    // EIP-191 personal message
	KindTypedData = "typed-data" // EIP-712
	KindTx        = "tx"         // Ethereum transaction
	KindFile      = "file"       // SSHSIG over the hash of a file
)

// The states of a [Request].
const (
	StatePending  = "pending"   // waits for approvals or for devices
	StateSigning  = "signing"   // a session is open
	StateReleased = "releasing" // a partial signature left a device: it may be signed, whatever comes
	StateSigned   = "signed"
	StateDenied   = "denied"
	StateExpired  = "expired"
)

// A Request is something that the circle is asked.
type Request struct {
	ID       string       `json:"id"` // 64 hex digits
	Kind     string       `json:"kind"`
	Account  string       `json:"account"`
	Path     string       `json:"path,omitempty"`
	Address  string       `json:"address,omitempty"` // that will sign, or the SSH public key
	Summary  string       `json:"summary"`           // one line
	Lines    List[Line]   `json:"lines"`
	Warnings List[string] `json:"warnings"`

	Device     string       `json:"device,omitempty"` // identity of the device that a change is about
	From       string       `json:"from"`             // name of the device that asked
	State      string       `json:"state"`
	Answer     string       `json:"answer"` // this device's: "", "approved" or "denied"
	ApprovedBy List[string] `json:"approved_by"`
	DeniedBy   List[string] `json:"denied_by"`
	Created    time.Time    `json:"created"` // by the clock of the device that asked
	Expires    time.Time    `json:"expires"` // by the clock of this device

	// Signature is set in StateSigned.
	Signature *Signature `json:"signature,omitempty"`
}

// The values of Request.Answer.
const (
	AnswerApproved = "approved"
	AnswerDenied   = "denied"
)

// A Signature is what came of a request.
type Signature struct {
	Request string `json:"request"` // 64 hex digits; alone of meaning in a detached answer
	Kind    string `json:"kind"`
	Account string `json:"account,omitempty"`
	Path    string `json:"path,omitempty"`
	Address string `json:"address,omitempty"` // EIP-55
	Digest  Bytes  `json:"digest,omitempty"`  // 32 bytes that were signed, or the SSHSIG blob's hash

	// Signature is 65 bytes r‖s‖v as 0x-hex for Ethereum (v is 27 or 28 for
	// messages and typed data, and 0 or 1 for transactions, whose Raw holds
	// the form that their type asks for), or the armored SSHSIG.
	Signature string `json:"signature,omitempty"`
	PublicKey string `json:"public_key,omitempty"` // of an SSH account
	Raw       Bytes  `json:"raw,omitempty"`        // of a signed transaction
	Hash      Bytes  `json:"hash,omitempty"`       // of a signed transaction

	Epoch   uint64   `json:"epoch"`
	Signers []string `json:"signers,omitempty"` // names
	Elapsed Duration `json:"elapsed,omitempty"` // from the request to the verified signature
}

// A Question is what a person must answer before a founding goes on. Every
// device shows the same names and words if and only if nobody is in between.
type Question struct {
	Session   string       `json:"session"` // 64 hex digits, to be handed to Confirm
	Threshold int          `json:"threshold"`
	Devices   List[Device] `json:"devices"`
	Words     []string     `json:"words"` // six

	// What deserves a second look, such as a name that looks like another.
	Warnings List[string] `json:"warnings"`
}

// The values of Event.Event.
const (
	EventReady      = "ready"      // Device, Addresses
	EventInvitation = "invitation" // Invitation, Code, Expires, Step of Of: the device it is for
	EventCode       = "code"       // Code, in place of the last one, or none any more; Text says why
	EventJoined     = "joined"     // Device, Name, Kind, Fingerprint
	EventConfirm    = "confirm"    // Question
	EventRequest    = "request"    // ID, Warnings: of a change of the circle, as in its Request
	EventWaiting    = "waiting"    // For, Reason
	EventProgress   = "progress"   // Step, Of, Text
	EventError      = "error"      // Error
)

// An Event is one step of a long call. Which fields are set depends on Event.
type Event struct {
	Event string `json:"event"`

	Device      string     `json:"device,omitempty"`
	Addresses   []string   `json:"addresses,omitempty"`
	Invitation  string     `json:"invitation,omitempty"`
	Code        string     `json:"code,omitempty"` // 8 digits, as they may be typed: "1234-5678"
	Expires     *time.Time `json:"expires,omitempty"`
	Name        string     `json:"name,omitempty"`
	Kind        string     `json:"kind,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty"`
	Question    *Question  `json:"question,omitempty"`
	ID          string     `json:"id,omitempty"`
	Warnings    []string   `json:"warnings,omitempty"`
	For         []string   `json:"for,omitempty"`    // names of devices
	Reason      string     `json:"reason,omitempty"` // why For does not answer
	Step        int        `json:"step,omitempty"`   // 1 to Of
	Of          int        `json:"of,omitempty"`
	Text        string     `json:"text,omitempty"`
	Error       *Error     `json:"error,omitempty"`
}

package standing

import (
	"time"

	"github.com/warifu/warifu/wire"
)

// A Link carries messages between this device and the peers it allows. It
// authenticates the sender of every message that it hands to the node.
// Implementations are safe for concurrent use, and none of the methods waits
// for the network.
type Link interface {
	// ID is this device's own transport peer id.
	ID() []byte

	// Addrs are the multiaddrs at which this device can be dialled now.
	Addrs() []string

	// SetPeers replaces the peers that may connect, with the addresses known
	// for each. Connections to any other peer are closed at once.
	SetPeers(peers map[string][]string)

	// SetBeacon announces this device on the local network to holders of the
	// same key, and looks for them and for those of older keys. The zero key
	// turns it off.
	SetBeacon(key [32]byte, older [][32]byte, self uint16, peers map[uint16][]byte)

	// Send queues one message. It may be lost; an error means that it
	// certainly was: no connection, or the peer's queue is full.
	Send(to []byte, protocol string, msg []byte) error

	// Fault says that peer broke a rule that the link cannot see. The link treats
	// it like one of its own: it cuts off for a while who does not stop.
	Fault(peer []byte, what string)

	// Connected reports whether a message could be sent to peer now.
	Connected(peer []byte) bool
}

// A Keeper seals what only this device may read. Implementations are safe for
// concurrent use. An error from a write means that its outcome is unknown.
type Keeper interface {
	// NewEpochKey makes the key of one attempt at one epoch durable. Calling
	// it again for an id that exists is harmless.
	NewEpochKey(id string) error

	// SealShare and OpenShare use the epoch key of that id. Both fail while
	// the keeper is locked.
	SealShare(id, name string, plaintext []byte) ([]byte, error)
	OpenShare(id, name string, sealed []byte) ([]byte, error)

	// DestroyEpochKey makes all that is sealed under id unreadable for ever.
	// Destroying what does not exist is harmless.
	DestroyEpochKey(id string) error

	// ListEpochKeys returns the ids of the epoch keys that there are.
	ListEpochKeys() ([]string, error)

	// Lock forgets what opens shares; Unlock brings it back, unless somebody
	// locks before it has ended. Prove brings nothing back: its error is nil if
	// the passphrase is right and the keeper is not locked. A wrong passphrase
	// is an error whose text a person can read.
	Lock()
	Unlock(passphrase []byte) error
	Prove(passphrase []byte) error
	Locked() bool

	// MayUnlock says why it is too early to try a passphrase, or nil.
	MayUnlock() error
}

// Timings of the node. They are variables of one struct so that the simulator
// and short end-to-end tests can shrink them; the zero value is not useful.
type Timings struct {
	Tick      time.Duration // between ticks while a session is live
	IdleTick  time.Duration // between ticks otherwise
	Silence   time.Duration // without a word in a session: the device is named
	Beat      time.Duration // between heartbeats
	LiveBeat  time.Duration // between heartbeats while a session is live
	Resend    time.Duration // without progress: the machine repeats itself
	EarlyHold time.Duration // how long frames of an unknown session are kept
	Inventory time.Duration // between full comparisons of what peers hold
}

// DefaultTimings are what a device uses.
var DefaultTimings = Timings{
	Tick:      500 * time.Millisecond,
	IdleTick:  5 * time.Second,
	Silence:   9 * time.Second,
	Beat:      60 * time.Second,
	LiveBeat:  4 * time.Second,
	Resend:    3 * time.Second,
	EarlyHold: 10 * time.Second,
	Inventory: 5 * time.Minute,
}

// sessionLimit bounds one message of [wire.ProtocolSession] in bytes.
const sessionLimit = wire.MaxFrame

// Protocols are the protocols of the node's link, each with the size in bytes
// that a message of it may have.
func Protocols() map[string]int {
	return map[string]int{wire.ProtocolSync: wire.MaxSyncMessage, wire.ProtocolSession: sessionLimit}
}

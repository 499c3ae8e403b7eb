package node

import (
	"io"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// What a device needs of its surroundings is its rooms' to say. These are the names
// under which whoever runs a device knows it.
type (
	// A Config is what a device is made with.
	Config = standing.Config
	// A Link carries messages to the peers that it allows.
	Link = standing.Link
	// A Keeper seals what only this device may read.
	Keeper = standing.Keeper
	// Timings are the times by which a device works.
	Timings = standing.Timings
	// Strangers is what the link has seen of whoever it does not let in.
	Strangers = standing.Strangers
	// A Stranger is one peer id that was refused.
	Stranger = standing.Stranger

	// An Inviter opens and visits the throw-away hosts on which devices meet for
	// the first time.
	Inviter = meet.Inviter
	// A PairHost is one throw-away host.
	PairHost = meet.Host
	// A PairStream is a message stream between two throw-away hosts.
	PairStream = meet.Stream
)

// DefaultTimings are what a device uses.
var DefaultTimings = standing.DefaultTimings

// ErrNoDevice is returned by [Open] for a journal that [Init] has not seen.
var ErrNoDevice = standing.ErrNoDevice

// Init makes this device: draws its keys from rand and stores them. It fails
// if the journal holds a device already.
func Init(j journal.Journal, keeper Keeper, rand io.Reader, name string, kind roster.Kind) (wire.DeviceID, error) {
	return standing.Init(j, keeper, rand, name, kind)
}

// TransportSeed returns the Ed25519 seed of the key by which peers know this
// device on the network, for the link. The caller wipes it.
func TransportSeed(j journal.Journal) (secret.Key, error) { return standing.TransportSeed(j) }

// CheckNewName reports whether a device may begin to be called name. The error is for a
// person.
func CheckNewName(name string) error { return standing.CheckNewName(name) }

// Protocols are the protocols of the node's link, each with the size in bytes
// that a message of it may have.
func Protocols() map[string]int { return standing.Protocols() }

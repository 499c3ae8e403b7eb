package recovery

import (
	"fmt"

	"github.com/warifu/warifu/wire"
)

// A State is what a judge thinks of a device. Values are stored.
type State uint8

const (
	Live     State = 1  // heard of lately, or no reason to doubt
	Quiet    State = 2  // silent for longer than usual
	Suspect  State = 3  // silent for too long, as far as this device can tell
	Grace    State = 4  // as many devices think so as can remove it; the countdown runs
	Vacation State = 5  // announced to be away
	Frozen   State = 6  // a person said that it is lost
	Disputed State = 7  // two devices say of each other that they are lost
	Evicting State = 8  // to be removed now
	Evicted  State = 9  // removed for its silence
	Stolen   State = 10 // removed because a person said that it was lost
	Pending  State = 11 // alive, and without a share of the current epoch
)

func (s State) String() string {
	names := [...]string{Live: "live", Quiet: "quiet", Suspect: "suspect", Grace: "grace", Vacation: "vacation",
		Frozen: "frozen", Disputed: "disputed", Evicting: "evicting", Evicted: "evicted", Stolen: "stolen", Pending: "pending"}
	if s >= Live && int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// state is everything of a judge that must survive a restart, in the order of
// its encoding. Times are in seconds of the judge's own clock unless they say
// otherwise.
type state struct {
	_ struct{} `cbor:",toarray"`

	Version uint8
	Circle  wire.CircleID
	Record  wire.Hash
	Self    wire.Slot

	Clock     uint64 // the judge's own time
	Wall      uint64 // the last reading of the wall clock, Unix seconds
	AwakeOwed uint64 // awake time not counted yet, for the wall clock lags
	WallOwed  uint64 // the reverse

	Seq  uint64 // of this device's latest beat
	Boot [8]byte

	Company uint64      // when any device was last heard
	EchoSeq uint64      // this device's latest beat that another has seen
	EchoAt  uint64      // when that was learnt
	Unheard bool        // the owner was told that nobody hears this device
	Doubts  []wire.Slot // who said so

	Removed   bool   // somebody was removed without a person's word,
	RemovedAt uint64 // the last time then

	Peers   []peer // ascending slots; former devices too, not this one
	Charges []charge
	Thaws   []wire.Slot // devices whose person wants the present freeze to end
	Mutes   []mute
	Words   []Word // handled, oldest first

	Notices []Notice // oldest first
	Noticed uint64   // number of the latest
}

// A peer is what the judge knows of one other device.
type peer struct {
	_ struct{} `cbor:",toarray"`

	Slot  wire.Slot
	State State
	Since uint64 // the state began

	Heard  uint64 // its last beat, or when silence began to count
	Online uint64 // seconds since then in which this device heard others
	Rumour uint64 // when anybody was last known to have heard it
	Seq    uint64
	Boot   [8]byte
	Before [8]byte // the boot before, zero if none
	Seen   []Seen

	Claims    []claim // of those who suspect it, ascending slots
	GraceAt   uint64  // the countdown began
	Told      uint64  // what is left of the countdown at the last notice
	Vetoes    uint64
	Confirmed bool   // a person agreed to the removal of a silent device
	Until     uint64 // end of the vacation
	Due       bool   // FROZEN or EVICTING: what persons said is enough to remove it
	Tries     uint64 // attempts at removal that were aborted
	NextTry   uint64
}

// former reports whether p is no longer a member.
func (p *peer) former() bool {
	return p.State == Evicted || p.State == Stolen
}

// seenOf returns the number of the latest beat of slot that p is known to have.
func (p *peer) seenOf(slot wire.Slot) uint64 {
	for _, s := range p.Seen {
		if s.Slot == slot {
			return s.Seq
		}
	}
	return 0
}

// A claim is the latest suspicion of one device.
type claim struct {
	_ struct{} `cbor:",toarray"`

	By         wire.Slot
	Last, Beat uint64
	Agree      bool
}

// A charge is a person's word that a device is lost, or, if About is 0, that
// everything must stop.
type charge struct {
	_ struct{} `cbor:",toarray"`

	About, By wire.Slot
	At        uint64
	Muted     bool // counts only if a second device joins
}

// A mute says that one device cannot freeze alone until then.
type mute struct {
	_ struct{} `cbor:",toarray"`

	By    wire.Slot
	Until uint64
}

package recovery

import (
	"fmt"
	"slices"

	"github.com/warifu/warifu/roster"
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
// its encoding: one array, in which the fields of an embedded part stand in the
// place of the part. Times are in seconds of the judge's own clock unless they
// say otherwise.
type state struct {
	_ struct{} `cbor:",toarray"`

	Version uint8
	Circle  wire.CircleID
	Record  wire.Hash
	Self    wire.Slot

	clock
	line
	budget
	Peers peers // former devices too, not this one
	freeze
	Words words
	board
}

// A peer is what the judge knows of one other device.
type peer struct {
	_ struct{} `cbor:",toarray"`

	Slot  wire.Slot
	State State
	Since uint64 // the state began
	trace
	dossier
}

// former reports whether p is no longer a member.
func (p *peer) former() bool {
	return p.State == Evicted || p.State == Stolen
}

// accused reports whether p is frozen by a person's word.
func (p *peer) accused() bool {
	return p.State == Frozen || p.State == Disputed
}

// leaving reports whether p may be removed for its silence before long, to
// which a person can still object.
func (p *peer) leaving() bool {
	return p.State == Suspect || p.State == Grace || p.State == Evicting && !p.Due
}

// removal returns how p would leave.
func (p *peer) removal() Removal {
	if p.Due {
		return Removal{p.Slot, roster.Stolen}
	}
	return Removal{p.Slot, roster.Silent}
}

// showsUp notes at time now that p, which is no member any more, is still
// there. It reports whether the owner should hear it: once a day is enough.
func (p *peer) showsUp(now uint64) bool {
	if p.Told != 0 && sub(now, p.Rumour) < day {
		return false
	}
	p.Told, p.Rumour = 1, now
	return true
}

// peers are all other devices, ascending slots.
type peers []peer

// of returns what is known of a device, or nil. The pointer is valid until a
// peer is added or dropped.
func (ps peers) of(slot wire.Slot) *peer {
	for i := range ps {
		if ps[i].Slot == slot {
			return &ps[i]
		}
	}
	return nil
}

// add adds a device that counts as heard now.
func (ps *peers) add(slot wire.Slot, s State, now uint64) {
	i, _ := slices.BinarySearchFunc(*ps, slot, func(p peer, slot wire.Slot) int { return int(p.Slot) - int(slot) })
	*ps = slices.Insert(*ps, i, peer{Slot: slot, State: s, Since: now, trace: newTrace(now)})
}

// drop removes what is, keeping one encoding for nothing left.
func drop[T any](s []T, is func(T) bool) []T {
	s = slices.DeleteFunc(s, is)
	if len(s) == 0 {
		return nil
	}
	return s
}

package recovery_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
	start  = 1_800_000_000 // Unix seconds
)

func key(slot wire.Slot) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(slot)}, 32))
}

func signer(slot wire.Slot) func([]byte) [64]byte {
	return func(msg []byte) [64]byte { return [64]byte(ed25519.Sign(key(slot), msg)) }
}

var names = []string{"", "phone", "laptop", "tablet", "desktop", "server"}

// record returns epoch 0 of a circle of t of n, with the default settings.
func record(t, n int) roster.Record {
	r := roster.Record{Version: roster.Version, Circle: wire.CircleID{1}, Threshold: t, Transcript: wire.Hash{2}, Settings: roster.DefaultSettings()}
	for i := range n {
		r.Devices = append(r.Devices, device(wire.Slot(i+1)))
	}
	r.Accounts = []roster.Account{
		{Name: roster.Ethereum, Suite: roster.Secp256k1, Origin: roster.EthereumOrigin, ChainCode: [32]byte{3}, Commitments: points(t, 33)},
		{Name: roster.SSH, Suite: roster.Ed25519, Commitments: points(t, 32)},
	}
	return r
}

func device(slot wire.Slot) roster.Device {
	b := byte(slot)
	return roster.Device{Slot: slot, Name: names[slot], Kind: roster.Phone, Identity: wire.DeviceID(key(slot).Public().(ed25519.PublicKey)),
		Peer: []byte{b}, Box: [32]byte{b, 1}, Presence: [32]byte{b, 2}}
}

func points(n, size int) (out [][]byte) {
	for i := range n {
		out = append(out, bytes.Repeat([]byte{byte(i + 1)}, size))
	}
	return out
}

// next returns the record that follows r when the devices in removed left in
// that state. Sleepers stay in without having taken part.
func next(r roster.Record, state roster.FormerState, removed []wire.Slot, sleepers ...wire.Slot) roster.Record {
	n := r
	n.Epoch, n.Parent, n.Devices = r.Epoch+1, r.Hash(), nil
	n.Former = slices.Clone(r.Former)
	n.Change = roster.Change{Kind: roster.Refresh, Attempt: wire.Hash{9}, Sleepers: sleepers}
	if len(removed) > 0 {
		n.Change.Kind = roster.Remove
	}
	for _, d := range r.Devices {
		switch {
		case slices.Contains(removed, d.Slot):
			n.Former = append(n.Former, roster.Former{Slot: d.Slot, Name: d.Name, Identity: d.Identity, State: state, Epoch: n.Epoch})
			continue
		case !slices.Contains(sleepers, d.Slot):
			n.Change.Members = append(n.Change.Members, d.Slot)
		}
		n.Devices = append(n.Devices, d)
	}
	n.Change.Dealers = n.Change.Members[:r.Threshold]
	return n
}

// A lab is a judge, and the other devices of its circle as it sees them.
type lab struct {
	testing.TB
	*recovery.Judge
	rec  roster.Record
	self wire.Slot
	wall uint64
	seq  map[wire.Slot]uint64
	word uint64
}

// newLab returns the judge of the device in slot 1 in a circle of t of n.
func newLab(tb testing.TB, t, n int, set ...func(*roster.Settings)) *lab {
	tb.Helper()
	rec := record(t, n)
	for _, f := range set {
		f(&rec.Settings)
	}
	if err := rec.Check(); err != nil {
		tb.Fatal(err)
	}
	j, err := recovery.New(rec, 1, [8]byte{1}, start)
	if err != nil {
		tb.Fatal(err)
	}
	return &lab{TB: tb, Judge: j, rec: rec, self: 1, wall: start, seq: map[wire.Slot]uint64{}}
}

// beat returns the next beat of a device that has seen the latest beats of
// the others.
func (l *lab) beat(slot wire.Slot, change ...func(*recovery.Beat)) recovery.Beat {
	l.seq[slot]++
	b := recovery.Beat{Version: recovery.Version, Circle: l.rec.Circle, Slot: slot, Seq: l.seq[slot], Boot: [8]byte{byte(slot)},
		Epoch: l.rec.Epoch, Record: l.rec.Hash(), Holds: true, PresenceAge: recovery.Never}
	for _, f := range change {
		f(&b)
	}
	return recovery.SignBeat(b, signer(slot))
}

// hear delivers a beat of each device.
func (l *lab) hear(slots ...wire.Slot) {
	l.Helper()
	for _, s := range slots {
		if _, err := l.Heard(l.beat(s)); err != nil {
			l.Fatal(err)
		}
	}
}

// run lets time pass in which the devices in heard beat every three hours, and
// at the end.
func (l *lab) run(seconds uint64, heard ...wire.Slot) {
	l.Helper()
	for i := 1; seconds > 0; i++ {
		step := min(seconds, hour)
		seconds -= step
		l.wall += step
		l.Tick(l.wall, step)
		if i%3 == 0 || seconds == 0 {
			l.hear(heard...)
		}
	}
}

// suspected delivers the suspicion of by, which would agree to the removal.
func (l *lab) suspected(by, about wire.Slot, agree bool) {
	l.Helper()
	s := recovery.Suspicion{Version: recovery.Version, Circle: l.rec.Circle, Record: l.rec.Hash(), By: by, About: about,
		Last: l.seq[about], Beat: l.seq[by], Silent: l.rec.Settings.Suspect, Agree: agree}
	if err := l.Suspected(recovery.SignSuspicion(s, signer(by))); err != nil {
		l.Fatal(err)
	}
}

// says returns a person's word on a device that was not said before.
func (l *lab) says(by wire.Slot) recovery.Word {
	l.word++
	w := recovery.Word{By: by}
	binary.BigEndian.PutUint64(w.ID[:], l.word)
	return w
}

func (l *lab) ok(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *lab) want(slot wire.Slot, s recovery.State) {
	l.Helper()
	v, ok := l.View(slot)
	if !ok || v.State != s {
		l.Fatalf("%s is %v (%s), want %v", names[slot], v.State, v.Words, s)
	}
}

// steps returns what was noticed, in order.
func (l *lab) steps() string {
	out := ""
	for _, n := range l.Notices(0) {
		out += fmt.Sprintf("%d@%d ", n.Step, n.Slot)
	}
	return out
}

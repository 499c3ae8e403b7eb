// Package vigil watches over the devices of a circle with a [recovery.Judge]: it
// keeps the judge durable, lets its time pass, writes of what it notices, and
// collects what devices say of themselves and of silent ones, each signed by its
// maker, so that it can be passed on.
//
// It has no clock: whoever calls says what time it is. It judges nothing itself.
package vigil

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A Store keeps the judge.
type Store interface {
	Load() ([]byte, error) // nil if there is none
	Save(judge []byte) error
}

// A Device is who watches, in the record that its judge is of.
type Device struct {
	Slot   wire.Slot
	Record roster.Record
	Name   func(wire.Slot) string // of a device, for the person
}

// A Vigil must be used by one goroutine.
type Vigil struct {
	// Judge is nil while this device is in no circle, or out of it.
	Judge *recovery.Judge

	store Store
	log   *slog.Logger
	boot  [8]byte

	passed  time.Duration // that the judge was told of
	noticed uint64        // the newest notice that was told
	saved   uint64        // the judge's revision that is stored
	savedAt time.Time
	beats   map[wire.Slot][]byte // the newest of each device
	doubts  map[doubt][]byte     // that were heard last
}

// A doubt says who doubts that whom is there.
type doubt struct{ by, about wire.Slot }

// How often the judge is stored although nothing happened, and how long it waits
// after it could not be.
const (
	SaveEvery = 5 * time.Minute
	SaveRetry = 30 * time.Second
)

// New returns a vigil without a judge.
func New(store Store, log *slog.Logger) *Vigil {
	return &Vigil{store: store, log: log, beats: map[wire.Slot][]byte{}, doubts: map[doubt][]byte{}}
}

// Start reads the judge of a circle, or makes one. That this device was started is
// durable before its first heartbeat leaves: were a number used again by the next
// start, the device would take itself for a copy.
func (v *Vigil) Start(d Device, rand io.Reader, now time.Time) error {
	v.Judge = nil
	if v.boot == ([8]byte{}) {
		if _, err := io.ReadFull(rand, v.boot[:]); err != nil {
			return fmt.Errorf("node: draw boot id: %w", err)
		}
	}
	raw, err := v.store.Load()
	if err != nil {
		return fmt.Errorf("node: read judge: %w", err)
	}
	var damage error
	if raw != nil {
		j, err := recovery.ParseJudge(raw, d.Record, v.boot)
		if err == nil {
			v.sit(j, d, now)
			return nil
		}
		damage = err
	}
	j, err := recovery.New(d.Record, d.Slot, v.boot, unix(now))
	if err != nil {
		return err
	}
	if damage != nil {
		// That silence is counted anew can only make a removal later. But somebody
		// may have frozen the circle or called a device lost, in a request that is
		// closed by now: this device freezes by itself, as if its own person had said
		// so. What persons say in requests that are open it hears again.
		v.log.Error("the record of who was silent and what was frozen is damaged; this device freezes until it is thawed, and counts anew", "err", damage)
		if err := j.Freeze(recovery.Word{By: d.Slot}); err != nil {
			return fmt.Errorf("node: freeze: %w", err)
		}
	}
	v.sit(j, d, now)
	return nil
}

func (v *Vigil) sit(j *recovery.Judge, d Device, now time.Time) {
	v.Judge = j
	j.Called(d.Name)
	v.Save(now)
}

// Forget lets what counted for nothing in one epoch be heard in the next.
func (v *Vigil) Forget() { clear(v.doubts) }

// Follow tells the judge of a newer certified epoch.
func (v *Vigil) Follow(rec roster.Record, now time.Time) {
	if err := v.Judge.SetRecord(rec); err != nil {
		v.log.Error("judge does not follow", "err", err)
	}
	v.Save(now)
}

// Tick lets the judge's time pass and says what it notices. awake is for how long
// the device has been running, and recent how old a notice may be that is told at
// the first tick.
func (v *Vigil) Tick(now time.Time, awake, recent time.Duration) {
	j := v.Judge
	if j == nil {
		return
	}
	whole := awake.Truncate(time.Second)
	j.Tick(unix(now), uint64((whole-v.passed)/time.Second))
	v.passed = whole
	for _, n := range j.Notices(v.noticed) {
		if v.noticed > 0 || n.At+uint64(recent/time.Second) >= unix(now) {
			v.log.Warn(j.Words(n))
		}
		v.noticed = n.N
	}
	if v.changed() || now.Sub(v.savedAt).Abs() >= SaveEvery {
		v.Save(now)
	}
}

func (v *Vigil) changed() bool { return v.Judge.Revision() != v.saved }

// SaveChanged stores the judge if it has changed. A word that is settled is not
// heard again after a restart, so that what it changed must be durable before.
func (v *Vigil) SaveChanged(now time.Time) {
	if v.changed() {
		v.Save(now)
	}
}

// Save stores the judge. If that fails it is tried again soon.
func (v *Vigil) Save(now time.Time) {
	if v.Judge == nil {
		return
	}
	v.saved, v.savedAt = v.Judge.Revision(), now
	if err := v.store.Save(v.Judge.Bytes()); err != nil {
		v.savedAt = now.Add(SaveRetry - SaveEvery)
		v.log.Error("judge not stored", "err", err)
	}
}

// Say returns what this device has to say: its own heartbeat, the newest of every
// other device that it has, ascending by slot, and what it has to say of silent
// ones.
func (v *Vigil) Say(self wire.Slot, own recovery.Beat, sign func([]byte) [64]byte) (beats, doubts [][]byte) {
	v.beats[self] = own.Bytes()
	doubts = [][]byte{}
	for _, s := range slices.Sorted(maps.Keys(v.beats)) {
		beats = append(beats, v.beats[s])
	}
	for _, s := range v.Judge.Suspicions() {
		doubts = append(doubts, recovery.SignSuspicion(s, sign).Bytes())
	}
	return beats, doubts
}

// Blame says of a signature in the name of a device that does not hold whose fault
// that is, if anybody's.
type Blame func(by wire.Slot, err error) error

// HearBeats takes heartbeats that a device passes on, and returns how many
// signatures it looked at. What is no news costs no verification, and a signature
// that does not hold ends it: whoever passes beats on has verified them.
func (v *Vigil) HearBeats(self wire.Slot, beats [][]byte, blame Blame) (verified int, err error) {
	var errs []error
	for _, raw := range beats {
		x, err := recovery.ParseBeat(raw)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if x.Slot == self || !v.Judge.News(x) {
			continue
		}
		verified++
		news, err := v.Judge.Heard(x)
		if errors.Is(err, recovery.ErrSignature) {
			return verified, errors.Join(append(errs, blame(x.Slot, err))...)
		}
		errs = append(errs, err)
		if news {
			v.beats[x.Slot] = raw
		}
	}
	return verified, errors.Join(errs...)
}

// HearDoubts is HearBeats for what a device has to say about silent ones.
func (v *Vigil) HearDoubts(self wire.Slot, doubts [][]byte, blame Blame) (verified int, err error) {
	var errs []error
	for _, raw := range doubts {
		s, err := recovery.ParseSuspicion(raw)
		key := doubt{s.By, s.About}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if s.By == self || bytes.Equal(v.doubts[key], raw) {
			continue
		}
		verified++
		err = v.Judge.Suspected(s)
		if errors.Is(err, recovery.ErrSignature) {
			return verified, errors.Join(append(errs, blame(s.By, err))...)
		}
		if err == nil {
			v.doubts[key] = raw // of members about members
		}
		errs = append(errs, err)
	}
	return verified, errors.Join(errs...)
}

func unix(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }

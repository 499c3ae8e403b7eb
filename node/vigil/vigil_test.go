package vigil_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/vigil"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

func key(slot wire.Slot) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(slot)}, 32))
}

func sign(slot wire.Slot) func([]byte) [64]byte {
	return func(msg []byte) [64]byte { return [64]byte(ed25519.Sign(key(slot), msg)) }
}

// record is that of a circle of three.
func record() roster.Record {
	r := roster.Record{Version: roster.Version, Circle: wire.CircleID{1}, Threshold: 2, Settings: roster.DefaultSettings()}
	for slot := wire.Slot(1); slot <= 3; slot++ {
		r.Devices = append(r.Devices, roster.Device{Slot: slot, Name: name(slot), Kind: roster.Phone, Identity: wire.DeviceID(key(slot).Public().(ed25519.PublicKey))})
	}
	return r
}

func name(slot wire.Slot) string { return fmt.Sprint("device ", slot) }

// A shelf keeps a judge in memory.
type shelf struct {
	raw   []byte
	fail  error
	saves int
}

func (s *shelf) Load() ([]byte, error) { return s.raw, nil }
func (s *shelf) Save(b []byte) error {
	s.saves++
	if s.fail == nil {
		s.raw = b
	}
	return s.fail
}

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// watch starts the vigil of the device in slot.
func watch(t *testing.T, slot wire.Slot, s *shelf) (*vigil.Vigil, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	v := vigil.New(s, slog.New(slog.NewTextHandler(&log, nil)))
	if err := v.Start(vigil.Device{Slot: slot, Record: record(), Name: name}, rand.NewChaCha8([32]byte{byte(slot), byte(s.saves)}), start); err != nil {
		t.Fatal(err)
	}
	return v, &log
}

func say(v *vigil.Vigil, slot wire.Slot) (beats, doubts [][]byte) {
	return v.Say(slot, recovery.SignBeat(v.Judge.NextBeat(true, true, recovery.Never), sign(slot)), sign(slot))
}

func theirs(by wire.Slot, err error) error { return fmt.Errorf("%d: %w", by, err) }

// TestStartIsDurable: that a device was started is stored before it says anything.
func TestStartIsDurable(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	if watch(t, 1, s); s.saves != 1 || s.raw == nil {
		t.Errorf("stored %d times", s.saves)
	}
	before := s.raw
	if v, _ := watch(t, 1, s); s.saves != 2 || bytes.Equal(s.raw, before) {
		t.Error("a second start is not stored")
	} else if frozen, _ := v.Judge.Frozen(); frozen {
		t.Error("a judge that opens is frozen")
	}
}

// TestDamagedJudgeFreezes: what cannot be read may have said that the circle is
// frozen.
func TestDamagedJudgeFreezes(t *testing.T) {
	t.Parallel()
	s := &shelf{raw: []byte("garbage")}
	v, log := watch(t, 1, s)
	if frozen, _ := v.Judge.Frozen(); !frozen || !strings.Contains(log.String(), "damaged") {
		t.Errorf("frozen %v; log: %s", frozen, log)
	}
	again, _ := watch(t, 1, s)
	if frozen, _ := again.Judge.Frozen(); !frozen {
		t.Error("it is not frozen after the next start")
	}
}

// TestSaveIsTriedAgain: soon after a failure, and seldom while nothing happens.
func TestSaveIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	v, _ := watch(t, 1, s)
	tick := func(after time.Duration) { v.Tick(start.Add(after), after, time.Minute) }
	tick(time.Second)
	n := s.saves
	if tick(2 * time.Second); s.saves != n {
		t.Error("stored although nothing has changed")
	}
	s.fail = errors.New("full")
	if tick(vigil.SaveEvery + 2*time.Second); s.saves != n+1 {
		t.Errorf("stored %d times after a long time, want once", s.saves-n)
	}
	s.fail = nil
	if tick(vigil.SaveEvery + 3*time.Second + vigil.SaveRetry); s.saves != n+2 {
		t.Errorf("stored %d times, want another try", s.saves-n)
	}
}

// TestBeatsArePassedOn: what is heard of one device reaches another by a third, is
// verified once, and a signature that does not hold ends it and blames somebody.
func TestBeatsArePassedOn(t *testing.T) {
	t.Parallel()
	one, _ := watch(t, 1, &shelf{})
	two, _ := watch(t, 2, &shelf{})
	three, _ := watch(t, 3, &shelf{})
	beats, _ := say(one, 1)
	if n, err := two.HearBeats(2, beats, theirs); n != 1 || err != nil {
		t.Fatalf("%d verified: %v", n, err)
	}
	if n, err := two.HearBeats(2, beats, theirs); n != 0 || err != nil {
		t.Errorf("%d verified the second time: %v", n, err)
	}
	both, _ := say(two, 2)
	if n, err := three.HearBeats(3, both, theirs); len(both) != 2 || n != 2 || err != nil {
		t.Errorf("%d of %d verified: %v", n, len(both), err)
	}
	if n, err := one.HearBeats(1, both[:1], theirs); n != 0 || err != nil {
		t.Errorf("its own beat is verified %d times: %v", n, err)
	}
	next, _ := say(one, 1)
	forged := bytes.Clone(next[0])
	forged[len(forged)-1] ^= 1
	n, err := three.HearBeats(3, [][]byte{forged, next[0]}, theirs)
	if n != 1 || !errors.Is(err, recovery.ErrSignature) || !strings.Contains(err.Error(), "1: ") {
		t.Errorf("after a bad signature %d are verified: %v", n, err)
	}
	if _, err := three.HearBeats(3, [][]byte{{1}}, theirs); err == nil {
		t.Error("garbage is a beat")
	}
}

// TestDoubtsAreHeardOnce: of silent devices, until the next epoch.
func TestDoubtsAreHeardOnce(t *testing.T) {
	t.Parallel()
	three, _ := watch(t, 3, &shelf{})
	one, log := watch(t, 1, &shelf{})
	var doubts [][]byte
	set := record().Settings
	for at := time.Duration(0); len(doubts) == 0 && at < 2*time.Duration(set.Suspect)*time.Second; at += 10 * time.Minute {
		three.Tick(start.Add(at), at, time.Minute)
		beats, _ := say(three, 3)
		if _, err := one.HearBeats(1, beats, theirs); err != nil {
			t.Fatal(err)
		}
		one.Tick(start.Add(at), at, time.Minute)
		_, doubts = say(one, 1)
	}
	if len(doubts) == 0 || !strings.Contains(log.String(), "device 2") {
		t.Fatalf("%d doubts of devices that are silent; log: %s", len(doubts), log)
	}
	hear := func(want int, when string) {
		t.Helper()
		if n, err := three.HearDoubts(3, doubts, theirs); n != want || err != nil {
			t.Errorf("%s: %d of %d verified: %v", when, n, len(doubts), err)
		}
	}
	hear(len(doubts), "the first time")
	hear(0, "the second time")
	three.Forget()
	hear(len(doubts), "in the next epoch")
	if n, _ := one.HearDoubts(1, doubts, theirs); n != 0 {
		t.Errorf("its own doubts are verified %d times", n)
	}
	three.Forget()
	forged := bytes.Clone(doubts[0])
	forged[len(forged)-1] ^= 1
	n, err := three.HearDoubts(3, append([][]byte{forged}, doubts...), theirs)
	if n != 1 || !errors.Is(err, recovery.ErrSignature) || !strings.Contains(err.Error(), "1: ") {
		t.Errorf("after a bad signature %d are verified: %v", n, err)
	}
}

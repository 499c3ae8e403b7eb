package lan

import (
	"strings"
	"testing"
	"time"
)

var (
	circleKey = [32]byte{1}
	otherKey  = [32]byte{2}
	noon      = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
)

// sealBeacon makes the TXT string of a beacon.
func sealBeacon(key [32]byte, at time.Time, instance string, slot, tcp, quic uint16) string {
	return beacon{slot, Ports{tcp, quic}, Ports{tcp, quic}}.seal(key, epochOf(at), instance)
}

func TestBeaconRoundTrip(t *testing.T) {
	t.Parallel()
	text := sealBeacon(circleKey, noon, "a", 7, 4001, 4002)
	for _, tc := range []struct {
		name     string
		key      [32]byte
		at       time.Time
		instance string
		text     string
		want     bool
	}{
		{"same", circleKey, noon, "a", text, true},
		{"clock-behind", circleKey, noon.Add(-beaconEpoch), "a", text, true},
		{"clock-ahead", circleKey, noon.Add(beaconEpoch), "a", text, true},
		{"too-old", circleKey, noon.Add(2 * beaconEpoch), "a", text, false},
		{"from-the-future", circleKey, noon.Add(-2 * beaconEpoch), "a", text, false},
		{"other-circle", otherKey, noon, "a", text, false},
		{"other-service", circleKey, noon, "b", text, false},
		{"truncated", circleKey, noon, "a", text[:len(text)-4], false},
		{"longer", circleKey, noon, "a", text + "AAAA", false},
		{"flipped", circleKey, noon, "a", "A" + strings.ToLower(text[1:]), false},
		{"empty", circleKey, noon, "a", "", false},
	} {
		got, _, ok := openBeacon(tc.key, epochOf(tc.at), tc.instance, tc.text)
		if ok != tc.want {
			t.Errorf("%s: opened %v, want %v", tc.name, ok, tc.want)
		}
		if ok && (got.slot != 7 || got.v4 != Ports{4001, 4002}) {
			t.Errorf("%s: slot %d, ports %v", tc.name, got.slot, got.v4)
		}
	}
}

// A beacon shows nothing that stays the same, and its text fits one string of a
// TXT record.
func TestBeaconIsUnlinkable(t *testing.T) {
	t.Parallel()
	a := sealBeacon(circleKey, noon, "a", 7, 4001, 4002)
	b := sealBeacon(circleKey, noon, "a", 7, 4001, 4002)
	c := sealBeacon(otherKey, noon, "a", 1, 0, 65535)
	if len(a) != len(b) || len(a) != len(c) {
		t.Error("lengths differ")
	}
	if len(a) > 255 {
		t.Errorf("%d characters", len(a))
	}
	same := 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	// Two random strings of n base64 characters agree in n/64 places.
	if same > len(a)/4 {
		t.Errorf("%d of %d characters are the same", same, len(a))
	}
}

func TestBeaconPlainIsStrict(t *testing.T) {
	t.Parallel()
	good := make([]byte, 32)
	good[0], good[2], good[4] = 1, 7, 80
	for _, tc := range []struct {
		name string
		edit func([]byte) []byte
		want bool
	}{
		{"good", func(b []byte) []byte { return b }, true},
		{"version", func(b []byte) []byte { b[0] = 2; return b }, false},
		{"slot-0", func(b []byte) []byte { b[2] = 0; return b }, false},
		{"no-port", func(b []byte) []byte { b[4] = 0; return b }, false},
		{"padding", func(b []byte) []byte { b[31] = 1; return b }, false},
		{"short", func(b []byte) []byte { return b[:31] }, false},
		{"long", func(b []byte) []byte { return append(b, 0) }, false},
	} {
		if _, got := parseBeacon(tc.edit(append([]byte(nil), good...))); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func FuzzBeacon(f *testing.F) {
	f.Add(make([]byte, 32), sealBeacon(circleKey, noon, "a", 7, 4001, 4002))
	f.Add([]byte{1, 0, 7, 0, 80}, "")
	f.Add([]byte{}, strings.Repeat("A", 96))
	f.Fuzz(func(t *testing.T, plain []byte, text string) {
		parseBeacon(plain)
		if got, _, ok := openBeacon(circleKey, epochOf(noon), "a", text); ok && (got.slot != 7 || got.v4 != Ports{4001, 4002}) {
			t.Errorf("forged: slot %d, ports %v", got.slot, got.v4)
		}
	})
}

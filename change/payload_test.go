package change_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

func anywhere([]string) error { return nil }

// TestBytes: the encoding is wire format.
func TestBytes(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]change.Payload{
		"a70101020103400480050006000700":     {Slot: 1},
		"a701010200034004816161050606070705": {Addrs: []string{"a"}, Until: 6, Epoch: 7, Threshold: 5},
		"a80102020103400480050006000700085820" + hex.EncodeToString(bytes.Repeat([]byte{7}, 32)): {Slot: 1, Device: bytes.Repeat([]byte{7}, 32)},
	} {
		if got := hex.EncodeToString(p.Bytes()); got != want {
			t.Errorf("%+v is %s, want %s", p, got, want)
		}
	}
}

// TestParse: a change says what its kind has, and no more.
func TestParse(t *testing.T) {
	t.Parallel()
	known := bytes.Repeat([]byte{7}, 32)
	for _, k := range change.Kinds() {
		p := payloads[k]
		ch, err := change.Parse(k, p.Bytes(), anywhere)
		if err != nil || ch.Kind != k || !bytes.Equal(ch.Bytes(), p.Bytes()) {
			t.Errorf("%s: %+v, %v", k, ch, err)
			continue
		}
		if ch.Newcomer != nil {
			t.Errorf("%s: the card was read", k)
		}
		if err := ch.ReadCard(); err != nil || (ch.Newcomer != nil) != k.Has(change.Card) {
			t.Errorf("%s: newcomer %v, %v", k, ch.Newcomer, err)
		}
		for f, set := range map[change.Fields]func(*change.Payload, bool){
			change.Device:  func(p *change.Payload, on bool) { p.Slot = map[bool]uint16{true: 3}[on] },
			change.Card:    func(p *change.Payload, on bool) { p.Card = map[bool][]byte{true: {1}}[on] },
			change.Until:   func(p *change.Payload, on bool) { p.Until = map[bool]uint64{true: 9}[on] },
			change.Epoch:   func(p *change.Payload, on bool) { p.Epoch = map[bool]uint64{true: 9}[on] },
			change.Signers: func(p *change.Payload, on bool) { p.Threshold = map[bool]uint16{true: 9}[on] },
		} {
			p := payloads[k]
			set(&p, !k.Has(f))
			want := change.ErrFields
			if f == change.Epoch && k.Has(f) {
				want = nil // epoch 0
			}
			if _, err := change.Parse(k, p.Bytes(), anywhere); !errors.Is(err, want) {
				t.Errorf("%s without its fields, or with others (%d): %v", k, f, err)
			}
		}
		p.Device = known
		if _, err := change.Parse(k, p.Bytes(), anywhere); (err == nil) != k.Has(change.Device) {
			t.Errorf("%s with an identity: %v", k, err)
		}
	}
}

// TestParseRefuses: what is no payload of this release or an earlier one.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	raw := func(f func(*change.Payload)) []byte {
		p := change.Payload{Version: 1, Slot: 3, Card: []byte{}, Addrs: []string{}}
		f(&p)
		return wire.Marshal(p)
	}
	for name, b := range map[string][]byte{
		"nothing":           {},
		"cut off":           raw(func(*change.Payload) {})[:5],
		"more behind":       append(raw(func(*change.Payload) {}), 0),
		"version 0":         raw(func(p *change.Payload) { p.Version = 0 }),
		"version 3":         raw(func(p *change.Payload) { p.Version = 3 }),
		"version 1, named":  raw(func(p *change.Payload) { p.Device = make([]byte, 32) }),
		"version 2, no one": raw(func(p *change.Payload) { p.Version = 2 }),
		"short identity":    raw(func(p *change.Payload) { p.Version, p.Device = 2, make([]byte, 31) }),
		"long identity":     raw(func(p *change.Payload) { p.Version, p.Device = 2, make([]byte, 33) }),
	} {
		if ch, err := change.Parse(change.Lost, b, anywhere); err == nil || errors.Is(err, change.ErrFields) || ch != nil {
			t.Errorf("%s: %+v, %v", name, ch, err)
		}
	}
	far := errors.New("too far")
	p := change.Payload{Slot: 3, Addrs: []string{"there"}}
	if _, err := change.Parse(change.Lost, p.Bytes(), func(addrs []string) error {
		if !slices.Equal(addrs, p.Addrs) {
			t.Errorf("asked about %q", addrs)
		}
		return far
	}); !errors.Is(err, far) {
		t.Errorf("addresses: %v", err)
	}
	ch, err := change.Parse(change.Add, change.Payload{Card: []byte{1}}.Bytes(), anywhere)
	if err != nil || ch.ReadCard() == nil || ch.Newcomer != nil {
		t.Errorf("a card that is none: %+v, %v", ch, err)
	}
}

// TestSubject: a device is meant by its slot and, since version 2, its identity.
func TestSubject(t *testing.T) {
	t.Parallel()
	now := at(func(*circle) {}).record
	next := roster.Record{Devices: []roster.Device{{Slot: 5, Identity: id(5)}}}
	named := func(n byte) []byte { d := id(n); return d[:] }
	for _, c := range []struct {
		p    change.Payload
		want wire.Slot
	}{
		{change.Payload{}, 0}, {change.Payload{Slot: 3}, 3}, {change.Payload{Slot: 5}, 5}, {change.Payload{Slot: 6}, 0}, {change.Payload{Slot: 9}, 9},
		{change.Payload{Slot: 3, Device: named(3)}, 3}, {change.Payload{Slot: 3, Device: named(4)}, 0},
		{change.Payload{Slot: 9, Device: named(9)}, 9}, {change.Payload{Slot: 9, Device: named(8)}, 0}, {change.Payload{Slot: 5, Device: named(5)}, 5},
	} {
		got := c.p.Subject(now, next)
		if got != c.want {
			t.Errorf("%+v is about %d, want %d", c.p, got, c.want)
		}
		if unknown := change.New(change.Lost, c.p).Unknown(got); unknown != (c.p.Slot != 0 && c.want == 0) {
			t.Errorf("%+v is about an unknown device: %v", c.p, unknown)
		}
	}
}

// FuzzParse checks that there is one encoding, and that what is read has what its
// kind has.
func FuzzParse(f *testing.F) {
	for i, k := range change.Kinds() {
		f.Add(byte(i), payloads[k].Bytes())
	}
	p := payloads[change.Lost]
	p.Device = make([]byte, 32)
	f.Add(byte(2), p.Bytes())
	f.Fuzz(func(t *testing.T, n byte, b []byte) {
		k := change.Kinds()[int(n)%len(change.Kinds())]
		ch, err := change.Parse(k, b, anywhere)
		if err != nil {
			return
		}
		if got := ch.Bytes(); !bytes.Equal(got, b) {
			t.Fatalf("not canonical\n in %x\nout %x", b, got)
		}
		if k.Has(change.Device) != (ch.Slot != 0) || k.Has(change.Card) != (len(ch.Card) > 0) || k.Has(change.Until) != (ch.Until != 0) ||
			k.Has(change.Signers) != (ch.Threshold != 0) || !k.Has(change.Epoch) && ch.Epoch != 0 || len(ch.Device) > 0 && !k.Has(change.Device) {
			t.Fatalf("%s: %+v", k, ch.Payload)
		}
		if ch.ReadCard() == nil && (ch.Newcomer != nil) != k.Has(change.Card) {
			t.Fatalf("%s: newcomer %v", k, ch.Newcomer)
		}
	})
}

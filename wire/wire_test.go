package wire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/warifu/warifu/wire"
)

func frame() wire.Frame {
	return wire.Frame{Session: wire.SessionID{1, 2, 3}, From: 1, To: 2, Kind: 4, Body: []byte("body")}
}

// TestParseFrameRefuses has a row for each way in which bytes are no frame.
func TestParseFrameRefuses(t *testing.T) {
	t.Parallel()
	good := frame().Append(nil)
	if f, err := wire.ParseFrame(good); err != nil || !bytes.Equal(f.Append(nil), good) || string(f.Body) != "body" {
		t.Fatalf("%+v, %v", f, err)
	}
	at := func(i int, b ...byte) []byte {
		out := bytes.Clone(good)
		copy(out[i:], b)
		return out
	}
	large := frame()
	large.Body = make([]byte, wire.MaxBody)
	largest := large.Append(nil)
	if _, err := wire.ParseFrame(largest); err != nil {
		t.Errorf("the largest frame: %v", err)
	}
	over := append(bytes.Clone(largest), 0)
	over[41]++ // the length says so, too
	for name, b := range map[string][]byte{
		"empty":        nil,
		"short-header": good[:41],
		"cut":          good[:len(good)-1],
		"longer":       append(bytes.Clone(good), 0),
		"version-0":    at(0, 0),
		"version-2":    at(0, 2),
		"from-0":       at(34, 0, 0),
		"to-itself":    at(36, 0, 1),
		"length-more":  at(38, 0, 0, 0, 5),
		"length-less":  at(38, 0, 0, 0, 3),
		"length-huge":  at(38, 0xff, 0xff, 0xff, 0xff),
		"oversized":    over,
	} {
		if _, err := wire.ParseFrame(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAppendRefusesOversizedBody(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a frame that nobody takes was made")
		}
	}()
	f := frame()
	f.Body = make([]byte, wire.MaxBody+1)
	f.Append(nil)
}

type inner struct {
	_ struct{} `cbor:",toarray"`
	A uint16
	B []byte
}

type sample struct {
	Num    uint64   `cbor:"1,keyasint"`
	Text   string   `cbor:"2,keyasint"`
	Fixed  [2]byte  `cbor:"3,keyasint"`
	List   []inner  `cbor:"4,keyasint"`
	Yes    bool     `cbor:"5,keyasint"`
	Maybe  []byte   `cbor:"6,keyasint,omitempty"`
	Nested [][]byte `cbor:"7,keyasint"`
}

func values() sample {
	return sample{Num: 300, Text: "tänk", Fixed: [2]byte{1, 2}, List: []inner{{A: 7, B: []byte{8}}}, Yes: true, Nested: [][]byte{{9}}}
}

// TestUnmarshalTakesOneForm has a row for each second way in which CBOR lets
// the same thing be said, and for what it lets be said without end.
func TestUnmarshalTakesOneForm(t *testing.T) {
	t.Parallel()
	good := wire.Marshal(values())
	var v sample
	if err := wire.Unmarshal(good, &v); err != nil {
		t.Fatal(err)
	}
	swap := func(old, new string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("%x has no %x", good, old)
		}
		return bytes.Replace(good, []byte(old), []byte(new), 1)
	}
	for name, b := range map[string][]byte{
		"empty":              nil,
		"cut":                good[:len(good)-1],
		"trailing":           append(bytes.Clone(good), 0),
		"twice":              append(bytes.Clone(good), good...),
		"long-integer":       swap("\x01\x19\x01\x2c", "\x01\x1a\x00\x00\x01\x2c"),
		"long-key":           swap("\x01\x19\x01\x2c", "\x18\x01\x19\x01\x2c"),
		"negative":           swap("\x01\x19\x01\x2c", "\x01\x39\x01\x2c"),
		"float":              swap("\x01\x19\x01\x2c", "\x01\xf9\x5c\xb0"),
		"big-integer":        swap("\x01\x19\x01\x2c", "\x01\xc2\x42\x01\x2c"),
		"text-as-bytes":      swap("\x02\x65", "\x02\x45"),
		"not-utf8":           swap("\x65t\xc3\xa4nk", "\x65t\xc3\xc3nk"),
		"long-text-length":   swap("\x02\x65", "\x02\x78\x05"),
		"short-array":        swap("\x03\x42\x01\x02", "\x03\x41\x01"),
		"long-array":         swap("\x03\x42\x01\x02", "\x03\x43\x01\x02\x03"),
		"endless-text":       swap("\x02\x65t\xc3\xa4nk", "\x02\x7f\x65t\xc3\xa4nk\xff"),
		"endless-list":       swap("\x04\x81\x82\x07\x41\x08", "\x04\x9f\x82\x07\x41\x08\xff"),
		"one-too-few":        swap("\x82\x07\x41\x08", "\x81\x07"),
		"one-too-many":       swap("\x82\x07\x41\x08", "\x83\x07\x41\x08\x00"),
		"bool-as-number":     swap("\x05\xf5", "\x05\x01"),
		"bool-as-null":       swap("\x05\xf5", "\x05\xf6"),
		"tag":                swap("\x05\xf5", "\x05\xc1\xf5"),
		"empty-field":        append(append([]byte{0xa7}, bytes.Replace(good[1:], []byte("\x05\xf5"), []byte("\x05\xf5\x06\x40"), 1)...), nil...),
		"unknown-field":      append(append([]byte{0xa7}, good[1:]...), 0x08, 0x00),
		"field-twice":        append(append([]byte{0xa7}, good[1:]...), 0x07, 0x81, 0x41, 0x09),
		"fields-unsorted":    append(append([]byte{0xa6}, bytes.Replace(good[1:], []byte("\x05\xf5"), nil, 1)...), 0x05, 0xf5),
		"endless-map":        append(append([]byte{0xbf}, good[1:]...), 0xff),
		"list-for-a-map":     {0x80},
		"length-beyond-end":  swap("\x03\x42\x01\x02", "\x03\x5b\xff\xff\xff\xff\xff\xff\xff\xff"),
		"list-beyond-bounds": swap("\x04\x81", "\x04\x9b\x00\x00\xff\xff\xff\xff\xff\xff"),
		"too-deep":           []byte(strings.Repeat("\x81", 1000) + "\x00"),
	} {
		v := sample{}
		if err := wire.Unmarshal(b, &v); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	f.Add(frame().Append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := wire.ParseFrame(b)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Error(err)
			}
			return
		}
		if !bytes.Equal(got.Append(nil), b) || len(b) > wire.MaxFrame || got.From == 0 || got.From == got.To {
			t.Errorf("%x is read as %+v", b, got)
		}
	})
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(wire.Marshal(values()))
	f.Add(wire.Marshal(sample{}))
	f.Add([]byte("\xa6\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v sample
		if err := wire.Unmarshal(b, &v); err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Error(err)
			}
			return
		}
		if again := wire.Marshal(v); !bytes.Equal(again, b) {
			t.Errorf("%x is read and written as %x", b, again)
		}
	})
}

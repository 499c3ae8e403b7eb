package header

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/warifu/warifu/wire"
)

var cheap = Params{MemoryKiB: MinMemoryKiB, Time: 1, Threads: 1}

func wrap(tb testing.TB) (MasterKeys, []byte) {
	tb.Helper()
	keys, h, err := Wrap(rand.Reader, []byte("passphrase"), cheap)
	if err != nil {
		tb.Fatal(err)
	}
	return keys, h
}

func TestWrapUnwrap(t *testing.T) {
	t.Parallel()
	keys, h := wrap(t)
	if len(h) > Max {
		t.Errorf("header of %d bytes", len(h))
	}
	got, err := Unwrap(h, []byte("passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	if !got.Data.Equal(keys.Data) || !got.Share.Equal(keys.Share) {
		t.Error("other keys came back")
	}
	if keys.Data.Equal(keys.Share) {
		t.Error("both keys are the same")
	}
	if _, err := Unwrap(h, []byte("passphrasf")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
}

// TestAnySlotOpens: the same keys under two passphrases.
func TestAnySlotOpens(t *testing.T) {
	t.Parallel()
	keys, h := wrap(t)
	f, err := parse(h)
	if err != nil {
		t.Fatal(err)
	}
	second := f.Slots[0]
	second.Salt = bytes.Repeat([]byte{7}, saltSize)
	if err := second.wrap(keys, []byte("another one")); err != nil {
		t.Fatal(err)
	}
	f.Slots = append(f.Slots, second)
	f.Sum = f.sum()
	for _, p := range []string{"passphrase", "another one"} {
		got, err := Unwrap(wire.Marshal(f), []byte(p))
		if err != nil || !got.Data.Equal(keys.Data) || !got.Share.Equal(keys.Share) {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// TestDamage: whatever happens to a header by accident is called damage and
// not a wrong passphrase, and costs no derivation.
func TestDamage(t *testing.T) {
	t.Parallel()
	_, h := wrap(t)
	for i := range h {
		for bit := range 8 {
			b := bytes.Clone(h)
			b[i] ^= 1 << bit
			if err := Check(b); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
		if err := Check(h[:i]); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
	if err := Check(append(bytes.Clone(h), 0)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("trailing byte: %v", err)
	}
	if err := Check(make([]byte, Max+1)); !errors.Is(err, wire.ErrMalformed) || !strings.Contains(err.Error(), "2049 bytes") {
		t.Errorf("oversized: %v", err)
	}
}

// TestForgery is somebody who changes a field and mends the sum. Costs out of
// bounds are refused before anything is derived; the rest does not open.
func TestForgery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(*file)
		want error
	}{
		{"version", func(f *file) { f.Version = 2 }, wire.ErrMalformed},
		{"no-slots", func(f *file) { f.Slots = nil }, wire.ErrMalformed},
		{"many-slots", func(f *file) {
			f.Slots = []slot{f.Slots[0], f.Slots[0], f.Slots[0], f.Slots[0], f.Slots[0]}
		}, wire.ErrMalformed},
		{"kind", func(f *file) { f.Slots[0].Kind = "none" }, wire.ErrMalformed},
		{"memory-of-4-TiB", func(f *file) { f.Slots[0].MemoryKiB = 1<<32 - 1 }, wire.ErrMalformed},
		{"memory-above-bound", func(f *file) { f.Slots[0].MemoryKiB = MaxMemoryKiB + 1 }, wire.ErrMalformed},
		{"memory-below-bound", func(f *file) { f.Slots[0].MemoryKiB = MinMemoryKiB - 1 }, wire.ErrMalformed},
		{"time-zero", func(f *file) { f.Slots[0].Time = 0 }, wire.ErrMalformed},
		{"time-for-ever", func(f *file) { f.Slots[0].Time = 1 << 31 }, wire.ErrMalformed},
		{"threads-zero", func(f *file) { f.Slots[0].Threads = 0 }, wire.ErrMalformed},
		{"threads-255", func(f *file) { f.Slots[0].Threads = 255 }, wire.ErrMalformed},
		{"short-salt", func(f *file) { f.Slots[0].Salt = f.Slots[0].Salt[:31] }, wire.ErrMalformed},
		{"short-nonce", func(f *file) { f.Slots[0].Nonce = f.Slots[0].Nonce[:12] }, wire.ErrMalformed},
		{"short-wrapped", func(f *file) { f.Slots[0].Wrapped = f.Slots[0].Wrapped[:48] }, wire.ErrMalformed},
		{"memory", func(f *file) { f.Slots[0].MemoryKiB++ }, ErrPassphrase},
		{"time", func(f *file) { f.Slots[0].Time++ }, ErrPassphrase},
		{"threads", func(f *file) { f.Slots[0].Threads++ }, ErrPassphrase},
		{"salt", func(f *file) { f.Slots[0].Salt[0]++ }, ErrPassphrase},
		{"nonce", func(f *file) { f.Slots[0].Nonce[0]++ }, ErrPassphrase},
		{"wrapped", func(f *file) { f.Slots[0].Wrapped[70]++ }, ErrPassphrase},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, h := wrap(t)
			f, err := parse(h)
			if err != nil {
				t.Fatal(err)
			}
			tt.do(&f)
			f.Sum = f.sum()
			if _, err := Unwrap(wire.Marshal(f), []byte("passphrase")); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// TestSlotIsBoundToItsFields: the derivation does not depend on the kind, the
// associated data does.
func TestSlotIsBoundToItsFields(t *testing.T) {
	t.Parallel()
	_, h := wrap(t)
	f, err := parse(h)
	if err != nil {
		t.Fatal(err)
	}
	s := f.Slots[0]
	if _, err := s.unwrap([]byte("passphrase")); err != nil {
		t.Fatal(err)
	}
	s.Kind = "other"
	if _, err := s.unwrap([]byte("passphrase")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("with another kind: %v", err)
	}
}

func TestErrorsSayNothing(t *testing.T) {
	t.Parallel()
	_, h := wrap(t)
	f, err := parse(h)
	if err != nil {
		t.Fatal(err)
	}
	f.Slots[0].Kind = "\x1b[2J"
	f.Sum = f.sum()
	if err := Check(wire.Marshal(f)); err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("error quotes the header: %v", err)
	}
}

// FuzzHeader never derives: a header that parses has bounded costs, and its
// encoding is the one that was read.
func FuzzHeader(f *testing.F) {
	_, h := wrap(f)
	f.Add(h)
	f.Add([]byte{})
	f.Add([]byte{0x83, 0x01, 0x80, 0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := parse(b)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("error without a cause: %v", err)
			}
			return
		}
		if again := wire.Marshal(file); !bytes.Equal(again, b) {
			t.Errorf("%x comes back as %x", b, again)
		}
		for _, s := range file.Slots {
			if err := s.params().Check(); err != nil {
				t.Error(err)
			}
		}
	})
}

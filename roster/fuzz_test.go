package roster_test

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/warifu/warifu/roster"
)

// The fuzz tests of the parsers check that there is one encoding: what is
// accepted is what would be written.

func FuzzParseRecord(f *testing.F) {
	f.Add(record(2, 3).Bytes())
	f.Add(record(9, 9).Bytes())
	f.Add([]byte{0x88})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := roster.ParseRecord(b)
		if err != nil {
			return
		}
		if got := r.Bytes(); !bytes.Equal(got, b) {
			t.Fatalf("not canonical\n in %x\nout %x", b, got)
		}
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseEntry(f *testing.F) {
	f.Add(entry(record(2, 2)).Bytes())
	e := entry(record(2, 3))
	e.Ready = e.Ready[:2]
	f.Add(e.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := roster.ParseEntry(b)
		if err != nil {
			return
		}
		if got := e.Bytes(); !bytes.Equal(got, b) {
			t.Fatalf("not canonical\n in %x\nout %x", b, got)
		}
		if err := e.Verify(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseCard(f *testing.F) {
	f.Add(card().Bytes())
	f.Add(card().Bytes()[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := roster.ParseCard(b)
		if err != nil {
			return
		}
		if got := c.Bytes(); !bytes.Equal(got, b) {
			t.Fatalf("not canonical\n in %x\nout %x", b, got)
		}
	})
}

// FuzzCheckName checks that a name that passes cannot move the cursor of a
// terminal or hide a part of itself.
func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"phone", "a\u202eb", "e\u0301", "\x1b[0m", "界"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if roster.CheckName(s) != nil {
			return
		}
		if !utf8.ValidString(s) || utf8.RuneCountInString(s) > roster.MaxName || s == "" {
			t.Fatalf("accepted %+q", s)
		}
		for _, r := range s {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x206f {
				t.Fatalf("accepted %+q", s)
			}
		}
	})
}

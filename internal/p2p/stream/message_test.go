package stream_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/warifu/warifu/internal/p2p/stream"
)

func TestReadMessage(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in, want string
		err            error
	}{
		{"one", "\x00\x00\x00\x02ab", "ab", nil},
		{"largest", "\x00\x00\x00\x04abcd", "abcd", nil},
		{"leaves-the-next", "\x00\x00\x00\x01a\x00", "a", nil},
		{"end", "", "", io.EOF},
		{"oversized", "\x00\x00\x00\x05abcde", "", stream.ErrMessage},
		{"enormous", "\xff\xff\xff\xff", "", stream.ErrMessage},
		{"empty", "\x00\x00\x00\x00", "", stream.ErrMessage},
		{"ends-in-length", "\x00\x00", "", stream.ErrMessage},
		{"ends-before-body", "\x00\x00\x00\x02", "", stream.ErrMessage},
		{"ends-in-body", "\x00\x00\x00\x02a", "", stream.ErrMessage},
	} {
		for _, r := range []io.Reader{bytes.NewReader([]byte(tc.in)), iotest.OneByteReader(bytes.NewReader([]byte(tc.in)))} {
			got, err := stream.ReadMessage(r, 4, func() {}, func(int) error { return nil })
			if string(got) != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%s: %q, %v; want %q, %v", tc.name, got, err, tc.want, tc.err)
			}
		}
	}
}

// Nothing is allocated for a message that is not admitted.
func TestReadMessageAsksFirst(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	r := bytes.NewReader(append([]byte{0, 0x10, 0, 0}, make([]byte, 1<<20)...))
	began := false
	_, err := stream.ReadMessage(r, 1<<20, func() { began = true }, func(n int) error {
		if n != 1<<20 || !began {
			t.Errorf("admit %d, began %v", n, began)
		}
		return refused
	})
	if !errors.Is(err, refused) || r.Len() != 1<<20 {
		t.Errorf("error %v, %d bytes left", err, r.Len())
	}
}

func FuzzReadMessage(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02ab"), 4)
	f.Add([]byte("\xff\xff\xff\xff"), 4)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, in []byte, limit int) {
		limit = min(max(limit, 1), 1<<16)
		msg, err := stream.ReadMessage(bytes.NewReader(in), limit, func() {}, func(int) error { return nil })
		if err != nil {
			return
		}
		if len(msg) == 0 || len(msg) > limit {
			t.Fatalf("message of %d bytes, limit %d", len(msg), limit)
		}
		if again := stream.AppendMessage(nil, msg); !bytes.HasPrefix(in, again) {
			t.Fatalf("%x reads as %x, which is written as %x", in, msg, again)
		}
	})
}

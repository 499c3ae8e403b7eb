package wire_test

import (
	"bytes"
	"testing"

	"github.com/warifu/warifu/wire"
)

func TestPrefixHashesWhatXOFHashes(t *testing.T) {
	t.Parallel()
	const tagTest wire.Tag = "wire/prefix-test"
	first := bytes.Repeat([]byte{7}, 300) // more than one block
	p := wire.NewPrefix(tagTest, first, nil)
	for range 2 { // reading leaves the prefix as it was
		for _, rest := range [][][]byte{nil, {[]byte("a")}, {nil, []byte("b"), first}} {
			var got, want [200]byte
			p.Read(got[:], rest...)
			wire.XOF(tagTest, append([][]byte{first, nil}, rest...)...).Read(want[:])
			if got != want {
				t.Fatalf("parts %q: prefix and XOF differ", rest)
			}
		}
	}
}

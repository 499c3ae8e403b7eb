package eip712

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
)

// wide returns typed data with n structures whose type refers, through an empty
// list, to many types with long names: encoding that type once for each
// structure would make a small document expensive.
func wide(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"Basket":[{"name":"all","type":"Fruit[]"}],"Fruit":[{"name":"r","type":"T0[]"},{"name":"s","type":"string"}]`)
	for i := range 40 {
		long := strings.Repeat("x", 100)
		fmt.Fprintf(&b, `,"T%d":[{"name":"%s","type":"T%d[]"},{"name":"b","type":"bool"}]`, i, long, i+1)
	}
	b.WriteString(`,"T40":[{"name":"b","type":"bool"}]},"primaryType":"Basket","domain":{"name":"Market"},"message":{"all":[`)
	b.WriteString(strings.TrimSuffix(strings.Repeat(`{"r":[],"s":"pear"},`, n), ","))
	b.WriteString(`]}}`)
	return []byte(b.String())
}

// Each type is encoded once and each value hashed once, however many there are.
func TestTypedDataIsHashedOnce(t *testing.T) {
	td, err := Parse(wide(1000))
	if err != nil {
		t.Fatal(err)
	}
	h := newTypeHasher(td.Types)
	sums, hashed := 0, 0
	h.sum = func(parts ...[]byte) []byte {
		sums++
		for _, p := range parts {
			hashed += len(p)
		}
		return crypto.Keccak256(parts...)
	}
	h.encode(td.Domain)
	h.encode(td.Message)
	// The types EIP712Domain, Basket and Fruit, once each. The domain and its
	// name; the message and its list; for each of 1000 structures itself, its
	// list and its string.
	if want := 3 + 2 + 2 + 3*1000; sums != want {
		t.Errorf("%d hashes, want %d", sums, want)
	}
	types := 0
	for name, members := range td.Types {
		types += len(name) + 2
		for _, m := range members {
			types += len(m.Name) + len(m.Type) + 2
		}
	}
	// Basket and Fruit repeat all other types; a structure is 32 bytes of type
	// and 32 for each field, and 32 in the list.
	if most := 2*types + 1000*(3*32+4+32) + 500; hashed > most {
		t.Errorf("%d bytes hashed, want at most %d", hashed, most)
	}
	first := bytes.Clone(td.Digest())
	td.Types = nil // one that were hashed again would be another
	if again := td.Digest(); !bytes.Equal(again, first) {
		t.Errorf("the digest is hashed twice: %x", again)
	}
}

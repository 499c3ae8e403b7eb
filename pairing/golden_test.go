package pairing_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/run.golden anew; say in the commit why the protocol changed")

// TestGolden pins every byte of a run, of an invitation and of a hint. A
// change of any of them is a change of the protocol's version.
func TestGolden(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	for _, s := range steps {
		fmt.Fprintf(&got, "%s %x\n", s.name, s.run(newPair(t)))
	}
	c := newWindow(t).Code()
	fmt.Fprintf(&got, "code %s\nhint %d\n", c.Text(), c.Hint(showerPeer))
	fmt.Fprintf(&got, "invitation %s\n", newInvitation(t).Text())

	const file = "testdata/run.golden"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
	}
}

// BenchmarkPair is both sides of a whole run, without a network.
func BenchmarkPair(b *testing.B) {
	for b.Loop() {
		p := newPair(b)
		if out, err := p.b.Deliver(now, p.ack()); err != nil || len(out) != 0 {
			b.Fatal(err)
		}
	}
}

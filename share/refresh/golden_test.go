package refresh_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

var update = flag.Bool("update", false, "write testdata/wire.golden anew; say in the commit why the protocol changed")

// TestGolden holds the bytes of a proposal and of what is signed. They are
// wire format: a change needs a new version.
func TestGolden(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 33)
	p := c.propose(plan{kind: roster.Replace, members: slots(1, 3, 4), removed: gone(2, roster.Stolen), added: slots(4)})
	attempt := p.Attempt()
	record := wire.Hash(bytes.Repeat([]byte{7}, 32))
	commit := refresh.Statement{Kind: refresh.Commit, Slot: 3, Body: record[:]}
	abort := refresh.Statement{Kind: refresh.Abort, Slot: 1, Body: refresh.PlainAbort}.Signed(p, c.identity[1])
	lines := []string{
		"proposal", hex.EncodeToString(p.Bytes()),
		"attempt", attempt.Hex(),
		"seal info", hex.EncodeToString(refresh.SealInfo(attempt)),
		"plain abort of device 1", hex.EncodeToString(wire.Marshal(abort)),
		"abort of device 3 because of it", hex.EncodeToString(wire.Marshal(refresh.Statement{Kind: refresh.Abort, Slot: 3, Body: refresh.FlipAbort(abort)}.Signed(p, c.identity[3]))),
		"commit of device 3", hex.EncodeToString(wire.Marshal(commit.Signed(p, c.identity[3]))),
	}
	got := strings.Join(lines, "\n") + "\n"
	const name = "testdata/wire.golden"
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the bytes have changed:\n%s", got)
	}
}

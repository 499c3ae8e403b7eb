package p2p_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/warifu/warifu/internal/p2p"
)

// A beacon says where an allowed peer may be dialed. Of what many have said, the
// newest are kept; of a peer that is not allowed, nothing is.
func TestSightingsAreLearned(t *testing.T) {
	t.Parallel()
	l, err := p2p.New(p2p.Config{Key: key(1), Listen: []string{tcpOnly}, Protocols: map[string]int{proto: 1}})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := canceled()
	defer cancel()
	defer l.Run(ended)
	id := []byte(idOf(t, 2))
	l.SetPeers(map[string][]string{string(id): nil})

	l.Sighted([]byte(idOf(t, 4)), "/ip4/10.0.0.1/tcp/4001")
	l.Sighted(l.ID(), "/ip4/10.0.0.1/tcp/4001")
	if got := l.Known(id); len(got) != 0 {
		t.Fatalf("learned %q", got)
	}
	l.Sighted(id, "/ip4/10.0.0.1/tcp/4001")
	if got := l.Known(id); len(got) != 1 || got[0] != "/ip4/10.0.0.1/tcp/4001" {
		t.Errorf("learned %q", got)
	}
	for i := range 100 {
		l.Sighted(id, fmt.Sprintf("/ip4/10.0.1.%d/tcp/4001", i))
	}
	if got := l.Known(id); len(got) != p2p.MaxLearnedAddrs || !slices.Contains(got, "/ip4/10.0.1.99/tcp/4001") {
		t.Errorf("%d addresses are kept: %q", len(got), got)
	}
}

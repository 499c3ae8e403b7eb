package door

import (
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

// TestCensusIsBounded: of any number of strangers and addresses a report names
// a few and counts the rest.
func TestCensusIsBounded(t *testing.T) {
	reports := make(chan Strangers, 10)
	c := NewCensus(0, func(f func()) bool { f(); return true }, func(s Strangers) { reports <- s })
	c.due = true // none before the end
	for i := range 10 * maxStrangers {
		c.Refuse(peer.ID(fmt.Sprint(i)), "/ip4/192.0.2.1/tcp/1")
		c.Unheard(fmt.Sprintf("/ip4/198.51.%d.%d/tcp/1", i/200, i%200), i%2 == 0)
	}
	c.Unheard("/ip4/198.51.0.7/tcp/2", false)
	if len(c.busy) > maxStrangers {
		t.Errorf("%d addresses are counted", len(c.busy))
	}
	c.deliver()
	s := <-reports
	all := 0
	for _, r := range s.Refused {
		all += r.Count
	}
	if len(s.Refused) != maxStrangers+1 || all != 10*maxStrangers {
		t.Errorf("%d strangers are told apart, and %d counted", len(s.Refused), all)
	}
	if s.Unheard != 5*maxStrangers+1 || s.TurnedAway != 5*maxStrangers || len(s.From) != maxBusiest || s.From[0] != "198.51.0.7" {
		t.Errorf("unheard %d, turned away %d, from %q", s.Unheard, s.TurnedAway, s.From)
	}
	if len(reports) != 0 || len(c.busy) != 0 || len(c.refused) != 0 {
		t.Error("something is left after the report")
	}
}

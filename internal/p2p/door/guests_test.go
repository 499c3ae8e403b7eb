package door

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
)

// A call is a connection that only counts how often it was closed.
type call struct {
	network.Conn
	from   ma.Multiaddr
	closed chan struct{}
}

func (c *call) RemoteMultiaddr() ma.Multiaddr { return c.from }
func (c *call) IsClosed() bool                { return len(c.closed) > 0 }
func (c *call) Close() error                  { c.closed <- struct{}{}; return nil }

func callFrom(ip string, port int) *call {
	return &call{from: ma.StringCast(fmt.Sprintf("/ip4/%s/tcp/%d", ip, port)), closed: make(chan struct{}, 9)}
}

// TestGuestsWithoutAConversationGo: a visitor's connection is closed when it
// begins none, and when its last one is over, and not in between.
func TestGuestsWithoutAConversationGo(t *testing.T) {
	b := NewGuestBook(time.Millisecond)
	c := callFrom("192.0.2.1", 1)
	b.Arrive(c)
	<-c.closed
	b.Leave(c)

	b.idle = time.Hour
	c = callFrom("192.0.2.1", 2)
	g, ok := b.Talk(c) // before anybody said that it is connected
	if !ok || b.Arrive(c) != g {
		t.Fatal("one connection is one guest")
	}
	b.close(c)
	if len(c.closed) != 0 {
		t.Error("closed in a conversation")
	}
	b.HangUp(g)
	b.close(c)
	if len(c.closed) != 1 {
		t.Error("not closed after it")
	}
	b.Leave(c)
	b.Leave(c)
	if all, _ := b.crowd.size(netip.Prefix{}); all != 0 || len(b.conns) != 0 {
		t.Errorf("%d places are taken by nobody", all)
	}
}

// TestGuestsOfOneAddressMakeRoom: one address may take all places, and gives one
// up for each other address that comes.
func TestGuestsOfOneAddressMakeRoom(t *testing.T) {
	b := NewGuestBook(time.Hour)
	var all []*call
	for i := range 10 * MaxGuests {
		c := callFrom("192.0.2.1", i+1)
		b.Arrive(c)
		all = append(all, c)
		if c.IsClosed() {
			t.Fatalf("visitor %d is not let in", i)
		}
		if i >= MaxGuests {
			if old := all[i-MaxGuests]; !old.IsClosed() {
				t.Fatalf("visitor %d is still there", i-MaxGuests)
			}
			b.Leave(all[i-MaxGuests]) // libp2p says so
		}
	}
	other := callFrom("192.0.2.2", 1)
	b.Arrive(other)
	for i := range MaxGuests {
		c := callFrom("192.0.2.1", 1000+i)
		b.Arrive(c)
	}
	if other.IsClosed() {
		t.Error("the only visitor of its address had to go for one that fills the rest")
	}
	if n, _ := b.crowd.size(netip.Prefix{}); n != MaxGuests {
		t.Errorf("%d guests", n)
	}
}

package standing_test

import (
	"testing"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing/standingtest"
	"github.com/warifu/warifu/wire"
)

// TestOutboxKeepsOrder: what is said goes out when it is flushed, once, in its order, to
// those whom it is for.
func TestOutboxKeepsOrder(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 3)
	b.SendTo(2, wire.ProtocolSession, []byte("first"))
	b.Sync(3, message.MsgHave, message.Have{IDs: []wire.Hash{}})
	b.SendTo(1, wire.ProtocolSession, []byte("to itself"))
	b.SendTo(7, wire.ProtocolSession, []byte("to nobody"))
	b.SendPeer([]byte{2}, wire.ProtocolSync, []byte("last"))
	if len(b.Said) != 0 {
		t.Fatal("it is said before it is flushed")
	}
	out := b.Sent()
	if len(out) != 3 || string(out[0].Msg) != "first" || out[0].To != 2 || out[1].To != 3 || out[1].Msg[0] != message.MsgHave || string(out[2].Msg) != "last" {
		t.Errorf("%+v", out)
	}
	if again := b.Sent(); len(again) != 0 {
		t.Errorf("said twice: %+v", again)
	}
}

// TestLostMessageIsRemembered: a member that was certainly not told something is shown
// the inventory soon.
func TestLostMessageIsRemembered(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 3)
	b.Refuses = true
	b.SendTo(2, wire.ProtocolSync, []byte("lost"))
	b.Flush()
	if !b.Peer(2).Stale || b.Peer(3).Stale {
		t.Errorf("stale: %v, %v", b.Peer(2).Stale, b.Peer(3).Stale)
	}
}

// TestStirredOnce: what follows from an event is drawn once, however often it stirs.
func TestStirredOnce(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 2)
	b.Stir()
	b.Stir()
	if !b.Stirred() || b.Stirred() {
		t.Error("not once")
	}
}

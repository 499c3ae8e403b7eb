package node

import (
	"context"
	"testing"
	"time"
)

// TestFullInboxHoldsUpOnePeer: who floods waits, and neither another peer nor this
// device's person does. When the loop ends, nobody waits any more.
func TestFullInboxHoldsUpOnePeer(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	in := newInbox(ended)
	nothing := func(*core, time.Time) {}
	for range loopLimits.events {
		if !in.of("flood", classBulk, nothing, 1) {
			t.Fatal("no room")
		}
	}
	waits := make(chan bool)
	for range 2 {
		go func() { waits <- in.of("flood", classBulk, nothing, 1) }()
	}
	if !in.of("other", classBulk, nothing, 1) || !in.local(t.Context(), nothing) {
		t.Error("somebody else has no room")
	}
	for range 2 { // the person's, and one of the flood
		if e, _, _ := in.next(); e == nil {
			t.Fatal("nothing to do")
		}
	}
	if !<-waits {
		t.Error("there is room, and it is not taken")
	}
	close(ended)
	if <-waits {
		t.Error("there is room after the end")
	}
	for range loopLimits.locals {
		in.local(t.Context(), nothing)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if in.local(ctx, nothing) {
		t.Error("there is more room than there is")
	}
}

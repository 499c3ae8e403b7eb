package inbox

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
	in := New[event](ended)
	nothing := func(time.Time) {}
	for range loopLimits.events {
		if !in.Of("flood", Bulk, nothing, 1) {
			t.Fatal("no room")
		}
	}
	waits := make(chan bool)
	for range 2 {
		go func() { waits <- in.Of("flood", Bulk, nothing, 1) }()
	}
	if !in.Of("other", Bulk, nothing, 1) || !in.Local(t.Context(), nothing) {
		t.Error("somebody else has no room")
	}
	for range 2 { // the person's, and one of the flood
		if _, _, _, ok := in.Next(); !ok {
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
		in.Local(t.Context(), nothing)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if in.Local(ctx, nothing) {
		t.Error("there is more room than there is")
	}
}

package drive

import (
	"testing"
	"time"

	"github.com/warifu/warifu/node/standing/standingtest"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// TestBegunRecords: what earlier releases stored of a session, a slot alone, is read;
// what nobody stored is not.
func TestBegunRecords(t *testing.T) {
	t.Parallel()
	if b, err := parseBegun(wire.Marshal(wire.Slot(2))); err != nil || b.by != 2 {
		t.Errorf("of an earlier release: of device %d, %v", b.by, err)
	}
	want := begunRecord{Version: 2, By: 3, Request: [32]byte{4}, Expires: 5}
	if b, err := parseBegun(wire.Marshal(want)); err != nil || b.by != 3 || b.request != (wire.RequestID{4}) || b.expires != 5 {
		t.Errorf("of this release: %+v, %v", b, err)
	}
	for i, bad := range []any{begunRecord{Version: 1, By: 1}, begunRecord{Version: 3, By: 1}, "slot"} {
		if _, err := parseBegun(wire.Marshal(bad)); err == nil {
			t.Errorf("record %d is read: %v", i, bad)
		}
	}
}

// TestNoSessionTwice: of a request that stays open a device joins any number of sessions
// and none of them twice, neither before nor after a restart, while it keeps few names.
func TestNoSessionTwice(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 3)
	dr := New(b.Standing, nobody{})
	at := func(i int) share.Proposal {
		return share.Proposal{Request: wire.RequestID{1}, Nonce: [32]byte{byte(i), byte(i >> 8)}, Expires: uint64(1000 + i)}
	}
	for i := range MaxBegun + 100 {
		b.Now = b.Now.Add(time.Second)
		if err := dr.Join(at(i), 2); err != nil {
			t.Fatalf("session %d: %v", i, err)
		}
	}
	again := func(when string, dr *Drive) {
		t.Helper()
		if n := len(dr.Begun.List); n > MaxBegun {
			t.Errorf("%s: %d are remembered", when, n)
		}
		for i := range MaxBegun + 100 {
			if p := at(i); !dr.Begun.Has(p.Session()) && p.Expires > dr.Begun.Marks[p.Request] {
				t.Errorf("%s: session %d may be begun again", when, i)
			}
		}
	}
	again("before a restart", dr)
	restarted := New(b.Standing, nobody{})
	if err := restarted.Begun.Load(b.Config.Journal, b.Now); err != nil {
		t.Fatal(err)
	}
	again("after a restart", restarted)
	if err := restarted.Join(at(0), 2); err == nil {
		t.Error("the first one is joined again")
	}
	// Once the request is closed nothing of it is kept.
	late := New(b.Standing, closed{})
	if err := late.Begun.Load(b.Config.Journal, b.Now); err != nil {
		t.Fatal(err)
	}
	b.Now = b.Now.Add(RememberBegun)
	other := share.Proposal{Request: wire.RequestID{2}, Expires: 1}
	if err := late.Join(other, 2); err != nil || len(late.Begun.List) != 1 || len(late.Begun.Marks) != 0 {
		t.Errorf("%d sessions and %d marks are kept of a closed request: %v", len(late.Begun.List)-1, len(late.Begun.Marks), err)
	}
}

// closed is a lookout over requests that are all closed.
type closed struct{ nobody }

func (closed) MayRunAgain(wire.RequestID) bool { return false }

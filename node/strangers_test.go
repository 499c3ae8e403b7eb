package node

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/standing"
)

// TestRemovedDeviceThatCallsIsTold: a device that was called lost dials on. The
// others say so, with a count, in one line each, and write a few lines of it in
// the log however often it dials.
func TestRemovedDeviceThatCallsIsTold(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 231)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	r := laptop.change(change.Lost, change.Payload{Slot: uint16(phone.core.Circle.Slot)})
	l.run(5*time.Second, nil)
	tablet.approves(r.ID)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	told := func() (out []string) {
		for _, w := range laptop.core.Warnings() {
			if strings.Contains(w, "tried to connect") {
				out = append(out, w)
			}
		}
		return out
	}
	if got := told(); len(got) != 0 {
		t.Fatalf("told before it called: %q", got)
	}
	const calls = 5000
	before := strings.Count(l.logs(), "a device that is out called")
	for range calls {
		laptop.core.OnStrangers(standing.Strangers{Refused: []standing.Stranger{{Peer: phone.id, Addr: "/ip4/203.0.113.7/tcp/4001", Count: 2}}})
	}
	got := told()
	if len(got) != 1 || !strings.Contains(got[0], phone.name) || !strings.Contains(got[0], "called lost") ||
		!strings.Contains(got[0], "10000 times") || !strings.Contains(got[0], "203.0.113.7") {
		t.Errorf("told %q", got)
	}
	if lines := strings.Count(l.logs(), "a device that is out called") - before; lines > 14 {
		t.Errorf("%d lines in the log for %d calls", lines, 2*calls)
	}
	if s := laptop.core.Status().Strangers; s != nil {
		t.Errorf("a device that is known is counted as a stranger: %+v", s)
	}
	// It is forgotten again.
	laptop.core.Now = laptop.core.Now.Add(desk.NoticeFor + time.Minute)
	if got := told(); len(got) != 0 {
		t.Errorf("told for ever: %q", got)
	}
}

// TestStrangersAreCounted: what strangers do is in the status once there is
// something, and many connections that say nothing are a warning for as long as
// they come.
func TestStrangersAreCounted(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 232)
	c := l.devices[0].core
	if s := c.Status(); s.Strangers != nil {
		t.Fatalf("%+v", s.Strangers)
	}
	crowded := func() bool {
		return strings.Contains(strings.Join(c.Warnings(), "\n"), "said nothing or found no place")
	}
	c.OnStrangers(standing.Strangers{Refused: []standing.Stranger{{Peer: []byte("x"), Addr: "/ip4/198.51.100.7/tcp/1", Count: 3}, {Count: 4}}})
	c.OnStrangers(standing.Strangers{Unheard: standing.CrowdedAfter - 1, From: []string{"198.51.100.8"}})
	s := c.Status().Strangers
	if s == nil || s.Refused != 7 || s.Unheard != standing.CrowdedAfter-1 || crowded() {
		t.Fatalf("%+v, crowded %v", s, crowded())
	}
	c.OnStrangers(standing.Strangers{TurnedAway: 1, From: []string{"198.51.100.8", "198.51.100.9"}})
	w := strings.Join(c.Warnings(), "\n")
	if !crowded() || !strings.Contains(w, "32 connections") || !strings.Contains(w, "198.51.100.9") {
		t.Errorf("not told: %q", w)
	}
	for range 10000 {
		c.OnStrangers(standing.Strangers{Unheard: 50, From: []string{"198.51.100.8"}})
	}
	if lines := strings.Count(l.logs(), "many connections say nothing"); lines != 1 {
		t.Errorf("%d lines in the log", lines)
	}
	c.Now = c.Now.Add(standing.CrowdFor + time.Minute)
	if crowded() {
		t.Error("told when it is over")
	}
	c.OnStrangers(standing.Strangers{Unheard: 1})
	if crowded() {
		t.Error("one more is no crowd")
	}
}

package node

import (
	"strings"
	"testing"
	"time"
)

// TestPendingFoundingSaysHowToEndIt: a device that said ready waits for ever when
// a person elsewhere said no, and tells its own person what to do about it.
func TestPendingFoundingSaysHowToEndIt(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 64)
	l.beginFounding(2, 3)
	if !l.run(time.Minute, func() bool {
		return l.all(3, func(c *core) bool { return c.Founding != nil && c.Founding.Review != nil })
	}) {
		t.Fatalf("nobody is asked\n%s", l.logs())
	}
	phone, laptop := l.devices[0].core, l.devices[1].core
	session := phone.Founding.Session.Hex()
	if err := phone.Confirm(session, true); err != nil {
		t.Fatal(err)
	}
	if !l.run(time.Minute, func() bool { return phone.Founding.Pending }) {
		t.Fatalf("not pending\n%s", l.logs())
	}
	if err := laptop.Confirm(session, false); err != nil {
		t.Fatal(err)
	}
	l.run(5*time.Second, nil)
	if w := strings.Join(phone.Warnings(), "\n"); !strings.Contains(w, "laptop ended the founding") || !strings.Contains(w, "`warifu found --abandon`") {
		t.Errorf("it says %q", w)
	}
}

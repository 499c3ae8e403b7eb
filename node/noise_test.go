package node

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
)

// TestMemberDoesNotFillTheLog: a message has room for thousands of bad items, and
// a second for hundreds of messages.
func TestMemberDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 503)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	bad := message.Items{Items: slices.Repeat([]message.Item{{Type: message.ItemAnswer, From: laptop.core.Circle.Slot, Body: []byte{}, Sig: []byte{}}}, 800)}
	old := make([]uint64, 2)
	was := laptop.log.Len()
	for range 100 {
		phone.says(laptop, message.MsgItems, bad)
		phone.says(laptop, 99, old)
		for _, wall := range []uint64{0, standing.Unix(l.now)} {
			h := phone.core.Hello()
			h.Wall = wall
			phone.says(laptop, message.MsgHello, h)
		}
	}
	said := laptop.log.Bytes()[was:]
	if n := bytes.Count(said, []byte("message refused")); n != standing.MaxRefusals {
		t.Errorf("%d refused messages in the log, want %d", n, standing.MaxRefusals)
	}
	if n := bytes.Count(said, []byte("clock of a device")); n != 1 {
		t.Errorf("%d words on its clock, want 1", n)
	}
	if len(said) > 16<<10 {
		t.Errorf("%d bytes in the log", len(said))
	}
	// What is kept is told with the next.
	l.now = l.now.Add(time.Minute)
	was = laptop.log.Len()
	phone.says(laptop, 99, old)
	if said := laptop.log.String()[was:]; !strings.Contains(said, fmt.Sprintf("others=%d", 200-standing.MaxRefusals)) {
		t.Errorf("the log does not say how many there were: %s", said)
	}
}

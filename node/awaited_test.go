package node

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/wire"
)

// TestApproveBeforeTheShareComes lets a device that slept through a re-deal hear
// of the new epoch long before it hears what its share is made of, as one whose
// disk was full does. Whoever approves or asks on it meanwhile is waited for and
// not refused; it says what it waits for; no session is opened that it could not
// take part in; and once the share has come both requests are signed.
func TestApproveBeforeTheShareComes(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 2801)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.kill()
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool { return laptop.settled(0) && tablet.settled(0) }) {
		t.Fatalf("no new epoch without the sleeper\n%s", l.logs())
	}
	// The chain gets through to the phone, and nothing of the attempt.
	held := true
	attempt := laptop.core.Attempt.Proposal.Session()
	l.tamper = func(_, to *labDevice, b []byte) []byte {
		if !held || to != phone {
			return b
		}
		if f, err := wire.ParseFrame(b); err == nil && f.Session == attempt || b[0] == message.MsgRedeal {
			return nil
		}
		return b
	}
	phone.start()
	if !l.run(time.Minute, func() bool {
		return phone.core.Circle.Record.Epoch == 1 && phone.core.Circle.Hash == laptop.core.Peer(1).Record
	}) {
		t.Fatalf("the phone does not hear of the epoch\n%s", l.logs())
	}
	if phone.core.HasShare() {
		t.Fatal("it holds a share that it was not sent")
	}
	s := phone.core.Status()
	if s.Healing != "refresh: this device waits for its share" {
		t.Errorf("it counts as settled before it has its share: %q", s.Healing)
	}
	if got := phone.warned("waits for its share of epoch 1, which laptop and tablet hold ready"); len(got) != 1 {
		t.Errorf("it does not say what it waits for: %q", s.Warnings)
	}
	if got := phone.warned("warifu refresh"); got != nil {
		t.Errorf("it asks for a re-deal that it does not need: %q", got)
	}

	// Were it to find out that it has said more in the attempt than it remembers,
	// nothing would come by itself.
	phone.core.Spent = phone.core.Circle.Record.Change.Attempt
	if err := phone.core.MayAgree(); codeOf(err) != api.CodeRolledBack || len(phone.warned("warifu refresh")) != 1 {
		t.Errorf("it waits for what it has used up: %v", err)
	}
	phone.core.Spent = wire.Hash{}

	theirs := laptop.ask("approved on the phone while its share is on the way")
	if !l.run(10*time.Second, func() bool { return phone.request(theirs.ID) != nil }) {
		t.Fatal("the request does not come")
	}
	phone.approves(theirs.ID)
	phone.core.Now = l.now
	own := phone.ask("asked on the phone while its share is on the way")
	if !l.run(10*time.Second, func() bool { return laptop.request(own.ID) != nil }) {
		t.Fatal("the phone's own request does not come")
	}
	laptop.approves(own.ID)
	l.run(20*time.Second, nil)
	if laptop.signed(theirs.ID) || phone.signed(own.ID) {
		t.Fatal("signed without a share")
	}
	if theirs.Attempts != 0 || own.Attempts != 0 {
		t.Errorf("%d and %d sessions were opened that the phone cannot take part in", theirs.Attempts, own.Attempts)
	}
	if _, why := laptop.core.WaitingFor(theirs); !strings.Contains(why, "phone approved and has no share of this epoch yet") {
		t.Errorf("the laptop does not say what it waits for: %q", why)
	}

	held = false
	if !l.run(2*time.Minute, func() bool { return laptop.signed(theirs.ID) && phone.signed(own.ID) }) {
		t.Fatalf("not signed once the share has come\n%s", l.logs())
	}
	if s := phone.core.Status(); s.Healing != "" || phone.warned("waits for its share") != nil {
		t.Errorf("it goes on waiting: %q %q", s.Healing, s.Warnings)
	}
}

// TestApproveWhileAWriteIsReadBack: a re-deal's write of unknown outcome keeps a
// device out of sessions until it is read back, and no person's answer away.
func TestApproveWhileAWriteIsReadBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 2802)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	r := laptop.ask("approved while a write is read back")
	if !l.run(10*time.Second, func() bool { return phone.request(r.ID) != nil }) {
		t.Fatal("the request does not come")
	}
	phone.core.ResumeLater(journal.ErrStopped)
	phone.approves(r.ID)
	if err := phone.core.MaySign(); codeOf(err) != api.CodeBusy {
		t.Errorf("it would sign meanwhile: %v", err)
	}
	if !l.run(time.Minute, func() bool { return laptop.signed(r.ID) }) {
		t.Fatalf("not signed once it was read back\n%s", l.logs())
	}
}

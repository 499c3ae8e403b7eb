package node

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// say has d make a statement of its own in the re-deal of a frame.
func (d *labDevice) say(f wire.Frame, kind uint8, body []byte) []byte {
	s := simStatement{Kind: kind, Slot: f.From, Body: body}
	h := wire.Sum("refresh/statement", f.Session[:], []byte{kind}, wire.U16(f.From), body)
	s.Sig = d.core.Self.Sign(h[:])
	f.Body = wire.Marshal(s)
	return f.Append(nil)
}

// TestVotesBothWays: a member commits towards one device and aborts towards
// another, and keeps the two from hearing of each other. One locks, the other
// goes back. When they talk the proof is shown, and the key is not lost.
func TestVotesBothWays(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 67)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	split := true
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if !split || to != laptop {
			return b
		}
		if typ, _, err := message.SplitMessage(b); err == nil && typ == message.MsgChain {
			return nil
		}
		f, err := wire.ParseFrame(b)
		if err != nil {
			return b
		}
		var s simStatement
		if wire.Unmarshal(f.Body, &s) != nil {
			return b
		}
		switch {
		case s.Kind == simCommit && s.Slot == 3 && from == tablet:
			return tablet.say(f, simAbort, []byte{0})
		case s.Kind == simCommit && s.Slot == 3, s.Kind == simLock:
			return nil // it sits on the wire, too
		}
		return b
	}
	phone.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		a := phone.core.Attempt
		return a != nil && a.Machine.Phase() == refresh.Locked && laptop.core.Attempt != nil && laptop.core.Attempt.Machine.Phase() == refresh.Committed
	}) {
		t.Fatalf("nobody locks\n%s", l.logs())
	}
	if !l.run(5*time.Minute, func() bool { return laptop.core.Attempt == nil }) {
		t.Fatalf("the laptop does not go back\n%s", l.logs())
	}
	if !phone.holdsOf(0) || !phone.holdsOf(1) || !laptop.holdsOf(0) {
		t.Fatal("a share is gone")
	}
	split = false
	tablet.kill()
	proof := func(d *labDevice) bool {
		return strings.Contains(strings.Join(d.core.Status().Warnings, "\n"), "tablet voted to commit and, without a reason, to abort: the proof is kept")
	}
	if !l.run(5*time.Minute, func() bool { return proof(phone) }) {
		t.Errorf("the person of the phone is not told: %q\n%s", phone.core.Status().Warnings, l.logs())
	}
	l.run(5*time.Minute, nil)
	if !phone.holdsOf(1) {
		t.Error("who has locked has lost its new share")
	}
	for _, acc := range phone.core.Circle.Chain[0].Record.Accounts {
		shares := [][32]byte{phone.firstShare(acc.Name), laptop.firstShare(acc.Name)}
		if got := publicOf(acc.Name, interpolate(acc.Name, []wire.Slot{1, 2}, shares)); !bytes.Equal(got, acc.GroupKey()) {
			t.Errorf("the key of %s is lost", acc.Name)
		}
	}
	// To go on it takes the one that lies: nobody pretends otherwise.
	r := phone.change(change.Lost, change.Payload{Slot: 3})
	laptop.approves(r.ID)
	if !l.run(time.Minute, func() bool { return strings.Contains(r.Trouble, "2 devices must deal their shares, and only 1") }) {
		t.Errorf("the person hears %q", r.Trouble)
	}
}

// firstShare is what the disk of d holds of an account since the founding.
func (d *labDevice) firstShare(account string) (out [32]byte) {
	d.lab.t.Helper()
	if err := d.journal.View(func(tx journal.Tx) error {
		keys, err := tx.Keys(standing.BucketShares)
		for _, k := range keys {
			id, of, _ := strings.Cut(k, "/")
			if of != account || !strings.HasPrefix(id, "0-") {
				continue
			}
			sealed, err := tx.Get(standing.BucketShares, k)
			if err != nil {
				return err
			}
			plain, err := d.keeper.OpenShare(id, standing.ShareName(account), sealed)
			if err != nil {
				return err
			}
			out = [32]byte(plain)
		}
		return err
	}); err != nil {
		d.lab.t.Fatal(err)
	}
	return out
}

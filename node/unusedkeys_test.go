package node

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestLostEpochKeyOfARedeal takes the key of the re-deal that a device is in
// while it is off. The device must come up, say so, say nothing more in that
// re-deal, sign nothing, and be healed by the next one.
func TestLostEpochKeyOfARedeal(t *testing.T) {
	t.Parallel()
	for _, phase := range []refresh.Phase{refresh.Prepared, refresh.Committed, refresh.Locked} {
		t.Run(phase.String(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 50)
			l.found(2, 3)
			laptop := l.devices[1]
			l.devices[0].change(change.Refresh, change.Payload{})
			if !l.run(time.Minute, func() bool {
				a := laptop.core.Attempt
				return a != nil && a.Machine.Phase() == phase
			}) {
				t.Fatalf("never %v\n%s", phase, l.logs())
			}
			id, session := laptop.core.Attempt.EpochKey, laptop.core.Attempt.Proposal.Session()
			laptop.kill()
			delete(laptop.keeper.keys, id)
			laptop.start()
			l.watch = func(from, _ *labDevice, protocol string, b []byte) {
				if from == laptop && protocol == wire.ProtocolSession {
					if f, err := wire.ParseFrame(b); err == nil && f.Session == session {
						t.Error("it says something in a re-deal of which it does not know what it said")
					}
				}
			}
			told := func(what string) bool { return strings.Contains(strings.Join(laptop.core.Warnings(), "\n"), what) }
			if !told("a re-deal is in trouble") {
				t.Errorf("warnings %q", laptop.core.Warnings())
			}
			if err := laptop.core.MaySign(); err == nil {
				t.Error("it signs")
			}
			l.run(redeal.ResumeTries*redeal.MaxResumePause, func() bool { return !laptop.core.Interrupted() })
			if err := laptop.core.MaySign(); codeOf(err) != api.CodeRolledBack || !told("votes no more in it") {
				t.Errorf("%v; warnings %q", err, laptop.core.Warnings())
			}
			laptop.kill()
			laptop.start()
			if err := laptop.core.MaySign(); codeOf(err) != api.CodeRolledBack {
				t.Errorf("after another start: %v", err)
			}
			if phase == refresh.Committed {
				return // the others wait for its commit, which it may have made
			}
			e := laptop.core.Circle.Highest
			l.devices[2].change(change.Refresh, change.Payload{})
			if !l.run(5*time.Minute, l.in(e, l.devices...)) {
				t.Fatalf("not healed\n%s", l.logs())
			}
			l.signsWith(laptop, l.devices[2])
		})
	}
}

// TestUnreadableRedealIsTriedAgain: a key that cannot be read for a moment is
// not a lost one.
func TestUnreadableRedealIsTriedAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 51)
	l.found(2, 3)
	laptop := l.devices[1]
	l.devices[0].change(change.Refresh, change.Payload{})
	l.run(time.Minute, func() bool {
		return laptop.core.Attempt != nil && laptop.core.Attempt.Machine.Phase() == refresh.Prepared
	})
	id := laptop.core.Attempt.EpochKey
	laptop.kill()
	delete(laptop.keeper.keys, id)
	laptop.start()
	l.run(2*redeal.ResumePause, nil)
	laptop.keeper.keys[id] = true
	if !l.run(2*time.Minute, l.in(0, l.devices...)) || laptop.core.Circle.HeadKey != id {
		t.Fatalf("it did not go on\n%s", l.logs())
	}
}

// TestMissingKeysAreNotLost: where not one key is there a disk is missing, and
// what it holds comes back with it, however long that takes.
func TestMissingKeysAreNotLost(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 55)
	l.found(2, 3)
	laptop := l.devices[1]
	l.devices[0].change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("no new epoch\n%s", l.logs())
	}
	laptop.kill()
	keys := laptop.keeper.keys
	laptop.keeper.keys = map[string]bool{}
	laptop.start()
	l.run(2*redeal.ResumeTries*redeal.ResumePause, nil)
	if laptop.core.MaySign() == nil || laptop.core.RedealTrouble == "" {
		t.Error("it says nothing")
	}
	laptop.keeper.keys = keys
	if !l.run(time.Minute, func() bool { return !laptop.core.Interrupted() }) || laptop.core.RedealTrouble != "" {
		t.Fatalf("it did not go on: %s", laptop.core.RedealTrouble)
	}
	l.signsWith(laptop, l.devices[2])
}

// orphanLab has three devices in their second epoch, and one that has a key of
// a dead attempt that nothing refers to.
func orphanLab(t *testing.T) (l *lab, d *labDevice, orphan string) {
	l = newLab(t, 3, 52)
	l.found(2, 3)
	for e := range uint64(2) {
		l.devices[0].change(change.Refresh, change.Payload{})
		if !l.run(time.Minute, l.in(e, l.devices...)) {
			t.Fatalf("no new epoch\n%s", l.logs())
		}
		l.run(5*time.Second, nil)
	}
	orphan = "1-" + strings.Repeat("ab", 16)
	l.devices[1].keeper.keys[orphan] = true
	return l, l.devices[1], orphan
}

func TestOrphanedKeysAreDestroyed(t *testing.T) {
	t.Parallel()
	l, d, orphan := orphanLab(t)
	want := []string{"0-0", d.core.Circle.HeadKey}
	d.kill()
	d.start()
	if got, _ := d.keeper.ListEpochKeys(); !slices.Equal(got, want) {
		t.Errorf("keys %q after a start, want %q", got, want)
	}
	d.keeper.keys[orphan] = true
	l.devices[0].change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, l.in(2, l.devices...)) || d.keeper.keys[orphan] {
		t.Error("not destroyed after a re-deal")
	}
	l.signsWith(d, l.devices[2])
}

// TestNeededKeysAreKept has a row for each reason for which a key must stay.
func TestNeededKeysAreKept(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		do   func(l *lab, d *labDevice, orphan string) (keep []string)
	}{
		{"of-a-later-epoch", func(_ *lab, d *labDevice, _ string) []string {
			later := "3-" + strings.Repeat("cd", 16)
			d.keeper.keys[later] = true
			return []string{later}
		}},
		{"of-a-founding", func(_ *lab, d *labDevice, _ string) []string {
			aside := "0-" + strings.Repeat("cd", 16)
			d.keeper.keys[aside] = true
			return []string{aside, standing.PresenceID}
		}},
		{"of-an-unknown-form", func(_ *lab, d *labDevice, _ string) []string {
			d.keeper.keys["1-ab"] = true
			return []string{"1-ab"}
		}},
		{"of-a-share", func(_ *lab, d *labDevice, orphan string) []string {
			// Without the re-deal that would destroy it anyway.
			put(d, standing.BucketAttempt, standing.CurrentKey, nil)
			put(d, standing.BucketShares, standing.ShareRecord(orphan, "ssh"), []byte("sealed"))
			return []string{orphan}
		}},
		{"of-an-attempt", func(l *lab, d *labDevice, _ string) []string {
			l.devices[0].change(change.Refresh, change.Payload{})
			if !l.run(time.Minute, func() bool { return d.core.Attempt.Machine.Phase() == refresh.Committed }) {
				t.Fatal("it does not commit")
			}
			return []string{d.core.Circle.HeadKey, d.core.Attempt.EpochKey}
		}},
		{"while-locked", func(_ *lab, d *labDevice, orphan string) []string {
			d.keeper.locked = true
			return []string{orphan}
		}},
		{"while-the-share-does-not-open", func(_ *lab, d *labDevice, orphan string) []string {
			delete(d.keeper.keys, d.core.Circle.HeadKey)
			return []string{orphan}
		}},
		{"while-it-has-no-share", func(_ *lab, d *labDevice, orphan string) []string {
			put(d, standing.BucketCircle, standing.ShareKeyKey, []byte{})
			return []string{orphan}
		}},
		{"while-the-attempt-is-unreadable", func(_ *lab, d *labDevice, orphan string) []string {
			put(d, standing.BucketAttempt, standing.CurrentKey, []byte("?"))
			return []string{orphan}
		}},
		{"while-keys-cannot-be-listed", func(_ *lab, d *labDevice, orphan string) []string {
			d.keeper.fail = errors.New("lab: i/o error")
			return []string{orphan}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l, d, orphan := orphanLab(t)
			keep := tc.do(l, d, orphan)
			d.kill()
			d.start()
			for _, id := range keep {
				if !d.keeper.keys[id] {
					t.Errorf("%s is gone", id)
				}
			}
		})
	}
}

// TestOlderStoreDestroysNothing puts a copy of the journal back that has missed
// a re-deal, beside the keys of now: every key must survive it, since the newer
// journal may be put back, too.
func TestOlderStoreDestroysNothing(t *testing.T) {
	t.Parallel()
	for _, asleep := range []bool{false, true} { // while one sleeps, the key of before is there, too
		l, d, _ := orphanLab(t)
		old := d.journal.Restart()
		if asleep {
			l.devices[2].kill()
		}
		l.devices[0].change(change.Refresh, change.Payload{})
		l.run(time.Minute, func() bool { return d.core.Circle.Record.Epoch == 3 && !d.core.Redealing() })
		l.run(10*time.Second, nil)
		d.keeper.keys["2-"+strings.Repeat("ab", 16)] = true
		key := d.core.Circle.HeadKey
		d.kill()
		now := d.journal.Restart()
		d.journal = old
		d.start()
		d.kill()
		d.journal = now
		if !d.keeper.keys[key] {
			t.Fatal("an older journal destroyed the key of the newer")
		}
		d.start()
		if !d.core.HeadOpens() {
			t.Error("the share does not open")
		}
	}
}

// put stores a record, or deletes it if val is nil.
func put(d *labDevice, bucket, key string, val []byte) {
	if err := d.journal.Update(func(tx journal.Tx) error {
		if val == nil {
			return tx.Delete(bucket, key)
		}
		return tx.Put(bucket, key, val)
	}); err != nil {
		d.lab.t.Fatal(err)
	}
}

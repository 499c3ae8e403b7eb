package refresh_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// behind runs a refresh of three devices to its end, and returns device 3 as it
// was after it made a state for which when holds, knowing nothing since.
func behind(t *testing.T, seed uint64, when func(refresh.StateFields) bool) (*circle, *lab, *refresh.Machine, roster.Entry) {
	t.Helper()
	c := newCircle(t, 2, 3, seed)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
	var copied []byte
	l.persisted = func(slot wire.Slot, state []byte) {
		if slot == 3 && copied == nil && when(refresh.ReadState(state)) {
			copied = bytes.Clone(state)
		}
	}
	l.run()
	entry, _ := l.wantRetired()
	m, _, err := refresh.Resume(c.config(l.p, 3), copied)
	if err != nil {
		t.Fatal(err)
	}
	return c, l, m, entry
}

// forged makes an epoch of the attempt up: a record in which every device has a
// key that the forger knows, and a certificate by these keys, which is right as
// far as the entry itself tells.
func forged(t *testing.T, e roster.Entry) roster.Entry {
	t.Helper()
	out := roster.Entry{Record: e.Record}
	out.Record.Devices = append([]roster.Device(nil), e.Record.Devices...)
	keys := map[wire.Slot]ed25519.PrivateKey{}
	for i, d := range out.Record.Devices {
		keys[d.Slot] = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(100 + i)}, ed25519.SeedSize))
		out.Record.Devices[i].Identity = wire.DeviceID(keys[d.Slot].Public().(ed25519.PublicKey))
	}
	msg := roster.CommitMessage(e.Record.Change.Attempt, out.Record.Hash())
	for _, s := range e.Record.Change.Members {
		out.Ready = append(out.Ready, roster.Signature{Slot: s, Sig: [64]byte(ed25519.Sign(keys[s], msg))})
	}
	if err := out.Verify(); err != nil {
		t.Fatalf("a forgery that shows at once tests nothing: %v", err)
	}
	return out
}

func committed(s refresh.StateFields) bool { return s.Phase == refresh.Committed }
func prepared(s refresh.StateFields) bool  { return s.Phase == refresh.Prepared }

// TestCertifiedIsLearntWhole: one call takes a member that has committed to the
// end of what the certificate proves, and writes one state for it.
func TestCertifiedIsLearntWhole(t *testing.T) {
	t.Parallel()
	_, _, m, entry := behind(t, 80, committed)
	effects, err := m.Certified(entry)
	if err != nil || m.Phase() != refresh.Locked {
		t.Fatalf("%v, error %v", m.Phase(), err)
	}
	for _, s := range slots(1, 2, 3) {
		if _, knows := m.Said(refresh.Commit, s); !knows {
			t.Errorf("the commit of device %d is not known", s)
		}
	}
	states := 0
	for _, e := range effects {
		if p, ok := e.(session.Persist); ok {
			states++
			for _, s := range slots(1, 2, 3) {
				if !refresh.ReadState(p.State).Has(refresh.Commit, s) {
					t.Errorf("the lock does not rest on the commit of device %d", s)
				}
			}
		}
	}
	if states != 1 {
		t.Errorf("%d states are written", states)
	}
	if effects, err := m.Certified(entry); len(effects) > 0 || err != nil {
		t.Errorf("the second time: %d effects, error %v", len(effects), err)
	}
}

// TestCertifiedShowsTheOwnVoteFirst: device 1, which deals, has committed to two
// records, and the first of its commits is known. Its second one ends the
// attempt for whoever has not committed. Device 3 has, and was set back: it
// votes for nothing.
func TestCertifiedShowsTheOwnVoteFirst(t *testing.T) {
	t.Parallel()
	c, l, m, entry := behind(t, 81, prepared)
	other := refresh.Statement{Kind: refresh.Commit, Slot: 1, Body: bytes.Repeat([]byte{7}, 32)}
	if effects, err := m.Deliver(other.Frame(l.p, 1, c.identity[1])); len(effects) > 0 || err != nil {
		t.Fatalf("a commit to another record: %d effects, error %v", len(effects), err)
	}
	effects, err := m.Certified(entry)
	if !errors.Is(err, refresh.ErrRolledBack) || m.Phase() != refresh.RolledBack || len(effects) != 1 {
		t.Errorf("%v, %d effects, error %v", m.Phase(), len(effects), err)
	}
	if _, voted := m.Said(refresh.Abort, 3); voted {
		t.Error("a device that has committed votes to abort")
	}
}

// TestForgedCertificate: a certificate by other keys than those of the circle
// changes nothing, and nobody is to blame whom it names.
func TestForgedCertificate(t *testing.T) {
	t.Parallel()
	for name, when := range map[string]func(refresh.StateFields) bool{"prepared": prepared, "committed": committed} {
		_, _, m, entry := behind(t, 82, when)
		was, state := m.Phase(), m.State()
		// One commit that is real does not make the others so.
		mixed := forged(t, entry)
		mixed.Record, mixed.Ready[0] = entry.Record, entry.Ready[0]
		for _, e := range []roster.Entry{forged(t, entry), mixed} {
			effects, err := m.Certified(e)
			if err != nil || len(effects) > 0 || m.Phase() != was || !bytes.Equal(state, m.State()) {
				t.Errorf("%s: %v, %d effects, error %v", name, m.Phase(), len(effects), err)
			}
		}
		if s := m.Suspects(); len(s) > 0 {
			t.Errorf("%s: %v", name, s)
		}
	}
}

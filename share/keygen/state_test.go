package keygen_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

func TestResume(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.pump()
	l.confirm(1, 2)
	pending := bytes.Clone(l.states[1])
	// All lose power after two of three have said yes. Device 3 is asked
	// again, for it had not persisted anything and is still up.
	for _, slot := range []wire.Slot{1, 2} {
		m, effects, err := keygen.Resume(l.group.Config(slot, 0), l.states[slot])
		if err != nil {
			t.Fatal(err)
		}
		l.machines[slot] = m
		l.queue = nil
		l.apply(slot, effects)
		if got := m.Waiting(); len(got) != 2 {
			t.Errorf("device %d waits for %v", slot, got)
		}
	}
	l.apply(1, l.machines[1].Resend())
	l.run()
	for slot := range l.machines {
		l.want(slot, verdict{})
	}
	certified := l.states[1]
	for name, state := range map[string][]byte{"pending": pending, "certified": certified} {
		m, effects, err := keygen.Resume(l.group.Config(1, 0), state)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.State(), state) {
			t.Errorf("%s: state changes by being read", name)
		}
		_, done := m.Entry()
		if last := effects[len(effects)-1]; (last == session.Done{}) != done || done != (name == "certified") {
			t.Errorf("%s: certificate %t, last effect %T", name, done, last)
		}
	}
}

func TestResumeRejects(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.run()
	other := newLab(t, 2, 3, 2)
	other.run()
	type edit = func(s *keygen.StateFields)
	tests := map[string]edit{
		"version":         func(s *keygen.StateFields) { s.Version++ },
		"session":         func(s *keygen.StateFields) { s.Session[0] ^= 1 },
		"record-version":  func(s *keygen.StateFields) { s.Record.Version++ },
		"epoch":           func(s *keygen.StateFields) { s.Record.Epoch, s.Record.Parent = 1, wire.Hash{1} },
		"threshold":       func(s *keygen.StateFields) { s.Record.Threshold = 3 },
		"settings":        func(s *keygen.StateFields) { s.Record.Settings.Grace++ },
		"device-name":     func(s *keygen.StateFields) { s.Record.Devices[2].Name = "mallory" },
		"device-identity": func(s *keygen.StateFields) { s.Record.Devices[2].Identity[0] ^= 1 },
		"device-peer":     func(s *keygen.StateFields) { s.Record.Devices[2].Peer[9] ^= 1 },
		"device-box":      func(s *keygen.StateFields) { s.Record.Devices[2].Box[0] ^= 1 },
		"device-presence": func(s *keygen.StateFields) { s.Record.Devices[2].Presence[0] ^= 1 },
		"device-kind":     func(s *keygen.StateFields) { s.Record.Devices[2].Kind = roster.Server },
		"devices":         func(s *keygen.StateFields) { s.Record.Devices = s.Record.Devices[:2] },
		"transcript":      func(s *keygen.StateFields) { s.Record.Transcript[0] ^= 1 },
		"circle":          func(s *keygen.StateFields) { s.Record.Circle[0] ^= 1 },
		"ethereum-share":  func(s *keygen.StateFields) { s.Shares[0][5] ^= 1 },
		"ssh-share":       func(s *keygen.StateFields) { s.Shares[1][5] ^= 1 },
		"shares-swapped":  func(s *keygen.StateFields) { s.Shares[0], s.Shares[1] = s.Shares[1], s.Shares[0] },
		"share-missing":   func(s *keygen.StateFields) { s.Shares = s.Shares[:1] },
		"share-extra":     func(s *keygen.StateFields) { s.Shares = append(s.Shares, [32]byte{}) },
		"own-signature":   func(s *keygen.StateFields) { s.Ready[0].Sig[0] ^= 1 },
		"two-signatures":  func(s *keygen.StateFields) { s.Ready = s.Ready[:2] },
		"no-signature":    func(s *keygen.StateFields) { s.Ready = nil },
		"signature-of-2":  func(s *keygen.StateFields) { s.Ready = s.Ready[1:2] },
		"signature-order": func(s *keygen.StateFields) { s.Ready[1], s.Ready[2] = s.Ready[2], s.Ready[1] },
		"signature-twice": func(s *keygen.StateFields) { s.Ready[1] = s.Ready[0] },
	}
	for name, f := range tests {
		state := keygen.EditState(l.states[1], f)
		if _, _, err := keygen.Resume(l.group.Config(1, 0), state); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, state := range map[string][]byte{
		"empty": nil, "truncated": l.states[1][:100], "trailing": append(bytes.Clone(l.states[1]), 0),
		"huge": make([]byte, 1<<20), "other-session": other.states[1], "other-device": l.states[2],
	} {
		if _, _, err := keygen.Resume(l.group.Config(1, 0), state); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestResumeRejectsSigned has the same signed by everybody, as a device could
// that signs anything: a state is checked for what it says, too.
func TestResumeRejectsSigned(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.run()
	tests := map[string]struct {
		edit func(s *keygen.StateFields)
		ok   bool
	}{
		"unchanged":      {func(s *keygen.StateFields) {}, true},
		"record-version": {func(s *keygen.StateFields) { s.Record.Version++ }, false},
		"threshold":      {func(s *keygen.StateFields) { s.Record.Threshold = 3 }, false},
		"settings":       {func(s *keygen.StateFields) { s.Record.Settings.Grace++ }, false},
		"device":         {func(s *keygen.StateFields) { s.Record.Devices[2].Name = "mallory" }, false},
		"later-epoch": {func(s *keygen.StateFields) {
			s.Record.Epoch, s.Record.Parent = 1, wire.Hash{1}
			s.Record.Change = roster.Change{Kind: roster.Refresh, Attempt: wire.Hash{2},
				Members: []wire.Slot{1, 2, 3}, Dealers: []wire.Slot{1, 2}}
		}, false},
	}
	for name, tt := range tests {
		state := keygen.EditState(l.states[1], func(s *keygen.StateFields) {
			tt.edit(s)
			for i := range s.Ready {
				msg := roster.ReadyMessage(s.Record.Hash())
				s.Ready[i].Sig = [64]byte(ed25519.Sign(l.group.Identity[s.Ready[i].Slot], msg))
			}
		})
		if _, _, err := keygen.Resume(l.group.Config(1, 0), state); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The same devices with another threshold, complete in itself.
	three := newLab(t, 3, 3, 1)
	three.run()
	state := keygen.EditState(three.states[1], func(s *keygen.StateFields) { s.Session = l.group.Proposal.Session() })
	if _, _, err := keygen.Resume(l.group.Config(1, 0), state); err == nil {
		t.Error("another threshold: accepted")
	}
}

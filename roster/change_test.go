package roster_test

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// next returns the record that removes device 3 of parent as stolen.
func next(parent roster.Record) roster.Record {
	r := parent
	r.Epoch, r.Parent = parent.Epoch+2, parent.Hash()
	r.Devices = slices.Clone(parent.Devices[:2])
	gone := parent.Devices[2]
	r.Former = append(slices.Clone(parent.Former), roster.Former{
		Slot: gone.Slot, Name: gone.Name, Identity: gone.Identity, State: roster.Stolen, Epoch: r.Epoch,
	})
	r.Change = roster.Change{Kind: roster.Remove, Attempt: wire.Hash{7}, Members: []wire.Slot{1, 2}, Dealers: []wire.Slot{1, 2}}
	return r
}

// added returns the record that adds device i to parent in the next slot.
func added(parent roster.Record, i int) roster.Record {
	r := parent
	r.Epoch, r.Parent = parent.Epoch+1, parent.Hash()
	d := device(i)
	d.Slot = parent.NextSlot()
	r.Devices = append(slices.Clone(parent.Devices), d)
	r.Change = roster.Change{
		Kind: roster.Add, Attempt: wire.Hash{8}, Members: r.Slots(), Dealers: parent.Slots()[:parent.Threshold], Added: []wire.Slot{d.Slot},
	}
	return r
}

// committed certifies r with the keys of its members' devices.
func committed(r roster.Record, keys map[wire.Slot]int) roster.Entry {
	e := roster.Entry{Record: r}
	for _, s := range r.Change.Members {
		i, ok := keys[s]
		if !ok {
			i = int(s)
		}
		sig := ed25519.Sign(key(i), roster.CommitMessage(r.Change.Attempt, r.Hash()))
		e.Ready = append(e.Ready, roster.Signature{Slot: s, Sig: [64]byte(sig)})
	}
	return e
}

func TestChainOfChanges(t *testing.T) {
	t.Parallel()
	first := record(2, 3)
	second := next(first)
	third := added(second, 5)
	if s := third.Devices[2].Slot; s != 4 {
		t.Fatalf("the new device got slot %d", s)
	}
	chain := roster.Chain{entry(first), committed(second, nil), committed(third, map[wire.Slot]int{4: 5})}
	if err := chain.Verify(); err != nil {
		t.Fatal(err)
	}
	if head, ok := chain.Head(); !ok || head.Record.Epoch != 3 {
		t.Error("wrong head")
	}
	for _, e := range chain {
		again, err := roster.ParseEntry(e.Bytes())
		if err != nil || again.Record.Hash() != e.Record.Hash() {
			t.Errorf("epoch %d: changed on the way: %v", e.Record.Epoch, err)
		}
	}
	short := committed(second, nil)
	short.Ready = short.Ready[:1]
	if err := (roster.Chain{entry(first), short}).Verify(); err == nil {
		t.Error("a re-deal is certified without every member")
	}
	other := committed(second, nil)
	other.Ready[1].Sig = ready(second, 2).Sig
	if err := (roster.Chain{entry(first), other}).Verify(); err == nil {
		t.Error("a READY counts as a vote to commit")
	}
	if err := (roster.Chain{committed(second, nil)}).Verify(); err == nil {
		t.Error("a chain may begin in the middle")
	}
}

// TestCheckNext has a row for every rule; each changes one thing in a change
// that is allowed.
func TestCheckNext(t *testing.T) {
	t.Parallel()
	parent := record(2, 3)
	if err := parent.CheckNext(next(parent)); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*roster.Record){
		"other-circle":     func(r *roster.Record) { r.Circle[0]++ },
		"other-parent":     func(r *roster.Record) { r.Parent[0]++ },
		"epoch-not-later":  func(r *roster.Record) { r.Epoch = 0 },
		"forgot-former":    func(r *roster.Record) { r.Former = nil },
		"former-unknown":   func(r *roster.Record) { r.Former[0].Slot = 9 },
		"former-identity":  func(r *roster.Record) { r.Former[0].Identity[0]++ },
		"former-name":      func(r *roster.Record) { r.Former[0].Name = "x" },
		"former-epoch":     func(r *roster.Record) { r.Former[0].Epoch-- },
		"left-by-force":    func(r *roster.Record) { r.Former[0].State = roster.Left },
		"device-changed":   func(r *roster.Record) { r.Devices[0].Box[0]++ },
		"quorum":           func(r *roster.Record) { r.Change.Members, r.Change.Sleepers = []wire.Slot{1}, []wire.Slot{2} },
		"one-dealer":       func(r *roster.Record) { r.Change.Dealers = []wire.Slot{1} },
		"group-key":        func(r *roster.Record) { r.Accounts[0].Commitments[0][0]++ },
		"chain-code":       func(r *roster.Record) { r.Accounts[0].ChainCode[0]++ },
		"kind-refresh":     func(r *roster.Record) { r.Change.Kind = roster.Refresh },
		"kind-add":         func(r *roster.Record) { r.Change.Kind = roster.Add },
		"kind-replace":     func(r *roster.Record) { r.Change.Kind = roster.Replace },
		"kind-threshold":   func(r *roster.Record) { r.Change.Kind = roster.Rethreshold },
		"kept-and-removed": func(r *roster.Record) { r.Devices = append(r.Devices, device(3)) },
		"new-in-old-slot": func(r *roster.Record) {
			d := device(8)
			d.Slot = 3
			r.Devices, r.Former = append(r.Devices, d), []roster.Former{}
			r.Change.Kind, r.Change.Added, r.Change.Members = roster.Replace, []wire.Slot{3}, []wire.Slot{1, 2, 3}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := next(record(2, 3))
			change(&r)
			if err := record(2, 3).CheckNext(r); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestStolenKeysStayOut(t *testing.T) {
	t.Parallel()
	after := next(record(2, 3))
	if err := after.CheckNext(added(after, 3)); err == nil {
		t.Error("a stolen device came back under its old keys")
	}
	silent := next(record(2, 3))
	silent.Former[0].State = roster.Silent
	if err := silent.CheckNext(added(silent, 3)); err != nil {
		t.Errorf("a device that was only silent cannot come back: %v", err)
	}
}

// TestChangeFormat has a row for every rule that concerns one record alone.
func TestChangeFormat(t *testing.T) {
	t.Parallel()
	if err := next(record(2, 3)).Check(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*roster.Record){
		"founding-with-change": func(r *roster.Record) { r.Epoch, r.Parent = 0, wire.Hash{} },
		"no-kind":              func(r *roster.Record) { r.Change.Kind = 0 },
		"unknown-kind":         func(r *roster.Record) { r.Change.Kind = 7 },
		"no-attempt":           func(r *roster.Record) { r.Change.Attempt = wire.Hash{} },
		"members-unsorted":     func(r *roster.Record) { r.Change.Members = []wire.Slot{2, 1} },
		"members-missing":      func(r *roster.Record) { r.Change.Members = []wire.Slot{1} },
		"member-sleeps":        func(r *roster.Record) { r.Change.Sleepers = []wire.Slot{2} },
		"dealer-outside":       func(r *roster.Record) { r.Change.Dealers = []wire.Slot{1, 3} },
		"added-outside":        func(r *roster.Record) { r.Change.Added = []wire.Slot{3} },
		"empty-not-absent":     func(r *roster.Record) { r.Change.Added = []wire.Slot{} },
		"former-empty":         func(r *roster.Record) { r.Former = []roster.Former{} },
		"former-slot-0":        func(r *roster.Record) { r.Former[0].Slot = 0 },
		"former-still-in":      func(r *roster.Record) { r.Former[0].Slot = 2 },
		"former-state-0":       func(r *roster.Record) { r.Former[0].State = 0 },
		"former-state-4":       func(r *roster.Record) { r.Former[0].State = 4 },
		"former-epoch-0":       func(r *roster.Record) { r.Former[0].Epoch = 0 },
		"former-later":         func(r *roster.Record) { r.Former[0].Epoch = 9 },
		"former-name":          func(r *roster.Record) { r.Former[0].Name = "\x1b[2J" },
		"settings":             func(r *roster.Record) { r.Settings.Quiet = 0 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := next(record(2, 3))
			change(&r)
			if err := r.Check(); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	if err := roster.DefaultSettings().Check(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*roster.Settings){
		"no-quiet":             func(s *roster.Settings) { s.Quiet = 0 },
		"suspect-before-quiet": func(s *roster.Settings) { s.Suspect = s.Quiet - 1 },
		"online-too-long":      func(s *roster.Settings) { s.SuspectOnline = s.Suspect + 1 },
		"no-grace":             func(s *roster.Settings) { s.Grace = 0 },
		"less-grace-no-spare":  func(s *roster.Settings) { s.GraceNoSpare = s.Grace - 1 },
		"for-ever":             func(s *roster.Settings) { s.Budget = 1 << 62 },
	}
	for name, change := range tests {
		s := roster.DefaultSettings()
		change(&s)
		if err := s.Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestQuorum(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ t, n, want int }{{2, 2, 2}, {2, 3, 2}, {3, 3, 3}, {3, 4, 3}, {3, 5, 3}, {2, 4, 3}, {5, 9, 5}} {
		if got := record(c.t, c.n).RedealQuorum(); got != c.want {
			t.Errorf("%d of %d: %d, want %d", c.t, c.n, got, c.want)
		}
	}
}

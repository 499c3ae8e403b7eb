package refresh

import (
	"slices"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// newElection returns the votes of device 1 in an attempt of 1, 2 and 3, two of
// whom sign, with a record whose hash is all sevens.
func newElection() votes {
	p := Proposal{Threshold: 2, Members: []wire.Slot{1, 2, 3}, Dealers: []wire.Slot{1, 2}}
	draft := roster.Record{Devices: []roster.Device{{Slot: 1}, {Slot: 2}, {Slot: 3}}}
	v := newVotes(&terms{p: p, draft: draft, self: 1})
	v.epoch = &epoch{hash: wire.Hash{7}}
	return v
}

func (v *votes) cast(k kind, hash byte, slots ...wire.Slot) {
	for _, s := range slots {
		v.put(statement{Kind: k, Slot: s, Body: slices.Concat([]byte{hash}, make([]byte, 31))})
	}
}

func TestVotesCountWhatIsAboutThisRecord(t *testing.T) {
	t.Parallel()
	v := newElection()
	v.cast(commit, 7, 1, 2)
	if v.all(commit, v.p.Members) || v.decided() || !v.all(commit, v.p.Members[:2]) {
		t.Error("device 3 has said nothing")
	}
	if !slices.Equal(v.missing(commit, v.p.Members), []wire.Slot{3}) || len(v.missing(lock, v.p.Members)) != 2 {
		t.Error("missing: all but this device")
	}
	v.cast(commit, 8, 3)
	if v.all(commit, v.p.Members) || v.decided() {
		t.Error("a commit to another record counts")
	}
	v.cast(commit, 7, 3)
	if !v.all(commit, v.p.Members) || !v.decided() {
		t.Error("all have committed")
	}
	v.epoch = nil
	if v.all(commit, v.p.Members) || !v.decided() {
		t.Error("commits to a record that is not known are decided, and count for nothing else")
	}
}

func TestVotesOfADeadAttempt(t *testing.T) {
	t.Parallel()
	v := newElection()
	if v.hopeless() || v.abortCertificate() || v.stillborn() {
		t.Error("nobody has aborted")
	}
	v.put(statement{Kind: abort, Slot: 1, Body: plainAbort})
	if !v.hopeless() || v.abortCertificate() || !v.stillborn() {
		t.Error("the other two can still sign")
	}
	if _, ok := v.plainAbortOfAnother(); ok {
		t.Error("this device's own abort frees it")
	}
	v.cast(ready, 7, 1)
	if v.stillborn() {
		t.Error("it was ready: somebody may have committed")
	}
	v.put(statement{Kind: abort, Slot: 3, Body: flipAbort(statement{Kind: abort, Slot: 2, Body: plainAbort})})
	if _, ok := v.plainAbortOfAnother(); ok || !v.abortCertificate() {
		t.Error("two of three are a certificate, and an abort after a commit frees nobody")
	}
}

func TestVotesHoldContradictionsAgainstTheirMaker(t *testing.T) {
	t.Parallel()
	v := newElection()
	v.cast(commit, 7, 2)
	against := statement{Kind: abort, Slot: 2, Body: plainAbort}
	for range 2 {
		v.compare(against)
	}
	if len(v.evidence) != 1 || v.evidence[0].Slot != 2 || !v.dealerContradicts() || !v.hopeless() {
		t.Errorf("%+v", v.evidence)
	}
	v.suspect(2, "something later")
	if v.suspects[2] != "voted to commit and, without a reason, to abort" {
		t.Errorf("the first rule that it broke is noted, not %q", v.suspects[2])
	}
	v = newElection()
	v.cast(commit, 7, 2)
	if v.compare(statement{Kind: abort, Slot: 2, Body: flipAbort(against)}); len(v.evidence) > 0 {
		t.Error("an abort after a commit that shows its reason is no contradiction")
	}
}

// TestVotesAreListedByKindAndSlot: it is the order in which they are stored.
func TestVotesAreListedByKindAndSlot(t *testing.T) {
	t.Parallel()
	v := newElection()
	v.cast(lock, 7, 1)
	v.cast(commit, 7, 3, 1)
	v.cast(ready, 7, 2)
	var got []wire.Slot
	for _, s := range v.list() {
		got = append(got, wire.Slot(s.Kind)*10+s.Slot)
	}
	want := []wire.Slot{wire.Slot(ready)*10 + 2, wire.Slot(commit)*10 + 1, wire.Slot(commit)*10 + 3, wire.Slot(lock)*10 + 1}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

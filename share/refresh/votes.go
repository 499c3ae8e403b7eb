package refresh

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Votes are what was said in an attempt, and what follows from it: who is for
// it and who against, whether it is certified or dead, and who broke a rule.
// Every statement in it was verified.
type votes struct {
	*terms
	epoch *epoch // the record to be, once all dealings are known and right

	words  [kinds]map[wire.Slot]statement // by kind and slot
	proven map[wire.Slot]bool             // verdicts on proofs in ready statements
	passed map[wire.Slot]bool             // verdicts on test signatures

	suspects map[wire.Slot]string // devices that broke a rule, and which
	evidence []Contradiction
}

func newVotes(t *terms) votes {
	v := votes{terms: t, proven: map[wire.Slot]bool{}, passed: map[wire.Slot]bool{}, suspects: map[wire.Slot]string{}}
	for k := range v.words {
		v.words[k] = map[wire.Slot]statement{}
	}
	return v
}

func (v *votes) put(s statement) { v.words[s.Kind][s.Slot] = s }

// own reports whether this device has made a statement of kind k.
func (v *votes) own(k kind) bool {
	_, ok := v.words[k][v.self]
	return ok
}

// list returns everything that was said, by kind, then slot.
func (v *votes) list() (out []statement) {
	for k := range v.words {
		out = append(out, v.of(kind(k), v.draft.Slots())...)
	}
	return out
}

// of returns the statements of kind k that are known of the given devices.
func (v *votes) of(k kind, slots []wire.Slot) (out []statement) {
	for _, slot := range slots {
		if s, ok := v.words[k][slot]; ok {
			out = append(out, s)
		}
	}
	return out
}

// missing returns which of the given devices, but for this one, have made no
// statement of kind k.
func (v *votes) missing(k kind, of []wire.Slot) (out []wire.Slot) {
	for _, s := range of {
		if _, ok := v.words[k][s]; !ok && s != v.self {
			out = append(out, s)
		}
	}
	return out
}

// suspect notes the first rule that a device broke.
func (v *votes) suspect(slot wire.Slot, what string) {
	if v.suspects[slot] == "" {
		v.suspects[slot] = what
	}
}

// compare looks for other statements of the same device that s contradicts.
func (v *votes) compare(s statement) {
	for _, k := range []kind{commit, abort, lock} {
		if other, ok := v.words[k][s.Slot]; ok && k != s.Kind {
			v.contradiction(other, s)
		}
	}
}

// contradiction notes two statements of one device as evidence if they are.
func (v *votes) contradiction(first, then statement) {
	what := contradicts(first, then)
	if what == "" {
		return
	}
	v.suspect(then.Slot, what)
	if !slices.ContainsFunc(v.evidence, func(c Contradiction) bool { return c.Slot == then.Slot && c.What == what }) {
		v.evidence = append(v.evidence, Contradiction{Slot: then.Slot, What: what, First: wire.Marshal(first), Then: wire.Marshal(then)})
	}
}

// dealerContradicts reports whether a dealer is known to have contradicted
// itself: it may have dealt two things, of which others used the other one.
func (v *votes) dealerContradicts() bool {
	return slices.ContainsFunc(v.evidence, func(c Contradiction) bool { return slices.Contains(v.p.Dealers, c.Slot) })
}

// all reports whether each of the given devices has made a statement of kind k
// about this device's record. What is said about another record counts for
// nothing.
func (v *votes) all(k kind, slots []wire.Slot) bool {
	if v.epoch == nil {
		return false
	}
	for _, slot := range slots {
		s, ok := v.words[k][slot]
		if !ok || !v.about(s) {
			return false
		}
	}
	return true
}

// about reports whether a ready, commit or lock is about this device's record,
// and whether the proofs of a ready hold.
func (v *votes) about(s statement) bool {
	return wire.Hash(s.Body[:len(v.epoch.hash)]) == v.epoch.hash && (s.Kind != ready || v.proofsHold(s))
}

// proofsHold checks, once, that the device that said ready has a share of its
// own of every account.
func (v *votes) proofsHold(s statement) bool {
	if s.Slot == v.self {
		return true
	}
	if holds, known := v.proven[s.Slot]; known {
		return holds
	}
	holds := v.epoch.proves(s)
	if !holds {
		v.suspect(s.Slot, "said ready without a share")
	}
	v.proven[s.Slot] = holds
	return holds
}

// testsPass reports whether anybody has shown test signatures that hold. Each
// is verified once.
func (v *votes) testsPass() bool {
	if v.epoch == nil {
		return false
	}
	pass := false
	for slot, s := range v.words[tested] {
		if _, known := v.passed[slot]; !known {
			list, _ := v.parseTested(s.Body)
			v.passed[slot] = v.epoch.testHolds(list)
			if !v.passed[slot] {
				v.suspect(slot, "showed test signatures that do not verify")
			}
		}
		pass = pass || v.passed[slot]
	}
	return pass
}

// apart is [Machine.Apart].
func (v *votes) apart() (out []wire.Slot) {
	if v.epoch == nil {
		return nil
	}
	for _, s := range v.of(ready, v.p.Members) {
		if !v.about(s) {
			out = append(out, s.Slot)
		}
	}
	return out
}

// hopeless reports whether the attempt cannot succeed any more by what was
// said, as far as a device knows that has not committed.
func (v *votes) hopeless() bool {
	if len(v.words[abort]) > 0 || v.dealerContradicts() {
		return true
	}
	// Whoever is ready for another record, or lies, will never be ready for
	// this one.
	return len(v.apart()) > 0
}

// decided reports whether every member has committed to one record, known to
// this device or not.
func (v *votes) decided() bool {
	first := v.words[commit][v.p.Members[0]]
	for _, slot := range v.p.Members {
		s, ok := v.words[commit][slot]
		if !ok || !bytes.Equal(s.Body, first.Body) {
			return false
		}
	}
	return true
}

// abortCertificate reports whether so many members have aborted that those who
// did not are too few to sign in the new epoch.
func (v *votes) abortCertificate() bool {
	return len(v.words[abort]) >= len(v.p.Members)-v.p.Threshold+1
}

// stillborn reports whether this device has aborted and never said ready, so
// that no member has committed or ever will.
func (v *votes) stillborn() bool { return v.own(abort) && !v.own(ready) }

// plainAbortOfAnother returns the abort of a member that had not committed.
func (v *votes) plainAbortOfAnother() (statement, bool) {
	for _, s := range v.of(abort, v.p.Members) {
		if s.Slot != v.self && len(s.Body) == 1 {
			return s, true
		}
	}
	return statement{}, false
}

// lockBody is the record's hash and the signatures of all members' commits to
// it, in the order of slots: a lock proves that its device may lock, and tells
// whoever hears it what it needs to lock too, even if nobody else is left to.
func (v *votes) lockBody() []byte {
	body := append([]byte(nil), v.epoch.hash[:]...)
	for _, slot := range v.p.Members {
		s := v.words[commit][slot]
		body = append(body, s.Sig[:]...)
	}
	return body
}

// entry is [Machine.Entry].
func (v *votes) entry() (roster.Entry, bool) {
	if !v.all(commit, v.p.Members) {
		return roster.Entry{}, false
	}
	e := roster.Entry{Record: v.epoch.record}
	for _, s := range v.of(commit, v.p.Members) {
		e.Ready = append(e.Ready, roster.Signature{Slot: s.Slot, Sig: s.Sig})
	}
	return e, true
}

// A Complaint is one device's claim that what a dealer sealed to it does not
// fit what the dealer committed to. Only the two of them can know who lies.
type Complaint struct{ By, Against wire.Slot }

// complaints is [Machine.Complaints].
func (v *votes) complaints() (out []Complaint) {
	for _, s := range v.of(complaint, v.draft.Slots()) {
		out = append(out, Complaint{By: s.Slot, Against: wire.Slot(binary.BigEndian.Uint16(s.Body))})
	}
	return out
}

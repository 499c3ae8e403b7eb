package keygen_test

import (
	"bytes"
	"testing"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

func TestComplaints(t *testing.T) {
	t.Parallel()
	const by = liar
	tests := []struct {
		name string
		body func(l *lab) []byte
		to   wire.Slot
		want verdict
	}{
		{"claim", func(l *lab) []byte { return l.complaint(by, 2, "share", []byte{}) }, 1, claim(by, 2, "share")},
		{"claim-with-wrong-share", func(l *lab) []byte { return l.complaint(by, 2, "share", make([]byte, 64)) }, 1, claim(by, 2, "share")},
		{"refuted", func(l *lab) []byte { return l.complaint(by, 2, "share", l.share) }, 1, blame(by, session.Cheat, "false-complaint")},
		{"accused", func(l *lab) []byte { return l.complaint(by, 1, "share", []byte{}) }, 1, blame(by, session.Cheat, "false-complaint")},
		{"against-itself", func(l *lab) []byte { return l.complaint(by, by, "share", []byte{}) }, 1, blame(by, session.Malformed, "complaint-format")},
		{"against-outsider", func(l *lab) []byte { return l.complaint(by, 4, "share", []byte{}) }, 1, blame(by, session.Malformed, "complaint-format")},
		{"against-slot-zero", func(l *lab) []byte { return l.complaint(by, 0, "share", []byte{}) }, 1, blame(by, session.Malformed, "complaint-format")},
		{"no-check", func(l *lab) []byte { return l.complaint(by, 2, "", []byte{}) }, 1, blame(by, session.Malformed, "complaint-format")},
		{"check-paints", func(l *lab) []byte { return l.complaint(by, 2, "\x1b[2Jall is well", []byte{}) }, 1, blame(by, session.Malformed, "complaint-format")},
		{"check-beyond-letters", func(l *lab) []byte { return l.complaint(by, 2, "share\u202eerahs", []byte{}) }, 1, blame(by, session.Malformed, "complaint-format")},
		{"check-long", func(l *lab) []byte { return l.complaint(by, 2, string(bytes.Repeat([]byte{'a'}, 41)), []byte{}) }, 1, blame(by, session.Malformed, "complaint-format")},
		{"short-share", func(l *lab) []byte { return l.complaint(by, 2, "share", make([]byte, 63)) }, 1, blame(by, session.Malformed, "complaint-format")},
		{"null-share", func(l *lab) []byte { return l.complaint(by, 2, "share", nil) }, 1, blame(by, session.Malformed, "complaint-format")},
		{"signed-by-another", func(l *lab) []byte { return l.complaint(2, 2, "share", []byte{}) }, 1, blame(by, session.Malformed, "complaint-format")},
		{"changed", func(l *lab) []byte { return flip(-1)(l.complaint(by, 2, "share", []byte{})) }, 1, blame(by, session.Malformed, "complaint-format")},
		{"garbage", func(l *lab) []byte { return []byte{0xff} }, 1, blame(by, session.Malformed, "complaint-format")},
		{"empty", func(l *lab) []byte { return nil }, 1, blame(by, session.Malformed, "complaint-format")},
		{"huge", func(l *lab) []byte { return make([]byte, 257) }, 1, blame(by, session.Malformed, "complaint-format")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 2, 3, 1)
			l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
				if f.From == 2 && to == by && f.Kind == keygen.KindShare {
					l.share = bytes.Clone(f.Body)
				}
				return []wire.Frame{f}
			}
			l.pump()
			l.deliver(tt.to, wire.Frame{Session: l.group.Proposal.Session(), From: by, Kind: keygen.KindComplaint, Body: tt.body(l)})
			l.want(tt.to, tt.want)
		})
	}
}

func (l *lab) complaint(by, against wire.Slot, check string, share []byte) []byte {
	return keygen.Complain(l.group.Proposal.Session(), by, against, check, share, l.group.Identity[by])
}

// TestLastWords checks that the complaint of a dead session can be had again,
// for the first may be lost, and that nothing else can.
func TestLastWords(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		if f.From == liar && to == 1 && f.Kind == keygen.KindShare {
			f.Body[0] ^= 1
		}
		if f.Kind == keygen.KindComplaint {
			return nil
		}
		return []wire.Frame{f}
	}
	var dealt []byte
	lie := l.tamper
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		frames := lie(f, to)
		if f.From == liar && to == 1 && f.Kind == keygen.KindShare {
			dealt = bytes.Clone(frames[0].Body)
		}
		return frames
	}
	l.run()
	again := l.machines[1].Resend()
	if len(again) != 1 || again[0].(session.Send).Frame.Kind != keygen.KindComplaint {
		t.Fatalf("last words: %v", again)
	}
	if got := keygen.Evidence(again[0].(session.Send).Frame.Body); !bytes.Equal(got, dealt) {
		t.Error("the complaint does not show the share that it is about")
	}
	if effects, err := l.machines[1].Deliver(wire.Frame{Session: l.group.Proposal.Session(), From: 2, Kind: keygen.KindHello}); effects != nil || err != nil {
		t.Errorf("a dead machine answers: %v, %v", effects, err)
	}
	if _, err := l.machines[1].Confirm(); err == nil {
		t.Error("a dead machine can be confirmed")
	}
	l.tamper = nil
	l.apply(1, again)
	l.pump()
	l.want(2, claim(1, liar, "share"))
}

// TestComplaintShowsNoOtherShare checks that a share is shown only in a
// complaint about that share.
func TestComplaintShowsNoOtherShare(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	var second wire.Frame
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		switch {
		case to != 1:
		case f.From == 2 && f.Kind == keygen.KindShare:
			return nil // keeps the round open
		case f.From == liar && f.Kind == keygen.KindReveal:
			second = f
			second.Body = flip(-1)(bytes.Clone(f.Body))
		case f.From == liar && f.Kind == keygen.KindShare:
			return []wire.Frame{f, second}
		}
		return []wire.Frame{f}
	}
	l.run()
	l.want(1, blame(liar, session.Equivocation, "two-messages"))
	if got := keygen.Evidence(l.machines[1].Resend()[0].(session.Send).Frame.Body); len(got) != 0 {
		t.Error("the complaint about a reveal shows a share")
	}
}

// TestEarlyComplaint has a complaint arrive before the commitments that could
// refute it.
func TestEarlyComplaint(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.deliver(1, wire.Frame{Session: l.group.Proposal.Session(), From: liar, Kind: keygen.KindComplaint,
		Body: l.complaint(liar, 2, "share", make([]byte, 64))})
	l.want(1, claim(liar, 2, "share"))
}

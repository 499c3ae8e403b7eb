package frost_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/wire"
)

// FuzzDeliver feeds a machine frames made from honest ones by a script of
// four bytes a frame. Whatever arrives, it must not panic, must fail only with
// the errors of package session, must never send two different messages for
// one round, must note the release before its response, and must not speak
// after its end.
func FuzzDeliver(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0})
	f.Add([]byte{2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0})
	f.Add([]byte{0, 1, 64, 1})
	f.Add([]byte{0, 2, 1, 0, 1, 4, 0, 0, 2, 8, 0, 0})
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 33, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 4*64 {
			return
		}
		b := newBench(t)
		honest := []wire.Frame{b.commit3, b.commit4, b.answer3, b.answer4}
		sent := map[wire.Kind]string{}
		ended := false
		for ; len(script) >= 4; script = script[4:] {
			fr := honest[script[0]%4]
			fr.Body = bytes.Clone(fr.Body)
			at := int(script[2]) % len(fr.Body)
			switch script[1] % 8 {
			case 1:
				fr.Body[at] ^= script[3]
			case 2:
				fr.Body = fr.Body[:at]
			case 3:
				fr.Body = append(fr.Body, script[2:4]...)
			case 4:
				fr.From = wire.Slot(script[3])
			case 5:
				fr.Kind = wire.Kind(script[3])
			case 6:
				fr.To = wire.Slot(script[3])
			case 7:
				fr.Session[at%32] ^= script[3]
			}
			eff, err := b.machine.Deliver(fr)
			if ended && (len(eff) != 0 || err != nil) {
				t.Fatalf("speaks after its end: %v, %v", eff, err)
			}
			if err != nil {
				var fault *session.Fault
				if !errors.As(err, &fault) && !errors.Is(err, session.ErrViewMismatch) && !errors.Is(err, session.ErrUnattributable) {
					t.Fatalf("error without a class: %v", err)
				}
				if !b.machine.SecretsWiped() {
					t.Fatal("secrets survive the end")
				}
				ended = true
			}
			for i, e := range eff {
				switch e := e.(type) {
				case session.Send:
					if old, ok := sent[e.Frame.Kind]; ok && old != string(e.Frame.Body) {
						t.Fatal("equivocates")
					}
					if e.Frame.Kind == frost.KindResponse && (i == 0 || eff[i-1] != (session.Release{})) {
						t.Fatal("response without release")
					}
					sent[e.Frame.Kind] = string(e.Frame.Body)
				case session.Done:
					ended = true
					if sig, ok := b.machine.Signature(); !ok || !validSignature(b.circle, sig) {
						t.Fatal("done without a valid signature")
					}
				}
			}
		}
	})
}

// FuzzBodies checks that a body that is accepted is the only encoding of what
// it says, and that refusals name the sender.
func FuzzBodies(f *testing.F) {
	b := newBench(f)
	f.Add(byte(frost.KindCommit), b.commit3.Body)
	f.Add(byte(frost.KindResponse), b.answer3.Body)
	f.Add(byte(frost.KindCommit), make([]byte, 128))
	f.Add(byte(frost.KindResponse), bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		again, err := frost.Recode(wire.Kind(kind), 3, body)
		if err != nil {
			var fault *session.Fault
			if !errors.As(err, &fault) || fault.Slot != 3 || fault.Class != session.Malformed {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if !bytes.Equal(again, body) {
			t.Fatalf("accepted %x, encodes %x", body, again)
		}
	})
}

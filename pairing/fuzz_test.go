package pairing_test

import (
	"errors"
	"testing"

	"github.com/warifu/warifu/pairing"
)

// freshPair is a pair whose secret no message of the corpus belongs to.
func freshPair(t *testing.T) *pair {
	w := newWindowOf(t, "not the one of the corpus")
	return &pair{t: t, w: w,
		a: newTypist(t, w.Code().Password(), typistPeer, showerPeer),
		b: newShower(t, w, showerPeer, typistPeer)}
}

// FuzzDeliverTypist and FuzzDeliverShower give a machine an honest prefix of a
// run and then two messages of the fuzzer.
func FuzzDeliverTypist(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, point uint8, first, second []byte) {
		p := freshPair(t)
		s := steps[int(point)%len(steps)]
		honest := s.run(p)
		for _, msg := range [][]byte{first, second} {
			out, err := p.a.Deliver(msg)
			check(t, out, err)
		}
		if s.name == "ack" {
			return
		}
		if _, ok := p.a.Payload(); ok && string(first) != string(honest) {
			t.Fatal("a result that nobody sealed")
		}
		if p.a.Done() {
			t.Fatal("done without a decision")
		}
	})
}

func FuzzDeliverShower(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, point uint8, first, second []byte) {
		p := freshPair(t)
		s := steps[int(point)%len(steps)]
		honest := s.run(p)
		_, had := p.b.Payload()
		for _, msg := range [][]byte{first, second} {
			out, err := p.b.Deliver(now, msg)
			check(t, out, err)
		}
		if _, ok := p.b.Payload(); ok && !had && string(first) != string(honest) {
			t.Fatal("a payload that nobody sealed")
		}
		if p.b.Done() && string(first) != string(honest) {
			t.Fatal("done without an acknowledgement")
		}
		if left := p.w.TriesLeft(); left < pairing.MaxTries-1 || left > pairing.MaxTries {
			t.Fatalf("one run left %d tries", left)
		}
	})
}

func check(t *testing.T, out [][]byte, err error) {
	t.Helper()
	if _, ok := errors.AsType[*pairing.Error](err); err != nil && !ok {
		t.Fatalf("not an *Error: %v", err)
	}
	if len(out) > 1 || err != nil && len(out) == 1 && out[0][1] != pairing.KindRefusal {
		t.Fatalf("%d messages with %v", len(out), err)
	}
}

func seed(f *testing.F) {
	for i, s := range steps {
		p := newPair(f)
		f.Add(uint8(i), s.run(p), []byte{1, 5, 1, 0})
	}
	f.Add(uint8(1), []byte{1, 5, 2, 0}, []byte{})
	f.Add(uint8(5), make([]byte, 40), []byte{2, 1})
}

func FuzzParseInvitation(f *testing.F) {
	text := newInvitation(f).Text()
	f.Add(text)
	f.Add(text[:len(text)-9])
	f.Add("warifu2:aaaa")
	f.Add("WARIFU1:AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		inv, err := pairing.ParseInvitation(s)
		if err != nil {
			if _, ok := errors.AsType[*pairing.Error](err); !ok {
				t.Fatalf("not an *Error: %v", err)
			}
			return
		}
		again, err := pairing.ParseInvitation(inv.Text())
		if err != nil || again.Text() != inv.Text() {
			t.Fatalf("the text form of an invitation does not parse to itself: %v", err)
		}
	})
}

func FuzzParseCode(f *testing.F) {
	f.Add("1234 5678")
	f.Add("1234-567")
	f.Add("--------")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := pairing.ParseCode(s)
		if err != nil {
			if _, ok := errors.AsType[*pairing.Error](err); !ok {
				t.Fatalf("not an *Error: %v", err)
			}
			return
		}
		again, err := pairing.ParseCode(c.Text())
		if err != nil || !again.Equal(c) {
			t.Fatalf("the text form of a code does not parse to itself: %v", err)
		}
	})
}

package keygen_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/share/keygen/keygentest"
	"github.com/warifu/warifu/wire"
)

// FuzzDeliver feeds device 1 of a circle of two with what device 2 says, in
// any order and changed in any way. Whatever arrives, it must not panic, must
// name nobody but device 2, must never say two things in one round and must
// not speak when it is done.
func FuzzDeliver(f *testing.F) {
	g := keygentest.NewGroup(f, 2, 2, 1)
	script := honestFrames(f, g)
	f.Add([]byte{0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0})
	f.Add([]byte{0, 0, 1, 0, 3, 0, 2, 0, 4, 0, 0, 0, 5, 0})
	f.Add([]byte{0, 0, 1, 0, 2, 9, 3, 0})
	f.Add([]byte{0, 0, 1, 0, 2, 0, 3, 0x85})
	f.Add([]byte{0x40, 3, 0x80, 1, 0xc0, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, _, err := keygen.New(g.Config(1, 1))
		if err != nil {
			t.Fatal(err)
		}
		sent := map[wire.Kind][]byte{}
		over := false
		for i := 0; i+1 < len(data) && i < 60; i += 2 {
			op, arg := data[i], int(data[i+1])
			fr := script[int(op&0x0f)%len(script)]
			fr.Body = bytes.Clone(fr.Body)
			switch op >> 6 {
			case 1:
				fr.Kind = wire.Kind(arg % 10)
			case 2:
				fr.Body = fr.Body[:len(fr.Body)*arg/255]
			case 3:
				fr.To, fr.From = wire.Slot(arg&3), wire.Slot(arg>>2&3)
			default:
				if arg > 0 {
					fr.Body[arg*7%len(fr.Body)] ^= byte(arg)
				}
			}
			effects, err := m.Deliver(fr)
			if _, ok := m.Review(); ok && err == nil {
				more, err := m.Confirm()
				if err != nil {
					t.Fatal(err)
				}
				effects = append(effects, more...)
			}
			if over && (len(effects) > 0 || err != nil) {
				t.Fatalf("speaks after the end: %v, %v", effects, err)
			}
			for _, e := range effects {
				if s, ok := e.(session.Send); ok {
					if old := sent[s.Frame.Kind]; old != nil && !bytes.Equal(old, s.Frame.Body) {
						t.Fatalf("two messages of kind %d", s.Frame.Kind)
					}
					sent[s.Frame.Kind] = bytes.Clone(s.Frame.Body)
				}
				over = over || e == session.Done{}
			}
			if err == nil {
				continue
			}
			over = true
			var fault *session.Fault
			var complaint *keygen.Complaint
			switch {
			case errors.As(err, &fault):
				if fault.Slot != 2 {
					t.Fatalf("names device %d", fault.Slot)
				}
			case errors.As(err, &complaint), errors.Is(err, session.ErrViewMismatch):
			default:
				t.Fatalf("error %v", err)
			}
		}
		m.Close()
	})
}

// honestFrames returns what device 2 says to device 1 when both are honest.
func honestFrames(f *testing.F, g keygentest.Group) (frames []wire.Frame) {
	f.Helper()
	machines := map[wire.Slot]*keygen.Machine{}
	var queue []wire.Frame
	post := func(effects []session.Effect) {
		for _, e := range effects {
			if s, ok := e.(session.Send); ok {
				queue = append(queue, s.Frame)
			}
		}
	}
	for slot := wire.Slot(1); slot <= 2; slot++ {
		m, effects, err := keygen.New(g.Config(slot, 1))
		if err != nil {
			f.Fatal(err)
		}
		machines[slot] = m
		post(effects)
	}
	for len(queue) > 0 {
		fr := queue[0]
		queue = queue[1:]
		if fr.From == 2 {
			frames = append(frames, fr)
		}
		to := 3 - fr.From
		effects, err := machines[to].Deliver(fr)
		if err != nil {
			f.Fatal(err)
		}
		post(effects)
		if _, ok := machines[to].Review(); ok {
			more, err := machines[to].Confirm()
			if err != nil {
				f.Fatal(err)
			}
			post(more)
		}
	}
	if !slices.ContainsFunc(frames, func(fr wire.Frame) bool { return fr.Kind == keygen.KindReady }) {
		f.Fatal("device 2 never became ready")
	}
	return frames
}

// FuzzResume checks that the state format is canonical: whatever is accepted
// is exactly what the resumed machine would write.
func FuzzResume(f *testing.F) {
	g := keygentest.NewGroup(f, 2, 2, 1)
	frames := honestFrames(f, g)
	m, _, err := keygen.New(g.Config(1, 1))
	if err != nil {
		f.Fatal(err)
	}
	for _, fr := range frames {
		effects, err := m.Deliver(fr)
		if err != nil {
			f.Fatal(err)
		}
		if _, ok := m.Review(); ok {
			more, err := m.Confirm()
			if err != nil {
				f.Fatal(err)
			}
			effects = append(effects, more...)
		}
		for _, e := range effects {
			if p, ok := e.(session.Persist); ok {
				f.Add(p.State)
				f.Add(p.State[:len(p.State)/2])
			}
		}
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		m, _, err := keygen.Resume(g.Config(1, 1), state)
		if err != nil {
			return
		}
		if got := m.State(); !bytes.Equal(got, state) {
			t.Fatalf("accepted a state that is not canonical\n in %x\nout %x", state, got)
		}
	})
}

// FuzzParseProposal checks that a proposal has one encoding.
func FuzzParseProposal(f *testing.F) {
	f.Add(keygentest.NewGroup(f, 2, 3, 1).Proposal.Bytes())
	f.Add([]byte{0x84})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := keygen.ParseProposal(b)
		if err != nil {
			return
		}
		if got := p.Bytes(); !bytes.Equal(got, b) {
			t.Fatalf("accepted a proposal that is not canonical\n in %x\nout %x", b, got)
		}
	})
}

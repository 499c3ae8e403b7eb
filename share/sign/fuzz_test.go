package sign_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// FuzzDeliver lets the fuzzer drive the link between two devices: each step of
// the script delivers, repeats, holds back, cuts or changes the next frame. One
// device is honest and must end with a valid signature, a fault of the other, a
// mismatch, or nothing; it must never panic or blame itself.
func FuzzDeliver(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	for k := byte(0); k < 10; k++ {
		script := make([]byte, 4*(k+1))
		copy(script[4*k:], []byte{3, k, 0x81, 1}) // change one bit of frame k
		f.Add(script)
	}
	circle := newCircle(f, 2, 2, 7000)
	p := circle.proposal(f, 0, 1)
	f.Fuzz(func(t *testing.T, script []byte) {
		c := &cheat{run: circle.start(t, p), proposal: p, cheater: p.Signers[0], honest: p.Signers[1:]}
		step := func() (op, a, b, v byte) {
			if len(script) < 4 {
				return 0, 0, 0, 0
			}
			op, a, b, v = script[0], script[1], script[2], script[3]
			script = script[4:]
			return
		}
		c.rewrite = func(fr wire.Frame) []wire.Frame {
			if fr.From != c.cheater {
				return []wire.Frame{fr}
			}
			op, a, b, v := step()
			was := fr
			fr.Body = bytes.Clone(fr.Body)
			switch op % 8 {
			case 1:
				return []wire.Frame{fr, fr}
			case 2:
				if len(script) > 0 {
					c.queue = append(c.queue, was)
				}
				return nil
			case 3:
				fr.Body[(int(a)<<8|int(b))%len(fr.Body)] ^= v
			case 4:
				fr.Body = fr.Body[:(int(a)<<8|int(b))%(len(fr.Body)+1)]
			case 5:
				fr.Kind = wire.Kind(a)
			case 6:
				fr.From, fr.To = wire.Slot(a), wire.Slot(b)
			case 7:
				fr.Body[len(fr.Body)-1-int(a)%32] ^= v
				return []wire.Frame{was, fr}
			}
			return []wire.Frame{fr}
		}
		c.finish()
		victim := c.honest[0]
		c.blamesNoHonest(victim)
		if sig, ok := c.parties[victim].machine.Signature(); ok {
			if err := sign.Verify(sig, p.Message, p.ChildKey); err != nil {
				t.Fatal(err)
			}
		}
		var fault *session.Fault
		if err := c.parties[victim].err; errors.As(err, &fault) && fault.Check == "" {
			t.Fatal("fault without a check")
		}
	})
}

func FuzzBodies(f *testing.F) {
	for k := r1; k <= r5; k++ {
		f.Add(byte(k), make([]byte, sign.BodySize[k]))
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		k := wire.Kind(kind)
		if k < r1 || k > r5 || len(b) != sign.BodySize[k] {
			return
		}
		if !bytes.Equal(sign.Parsed(k, b), b) {
			t.Fatalf("kind %d: parse and encode differ", k)
		}
	})
}

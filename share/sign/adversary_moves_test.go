package sign_test

import (
	"bytes"

	"filippo.io/edwards25519"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/internal/ot/ristretto"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// anyPoint is a point for the base transfers whose logarithm the cheater's
// machine does not use.
func (c *cheat) anyPoint() []byte {
	var u [64]byte
	c.circle.rng.Read(u[:])
	var p edwards25519.Point
	ristretto.Uniform(&p, &u)
	b := ristretto.Encode(&p)
	return b[:]
}

// honestView is the view hash that the receiver of f expects with it.
func (c *cheat) honestView(f *wire.Frame) []byte {
	v := c.parties[f.To].machine.View(f.Kind)
	return v[:]
}

// copyNonce echoes an honest device's nonce as the cheater's own.
func copyNonce() func(*cheat, *wire.Frame) []wire.Frame {
	return func(c *cheat, f *wire.Frame) []wire.Frame {
		if f.Kind == r1 {
			put(f, "nonce", c.parties[f.To].machine.Nonce())
		}
		return nil
	}
}

// copyThirdNonce echoes to one honest device what another says.
func copyThirdNonce() func(*cheat, *wire.Frame) []wire.Frame {
	return func(c *cheat, f *wire.Frame) []wire.Frame {
		if f.Kind == r1 && f.To == c.honest[0] {
			put(f, "nonce", c.parties[c.honest[len(c.honest)-1]].machine.Nonce())
		}
		return nil
	}
}

// copyCommitment gives another's commitment as the cheater's own, hoping to
// open it likewise: the slot in the commitment stops that.
func copyCommitment() func(*cheat, *wire.Frame) []wire.Frame {
	heard := map[string][]byte{}
	return func(c *cheat, f *wire.Frame) []wire.Frame {
		other := c.honest[0]
		for _, e := range c.parties[other].machine.Resend() {
			if s, ok := e.(session.Send); ok && s.Frame.To != f.From {
				for _, name := range []string{"commitment", "nonce", "salt"} {
					if at, ok := sign.Fields(s.Frame.Kind)[name]; ok && s.Frame.Kind >= r3 {
						heard[name] = bytes.Clone(s.Frame.Body[at[0]:at[1]])
					}
				}
			}
		}
		switch f.Kind {
		case r3:
			put(f, "commitment", heard["commitment"])
		case r4:
			put(f, "nonce", heard["nonce"])
			put(f, "salt", heard["salt"])
			put(f, "view", c.honestView(f))
		}
		return nil
	}
}

// swapRvole sends to each the multiplication that was meant for another.
func swapRvole() func(*cheat, *wire.Frame) []wire.Frame {
	return func(c *cheat, f *wire.Frame) []wire.Frame {
		if f.Kind != r4 {
			return nil
		}
		for _, e := range c.parties[c.cheater].machine.Resend() {
			if s, ok := e.(session.Send); ok && s.Frame.Kind == r4 && s.Frame.To != f.To {
				other := s.Frame
				put(f, "rvole", get(&other, "rvole"))
			}
		}
		return nil
	}
}

// shiftPoint adds the generator to a point of the body.
func shiftPoint(name string) func(*cheat, *wire.Frame) {
	return func(c *cheat, f *wire.Frame) {
		p, err := secp.ParsePoint(get(f, name))
		if err != nil {
			c.t.Fatal(err)
		}
		b := p.Add(secp.Base()).Bytes()
		put(f, name, b[:])
	}
}

// cancelU makes the sum of all u zero, by which the signature is divided.
func cancelU() func(*cheat, *wire.Frame) []wire.Frame {
	return func(c *cheat, f *wire.Frame) []wire.Frame {
		if f.Kind != r5 {
			return nil
		}
		for _, e := range c.parties[f.To].machine.Resend() {
			if s, ok := e.(session.Send); ok && s.Frame.Kind == r5 {
				theirs := s.Frame
				u, err := secp.ParseScalar(get(&theirs, "u"))
				if err != nil {
					c.t.Fatal(err)
				}
				b := u.Neg().Bytes()
				put(f, "u", b[:])
				return nil
			}
		}
		// The other has not sent its own yet: send ours later.
		c.queue = append(c.queue, *f)
		f.Session = wire.SessionID{}
		return nil
	}
}

// secondFrame sends two different frames of one kind. The other comes first
// where it is kept unread until its round, so that both are seen.
func secondFrame(k wire.Kind) func(*cheat, *wire.Frame) []wire.Frame {
	return func(c *cheat, f *wire.Frame) []wire.Frame {
		if f.Kind != k || f.To != c.honest[0] {
			return nil
		}
		first := *f
		first.Body = bytes.Clone(f.Body)
		f.Body[0] ^= 1
		return []wire.Frame{first}
	}
}

// strangers adds frames that are no part of the session.
func strangers(c *cheat, f *wire.Frame) []wire.Frame {
	var out []wire.Frame
	for _, change := range []func(f *wire.Frame){
		func(f *wire.Frame) { f.Session[0] ^= 1 },
		func(f *wire.Frame) { f.From = 60000 },
		func(f *wire.Frame) { f.From = 0 },
		func(f *wire.Frame) { f.From = f.To },
		func(f *wire.Frame) { f.Kind = 0 },
		func(f *wire.Frame) { f.Kind = 6 },
		func(f *wire.Frame) { f.Kind = 255 },
	} {
		g := *f
		g.Body = []byte("not of this session")
		change(&g)
		out = append(out, g)
	}
	// To everybody, and to somebody else, delivered here all the same.
	for _, to := range []wire.Slot{0, 60000} {
		g := *f
		g.To, g.Body = to, []byte("not for this device")
		if effects, err := c.parties[f.To].machine.Deliver(g); err != nil || len(effects) != 0 {
			c.t.Errorf("frame to %d: %v", to, err)
		}
	}
	return out
}

// victimSent checks that the device that was cheated sent nothing of kind k to
// anybody, not even to the honest.
func victimSent(k wire.Kind) func(*cheat) {
	return func(c *cheat) {
		c.t.Helper()
		if c.parties[c.honest[0]].kinds[k] != 0 {
			c.t.Errorf("device %d sent round %d", c.honest[0], k)
		}
	}
}

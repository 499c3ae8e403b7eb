package frost_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/wire"
)

// world draws a circle of 2 to 9 devices in scattered slots, and its signers.
func world(t testing.TB, src *rand.ChaCha8, rng *rand.Rand) circle {
	t.Helper()
	n := 2 + rng.IntN(8)
	threshold := 2 + rng.IntN(min(n-1, 4))
	set := map[wire.Slot]bool{}
	for len(set) < n {
		set[wire.Slot(1+rng.IntN(1<<16-1))] = true
	}
	var members []wire.Slot
	for s := range set {
		members = append(members, s)
	}
	slices.Sort(members)
	signers := slices.Clone(members)
	rng.Shuffle(n, func(i, j int) { signers[i], signers[j] = signers[j], signers[i] })
	signers = signers[:threshold]
	slices.Sort(signers)
	return found(t, src, threshold, members, signers)
}

// TestHostileNetwork loses, repeats and reorders frames. As long as devices
// resend, all of them end with the same signature.
func TestHostileNetwork(t *testing.T) {
	t.Parallel()
	for seed := range 200 {
		src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1})
		rng := rand.New(src)
		c := world(t, src, rng)
		net := begin(t, src, c)
		for step := 0; len(net.done) < len(net.slots); step++ {
			if step > 10000 {
				t.Fatalf("seed %d: no end", seed)
			}
			if len(net.queue) == 0 || rng.IntN(20) == 0 {
				resend(net)
			}
			i := rng.IntN(len(net.queue))
			d := net.queue[i]
			switch rng.IntN(4) {
			case 0: // lost
				net.queue = slices.Delete(net.queue, i, i+1)
			case 1: // repeated
				net.deliver(t, d)
			default:
				net.queue = slices.Delete(net.queue, i, i+1)
				net.deliver(t, d)
			}
			for slot, err := range net.failed {
				t.Fatalf("seed %d: device %d: %v", seed, slot, err)
			}
		}
		net.agree(t, c)
	}
}

// resend puts on the queue what every device would repeat.
func resend(n *network) {
	for _, slot := range n.slots {
		for _, e := range n.machines[slot].Resend() {
			f := e.(session.Send).Frame
			for _, other := range n.slots {
				if other != slot {
					n.queue = append(n.queue, delivery{other, f})
				}
			}
		}
	}
}

// TestSilentDeviceIsNamed stops one device, before or after its first round.
func TestSilentDeviceIsNamed(t *testing.T) {
	t.Parallel()
	for _, kind := range []wire.Kind{frost.KindCommit, frost.KindResponse} {
		rng := source(benchSeed)
		c := found(t, rng, 3, []wire.Slot{1, 2, 3, 4, 5}, []wire.Slot{1, 3, 4})
		net := begin(t, rng, c)
		for len(net.queue) > 0 {
			d := net.queue[0]
			net.queue = net.queue[1:]
			if d.frame.From != 3 || d.frame.Kind < kind {
				net.deliver(t, d)
			}
		}
		for _, slot := range []wire.Slot{1, 4} {
			if got := net.machines[slot].Waiting(); !slices.Equal(got, []wire.Slot{3}) {
				t.Errorf("kind %d: device %d waits for %v", kind, slot, got)
			}
		}
	}
}

// TestLiarIsNamedOrHarmless lets one signer send whatever it likes, to each
// receiver something else. Honest devices never name each other, never fail in
// a way that has no class, and every signature that comes out is valid.
func TestLiarIsNamedOrHarmless(t *testing.T) {
	t.Parallel()
	named := 0
	for seed := range 300 {
		src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 2})
		rng := rand.New(src)
		c := world(t, src, rng)
		net := begin(t, src, c)
		liar := net.slots[rng.IntN(len(net.slots))]
		for step := 0; len(net.queue) > 0 && step < 10000; step++ {
			i := rng.IntN(len(net.queue))
			d := net.queue[i]
			net.queue = slices.Delete(net.queue, i, i+1)
			if d.frame.From == liar {
				d.frame = lie(rng, net, d.frame)
			}
			net.deliver(t, d)
		}
		for _, slot := range net.slots {
			if slot == liar {
				continue
			}
			err := net.failed[slot]
			var fault *session.Fault
			switch {
			case errors.As(err, &fault):
				named++
				if fault.Slot != liar {
					t.Fatalf("seed %d: honest device %d names %d, the liar is %d: %v", seed, slot, fault.Slot, liar, err)
				}
			case err != nil && !errors.Is(err, session.ErrViewMismatch) && !errors.Is(err, session.ErrUnattributable):
				t.Fatalf("seed %d: device %d: %v", seed, slot, err)
			}
			if sig, ok := net.machines[slot].Signature(); ok && !validSignature(c, sig) {
				t.Fatalf("seed %d: device %d: wrong signature", seed, slot)
			}
		}
	}
	if named < 100 {
		t.Errorf("the liar was named %d times: the test proves little", named)
	}
}

// lie returns f or something that was made from it and from what others sent.
func lie(rng *rand.Rand, net *network, f wire.Frame) wire.Frame {
	f.Body = bytes.Clone(f.Body)
	switch rng.IntN(6) {
	case 0, 1: // truthful
	case 2:
		f.Body[rng.IntN(len(f.Body))] ^= 1 << rng.IntN(8)
	case 3:
		f.Body = f.Body[:rng.IntN(len(f.Body))]
	case 4: // another's message of the same round under the liar's name
		other := net.slots[rng.IntN(len(net.slots))]
		if g, ok := net.sent[other][f.Kind]; ok {
			f.Body = bytes.Clone(g.Body)
		}
	case 5: // a well-formed message with other numbers
		if f.Kind == frost.KindCommit {
			p := ed.BaseMulVartime(ed.NewScalar(rng.Uint64())).Bytes()
			copy(f.Body[atHiding+32*rng.IntN(2):], p[:])
		} else {
			z := ed.NewScalar(rng.Uint64()).Bytes()
			copy(f.Body[atResponse:], z[:])
		}
	}
	return f
}

// TestEquivocationBlamesNobody lets device 3 send two different, well-formed
// first rounds. It answers honestly under one of them: devices 1 and 4 cannot
// know which of the others was lied to, so nobody is named, and nobody signs.
func TestEquivocationBlamesNobody(t *testing.T) {
	t.Parallel()
	for _, at := range []int{atNonce, atHiding, atBinding} {
		rng := source(benchSeed)
		c := found(t, rng, 3, []wire.Slot{1, 2, 3, 4, 5}, []wire.Slot{1, 3, 4})
		net := begin(t, rng, c)
		for len(net.queue) > 0 {
			d := net.queue[0]
			net.queue = net.queue[1:]
			if d.frame.From == 3 && d.frame.Kind == frost.KindCommit && d.to == 4 {
				p := ed.BaseMulVartime(ed.NewScalar(99)).Bytes()
				d.frame = put(d.frame, at, p[:])
			}
			net.deliver(t, d)
		}
		for _, slot := range []wire.Slot{1, 4} {
			checkError(t, net.failed[slot], session.ErrViewMismatch)
		}
	}
}

// TestOtherProposals gives device 3 a proposal that differs in one field. Its
// frames belong to another session. If it lies about the session, the others
// see that the proposals differ, and blame nobody.
func TestOtherProposals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*circle)
	}{
		{"message", func(c *circle) { c.proposal.Message = []byte("something else") }},
		{"purpose", func(c *circle) { c.proposal.Purpose = "login" }},
		{"request", func(c *circle) { c.proposal.Request[0] ^= 1 }},
		{"intent", func(c *circle) { c.proposal.Intent[0] ^= 1 }},
		{"expiry", func(c *circle) { c.proposal.Expires++ }},
		{"nonce", func(c *circle) { c.proposal.Nonce[0] ^= 1 }},
		{"initiator", func(c *circle) { c.proposal.Initiator = 3 }},
		{"signers", func(c *circle) { c.proposal.Signers = []wire.Slot{2, 3}; c.proposal.Initiator = 2 }},
	}
	for _, tt := range tests {
		rng := source(benchSeed)
		c := found(t, rng, 2, []wire.Slot{1, 2, 3}, []wire.Slot{1, 3})
		other := c
		tt.change(&other)
		m1, eff1, err := frost.New(c.config(1, rng))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		_, eff3, err := frost.New(other.config(3, rng))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		own, f := eff1[0].(session.Send).Frame, eff3[0].(session.Send).Frame
		if own.Session == f.Session {
			t.Errorf("%s: one session id for two proposals", tt.name)
		}
		if eff, err := m1.Deliver(f); len(eff) != 0 || err != nil {
			t.Errorf("%s: a frame of another session gives %v, %v", tt.name, eff, err)
		}
		f.Session = own.Session
		_, err = m1.Deliver(f)
		checkError(t, err, session.ErrViewMismatch)
	}
}

// TestParallelSessions runs many sessions of the same devices at once, for one
// message, and delivers every frame of one session to all others: nothing
// crosses over.
func TestParallelSessions(t *testing.T) {
	t.Parallel()
	rng := source(benchSeed)
	c := found(t, rng, 2, []wire.Slot{1, 2, 3}, []wire.Slot{1, 3})
	var nets []*network
	var circles []circle
	for i := range 20 {
		d := c
		d.proposal.Nonce[0] = byte(i + 1)
		circles, nets = append(circles, d), append(nets, begin(t, rng, d))
	}
	for range 2 {
		var all []delivery
		for _, net := range nets {
			all = append(all, net.queue...)
			net.queue = nil
		}
		for _, net := range nets {
			for _, d := range all {
				net.deliver(t, d)
			}
		}
	}
	seen := map[[64]byte]bool{}
	for i, net := range nets {
		net.agree(t, circles[i])
		sig, _ := net.machines[1].Signature()
		if seen[sig] {
			t.Error("two sessions made one signature: nonces repeat")
		}
		seen[sig] = true
	}
}

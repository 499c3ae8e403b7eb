package frost_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/warifu/warifu/internal/sim"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/wire"
)

// world draws a circle of 2 to 9 devices in scattered slots, and its signers:
// two in most worlds, which are cheap, and up to all in the others.
func world(t testing.TB, src *rand.ChaCha8, rng *rand.Rand) circle {
	t.Helper()
	n := 2 + rng.IntN(8)
	threshold := 2
	if rng.IntN(3) == 0 {
		threshold += rng.IntN(n - 1)
	}
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

// simulate returns the world of one session of a circle drawn from seed.
func simulate(t testing.TB, seed uint64) (circle, *sim.World) {
	t.Helper()
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	c := world(t, src, rand.New(src))
	return c, &sim.World{
		Slots: c.proposal.Signers,
		Boot: func(p wire.Slot, state []byte, random io.Reader) (session.Machine, []session.Effect, error) {
			cfg := c.config(p, nil)
			cfg.Rand = random
			return frost.New(cfg)
		},
		Check: func(w *sim.World) error { return invariants(c, w) },
	}
}

// invariants checks, after every step, that a signature is valid, that all who
// have one have the same, and that nobody has one before every signer has made
// the note that its response leaves durable.
func invariants(c circle, w *sim.World) error {
	var first *[64]byte
	for slot, p := range w.Parties {
		if p.Err != nil || p.Lost {
			continue
		}
		sig, ok := p.Machine.(*frost.Machine).Signature()
		if ok != p.Done {
			return fmt.Errorf("device %d: signature %t, done %t", slot, ok, p.Done)
		}
		if !ok {
			continue
		}
		if first == nil {
			first = &sig
		}
		if sig != *first || !validSignature(c, sig) {
			return fmt.Errorf("device %d: signature %x", slot, sig)
		}
		for other, q := range w.Parties {
			if !q.Released {
				return fmt.Errorf("device %d has a signature, device %d has not released", slot, other)
			}
		}
	}
	return nil
}

const steps = 3000

// TestSimNetwork loses, repeats and reorders frames. As long as devices
// resend, all of them come to the signature.
func TestSimNetwork(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		_, w := simulate(t, seed)
		if err := w.Run(seed, steps); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for slot, p := range w.Parties {
			if !p.Done || p.Err != nil || !p.Machine.(*frost.Machine).SecretsWiped() {
				t.Fatalf("seed %d: device %d: done %t, err %v", seed, slot, p.Done, p.Err)
			}
		}
	}
}

// TestSimPowerCuts cuts power between any two effects and breaks disks. A
// session is never resumed, so that a device that has spoken is lost to it; the
// others wait and blame nobody.
func TestSimPowerCuts(t *testing.T) {
	t.Parallel()
	signed, stuck := 0, 0
	for seed := range uint64(300) {
		_, w := simulate(t, seed)
		w.Power, w.Disk = 12, 12
		// One device at a time, so that somebody is left to wait for it.
		w.MayCut = func(*sim.Party) bool {
			for _, p := range w.Parties {
				if p.Lost {
					return false
				}
			}
			return true
		}
		if err := w.Run(seed, steps); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for slot, p := range w.Parties {
			switch {
			case p.Err != nil:
				t.Fatalf("seed %d: device %d: %v", seed, slot, p.Err)
			case p.Done:
				signed++
			case !p.Lost:
				stuck++
				// It may wait for one that waits itself, but somewhere at the
				// end there is one that is gone.
				waiting := p.Machine.Waiting()
				if len(waiting) == 0 || slices.ContainsFunc(waiting, func(s wire.Slot) bool { return w.Parties[s].Done }) {
					t.Fatalf("seed %d: device %d waits for %v, who have spoken", seed, slot, waiting)
				}
				if !slices.ContainsFunc(w.Slots, func(s wire.Slot) bool { return w.Parties[s].Lost }) {
					t.Fatalf("seed %d: device %d is stuck though nobody is gone", seed, slot)
				}
			}
		}
	}
	if signed < 50 || stuck < 50 {
		t.Errorf("%d signed, %d stuck: the test proves little", signed, stuck)
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

// TestSimLiar lets one signer send whatever it likes, to each receiver
// something else. Honest devices never name each other and never fail in a way
// that has no class; [invariants] holds for them.
func TestSimLiar(t *testing.T) {
	t.Parallel()
	named := 0
	for seed := range uint64(300) {
		c, w := simulate(t, seed)
		liar := c.proposal.Signers[seed%uint64(len(c.proposal.Signers))]
		heard := map[wire.Kind][][]byte{}
		w.Tamper = func(rng *rand.Rand, f wire.Frame, to wire.Slot) wire.Frame {
			heard[f.Kind] = append(heard[f.Kind], bytes.Clone(f.Body))
			if f.From == liar {
				f = lie(rng, heard[f.Kind], f)
			}
			return f
		}
		if err := w.Run(seed, steps); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for slot, p := range w.Parties {
			if slot == liar || p.Err == nil {
				continue
			}
			var fault *session.Fault
			if errors.As(p.Err, &fault) {
				named++
				if fault.Slot != liar {
					t.Fatalf("seed %d: device %d names %d, the liar is %d: %v", seed, slot, fault.Slot, liar, p.Err)
				}
			} else if !errors.Is(p.Err, session.ErrViewMismatch) && !errors.Is(p.Err, session.ErrUnattributable) {
				t.Fatalf("seed %d: device %d: %v", seed, slot, p.Err)
			}
		}
	}
	if named < 100 {
		t.Errorf("the liar was named %d times: the test proves little", named)
	}
}

// lie returns f or something that was made from it and from what others said.
func lie(rng *rand.Rand, heard [][]byte, f wire.Frame) wire.Frame {
	switch rng.IntN(12) {
	case 0:
		f.Body[rng.IntN(len(f.Body))] ^= 1 << rng.IntN(8)
	case 1:
		f.Body = f.Body[:rng.IntN(len(f.Body))]
	case 2: // another's message of the same round under the liar's name
		f.Body = bytes.Clone(heard[rng.IntN(len(heard))])
	case 3: // a well-formed message with other numbers
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
		checkError(t, err, &session.Fault{Slot: 3, Class: session.Cheat, Check: "proposal-hash"})
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

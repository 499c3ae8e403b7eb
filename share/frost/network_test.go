package frost_test

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/internal/sharetest"
	"github.com/warifu/warifu/wire"
)

func source(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

var message = []byte("what the person approved")

// A circle is everything that is fixed before a session.
type circle struct {
	record   roster.Record
	shares   sharetest.Shares
	proposal share.Proposal
}

func found(t testing.TB, rng *rand.ChaCha8, threshold int, members, signers []wire.Slot) circle {
	t.Helper()
	rec, shares := sharetest.Deal(t, rng, threshold, members...)
	return circle{rec, shares[roster.SSH], sharetest.Proposal(t, rng, rec, roster.SSH, nil, message, signers...)}
}

func (c circle) config(self wire.Slot, rng io.Reader) frost.Config {
	return frost.Config{Proposal: c.proposal, Record: c.record, Self: self, Share: c.shares[self].Clone(), Sign: sharetest.Sign(c.record, self), Rand: rng}
}

// A network connects machines. It keeps what every device has sent, and queues
// copies for the others; a test may rewrite the queue.
type network struct {
	slots    []wire.Slot // who has joined, in order: maps have none
	machines map[wire.Slot]*frost.Machine
	sent     map[wire.Slot]map[wire.Kind]wire.Frame
	released map[wire.Slot]bool
	done     map[wire.Slot]bool
	failed   map[wire.Slot]error
	queue    []delivery
}

type delivery struct {
	to    wire.Slot
	frame wire.Frame
}

// begin starts a machine for every signer.
func begin(t testing.TB, rng *rand.ChaCha8, c circle) *network {
	t.Helper()
	net := &network{}
	for _, slot := range c.proposal.Signers {
		m, eff, err := frost.New(c.config(slot, rng))
		if err != nil {
			t.Fatal(err)
		}
		net.join(t, slot, m, eff)
	}
	return net
}

func (n *network) join(t testing.TB, slot wire.Slot, m *frost.Machine, eff []session.Effect) {
	t.Helper()
	if n.machines == nil {
		n.machines, n.sent = map[wire.Slot]*frost.Machine{}, map[wire.Slot]map[wire.Kind]wire.Frame{}
		n.released, n.done, n.failed = map[wire.Slot]bool{}, map[wire.Slot]bool{}, map[wire.Slot]error{}
	}
	// Frames of those who came before are waiting for the newcomer too.
	for _, other := range n.slots {
		n.queue = append(n.queue, delivery{slot, n.sent[other][frost.KindCommit]})
	}
	n.slots = append(n.slots, slot)
	n.machines[slot], n.sent[slot] = m, map[wire.Kind]wire.Frame{}
	n.carryOut(t, slot, eff)
}

// carryOut does what a driver does, and checks the order of effects.
func (n *network) carryOut(t testing.TB, slot wire.Slot, eff []session.Effect) {
	t.Helper()
	for i, e := range eff {
		if n.done[slot] {
			t.Fatalf("device %d: effect after Done", slot)
		}
		switch e := e.(type) {
		case session.Send:
			f := e.Frame
			if f.From != slot || f.To != 0 {
				t.Fatalf("device %d sends from %d to %d", slot, f.From, f.To)
			}
			if old, ok := n.sent[slot][f.Kind]; ok && !bytes.Equal(old.Body, f.Body) {
				t.Fatalf("device %d equivocates", slot)
			}
			if f.Kind == frost.KindResponse {
				if i == 0 || eff[i-1] != (session.Release{}) {
					t.Fatalf("device %d: response without Release directly before it", slot)
				}
				n.released[slot] = true
			}
			n.sent[slot][f.Kind] = f
			for _, other := range n.slots {
				if other != slot {
					n.queue = append(n.queue, delivery{other, f})
				}
			}
		case session.Release:
			if _, ok := eff[i+1].(session.Send); !ok {
				t.Fatalf("device %d: Release without Send directly after it", slot)
			}
		case session.Done:
			n.done[slot] = true
		default:
			t.Fatalf("device %d: effect %T", slot, e)
		}
	}
}

// deliver hands over one frame, in a buffer that is cleared afterwards, as a
// transport's is.
func (n *network) deliver(t testing.TB, d delivery) {
	t.Helper()
	m, ok := n.machines[d.to]
	if !ok || n.failed[d.to] != nil {
		return
	}
	d.frame.Body = bytes.Clone(d.frame.Body)
	eff, err := m.Deliver(d.frame)
	clear(d.frame.Body)
	if err != nil {
		if len(eff) != 0 {
			t.Fatalf("device %d: effects beside error %v", d.to, err)
		}
		n.failed[d.to] = err
		return
	}
	n.carryOut(t, d.to, eff)
}

// run delivers in order until nothing is left.
func (n *network) run(t testing.TB) {
	t.Helper()
	for len(n.queue) > 0 {
		d := n.queue[0]
		n.queue = n.queue[1:]
		n.deliver(t, d)
	}
}

// agree checks that every machine ended with the same valid signature and
// holds no secret.
func (n *network) agree(t testing.TB, c circle) {
	t.Helper()
	var first [64]byte
	for i, slot := range c.proposal.Signers {
		m := n.machines[slot]
		sig, ok := m.Signature()
		if !ok || !n.done[slot] || n.failed[slot] != nil {
			t.Fatalf("device %d has no signature: %v, waiting for %v", slot, n.failed[slot], m.Waiting())
		}
		if i == 0 {
			first = sig
		}
		if sig != first || !validSignature(c, sig) {
			t.Fatalf("device %d: signature %x", slot, sig)
		}
		if len(m.Waiting()) != 0 || !m.SecretsWiped() {
			t.Fatalf("device %d: waiting for %v, secrets wiped: %t", slot, m.Waiting(), m.SecretsWiped())
		}
	}
}

func validSignature(c circle, sig [64]byte) bool {
	return ed25519.Verify(c.proposal.ChildKey, c.proposal.Message, sig[:])
}

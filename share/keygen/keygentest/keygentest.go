// Package keygentest founds circles for the tests of other packages, with the
// real machines of package keygen and no network. Only tests import it.
package keygentest

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// A Group is n devices that have not founded anything yet.
type Group struct {
	Proposal keygen.Proposal
	Identity map[wire.Slot]ed25519.PrivateKey
}

// NewGroup returns devices in slots 1 to n whose keys all come from seed, with
// a proposal to found a circle of them.
func NewGroup(t testing.TB, threshold, n int, seed uint64) Group {
	t.Helper()
	src := source(seed, 0)
	g := Group{
		Proposal: keygen.Proposal{Version: 1, Nonce: draw(src), Threshold: threshold, Settings: roster.DefaultSettings()},
		Identity: make(map[wire.Slot]ed25519.PrivateKey),
	}
	kinds := []roster.Kind{roster.Phone, roster.Laptop, roster.Tablet, roster.Desktop, roster.Server, roster.Browser}
	for i := range n {
		slot, kind := wire.Slot(i+1), kinds[i%len(kinds)]
		identity, presence := draw(src), draw(src)
		g.Identity[slot] = ed25519.NewKeyFromSeed(identity[:])
		peer := draw(src)
		g.Proposal.Devices = append(g.Proposal.Devices, roster.Device{
			Slot:     slot,
			Name:     fmt.Sprintf("%s %d", kind, slot),
			Kind:     kind,
			Identity: wire.DeviceID(g.Identity[slot].Public().(ed25519.PublicKey)),
			// The identity multihash of a protobuf-encoded Ed25519 key.
			Peer:     append([]byte{0, 36, 8, 1, 18, 32}, peer[:]...),
			Box:      draw(src),
			Presence: [32]byte(ed25519.NewKeyFromSeed(presence[:]).Public().(ed25519.PublicKey)),
		})
	}
	if err := g.Proposal.Check(); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return g
}

// Config returns what the device in the given slot brings, with randomness
// from seed.
func (g Group) Config(self wire.Slot, seed uint64) keygen.Config {
	return keygen.Config{
		Proposal: g.Proposal,
		Self:     self,
		Sign:     func(msg []byte) [64]byte { return [64]byte(ed25519.Sign(g.Identity[self], msg)) },
		Rand:     source(seed, uint64(self)),
	}
}

// Deal founds a circle and returns its certified epoch with the shares of all
// devices by slot and account name. The same arguments give the same circle.
func Deal(t testing.TB, threshold, n int, seed uint64) (roster.Entry, map[wire.Slot]map[string]secret.Key) {
	t.Helper()
	g := NewGroup(t, threshold, n, seed)
	machines := make(map[wire.Slot]*keygen.Machine)
	var queue []wire.Frame
	send := func(effects []session.Effect) {
		for _, e := range effects {
			if s, ok := e.(session.Send); ok {
				queue = append(queue, s.Frame)
			}
		}
	}
	deliverAll := func() {
		for ; len(queue) > 0; queue = queue[1:] {
			for slot := wire.Slot(1); int(slot) <= n; slot++ {
				effects, err := machines[slot].Deliver(queue[0])
				if err != nil {
					t.Fatalf("seed %d: device %d: %v", seed, slot, err)
				}
				send(effects)
			}
		}
	}
	for slot := wire.Slot(1); int(slot) <= n; slot++ {
		m, effects, err := keygen.New(g.Config(slot, seed))
		if err != nil {
			t.Fatalf("seed %d: device %d: %v", seed, slot, err)
		}
		machines[slot] = m
		send(effects)
	}
	deliverAll()
	for slot := wire.Slot(1); int(slot) <= n; slot++ {
		effects, err := machines[slot].Confirm()
		if err != nil {
			t.Fatalf("seed %d: device %d: %v", seed, slot, err)
		}
		send(effects)
	}
	deliverAll()

	entry, ok := machines[1].Entry()
	if !ok {
		t.Fatalf("seed %d: no certificate", seed)
	}
	shares := make(map[wire.Slot]map[string]secret.Key)
	for slot, m := range machines {
		if shares[slot], ok = m.Shares(); !ok {
			t.Fatalf("seed %d: device %d has no shares", seed, slot)
		}
		m.Close()
	}
	return entry, shares
}

func source(seed, stream uint64) *rand.ChaCha8 {
	var s [32]byte
	copy(s[:], fmt.Sprintf("keygentest %d %d", seed, stream))
	return rand.NewChaCha8(s)
}

func draw(src *rand.ChaCha8) (b [32]byte) {
	src.Read(b[:])
	return b
}

package refresh_test

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/internal/sharetest"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A circle is a founded circle with the private keys of all its devices, and
// of devices that may join it later.
type circle struct {
	t        testing.TB
	rng      *rand.ChaCha8
	parent   roster.Record
	shares   map[wire.Slot]map[string]secret.Key
	identity map[wire.Slot]ed25519.PrivateKey
	box      map[wire.Slot]*ecdh.PrivateKey
	spare    map[wire.Slot]roster.Device
}

// newCircle founds threshold-of-n in slots 1 to n. Two more devices wait to be
// added.
func newCircle(t testing.TB, threshold, n int, seed uint64) *circle {
	t.Helper()
	var s [32]byte
	copy(s[:], fmt.Sprintf("refresh circle %d", seed))
	c := &circle{
		t: t, rng: rand.NewChaCha8(s),
		shares:   map[wire.Slot]map[string]secret.Key{},
		identity: map[wire.Slot]ed25519.PrivateKey{},
		box:      map[wire.Slot]*ecdh.PrivateKey{},
		spare:    map[wire.Slot]roster.Device{},
	}
	var slots []wire.Slot
	for slot := wire.Slot(1); int(slot) <= n; slot++ {
		slots = append(slots, slot)
	}
	rec, shares := sharetest.Deal(t, c.rng, threshold, slots...)
	for i := range rec.Devices {
		rec.Devices[i] = c.equip(rec.Devices[i])
	}
	for slot := wire.Slot(n + 1); int(slot) <= n+2; slot++ {
		d := roster.Device{Slot: slot, Name: fmt.Sprintf("device %d", slot), Kind: roster.Phone, Peer: make([]byte, 38)}
		c.rng.Read(d.Peer)
		c.rng.Read(d.Presence[:])
		c.spare[slot] = c.equip(d)
	}
	if err := rec.Check(); err != nil {
		t.Fatal(err)
	}
	c.parent = rec
	for name, list := range shares {
		for slot, k := range list {
			if c.shares[slot] == nil {
				c.shares[slot] = map[string]secret.Key{}
			}
			c.shares[slot][name] = k
		}
	}
	return c
}

// equip gives a device keys of which the circle knows the private halves.
func (c *circle) equip(d roster.Device) roster.Device {
	c.t.Helper()
	var id, box [32]byte
	c.rng.Read(id[:])
	c.rng.Read(box[:])
	c.identity[d.Slot] = ed25519.NewKeyFromSeed(id[:])
	priv, err := ecdh.X25519().NewPrivateKey(box[:])
	if err != nil {
		c.t.Fatal(err)
	}
	c.box[d.Slot] = priv
	d.Identity = wire.DeviceID(c.identity[d.Slot].Public().(ed25519.PublicKey))
	d.Box = [32]byte(priv.PublicKey().Bytes())
	return d
}

// founding returns the certified entry of the parent of a circle that has not
// been re-dealt.
func (c *circle) founding() roster.Entry {
	e := roster.Entry{Record: c.parent}
	for _, slot := range c.parent.Slots() {
		e.Ready = append(e.Ready, roster.Signature{Slot: slot, Sig: c.sign(slot)(roster.ReadyMessage(c.parent.Hash()))})
	}
	return e
}

func (c *circle) sign(slot wire.Slot) func([]byte) [64]byte {
	return func(msg []byte) [64]byte { return [64]byte(ed25519.Sign(c.identity[slot], msg)) }
}

// A plan is what a test wants of a proposal.
type plan struct {
	kind      roster.ChangeKind
	threshold int // 0: as it is
	members   []wire.Slot
	dealers   []wire.Slot // nil: the first members that hold a share
	sleepers  []wire.Slot
	removed   []refresh.Removal
	added     []wire.Slot
}

func (c *circle) propose(p plan) refresh.Proposal {
	if p.threshold == 0 {
		p.threshold = c.parent.Threshold
	}
	if p.dealers == nil {
		for _, s := range p.members {
			if _, holds := c.parent.Device(s); holds && len(p.dealers) < c.parent.Threshold {
				p.dealers = append(p.dealers, s)
			}
		}
	}
	out := refresh.Proposal{
		Version: refresh.Version, Circle: c.parent.Circle, Parent: c.parent.Hash(), Epoch: c.parent.Epoch + 1,
		Kind: p.kind, Threshold: p.threshold, Members: p.members, Dealers: p.dealers, Sleepers: p.sleepers,
		Removed: p.removed, Settings: c.parent.Settings, Proposer: p.members[0], Expires: 1 << 40,
	}
	for _, s := range p.added {
		out.Added = append(out.Added, c.spare[s])
	}
	c.rng.Read(out.Nonce[:])
	return out
}

// config returns what the device in slot brings to an attempt.
func (c *circle) config(p refresh.Proposal, slot wire.Slot) refresh.Config {
	var seed [32]byte
	c.rng.Read(seed[:])
	return refresh.Config{
		Proposal: p, Parent: c.parent, Self: slot, Sign: c.sign(slot),
		Open: func(enc, info, data, ct []byte) ([]byte, error) {
			return refresh.OpenBox(c.box[slot], enc, info, data, ct)
		},
		Shares: c.shares[slot], Rand: rand.NewChaCha8(seed),
	}
}

// adopt makes the certified epoch the one that the next attempt deals.
func (c *circle) adopt(e roster.Entry, shares map[wire.Slot]map[string]secret.Key) {
	c.parent, c.shares = e.Record, shares
}

func slots(list ...wire.Slot) []wire.Slot { return list }

func without(list []wire.Slot, gone ...wire.Slot) (out []wire.Slot) {
	for _, s := range list {
		if !slices.Contains(gone, s) {
			out = append(out, s)
		}
	}
	return out
}

package refresh_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"filippo.io/edwards25519"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

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
	key      map[string][32]byte // of each account: only the oracle knows it
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
	c.key = map[string][32]byte{}
	for _, a := range rec.Accounts {
		c.key[a.Name] = c.rebuild(a, c.shares, slots[:threshold])
	}
	return c
}

// rebuild interpolates a key from shares of one epoch.
func (c *circle) rebuild(a roster.Account, shares map[wire.Slot]map[string]secret.Key, at []wire.Slot) (key [32]byte) {
	c.t.Helper()
	var list [][]byte
	for _, slot := range at {
		list = append(list, expose(c.t, shares[slot][a.Name]))
	}
	k, err := refresh.Interpolate(a.Suite, at, list)
	if err != nil {
		c.t.Fatal(err)
	}
	return [32]byte(expose(c.t, k))
}

func expose(t testing.TB, k secret.Key) (out []byte) {
	t.Helper()
	if err := k.Use(func(b *[32]byte) error { out = bytes.Clone(b[:]); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// testSignatures answers for the signing protocols with the key that only the
// oracle knows: what t devices that hold new shares would have made together.
func (c *circle) testSignatures(m *refresh.Machine) map[string][]byte {
	c.t.Helper()
	rec, ok := m.Record()
	if !ok {
		c.t.Fatal("no record to test")
	}
	out := map[string][]byte{}
	for _, a := range rec.Accounts {
		key, msg := c.key[a.Name], m.TestMessage(a)
		if a.Suite == roster.Ed25519 {
			out[a.Name] = signEd25519(key, a.GroupKey(), msg)
			continue
		}
		compact := ecdsa.SignCompact(secp256k1.PrivKeyFromBytes(key[:]), msg, true)
		out[a.Name] = append(compact[1:65:65], compact[0]-27-4)
	}
	return out
}

// signEd25519 signs as RFC 8032 does, but for the nonce, with a secret scalar
// instead of a seed.
func signEd25519(key [32]byte, public, msg []byte) []byte {
	wide := sha512.Sum512(append(key[:], msg...))
	nonce, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		panic(err)
	}
	r := edwards25519.NewIdentityPoint().ScalarBaseMult(nonce).Bytes()
	wide = sha512.Sum512(slices.Concat(r, public, msg))
	k, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		panic(err)
	}
	a, err := edwards25519.NewScalar().SetCanonicalBytes(key[:])
	if err != nil {
		panic(err)
	}
	return append(r, edwards25519.NewScalar().MultiplyAdd(k, a, nonce).Bytes()...)
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

package sign_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"filippo.io/edwards25519"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// A circle is an epoch whose shares were dealt in the open.
type circle struct {
	record roster.Record
	key    secp.Secret // s, the discrete logarithm of the group key
	shares map[wire.Slot]secp.Secret
	ids    map[wire.Slot]ed25519.PrivateKey
	rng    *rand.ChaCha8
	seed   uint64
}

func newRNG(seed uint64, label string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d %s", seed, label)))
}

func random32(r *rand.ChaCha8) (b [32]byte) {
	r.Read(b[:])
	return b
}

// newCircle deals a key to n devices. Slots are scattered, as they are after
// some years of lost devices.
func newCircle(t testing.TB, threshold, n int, seed uint64) *circle {
	t.Helper()
	c := &circle{rng: newRNG(seed, "circle"), shares: map[wire.Slot]secp.Secret{}, ids: map[wire.Slot]ed25519.PrivateKey{}, seed: seed}
	r := rand.New(c.rng)
	var coefficients []secp.Secret
	eth := roster.Account{Name: roster.Ethereum, Suite: roster.Secp256k1, Origin: roster.EthereumOrigin, ChainCode: random32(c.rng)}
	ssh := roster.Account{Name: roster.SSH, Suite: roster.Ed25519}
	for range threshold {
		a, err := secp.RandomSecret(c.rng)
		if err != nil {
			t.Fatal(err)
		}
		coefficients = append(coefficients, a)
		p := secp.BaseMul(a).Bytes()
		eth.Commitments = append(eth.Commitments, p[:])
		ssh.Commitments = append(ssh.Commitments, edwards25519.NewGeneratorPoint().Bytes())
	}
	c.key = coefficients[0]
	slot := wire.Slot(0)
	var devices []roster.Device
	for i := range n {
		slot += wire.Slot(1 + r.IntN(9000)*r.IntN(2))
		x, s := secp.NewScalar(uint64(slot)), secp.NewSecret()
		for k := threshold - 1; k >= 0; k-- {
			s = s.MulPublic(x).Add(coefficients[k])
		}
		c.shares[slot] = s
		peer, identity := random32(c.rng), random32(c.rng)
		c.ids[slot] = ed25519.NewKeyFromSeed(identity[:])
		devices = append(devices, roster.Device{
			Slot: slot, Name: fmt.Sprintf("device %d", i), Kind: "phone",
			Identity: wire.DeviceID(c.ids[slot].Public().(ed25519.PublicKey)), Peer: peer[:], Box: random32(c.rng), Presence: random32(c.rng),
		})
	}
	c.record = roster.Record{
		Version: roster.Version, Circle: wire.CircleID(random32(c.rng)), Threshold: threshold,
		Settings: roster.DefaultSettings(), Devices: devices, Accounts: []roster.Account{eth, ssh}, Transcript: wire.Hash(random32(c.rng)),
	}
	return c
}

// proposal asks for a signature of a random digest by threshold random devices.
func (c *circle) proposal(t testing.TB, path ...uint32) share.Proposal {
	t.Helper()
	acc, _ := c.record.Account(roster.Ethereum)
	_, child, _, err := share.Derive(acc, path)
	if err != nil {
		t.Fatal(err)
	}
	slots := c.record.Slots()
	rand.New(c.rng).Shuffle(len(slots), func(i, j int) { slots[i], slots[j] = slots[j], slots[i] })
	slots = slots[:c.record.Threshold]
	slices.Sort(slots)
	digest := random32(c.rng)
	return share.Proposal{
		Version: share.VersionFor(c.record.Threshold), Suite: roster.Secp256k1, Circle: c.record.Circle, Epoch: c.record.Epoch,
		Record: c.record.Hash(), Account: roster.Ethereum, GroupKey: acc.GroupKey(), Signers: slots, Path: path,
		ChildKey: child, Purpose: "test", Message: digest[:], Request: wire.RequestID(random32(c.rng)),
		Intent: wire.Hash(random32(c.rng)), Initiator: slots[0], Expires: 1, Nonce: random32(c.rng),
	}
}

func (c *circle) config(p share.Proposal, self wire.Slot) sign.Config {
	return sign.Config{
		Proposal: p, Record: c.record, Self: self, Share: c.share(self), Sign: c.signer(self),
		Rand: newRNG(c.seed, fmt.Sprintf("device %d %x", self, p.Nonce)),
	}
}

// signer signs with the identity key of one device.
func (c *circle) signer(slot wire.Slot) func([]byte) [64]byte {
	return func(msg []byte) [64]byte { return [64]byte(ed25519.Sign(c.ids[slot], msg)) }
}

func (c *circle) share(slot wire.Slot) secret.Key {
	if s, ok := c.shares[slot]; ok {
		return s.Key()
	}
	var zero [32]byte
	return secret.Take(&zero)
}

// A party is a machine and what became of it.
type party struct {
	machine  *sign.Machine
	err      error
	released bool
	done     bool
	kinds    [sign.Rounds + 1]int // frames sent
}

// A run is one session in one room: frames go from machine to machine.
type run struct {
	t       testing.TB
	circle  *circle
	slots   []wire.Slot
	parties map[wire.Slot]*party
	queue   []wire.Frame
	bytes   int // bodies of all frames that were sent

	// before is called ahead of each delivery, rewrite with each frame that is
	// sent; it returns what is sent instead.
	before  func(f wire.Frame)
	rewrite func(f wire.Frame) []wire.Frame
	order   *rand.Rand // nil is first in, first out
}

func (c *circle) start(t testing.TB, p share.Proposal) *run {
	t.Helper()
	r := &run{t: t, circle: c, slots: p.Signers, parties: map[wire.Slot]*party{}}
	for _, s := range p.Signers {
		m, effects, err := sign.New(c.config(p, s))
		if err != nil {
			t.Fatalf("seed %d: device %d: %v", c.seed, s, err)
		}
		r.parties[s] = &party{machine: m}
		r.carry(s, effects)
	}
	return r
}

// carry carries out the effects of one device.
func (r *run) carry(slot wire.Slot, effects []session.Effect) {
	r.t.Helper()
	p := r.parties[slot]
	for _, e := range effects {
		switch e := e.(type) {
		case session.Send:
			if p.done {
				r.t.Errorf("seed %d: device %d sends after Done", r.circle.seed, slot)
			}
			if e.Frame.Kind == sign.Rounds && !p.released {
				r.t.Errorf("seed %d: device %d sends its share before it is released", r.circle.seed, slot)
			}
			p.kinds[e.Frame.Kind]++
			r.bytes += len(e.Frame.Body)
			r.queue = append(r.queue, e.Frame)
		case session.Release:
			p.released = true
		case session.Done:
			p.done = true
		default:
			r.t.Errorf("seed %d: device %d: effect %T", r.circle.seed, slot, e)
		}
	}
}

// finish delivers frames until none are left.
func (r *run) finish() {
	r.t.Helper()
	for len(r.queue) > 0 {
		i := 0
		if r.order != nil {
			i = r.order.IntN(len(r.queue))
		}
		f := r.queue[i]
		r.queue = slices.Delete(r.queue, i, i+1)
		frames := []wire.Frame{f}
		if r.rewrite != nil {
			frames = r.rewrite(f)
		}
		for _, f := range frames {
			r.deliver(f)
		}
	}
}

func (r *run) deliver(f wire.Frame) {
	r.t.Helper()
	p, ok := r.parties[f.To]
	if !ok || p.err != nil {
		return
	}
	if r.before != nil {
		r.before(f)
	}
	effects, err := p.machine.Deliver(f)
	if err != nil {
		p.err = err
		if len(effects) != 0 {
			r.t.Errorf("seed %d: device %d fails and has effects", r.circle.seed, f.To)
		}
		return
	}
	r.carry(f.To, effects)
}

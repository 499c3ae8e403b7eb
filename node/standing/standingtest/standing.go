// Package standingtest makes a device that stands in a company of founders, without a
// network, for tests of the rooms above it.
package standingtest

import (
	"crypto/ed25519"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A Bench is one device, in slot 1 of as many founders as were asked for.
type Bench struct {
	*standing.Standing
	Journal *journaltest.Mem
	Said    []Parcel // what the link took
	Refuses bool     // the link refuses what it is given
	t       testing.TB
	devices []roster.Device
	keys    []ed25519.PrivateKey
}

// A Parcel is a message that was sent.
type Parcel struct {
	To       wire.Slot
	Protocol string
	Msg      []byte
}

// New makes a device among n founders, all others of whom are connected.
func New(t testing.TB, n int) *Bench {
	t.Helper()
	b := &Bench{Journal: journaltest.New(), t: t}
	random := rand.NewChaCha8([32]byte{1})
	if _, err := standing.Init(b.Journal, keeper{}, random, "phone", roster.Phone); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	me, err := standing.New(standing.Config{
		Journal: b.Journal, Keeper: keeper{}, Rand: random, Log: slog.New(slog.DiscardHandler), Timings: standing.DefaultTimings,
		Now: func() time.Time { return now },
	}, company{b})
	if err != nil {
		t.Fatal(err)
	}
	b.Standing, me.Link = me, link{b}
	for i := range n {
		d := roster.Device{Slot: wire.Slot(i + 1), Name: "device " + string(rune('a'+i)), Kind: roster.Phone, Peer: []byte{byte(i + 1)}, Box: [32]byte{byte(i + 1), 1}, Presence: [32]byte{byte(i + 1), 2}}
		seed := [ed25519.SeedSize]byte{byte(i + 1)}
		key := ed25519.NewKeyFromSeed(seed[:])
		d.Identity = wire.DeviceID(key.Public().(ed25519.PublicKey))
		if i == 0 {
			d.Identity, d.Name, d.Box, d.Presence = me.Self.Public, me.Self.Name, me.Self.Box, me.Self.Presence
		}
		b.keys = append(b.keys, key)
		b.devices = append(b.devices, d)
		me.Peer(d.Slot).Online = i > 0
	}
	return b
}

// InCircle founds the circle of all its devices, threshold of which sign, in epoch 0. Each
// holds a share and has said so. The keys of its accounts are nobody's.
func (b *Bench) InCircle(threshold int) *Bench {
	rec := roster.Record{
		Version: roster.Version, Circle: wire.CircleID{1}, Threshold: threshold, Devices: b.devices, Transcript: wire.Hash{2}, Settings: roster.DefaultSettings(),
		Accounts: []roster.Account{
			{Name: roster.Ethereum, Suite: roster.Secp256k1, Origin: roster.EthereumOrigin, ChainCode: [32]byte{3}, Commitments: slices.Repeat([][]byte{generator}, threshold)},
			{Name: roster.SSH, Suite: roster.Ed25519, Commitments: slices.Repeat([][]byte{b.devices[0].Identity[:]}, threshold)},
		},
	}
	b.t.Helper()
	if err := rec.Check(); err != nil {
		b.t.Fatal(err)
	}
	b.Circle = &standing.Circle{
		Chain: roster.Chain{{Record: rec}}, Record: rec, Hash: rec.Hash(), Slot: 1, ShareKey: "0-1", HeadKey: "0-1",
		Addrs: map[wire.Slot][]string{}, Fenced: map[wire.DeviceID]bool{},
	}
	for _, d := range b.devices {
		p := b.Peer(d.Slot)
		p.Told, p.Share, p.Record, p.There, p.LastSeen = true, true, b.Circle.Hash, b.Now, b.Now
	}
	return b
}

// generator is the point of secp256k1 of which the secret key is 1, compressed (SEC 2, 2.4.1).
var generator = []byte("\x02\x79\xbe\x66\x7e\xf9\xdc\xbb\xac\x55\xa0\x62\x95\xce\x87\x0b\x07\x02\x9b\xfc\xdb\x2d\xce\x28\xd9\x59\xf2\x81\x5b\x16\xf8\x17\x98")

// Sign signs a message with the identity of the device in slot.
func (b *Bench) Sign(slot wire.Slot, msg []byte) []byte {
	if slot == 1 {
		sig := b.Self.Sign(msg)
		return sig[:]
	}
	return ed25519.Sign(b.keys[slot-1], msg)
}

// Sent flushes what was said, and returns it.
func (b *Bench) Sent() []Parcel {
	b.Flush()
	out := b.Said
	b.Said = nil
	return out
}

type company struct{ b *Bench }

func (c company) Founding() bool             { return c.b.Circle == nil }
func (c company) Founders() []roster.Device  { return c.b.devices }
func (c company) Pending() (wire.Hash, bool) { return wire.Hash{}, false }
func (c company) Staying() []roster.Device   { return nil }

type link struct{ b *Bench }

func (link) ID() []byte                                                { return []byte{1} }
func (link) Addrs() []string                                           { return []string{} }
func (link) SetPeers(map[string][]string)                              {}
func (link) SetBeacon([32]byte, [][32]byte, uint16, map[uint16][]byte) {}
func (link) Fault([]byte, string)                                      {}
func (l link) Connected(peer []byte) bool                              { return true }

func (l link) Send(to []byte, protocol string, msg []byte) error {
	if l.b.Refuses {
		return errors.New("standingtest: the queue is full")
	}
	i := slices.IndexFunc(l.b.devices, func(d roster.Device) bool { return slices.Equal(d.Peer, to) })
	l.b.Said = append(l.b.Said, Parcel{wire.Slot(i + 1), protocol, msg})
	return nil
}

// A keeper seals nothing: rooms are tested for what they ask to be sealed.
type keeper struct{}

func (keeper) NewEpochKey(string) error                             { return nil }
func (keeper) SealShare(_, _ string, plain []byte) ([]byte, error)  { return slices.Clone(plain), nil }
func (keeper) OpenShare(_, _ string, sealed []byte) ([]byte, error) { return slices.Clone(sealed), nil }
func (keeper) DestroyEpochKey(string) error                         { return nil }
func (keeper) ListEpochKeys() ([]string, error)                     { return nil, nil }
func (keeper) Lock()                                                {}
func (keeper) Unlock([]byte) error                                  { return nil }
func (keeper) Prove([]byte) error                                   { return nil }
func (keeper) Locked() bool                                         { return false }
func (keeper) MayUnlock() error                                     { return nil }

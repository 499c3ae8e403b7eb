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
	devices []roster.Device
}

// A Parcel is a message that was sent.
type Parcel struct {
	To       wire.Slot
	Protocol string
	Msg      []byte
}

// New makes a device among n founders, all of whom are connected.
func New(t testing.TB, n int) *Bench {
	t.Helper()
	b := &Bench{Journal: journaltest.New()}
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
		d := roster.Device{Slot: wire.Slot(i + 1), Name: "device " + string(rune('a'+i)), Kind: roster.Phone, Peer: []byte{byte(i + 1)}}
		seed := [ed25519.SeedSize]byte{byte(i + 1)}
		d.Identity = wire.DeviceID(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
		if i == 0 {
			d.Identity, d.Name = me.Self.Public, me.Self.Name
		}
		b.devices = append(b.devices, d)
		me.Peer(d.Slot).Online = true
	}
	return b
}

// Sent flushes what was said, and returns it.
func (b *Bench) Sent() []Parcel {
	b.Flush()
	out := b.Said
	b.Said = nil
	return out
}

type company struct{ b *Bench }

func (c company) Founding() bool             { return true }
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

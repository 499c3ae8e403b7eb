package standing

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Buckets and keys of the journal. Every value is sealed by the journal.
const (
	BucketDevice   = "device"   // one record: deviceKey
	BucketChain    = "chain"    // epoch → certified entry
	BucketCircle   = "circle"   // discoveryKey, olderKey, addrsKey, shareKeyKey, highestKey, judgeKey, times of epochs
	BucketFenced   = "fenced"   // identity → nothing: never signed with again
	BucketShares   = "shares"   // epoch key / account → share sealed by the keeper
	BucketAttempt  = "attempt"  // currentKey, asideKey
	BucketDead     = "dead"     // attempt → the votes it died of; this device never joins it
	BucketFounding = "founding" // pendingKey
	BucketAside    = "aside"    // foundings that were abandoned, by session
	BucketItems    = "items"    // item id → item
	BucketMeta     = "requests" // request id → what only this device knows
	BucketAlarms   = "alarms"   // slot → cheats counted
	BucketBegun    = "begun"    // session that another device opened → what it was; mark of a request

	DeviceKey    = "self"
	DiscoveryKey = "discovery"
	OlderKey     = "older-discovery"
	AddrsKey     = "addresses"
	ShareKeyKey  = "share-key"
	HighestKey   = "highest"
	PendingKey   = "pending"
	CurrentKey   = "current"
)

// PresenceID names the keeper's key for the presence key of this device,
// which is readable only while the keeper is unlocked.
const PresenceID = "0-0"

// StoredDevice is the durable form of a device's own keys, as seeds.
type StoredDevice struct {
	Version   uint8    `cbor:"1,keyasint"`
	Name      string   `cbor:"2,keyasint"`
	Kind      string   `cbor:"3,keyasint"`
	Identity  []byte   `cbor:"4,keyasint"`
	Transport []byte   `cbor:"5,keyasint"`
	Box       []byte   `cbor:"6,keyasint"`
	Presence  [32]byte `cbor:"7,keyasint"` // public
	Sealed    []byte   `cbor:"8,keyasint"` // presence seed, sealed by the keeper
}

// A Self is this device: its name and its keys.
type Self struct {
	Name      string
	Kind      roster.Kind
	Identity  secret.Key // Ed25519 seed
	transport secret.Key // Ed25519 seed
	BoxSeed   secret.Key // X25519
	sealed    []byte     // presence seed, sealed by the keeper
	Public    wire.DeviceID
	Box       [32]byte
	Presence  [32]byte
}

// Sign signs with the identity key. Every message is a labelled hash, so that
// what is signed for one purpose means nothing for another.
func (s *Self) Sign(msg []byte) (sig [64]byte) {
	err := s.Identity.Use(func(seed *[32]byte) error {
		k := ed25519.NewKeyFromSeed(seed[:])
		copy(sig[:], ed25519.Sign(k, msg))
		clear(k)
		return nil
	})
	if err != nil {
		panic("node: internal error: " + err.Error())
	}
	return sig
}

// ErrNoDevice is returned by [node.Open] for a journal that [Init] has not seen.
var ErrNoDevice = errors.New("node: no device here")

// Init makes this device: draws its keys from rand and stores them. It fails
// if the journal holds a device already.
func Init(j journal.Journal, keeper Keeper, rand io.Reader, name string, kind roster.Kind) (wire.DeviceID, error) {
	var id wire.DeviceID
	if err := CheckNewName(name); err != nil {
		return id, err
	}
	var seeds [4][32]byte
	defer clear(seeds[:])
	for i := range seeds {
		if _, err := io.ReadFull(rand, seeds[i][:]); err != nil {
			return id, fmt.Errorf("node: draw keys: %w", err)
		}
	}
	if err := keeper.NewEpochKey(PresenceID); err != nil {
		return id, fmt.Errorf("node: make presence key: %w", err)
	}
	sealed, err := keeper.SealShare(PresenceID, "presence", seeds[3][:])
	if err != nil {
		return id, fmt.Errorf("node: seal presence key: %w", err)
	}
	presence := ed25519.NewKeyFromSeed(seeds[3][:])
	d := StoredDevice{
		Version: 1, Name: name, Kind: string(kind),
		Identity: seeds[0][:], Transport: seeds[1][:], Box: seeds[2][:],
		Presence: [32]byte(presence.Public().(ed25519.PublicKey)), Sealed: sealed,
	}
	clear(presence)
	raw := wire.Marshal(d)
	defer clear(raw)
	err = j.Update(func(tx journal.Tx) error {
		old, err := tx.Get(BucketDevice, DeviceKey)
		if err != nil {
			return err
		}
		if old != nil {
			return errors.New("node: a device exists already")
		}
		return tx.Put(BucketDevice, DeviceKey, raw)
	})
	if err != nil {
		return id, err
	}
	k := ed25519.NewKeyFromSeed(seeds[0][:])
	id = wire.DeviceID(k.Public().(ed25519.PublicKey))
	clear(k)
	return id, nil
}

// LoadSelf reads this device's keys from the journal.
func LoadSelf(j journal.Journal) (*Self, error) {
	var raw []byte
	if err := j.View(func(tx journal.Tx) (err error) {
		raw, err = tx.Get(BucketDevice, DeviceKey)
		return err
	}); err != nil {
		return nil, fmt.Errorf("node: read device: %w", err)
	}
	if raw == nil {
		return nil, ErrNoDevice
	}
	defer clear(raw)
	var d StoredDevice
	if err := wire.Unmarshal(raw, &d); err != nil || d.Version != 1 {
		return nil, errors.New("node: the record of this device is damaged")
	}
	boxKey, err := ecdh.X25519().NewPrivateKey(d.Box)
	if err != nil {
		return nil, errors.New("node: the box key of this device is damaged")
	}
	s := &Self{Name: d.Name, Kind: roster.Kind(d.Kind), Presence: d.Presence, Box: [32]byte(boxKey.PublicKey().Bytes())}
	s.sealed = bytes.Clone(d.Sealed)
	if s.BoxSeed, err = secret.TakeSlice(d.Box); err != nil {
		return nil, fmt.Errorf("node: box key: %w", err)
	}
	if s.Identity, err = secret.TakeSlice(d.Identity); err != nil {
		return nil, fmt.Errorf("node: identity key: %w", err)
	}
	if s.transport, err = secret.TakeSlice(d.Transport); err != nil {
		return nil, fmt.Errorf("node: transport key: %w", err)
	}
	err = s.Identity.Use(func(seed *[32]byte) error {
		k := ed25519.NewKeyFromSeed(seed[:])
		s.Public = wire.DeviceID(k.Public().(ed25519.PublicKey))
		clear(k)
		return nil
	})
	return s, err
}

// Present signs with the presence key, which only the passphrase opens: it is
// the caller's to have checked that the keeper was opened with it just now.
func (s *Self) Present(keeper Keeper, msg []byte) (sig [64]byte, err error) {
	seed, err := keeper.OpenShare(PresenceID, "presence", s.sealed)
	if err != nil {
		return sig, fmt.Errorf("node: open presence key: %w", err)
	}
	defer clear(seed)
	k := ed25519.NewKeyFromSeed(seed)
	copy(sig[:], ed25519.Sign(k, msg))
	clear(k)
	return sig, nil
}

// TransportSeed returns the Ed25519 seed of the key by which peers know this
// device on the network, for the link. The caller wipes it.
func TransportSeed(j journal.Journal) (secret.Key, error) {
	s, err := LoadSelf(j)
	if err != nil {
		return secret.Key{}, err
	}
	s.Identity.Wipe()
	return s.transport, nil
}

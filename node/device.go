package node

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
	bucketDevice   = "device"   // one record: deviceKey
	bucketChain    = "chain"    // epoch → certified entry
	bucketCircle   = "circle"   // discoveryKey, olderKey, addrsKey, shareKeyKey, highestKey, judgeKey, times of epochs
	bucketFenced   = "fenced"   // identity → nothing: never signed with again
	bucketShares   = "shares"   // epoch key / account → share sealed by the keeper
	bucketAttempt  = "attempt"  // currentKey, asideKey
	bucketDead     = "dead"     // attempt → the votes it died of; this device never joins it
	bucketFounding = "founding" // pendingKey
	bucketAside    = "aside"    // foundings that were abandoned, by session
	bucketItems    = "items"    // item id → item
	bucketMeta     = "requests" // request id → what only this device knows
	bucketAlarms   = "alarms"   // slot → cheats counted
	bucketBegun    = "begun"    // session that another device opened → what it was; mark of a request

	deviceKey    = "self"
	discoveryKey = "discovery"
	olderKey     = "older-discovery"
	addrsKey     = "addresses"
	shareKeyKey  = "share-key"
	highestKey   = "highest"
	pendingKey   = "pending"
	currentKey   = "current"
)

// presenceID names the keeper's key for the presence key of this device,
// which is readable only while the keeper is unlocked.
const presenceID = "0-0"

// storedDevice is the durable form of a device's own keys, as seeds.
type storedDevice struct {
	Version   uint8    `cbor:"1,keyasint"`
	Name      string   `cbor:"2,keyasint"`
	Kind      string   `cbor:"3,keyasint"`
	Identity  []byte   `cbor:"4,keyasint"`
	Transport []byte   `cbor:"5,keyasint"`
	Box       []byte   `cbor:"6,keyasint"`
	Presence  [32]byte `cbor:"7,keyasint"` // public
	Sealed    []byte   `cbor:"8,keyasint"` // presence seed, sealed by the keeper
}

// A self is this device: its name and its keys.
type self struct {
	name      string
	kind      roster.Kind
	identity  secret.Key // Ed25519 seed
	transport secret.Key // Ed25519 seed
	boxSeed   secret.Key // X25519
	sealed    []byte     // presence seed, sealed by the keeper
	public    wire.DeviceID
	box       [32]byte
	presence  [32]byte
}

// sign signs with the identity key. Every message is a labelled hash, so that
// what is signed for one purpose means nothing for another.
func (s *self) sign(msg []byte) (sig [64]byte) {
	err := s.identity.Use(func(seed *[32]byte) error {
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

// ErrNoDevice is returned by [Open] for a journal that [Init] has not seen.
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
	if err := keeper.NewEpochKey(presenceID); err != nil {
		return id, fmt.Errorf("node: make presence key: %w", err)
	}
	sealed, err := keeper.SealShare(presenceID, "presence", seeds[3][:])
	if err != nil {
		return id, fmt.Errorf("node: seal presence key: %w", err)
	}
	presence := ed25519.NewKeyFromSeed(seeds[3][:])
	d := storedDevice{
		Version: 1, Name: name, Kind: string(kind),
		Identity: seeds[0][:], Transport: seeds[1][:], Box: seeds[2][:],
		Presence: [32]byte(presence.Public().(ed25519.PublicKey)), Sealed: sealed,
	}
	clear(presence)
	raw := wire.Marshal(d)
	defer clear(raw)
	err = j.Update(func(tx journal.Tx) error {
		old, err := tx.Get(bucketDevice, deviceKey)
		if err != nil {
			return err
		}
		if old != nil {
			return errors.New("node: a device exists already")
		}
		return tx.Put(bucketDevice, deviceKey, raw)
	})
	if err != nil {
		return id, err
	}
	k := ed25519.NewKeyFromSeed(seeds[0][:])
	id = wire.DeviceID(k.Public().(ed25519.PublicKey))
	clear(k)
	return id, nil
}

// loadSelf reads this device's keys from the journal.
func loadSelf(j journal.Journal) (*self, error) {
	var raw []byte
	if err := j.View(func(tx journal.Tx) (err error) {
		raw, err = tx.Get(bucketDevice, deviceKey)
		return err
	}); err != nil {
		return nil, fmt.Errorf("node: read device: %w", err)
	}
	if raw == nil {
		return nil, ErrNoDevice
	}
	defer clear(raw)
	var d storedDevice
	if err := wire.Unmarshal(raw, &d); err != nil || d.Version != 1 {
		return nil, errors.New("node: the record of this device is damaged")
	}
	boxKey, err := ecdh.X25519().NewPrivateKey(d.Box)
	if err != nil {
		return nil, errors.New("node: the box key of this device is damaged")
	}
	s := &self{name: d.Name, kind: roster.Kind(d.Kind), presence: d.Presence, box: [32]byte(boxKey.PublicKey().Bytes())}
	s.sealed = bytes.Clone(d.Sealed)
	if s.boxSeed, err = secret.TakeSlice(d.Box); err != nil {
		return nil, fmt.Errorf("node: box key: %w", err)
	}
	if s.identity, err = secret.TakeSlice(d.Identity); err != nil {
		return nil, fmt.Errorf("node: identity key: %w", err)
	}
	if s.transport, err = secret.TakeSlice(d.Transport); err != nil {
		return nil, fmt.Errorf("node: transport key: %w", err)
	}
	err = s.identity.Use(func(seed *[32]byte) error {
		k := ed25519.NewKeyFromSeed(seed[:])
		s.public = wire.DeviceID(k.Public().(ed25519.PublicKey))
		clear(k)
		return nil
	})
	return s, err
}

// present signs with the presence key, which only the passphrase opens: it is
// the caller's to have checked that the keeper was opened with it just now.
func (s *self) present(keeper Keeper, msg []byte) (sig [64]byte, err error) {
	seed, err := keeper.OpenShare(presenceID, "presence", s.sealed)
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
	s, err := loadSelf(j)
	if err != nil {
		return secret.Key{}, err
	}
	s.identity.Wipe()
	return s.transport, nil
}

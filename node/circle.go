package node

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A circle is the chain of certified epochs and what this device needs with
// it. The record is that of the epoch in which this device signs: the head of
// the chain, or the epoch of an attempt that it has committed to.
type circle struct {
	chain     roster.Chain
	record    roster.Record
	hash      wire.Hash
	slot      wire.Slot
	shareKey  string // id of the keeper's key of that epoch; "" without a share
	headKey   string // the same of the head of the chain
	discovery [32]byte
	older     [][32]byte // discovery keys that members which are behind may still have, oldest first
	addrs     map[wire.Slot][]string
	highest   uint64                 // epoch number that was ever proposed
	fenced    map[wire.DeviceID]bool // never signed with again
	evicted   *roster.Former         // this device is out
	former    map[string][]string    // transport ids of devices that left, see [standing.formerPeers]
	formerOf  formerOf
}

// storedAddrs is where members were last known to be.
type storedAddrs struct {
	_     struct{} `cbor:",toarray"`
	Slots []wire.Slot
	Addrs [][]string
}

func packAddrs(m map[wire.Slot][]string) []byte {
	a := storedAddrs{Slots: []wire.Slot{}, Addrs: [][]string{}}
	for _, s := range slices.Sorted(maps.Keys(m)) {
		a.Slots = append(a.Slots, s)
		a.Addrs = append(a.Addrs, append([]string{}, m[s]...))
	}
	return wire.Marshal(a)
}

func unpackAddrs(b []byte) (map[wire.Slot][]string, error) {
	var a storedAddrs
	if err := wire.Unmarshal(b, &a); err != nil {
		return nil, err
	}
	if len(a.Slots) != len(a.Addrs) || len(a.Slots) > maxDevices {
		return nil, fmt.Errorf("node: addresses of %d devices: %w", len(a.Slots), wire.ErrMalformed)
	}
	m := map[wire.Slot][]string{}
	for i, s := range a.Slots {
		if err := reach.Check(a.Addrs[i]); err != nil {
			return nil, err
		}
		m[s] = a.Addrs[i]
	}
	return m, nil
}

func chainKey(epoch uint64) string { return fmt.Sprintf("%016x", epoch) }

// shareRecord names the journal's record of a share in one epoch.
func shareRecord(epochKey, account string) string { return epochKey + "/" + account }

// loadCircle reads and verifies the chain.
func (me *standing) loadCircle() error {
	circle := &circle{fenced: map[wire.DeviceID]bool{}, addrs: map[wire.Slot][]string{}}
	err := me.cfg.Journal.View(func(tx journal.Tx) error {
		if err := journal.Each(tx, bucketChain, func(k string, raw []byte) error {
			e, err := roster.ParseEntry(raw)
			if err != nil {
				return fmt.Errorf("node: stored epoch %s: %w", k, err)
			}
			circle.chain = append(circle.chain, e)
			return nil
		}); err != nil || len(circle.chain) == 0 {
			return err
		}
		return circle.load(tx)
	})
	if err != nil {
		return fmt.Errorf("node: read circle: %w", err)
	}
	if len(circle.chain) == 0 {
		return nil
	}
	if err := circle.chain.Verify(); err != nil {
		return fmt.Errorf("node: stored chain: %w", err)
	}
	me.circle = circle
	return me.toHead()
}

// load reads everything beside the chain.
func (k *circle) load(tx journal.Tx) error {
	var err error
	get := func(key string) []byte {
		b, e := tx.Get(bucketCircle, key)
		err = errors.Join(err, e)
		return b
	}
	discovery, older, addrs, shareKey, highest := get(discoveryKey), get(olderKey), get(addrsKey), get(shareKeyKey), get(highestKey)
	fenced, ferr := tx.Keys(bucketFenced)
	if err = errors.Join(err, ferr); err != nil {
		return err
	}
	if len(discovery) != 32 || len(older)%32 != 0 || len(older) > 32*maxOlder {
		return errors.New("node: the stored circle is damaged")
	}
	k.discovery, k.headKey = [32]byte(discovery), string(shareKey)
	for b := range slices.Chunk(older, 32) {
		k.older = append(k.older, [32]byte(b))
	}
	if k.addrs, err = unpackAddrs(addrs); err != nil {
		return err
	}
	if highest != nil {
		if k.highest, err = strconv.ParseUint(string(highest), 10, 64); err != nil {
			return errors.New("node: the stored circle is damaged")
		}
	}
	for _, f := range fenced {
		id, err := parseID(f)
		if err != nil {
			return err
		}
		k.fenced[wire.DeviceID(id)] = true
	}
	return nil
}

// head is the newest certified epoch.
func (k *circle) head() roster.Entry {
	e, _ := k.chain.Head()
	return e
}

// toHead makes the newest certified epoch the one in which this device is.
func (me *standing) toHead() error {
	k := me.circle
	k.record = k.head().Record
	k.hash = k.record.Hash()
	k.highest = max(k.highest, k.record.Epoch)
	own, ok := k.record.ByIdentity(me.self.public)
	if !ok {
		f, was := k.record.IsFormer(me.self.public)
		if !was {
			return errors.New("node: the stored circle does not list this device")
		}
		k.evicted, k.shareKey = &f, ""
		return nil
	}
	k.evicted, k.slot, k.shareKey = nil, own.Slot, k.headKey
	return nil
}

// sinceKey names the time at which an epoch was stored here. Records have no time:
// devices do not agree on one.
func sinceKey(epoch uint64) string { return "since-" + chainKey(epoch) }

// putSince notes that an epoch is stored, the first time that it is.
func (me *standing) putSince(tx journal.Tx, epoch uint64) error {
	at, err := tx.Get(bucketCircle, sinceKey(epoch))
	if err != nil || at != nil {
		return err
	}
	return tx.Put(bucketCircle, sinceKey(epoch), []byte(strconv.FormatUint(unix(me.now), 10)))
}

// since returns when an epoch was stored here, nil if that is not known: of those
// that were over when this device came in, or stored by an earlier release.
func since(tx journal.Tx, epoch uint64) (*time.Time, error) {
	at, err := tx.Get(bucketCircle, sinceKey(epoch))
	if err != nil || at == nil {
		return nil, err
	}
	n, err := strconv.ParseInt(string(at), 10, 64)
	if err != nil {
		return nil, errors.New("node: the stored time of an epoch is damaged")
	}
	t := time.Unix(n, 0).UTC()
	return &t, nil
}

// putEntry makes a certified epoch part of the stored chain.
func putEntry(tx journal.Tx, e roster.Entry) error {
	return tx.Put(bucketChain, chainKey(e.Record.Epoch), e.Bytes())
}

// maxDevices is how many devices a circle may have.
const maxDevices = 9

// maxOlder bounds the older discovery keys that a device keeps.
const maxOlder = 8

// enoughWithout refuses what would leave too few devices to sign.
func (me *standing) enoughWithout(slot wire.Slot) error {
	rec := me.circle.record
	if len(rec.Devices)-1 < rec.Threshold {
		return api.Errorf(api.CodeStranded, "without %s only %d of the %d devices that must sign are left", me.name(slot), len(rec.Devices)-1, rec.Threshold).
			WithHint("add a device first: warifu invite")
	}
	return nil
}

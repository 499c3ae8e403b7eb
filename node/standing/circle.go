package standing

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A Circle is the chain of certified epochs and what this device needs with
// it. The record is that of the epoch in which this device signs: the head of
// the chain, or the epoch of an attempt that it has committed to.
type Circle struct {
	Chain     roster.Chain
	Record    roster.Record
	Hash      wire.Hash
	Slot      wire.Slot
	ShareKey  string // id of the keeper's key of that epoch; "" without a share
	HeadKey   string // the same of the head of the chain
	Discovery [32]byte
	Older     [][32]byte // discovery keys that members which are behind may still have, oldest first
	Addrs     map[wire.Slot][]string
	Highest   uint64                 // epoch number that was ever proposed
	Fenced    map[wire.DeviceID]bool // never signed with again
	Evicted   *roster.Former         // this device is out
	former    map[string][]string    // transport ids of devices that left, see [Standing.FormerPeers]
	formerOf  formerOf
}

// storedAddrs is where members were last known to be.
type storedAddrs struct {
	_     struct{} `cbor:",toarray"`
	Slots []wire.Slot
	Addrs [][]string
}

// PackAddrs writes where members are, in the order of their slots.
func PackAddrs(m map[wire.Slot][]string) []byte {
	a := storedAddrs{Slots: []wire.Slot{}, Addrs: [][]string{}}
	for _, s := range slices.Sorted(maps.Keys(m)) {
		a.Slots = append(a.Slots, s)
		a.Addrs = append(a.Addrs, append([]string{}, m[s]...))
	}
	return wire.Marshal(a)
}

// UnpackAddrs reads what [PackAddrs] wrote: of at most [MaxDevices] devices, each
// within the bounds of package reach.
func UnpackAddrs(b []byte) (map[wire.Slot][]string, error) {
	var a storedAddrs
	if err := wire.Unmarshal(b, &a); err != nil {
		return nil, err
	}
	if len(a.Slots) != len(a.Addrs) || len(a.Slots) > MaxDevices {
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

// ShareRecord names the journal's record of a share in one epoch.
func ShareRecord(epochKey, account string) string { return epochKey + "/" + account }

// LoadCircle reads and verifies the chain.
func (me *Standing) LoadCircle() error {
	circle := &Circle{Fenced: map[wire.DeviceID]bool{}, Addrs: map[wire.Slot][]string{}}
	err := me.Config.Journal.View(func(tx journal.Tx) error {
		if err := journal.Each(tx, BucketChain, func(k string, raw []byte) error {
			e, err := roster.ParseEntry(raw)
			if err != nil {
				return fmt.Errorf("node: stored epoch %s: %w", k, err)
			}
			circle.Chain = append(circle.Chain, e)
			return nil
		}); err != nil || len(circle.Chain) == 0 {
			return err
		}
		return circle.load(tx)
	})
	if err != nil {
		return fmt.Errorf("node: read circle: %w", err)
	}
	if len(circle.Chain) == 0 {
		return nil
	}
	if err := circle.Chain.Verify(); err != nil {
		return fmt.Errorf("node: stored chain: %w", err)
	}
	me.Circle = circle
	return me.ToHead()
}

// load reads everything beside the chain.
func (k *Circle) load(tx journal.Tx) error {
	var err error
	get := func(key string) []byte {
		b, e := tx.Get(BucketCircle, key)
		err = errors.Join(err, e)
		return b
	}
	discovery, older, addrs, shareKey, highest := get(DiscoveryKey), get(OlderKey), get(AddrsKey), get(ShareKeyKey), get(HighestKey)
	fenced, ferr := tx.Keys(BucketFenced)
	if err = errors.Join(err, ferr); err != nil {
		return err
	}
	if len(discovery) != 32 || len(older)%32 != 0 || len(older) > 32*MaxOlder {
		return errors.New("node: the stored circle is damaged")
	}
	k.Discovery, k.HeadKey = [32]byte(discovery), string(shareKey)
	for b := range slices.Chunk(older, 32) {
		k.Older = append(k.Older, [32]byte(b))
	}
	if k.Addrs, err = UnpackAddrs(addrs); err != nil {
		return err
	}
	if highest != nil {
		if k.Highest, err = strconv.ParseUint(string(highest), 10, 64); err != nil {
			return errors.New("node: the stored circle is damaged")
		}
	}
	for _, f := range fenced {
		id, err := ParseID(f)
		if err != nil {
			return err
		}
		k.Fenced[wire.DeviceID(id)] = true
	}
	return nil
}

// Head is the newest certified epoch.
func (k *Circle) Head() roster.Entry {
	e, _ := k.Chain.Head()
	return e
}

// ToHead makes the newest certified epoch the one in which this device is.
func (me *Standing) ToHead() error {
	k := me.Circle
	k.Record = k.Head().Record
	k.Hash = k.Record.Hash()
	k.Highest = max(k.Highest, k.Record.Epoch)
	own, ok := k.Record.ByIdentity(me.Self.Public)
	if !ok {
		f, was := k.Record.IsFormer(me.Self.Public)
		if !was {
			return errors.New("node: the stored circle does not list this device")
		}
		k.Evicted, k.ShareKey = &f, ""
		return nil
	}
	k.Evicted, k.Slot, k.ShareKey = nil, own.Slot, k.HeadKey
	return nil
}

// sinceKey names the time at which an epoch was stored here. Records have no time:
// devices do not agree on one.
func sinceKey(epoch uint64) string { return "since-" + chainKey(epoch) }

// PutSince notes that an epoch is stored, the first time that it is.
func (me *Standing) PutSince(tx journal.Tx, epoch uint64) error {
	at, err := tx.Get(BucketCircle, sinceKey(epoch))
	if err != nil || at != nil {
		return err
	}
	return tx.Put(BucketCircle, sinceKey(epoch), []byte(strconv.FormatUint(Unix(me.Now), 10)))
}

// since returns when an epoch was stored here, nil if that is not known: of those
// that were over when this device came in, or stored by an earlier release.
func since(tx journal.Tx, epoch uint64) (*time.Time, error) {
	at, err := tx.Get(BucketCircle, sinceKey(epoch))
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

// PutEntry makes a certified epoch part of the stored chain.
func PutEntry(tx journal.Tx, e roster.Entry) error {
	return tx.Put(BucketChain, chainKey(e.Record.Epoch), e.Bytes())
}

// MaxDevices is how many devices a circle may have.
const MaxDevices = 9

// MaxOlder bounds the older discovery keys that a device keeps.
const MaxOlder = 8

// EnoughWithout refuses what would leave too few devices to sign.
func (me *Standing) EnoughWithout(slot wire.Slot) error {
	rec := me.Circle.Record
	if len(rec.Devices)-1 < rec.Threshold {
		return say.New(say.TooFewLeft, me.Name(slot), len(rec.Devices)-1, rec.Threshold)
	}
	return nil
}

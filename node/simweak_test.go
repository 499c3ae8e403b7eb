package node

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/big"
	"slices"
	"testing"

	"filippo.io/edwards25519"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// weakTemplate makes a circle of which a minority can sign. No device would
// found it, but a record of it is valid, and old ones may exist. It is dealt
// here, from the key of a circle with a higher threshold, and certified with
// the identities of its devices.
func weakTemplate(t testing.TB, shape simShape, long bool) *template {
	strong := shape
	for 2*strong.t <= strong.n {
		strong.t++
	}
	if shape.t != 2 {
		t.Fatalf("a line through the key is for a threshold of 2, not %d", shape.t)
	}
	out := *templateOf(t, strong, long)
	out.devices = slices.Clone(out.devices)
	rec := out.record
	rec.Threshold = shape.t
	rec.Accounts = slices.Clone(rec.Accounts)
	shares := map[string]map[wire.Slot][32]byte{}
	for i, acc := range rec.Accounts {
		key := out.key(t, strong, acc.Name)
		slope := new(big.Int).SetBytes(bytes.Repeat([]byte{7}, 31))
		rec.Accounts[i].Commitments = [][]byte{acc.GroupKey(), publicOf(acc.Name, slope)}
		shares[acc.Name] = map[wire.Slot][32]byte{}
		for _, d := range rec.Devices {
			s := new(big.Int).Mul(slope, big.NewInt(int64(d.Slot)))
			_, q := scalar(acc.Name, [32]byte{})
			shares[acc.Name][d.Slot] = unscalar(acc.Name, s.Add(s, key).Mod(s, q))
		}
	}
	out.record = rec
	entry := roster.Entry{Record: rec}
	for i, d := range rec.Devices {
		var sig [64]byte
		copy(sig[:], ed25519.Sign(out.identity(t, i), roster.ReadyMessage(rec.Hash())))
		entry.Ready = append(entry.Ready, roster.Signature{Slot: d.Slot, Sig: sig})
	}
	if err := entry.Verify(); err != nil {
		t.Fatal(err)
	}
	for i, d := range rec.Devices {
		disk := newSimDisk()
		disk.restore(out.devices[i].image)
		if err := (simJournal{disk}).Update(func(tx journal.Tx) error {
			err := standing.PutEntry(tx, entry)
			for name, list := range shares {
				s := list[d.Slot]
				err = errors.Join(err, tx.Put(standing.BucketShares, standing.ShareRecord(out.epoch, name), append(disk.seal(out.epoch, standing.ShareName(name)), s[:]...)))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		disk.made = 1
		out.devices[i].image = disk.image()
	}
	return &out
}

// view reads the disk of a device of a template.
func (tpl *template) view(t testing.TB, device int, f func(d *simDisk, tx journal.Tx) error) {
	t.Helper()
	disk := newSimDisk()
	disk.restore(tpl.devices[device].image)
	if err := disk.mem.View(func(tx journal.Tx) error { return f(disk, tx) }); err != nil {
		t.Fatal(err)
	}
}

func (tpl *template) identity(t testing.TB, device int) (key ed25519.PrivateKey) {
	t.Helper()
	tpl.view(t, device, func(_ *simDisk, tx journal.Tx) error {
		raw, err := tx.Get(standing.BucketDevice, standing.DeviceKey)
		if err != nil {
			return err
		}
		var d standing.StoredDevice
		if err := wire.Unmarshal(raw, &d); err != nil {
			return err
		}
		key = ed25519.NewKeyFromSeed(d.Identity)
		return nil
	})
	return key
}

// key puts a key together from its shares.
func (tpl *template) key(t testing.TB, shape simShape, account string) *big.Int {
	t.Helper()
	var at []wire.Slot
	var shares [][32]byte
	for i, d := range tpl.record.Devices[:shape.t] {
		tpl.view(t, i, func(disk *simDisk, tx journal.Tx) error {
			sealed, err := tx.Get(standing.BucketShares, standing.ShareRecord(tpl.epoch, account))
			if err != nil {
				return err
			}
			p, ok := disk.open(tpl.epoch, standing.ShareName(account), sealed)
			if !ok {
				return errLabSealed
			}
			at, shares = append(at, d.Slot), append(shares, [32]byte(p))
			return nil
		})
	}
	return interpolate(account, at, shares)
}

// unscalar is the other way round from [scalar].
func unscalar(account string, x *big.Int) (out [32]byte) {
	x.FillBytes(out[:])
	if account == roster.SSH {
		slices.Reverse(out[:])
	}
	return out
}

// publicOf multiplies the base point of an account's group.
func publicOf(account string, x *big.Int) []byte {
	b := unscalar(account, x)
	if account == roster.SSH {
		s, err := edwards25519.NewScalar().SetCanonicalBytes(b[:])
		if err != nil {
			panic(err)
		}
		return edwards25519.NewIdentityPoint().ScalarBaseMult(s).Bytes()
	}
	return secp256k1.PrivKeyFromBytes(b[:]).PubKey().SerializeCompressed()
}

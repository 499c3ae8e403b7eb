package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A stolenShare is a share of the Ethereum key that was found on a disk whose
// passphrase is known.
type stolenShare struct {
	sharing string // of which: the name of the key that sealed it
	slot    int64
	value   *big.Int
}

// copies stops all devices, copies their disks and starts them again.
func (c *circle) copies(t testing.TB) (homes []string) {
	t.Helper()
	for _, d := range c.devices {
		d.kill()
		to := filepath.Join(tempDir(t), "h")
		copyHome(t, d.home, to)
		homes = append(homes, to)
	}
	for _, d := range c.devices {
		d.up()
	}
	for _, d := range c.devices {
		d.online()
	}
	return homes
}

// copyHome copies what is durable of a home: not the socket of a daemon that
// was killed.
func copyHome(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case !e.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// plunder opens a copied disk with its passphrase, and returns every share of
// the Ethereum key that is on it, and the key's public half.
func plunder(t testing.TB, home string) (shares []stolenShare, public []byte) {
	t.Helper()
	store, err := boltstore.Open(filepath.Join(home, "warifu.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	header, err := store.Header()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keeper.Unlock(header, []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	if err := store.Attach(keys); err != nil {
		t.Fatal(err)
	}
	if err := keys.OpenEpochKeys(filepath.Join(home, "epochs")); err != nil {
		t.Fatal(err)
	}
	err = store.View(func(tx journal.Tx) error {
		epochs, err := tx.Keys("chain")
		if err != nil {
			return err
		}
		raw, err := tx.Get("chain", epochs[len(epochs)-1])
		if err != nil {
			return err
		}
		head, err := roster.ParseEntry(raw)
		if err != nil {
			return err
		}
		account, ok := head.Record.Account("ethereum")
		if !ok {
			return fmt.Errorf("no account")
		}
		public = account.GroupKey()
		names, err := tx.Keys("shares")
		if err != nil {
			return err
		}
		for _, name := range names {
			sharing, ok := strings.CutSuffix(name, "/ethereum")
			if !ok {
				continue
			}
			sealed, err := tx.Get("shares", name)
			if err != nil {
				return err
			}
			value, err := keys.OpenShare(sharing, "share/ethereum", sealed)
			if err != nil {
				continue // the key that opened it was destroyed
			}
			shares = append(shares, stolenShare{sharing: sharing, value: new(big.Int).SetBytes(value)})
		}
		for _, name := range []string{"current", "aside"} {
			s, ok, err := plunderRedeal(tx, keys, name)
			if err != nil {
				return err
			}
			same := slices.IndexFunc(shares, func(x stolenShare) bool { return x.sharing == s.sharing })
			switch {
			case !ok:
			case same < 0:
				shares = append(shares, s)
			case shares[same].value.Cmp(s.value) != 0:
				return fmt.Errorf("two shares of %s", s.sharing)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return shares, public
}

// plunderRedeal returns the share that is in what a device keeps of a re-deal.
func plunderRedeal(tx journal.Tx, keys *keeper.Keeper, name string) (s stolenShare, ok bool, err error) {
	type item struct {
		_    struct{} `cbor:",toarray"`
		Type uint8
		From wire.Slot
		Body []byte
		Sig  []byte
	}
	var kept struct {
		Version   uint8    `cbor:"1,keyasint"`
		Proposal  []byte   `cbor:"2,keyasint"`
		Discovery [32]byte `cbor:"3,keyasint"`
		Request   [32]byte `cbor:"4,keyasint"`
		Grounds   []item   `cbor:"5,keyasint"`
		Addrs     []byte   `cbor:"6,keyasint"`
		Chain     [][]byte `cbor:"7,keyasint"`
		State     []byte   `cbor:"8,keyasint"`
	}
	type statement struct {
		_    struct{} `cbor:",toarray"`
		Kind uint8
		Slot wire.Slot
		Body []byte
		Sig  [64]byte
	}
	var state struct {
		_        struct{} `cbor:",toarray"`
		Version  uint8
		Attempt  wire.Hash
		Phase    refresh.Phase
		Presence bool
		Words    []statement
		Shares   [][32]byte // by account, as the record lists them
	}
	raw, err := tx.Get("attempt", name)
	if err != nil || raw == nil {
		return s, false, err
	}
	if err := wire.Unmarshal(raw, &kept); err != nil {
		return s, false, err
	}
	p, err := refresh.ParseProposal(kept.Proposal)
	if err != nil {
		return s, false, err
	}
	attempt := p.Attempt()
	s.sharing = fmt.Sprintf("%x-%x", p.Epoch, attempt[:16])
	plain, err := keys.OpenShare(s.sharing, "redeal", kept.State)
	if err != nil {
		return s, false, nil // the key that opened it was destroyed
	}
	if err := wire.Unmarshal(plain, &state); err != nil || len(state.Shares) == 0 {
		return s, false, err
	}
	s.value = new(big.Int).SetBytes(state.Shares[0][:])
	return s, true, nil
}

// rebuilds reports whether interpolation of shares gives the private key.
func rebuilds(shares []stolenShare, public []byte) bool {
	q := crypto.S256().Params().N
	sum := new(big.Int)
	for i, a := range shares {
		term := new(big.Int).Set(a.value)
		for j, b := range shares {
			if i == j {
				continue
			}
			term.Mul(term, big.NewInt(b.slot))
			term.Mul(term, new(big.Int).ModInverse(new(big.Int).Mod(big.NewInt(b.slot-a.slot), q), q))
		}
		sum.Add(sum, term)
	}
	key, err := crypto.ToECDSA(sum.Mod(sum, q).FillBytes(make([]byte, 32)))
	return err == nil && bytes.Equal(crypto.CompressPubkey(&key.PublicKey), public)
}

// A loot is the shares on copies of disks, however they were taken.
type loot struct {
	slots  map[*device]int64
	shares []stolenShare
	public []byte
}

func newLoot(c *circle) *loot {
	l := &loot{slots: map[*device]int64{}}
	for _, d := range c.devices {
		for _, s := range d.status().Devices {
			if s.This {
				l.slots[d] = int64(s.Slot)
			}
		}
	}
	return l
}

// take copies the disk of a device that is down, and returns of how many
// sharings a share is on it.
func (l *loot) take(t testing.TB, d *device) int {
	t.Helper()
	to := filepath.Join(tempDir(t), "h")
	copyHome(t, d.home, to)
	shares, public := plunder(t, to)
	if l.public != nil && !bytes.Equal(public, l.public) {
		t.Fatal("the key changed")
	}
	l.public = public
	for _, s := range shares {
		s.slot = l.slots[d]
		if !slices.ContainsFunc(l.shares, func(x stolenShare) bool { return x.sharing == s.sharing && x.slot == s.slot }) {
			l.shares = append(l.shares, s)
		}
	}
	return len(shares)
}

// check tries every set of the shares, and expects the key of those that have
// as many of one sharing as must sign, and of no other.
func (l *loot) check(t testing.TB, threshold int) (good, bad int) {
	t.Helper()
	var rec func(from int, set []stolenShare)
	rec = func(from int, set []stolenShare) {
		if len(set) > 0 {
			one := !slices.ContainsFunc(set, func(s stolenShare) bool { return s.sharing != set[0].sharing })
			want := one && len(set) >= threshold
			if rebuilds(set, l.public) != want {
				t.Errorf("%d shares, of one sharing: %t, rebuild the key: %t", len(set), one, !want)
			}
			if want {
				good++
			} else {
				bad++
			}
		}
		for i := from; i < len(l.shares); i++ {
			s := l.shares[i]
			if !slices.ContainsFunc(set, func(x stolenShare) bool { return x.slot == s.slot }) {
				rec(i+1, append(set[:len(set):len(set)], s))
			}
		}
	}
	rec(0, nil)
	return good, bad
}

// TestOldSharesAreWorthNothing copies every disk in every epoch, and tries
// every set of the shares on the copies. A set gives the key if and only if it
// has as many shares of one epoch as must sign. That t copies of one old epoch
// are the key is the limit of what re-dealing can do: fewer than that many
// may ever have been copied before it.
func TestOldSharesAreWorthNothing(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	slots := map[*device]int64{}
	for _, d := range c.devices {
		for _, s := range d.status().Devices {
			if s.This {
				slots[d] = int64(s.Slot)
			}
		}
	}
	var loot []stolenShare
	var public []byte
	steal := func(sharings int) {
		t.Helper()
		for i, home := range c.copies(t) {
			shares, key := plunder(t, home)
			if public != nil && !bytes.Equal(key, public) {
				t.Fatal("the key changed")
			}
			public = key
			if len(shares) != 1 {
				t.Errorf("%s holds %d shares, want one", c.devices[i].name, len(shares))
			}
			for _, s := range shares {
				s.slot = slots[c.devices[i]]
				loot = append(loot, s)
			}
		}
		different := map[string]bool{}
		for _, s := range loot {
			different[s.sharing] = true
		}
		if len(different) != sharings {
			t.Errorf("%d sharings, want %d", len(different), sharings)
		}
	}
	steal(1)
	c.settle(t, c.change(t, c.devices[1].refresh()).Epoch)
	steal(2)
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	changed := c.change(t, laptop.lost(phone), tablet)
	phone.kill()
	c.drop(phone)
	c.settle(t, changed.Epoch)
	steal(3)
	if len(loot) != 3+3+2 {
		t.Fatalf("%d shares, want 8", len(loot))
	}
	good, bad := 0, 0
	for set := 1; set < 1<<len(loot); set++ {
		var shares []stolenShare
		epochs := map[string]int{}
		var used []int64
		twice := false
		for i, s := range loot {
			if set>>i&1 == 0 {
				continue
			}
			twice = twice || slices.Contains(used, s.slot)
			used, shares = append(used, s.slot), append(shares, s)
			epochs[s.sharing]++
		}
		if twice {
			continue // one point of two polynomials: its parts are other sets
		}
		want := len(epochs) == 1 && len(shares) >= c.Threshold
		if rebuilds(shares, public) != want {
			t.Errorf("shares %v of sharings %v: rebuilt is %v", used, epochs, !want)
		}
		if want {
			good++
		} else {
			bad++
		}
	}
	t.Logf("%d sets give the key, %d do not", good, bad)
	if good != 4+4+1 {
		t.Errorf("%d sets give the key, want 9", good)
	}
	c.sign(t, "in the end", laptop, tablet)
	if s := laptop.status(); s.Epoch != changed.Epoch || s.Frozen != "" {
		t.Errorf("status: %+v", s)
	}
}

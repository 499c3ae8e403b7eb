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
	"github.com/warifu/warifu/node/journal"
	"github.com/warifu/warifu/roster"
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
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return shares, public
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

package node

import (
	"bytes"
	"math/big"
	"slices"

	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A truth is what no device may know: the keys themselves, every share, and
// what has happened.
type truth struct {
	w         *world
	key       map[string]*big.Int // of each account
	public    map[string][]byte
	records   map[wire.Hash]roster.Record
	epochs    map[uint64]wire.Hash // certified, by number
	keys      map[string]wire.Hash // epoch keys of keepers → record
	entries   map[string]roster.Entry
	over      map[wire.Hash]wire.Hash // an epoch whose shares die → the one after
	retired   map[wire.Hash]bool
	said      map[string]string // statements that bind
	points    map[wire.Hash]map[string]map[wire.Slot][32]byte
	approved  map[wire.RequestID]map[wire.DeviceID]bool // by persons, on which device
	shares    []simSecret
	seeds     []simSecret // private keys of devices
	rooms     map[wire.SessionID]*simRoom
	words     []simWordOf
	calls     []simCall
	excuses   []simExcuse
	evictions int  // times that a device was ready to take a silent one out
	thawed    bool // a person has asked to end a freeze
	made      int  // signatures
}

func newTruth(w *world) *truth {
	return &truth{
		w: w, key: map[string]*big.Int{}, public: map[string][]byte{}, records: map[wire.Hash]roster.Record{}, epochs: map[uint64]wire.Hash{},
		keys: map[string]wire.Hash{}, entries: map[string]roster.Entry{}, over: map[wire.Hash]wire.Hash{}, retired: map[wire.Hash]bool{},
		said: map[string]string{}, points: map[wire.Hash]map[string]map[wire.Slot][32]byte{},
		approved: map[wire.RequestID]map[wire.DeviceID]bool{}, rooms: map[wire.SessionID]*simRoom{},
	}
}

func (t *truth) entry(raw []byte) (roster.Entry, error) {
	if e, ok := t.entries[string(raw)]; ok {
		return e, nil
	}
	e, err := roster.ParseEntry(raw)
	if err == nil {
		err = e.Record.Check()
	}
	t.entries[string(raw)] = e
	return e, err
}

func (t *truth) certified(h wire.Hash) bool {
	r, ok := t.records[h]
	return ok && t.epochs[r.Epoch] == h
}

// retiring notes that shares of h die for the sake of next.
func (t *truth) retiring(w *world, next, h wire.Hash) {
	t.over[h] = next
}

// settle notes which epochs are over for good: everybody who signs in the next
// one has destroyed its share.
func (t *truth) settle() {
	for h, next := range t.over {
		held := false
		for _, d := range t.w.sane() {
			_, in := t.records[next].ByIdentity(d.view.self)
			held = held || in && d.view.shares[h] != nil
		}
		if !held {
			t.retired[h] = true
			delete(t.over, h)
		}
	}
}

var (
	orderSecp, _    = new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	orderEd25519, _ = new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
)

// scalar reads a share as its group does.
func scalar(account string, b [32]byte) (x, order *big.Int) {
	if account == roster.SSH {
		slices.Reverse(b[:])
		return new(big.Int).SetBytes(b[:]), orderEd25519
	}
	return new(big.Int).SetBytes(b[:]), orderSecp
}

// interpolate returns what shares at the given slots make at 0.
func interpolate(account string, at []wire.Slot, shares [][32]byte) *big.Int {
	sum := new(big.Int)
	for i, s := range shares {
		x, q := scalar(account, s)
		num, den := big.NewInt(1), big.NewInt(1)
		for j, o := range at {
			if j != i {
				num.Mul(num, big.NewInt(int64(o)))
				den.Mul(den, big.NewInt(int64(o)-int64(at[i])))
			}
		}
		den.Mod(den, q)
		x.Mul(x, num).Mul(x, den.ModInverse(den, q))
		sum.Add(sum, x).Mod(sum, q)
	}
	return sum
}

// verify takes note of shares that a disk holds: t of one epoch make the key.
func (t *truth) verify(w *world, d *simDevice, h wire.Hash, byAccount map[string][32]byte) {
	r, known := t.records[h]
	if !known {
		return
	}
	me, in := r.ByIdentity(d.view.self)
	if !in {
		w.fail("%s holds a share of epoch %d, which does not list it", d.name, r.Epoch)
		return
	}
	for _, account := range []string{roster.Ethereum, roster.SSH} {
		s, ok := byAccount[account]
		if !ok {
			w.fail("%s holds no share of %s in epoch %d", d.name, account, r.Epoch)
			return
		}
		if t.points[h] == nil {
			t.points[h] = map[string]map[wire.Slot][32]byte{}
		}
		if t.points[h][account] == nil {
			t.points[h][account] = map[wire.Slot][32]byte{}
		}
		points := t.points[h][account]
		if old, known := points[me.Slot]; known {
			if old != s {
				w.fail("%s holds two shares of one epoch", d.name)
			}
			continue
		}
		points[me.Slot] = s
		if w.nosy {
			t.shares = append(t.shares, newSecret(s[:]))
		}
		if len(points) < r.Threshold {
			continue
		}
		at := []wire.Slot{me.Slot}
		shares := [][32]byte{s}
		for _, o := range standing.SortedSlots(points) {
			if o != me.Slot && len(at) < r.Threshold {
				at, shares = append(at, o), append(shares, points[o])
			}
		}
		if k := interpolate(account, at, shares); k.Cmp(t.key[account]) != 0 {
			w.fail("O1: shares of epoch %d at %v do not make the key of %s", r.Epoch, at, account)
		}
	}
}

// mix tries, at the end, every set of shares that any disk has ever held, of
// any epochs: only sets with enough of one epoch make the key.
func (t *truth) mix(w *world) {
	type point struct {
		h    wire.Hash
		slot wire.Slot
		s    [32]byte
	}
	for _, account := range []string{roster.Ethereum, roster.SSH} {
		var all []point
		most := 0
		for h, m := range t.points {
			most = max(most, t.records[h].Threshold)
			for slot, s := range m[account] {
				all = append(all, point{h, slot, s})
			}
		}
		slices.SortFunc(all, func(a, b point) int { return bytes.Compare(a.s[:], b.s[:]) })
		all = all[:min(len(all), 12)]
		var rec func(from int, set []point)
		rec = func(from int, set []point) {
			if len(set) > 1 {
				var at []wire.Slot
				var shares [][32]byte
				one := true
				for _, p := range set {
					at, shares = append(at, p.slot), append(shares, p.s)
					one = one && p.h == set[0].h
				}
				want := one && len(set) >= t.records[set[0].h].Threshold
				if got := interpolate(account, at, shares).Cmp(t.key[account]) == 0; got != want {
					w.fail("O2: shares at %v, of one epoch: %t, make the key: %t", at, one, got)
				}
			}
			if len(set) == most {
				return
			}
			for i := from; i < len(all); i++ {
				if !slices.ContainsFunc(set, func(p point) bool { return p.slot == all[i].slot }) {
					rec(i+1, append(set[:len(set):len(set)], all[i]))
				}
			}
		}
		rec(0, nil)
	}
}

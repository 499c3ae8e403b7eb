package node

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"slices"

	"filippo.io/edwards25519"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A truth is what no device may know: the keys themselves, every share, and
// what has happened.
type truth struct {
	w        *world
	key      map[string]*big.Int // of each account
	public   map[string][]byte
	records  map[wire.Hash]roster.Record
	epochs   map[uint64]wire.Hash // certified, by number
	keys     map[string]wire.Hash // epoch keys of keepers → record
	entries  map[string]roster.Entry
	over     map[wire.Hash]wire.Hash // an epoch whose shares die → the one after
	retired  map[wire.Hash]bool
	said     map[string]string // statements that bind
	points   map[wire.Hash]map[string]map[wire.Slot][32]byte
	approved map[wire.RequestID]map[wire.DeviceID]bool // by persons, on which device
	secrets  [][]byte
	rooms    map[wire.SessionID]*simRoom
	mayGrow  bool // persons have asked to add a device
	made     int  // signatures
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
		t.secrets = append(t.secrets, bytes.Clone(s[:]))
		if len(points) < r.Threshold {
			continue
		}
		at := []wire.Slot{me.Slot}
		shares := [][32]byte{s}
		for _, o := range sortedSlots(points) {
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

// spy looks for secrets in what others may read.
func (t *truth) spy(w *world, d *simDevice, where string, b []byte) {
	for _, s := range t.secrets {
		if bytes.Contains(b, s) || bytes.Contains(b, []byte(hex.EncodeToString(s))) {
			w.fail("O7: a secret in %s of %s", where, d.name)
		}
	}
}

// A simLog is what a device logs.
type simLog struct {
	d *simDevice
}

func (l *simLog) spied(b []byte) {
	if l.d.w.nosy {
		l.d.w.truth.spy(l.d.w, l.d, "the log", b)
	}
	if v := l.d.w.verbose; v != nil {
		fmt.Fprintf(v, "%s %-8s %s", l.d.w.now.Format("01-02 15:04:05.000"), l.d.name, b)
	}
}

// A simRoom is where the devices of one signing session meet: each brings its
// share, and once all have sent what stands for a partial signature, there is
// a signature.
type simRoom struct {
	proposal share.Proposal
	record   roster.Record
	shares   map[wire.Slot][32]byte
	given    map[wire.Slot]bool
	sig      []byte
}

// A simSigner stands in for a signing machine. It has two rounds: hello, and
// after that the partial signature.
type simSigner struct {
	t    *truth
	d    *simDevice
	cfg  signerConfig
	room *simRoom
	here map[wire.Slot]bool
	gave map[wire.Slot]bool
	sent []wire.Frame
}

func (t *truth) signer(d *simDevice) newSigner {
	return func(cfg signerConfig) (session.Machine, func() []byte, []session.Effect, error) {
		if err := cfg.proposal.Check(cfg.record); err != nil {
			return nil, nil, nil, err
		}
		m := &simSigner{t: t, d: d, cfg: cfg, here: map[wire.Slot]bool{}, gave: map[wire.Slot]bool{}}
		id := cfg.proposal.Session()
		if t.rooms[id] == nil {
			t.rooms[id] = &simRoom{proposal: cfg.proposal, record: cfg.record, shares: map[wire.Slot][32]byte{}, given: map[wire.Slot]bool{}}
		}
		m.room = t.rooms[id]
		if err := cfg.share.Use(func(b *[secret.Size]byte) error { m.room.shares[cfg.self] = *b; return nil }); err != nil {
			return nil, nil, nil, err
		}
		return m, func() []byte { return m.room.sig }, []session.Effect{m.say(1)}, nil
	}
}

func (m *simSigner) say(k wire.Kind) session.Effect {
	f := wire.Frame{Session: m.cfg.proposal.Session(), From: m.cfg.self, Kind: k, Body: []byte{0}}
	m.sent = append(m.sent, f)
	return session.Send{Frame: f}
}

func (m *simSigner) Deliver(f wire.Frame) (out []session.Effect, err error) {
	if f.Session != m.cfg.proposal.Session() || !slices.Contains(m.cfg.proposal.Signers, f.From) || f.From == m.cfg.self {
		return nil, nil
	}
	m.here[f.From] = true
	if f.Kind == 2 {
		m.gave[f.From] = true
		m.t.give(m.room, f.From)
	}
	need := len(m.cfg.proposal.Signers) - 1
	if len(m.here) == need && len(m.sent) == 1 {
		m.t.release(m)
		out = append(out, session.Release{}, m.say(2))
	}
	if len(m.gave) == need && len(m.sent) == 2 {
		m.t.give(m.room, m.cfg.self)
		out = append(out, session.Done{})
	}
	return out, nil
}

func (m *simSigner) Resend() (out []session.Effect) {
	for _, f := range m.sent {
		out = append(out, session.Send{Frame: f})
	}
	return out
}

func (m *simSigner) Waiting() (out []wire.Slot) {
	in := m.here
	if len(m.sent) == 2 {
		in = m.gave
	}
	for _, s := range m.cfg.proposal.Signers {
		if s != m.cfg.self && !in[s] {
			out = append(out, s)
		}
	}
	return out
}

func (m *simSigner) Close() {}

// release is O4 for one signer, at the time at which its partial signature
// leaves.
func (t *truth) release(m *simSigner) {
	p, w, rec := m.cfg.proposal, t.w, m.cfg.record
	if !bytes.Equal(p.Bytes(), m.room.proposal.Bytes()) || p.Record != rec.Hash() || rec.Hash() != m.room.record.Hash() {
		w.fail("O4: two proposals under one session")
	}
	for _, s := range p.Signers {
		d, in := rec.Device(s)
		if !in || m.d.view.fenced[d.Identity.Hex()] && s != m.cfg.self {
			w.fail("O4: %s signs together with device %d, which is out", m.d.name, s)
		}
		if p.Purpose != refresh.TestPurpose && !t.approved[p.Request][d.Identity] {
			w.fail("O4: device %d signs and its person has not approved", s)
		}
	}
}

// give counts a partial signature. The last one makes the signature.
func (t *truth) give(room *simRoom, from wire.Slot) {
	p, w, rec := room.proposal, t.w, room.record
	room.given[from] = true
	if len(room.given) < len(p.Signers) || room.sig != nil {
		return
	}
	var shares [][32]byte
	for _, s := range p.Signers {
		shares = append(shares, room.shares[s])
	}
	k := interpolate(p.Account, p.Signers, shares)
	if k.Cmp(t.key[p.Account]) != 0 {
		w.fail("O4: the shares that devices sign with do not make the key")
		return
	}
	acc, _ := rec.Account(p.Account)
	tweak, child, _, err := share.Derive(acc, p.Path)
	if err != nil || !bytes.Equal(acc.GroupKey(), t.public[p.Account]) {
		w.fail("O4: another key: %v", err)
		return
	}
	t.made++
	if p.Suite == roster.Ed25519 {
		room.sig = signEd25519(k, child, p.Message)
		if !ed25519.Verify(t.public[p.Account], p.Message, room.sig) {
			w.fail("O4: a signature that does not verify")
		}
		return
	}
	k.Add(k, new(big.Int).SetBytes(tweak[:])).Mod(k, orderSecp)
	var b [32]byte
	compact := ecdsa.SignCompact(secp256k1.PrivKeyFromBytes(k.FillBytes(b[:])), p.Message, true)
	room.sig = append(compact[1:65:65], compact[0]-27-4)
	if pub, _, err := ecdsa.RecoverCompact(compact, p.Message); err != nil || !bytes.Equal(pub.SerializeCompressed(), child) {
		w.fail("O4: a signature that does not verify")
	}
}

// signEd25519 signs as RFC 8032 does, but for the nonce, with a scalar.
func signEd25519(key *big.Int, public, msg []byte) []byte {
	var k [32]byte
	key.FillBytes(k[:])
	slices.Reverse(k[:])
	hash := func(parts ...[]byte) *edwards25519.Scalar {
		wide := sha512.Sum512(slices.Concat(parts...))
		s, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
		if err != nil {
			panic(err)
		}
		return s
	}
	nonce := hash(k[:], msg)
	r := edwards25519.NewIdentityPoint().ScalarBaseMult(nonce).Bytes()
	a, err := edwards25519.NewScalar().SetCanonicalBytes(k[:])
	if err != nil {
		panic(err)
	}
	return append(r, edwards25519.NewScalar().MultiplyAdd(hash(r, public, msg), a, nonce).Bytes()...)
}

func (l *simLog) Write(b []byte) (int, error) { l.spied(b); return len(b), nil }

var _ io.Writer = (*simLog)(nil)

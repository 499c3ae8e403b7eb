package keygen_test

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"filippo.io/edwards25519"
	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/share/keygen/keygentest"
	"github.com/warifu/warifu/wire"
)

// TestOracle rebuilds, from the definition and with other libraries, what the
// machines never do: the secret. Any t shares give the discrete logarithm of
// the group key, t−1 do not.
func TestOracle(t *testing.T) {
	t.Parallel()
	edOrder, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	edOrder.Add(edOrder, new(big.Int).Lsh(big.NewInt(1), 252))
	suites := map[string]struct {
		order  *big.Int
		decode func(b []byte) *big.Int
		public func(x *big.Int) []byte
	}{
		roster.Ethereum: {
			decred.Params().N,
			func(b []byte) *big.Int { return new(big.Int).SetBytes(b) },
			func(x *big.Int) []byte {
				return decred.PrivKeyFromBytes(x.FillBytes(make([]byte, 32))).PubKey().SerializeCompressed()
			},
		},
		roster.SSH: {
			edOrder,
			func(b []byte) *big.Int { return new(big.Int).SetBytes(reversed(b)) },
			func(x *big.Int) []byte {
				k, err := edwards25519.NewScalar().SetCanonicalBytes(reversed(x.FillBytes(make([]byte, 32))))
				if err != nil {
					t.Fatal(err)
				}
				return new(edwards25519.Point).ScalarBaseMult(k).Bytes()
			},
		},
	}
	for _, c := range []struct{ t, n int }{{2, 2}, {2, 3}, {3, 4}, {3, 5}, {5, 9}, {9, 9}} {
		entry, shares := keygentest.Deal(t, c.t, c.n, 3)
		for name, suite := range suites {
			account, ok := entry.Record.Account(name)
			if !ok {
				t.Fatalf("no account %s", name)
			}
			values := map[int]*big.Int{}
			for slot, byName := range shares {
				values[int(slot)] = suite.decode(reveal(t, byName[name]))
			}
			for _, subset := range subsets(c.n, c.t) {
				x := interpolate(values, subset, suite.order)
				if !bytes.Equal(suite.public(x), account.GroupKey()) {
					t.Errorf("%d of %d, %s: shares of %v do not give the key", c.t, c.n, name, subset)
				}
			}
			for _, subset := range subsets(c.n, c.t-1) {
				x := interpolate(values, subset, suite.order)
				if bytes.Equal(suite.public(x), account.GroupKey()) {
					t.Errorf("%d of %d, %s: %v alone have the key", c.t, c.n, name, subset)
				}
			}
		}
	}
}

func reveal(t *testing.T, k secret.Key) (b []byte) {
	t.Helper()
	if err := k.Use(func(key *[32]byte) error { b = bytes.Clone(key[:]); return nil }); err != nil {
		t.Fatal(err)
	}
	return b
}

func reversed(b []byte) []byte {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return b
}

// subsets returns all k-element subsets of 1 … n.
func subsets(n, k int) (all [][]int) {
	var pick func(from int, chosen []int)
	pick = func(from int, chosen []int) {
		if len(chosen) == k {
			all = append(all, slices.Clone(chosen))
			return
		}
		for i := from; i <= n; i++ {
			pick(i+1, append(chosen, i))
		}
	}
	pick(1, nil)
	return all
}

// interpolate returns f(0) = Σ f(i)·Π_{j≠i} j/(j−i) modulo q.
func interpolate(f map[int]*big.Int, subset []int, q *big.Int) *big.Int {
	sum := new(big.Int)
	for _, i := range subset {
		num, den := big.NewInt(1), big.NewInt(1)
		for _, j := range subset {
			if j != i {
				num.Mul(num, big.NewInt(int64(j)))
				den.Mul(den, big.NewInt(int64(j-i)))
			}
		}
		den.ModInverse(den.Mod(den, q), q)
		sum.Add(sum, num.Mul(num, den).Mul(num, f[i]))
	}
	return sum.Mod(sum, q)
}

// TestGolden pins every byte that the devices hash and sign. If it fails, old
// and new releases no longer found circles with each other.
func TestGolden(t *testing.T) {
	t.Parallel()
	entry, _ := keygentest.Deal(t, 2, 3, 1)
	const want = "d9612044393b5d05d7428cd4623c1bcc2827d61aeef65f43b25c841bf7312990"
	if got := entry.Record.Hash().Hex(); got != want {
		t.Errorf("record hash %s, want %s", got, want)
	}
}

func TestHonest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ t, n int }{{2, 2}, {2, 3}, {3, 5}} {
		l := newLab(t, c.t, c.n, 1)
		l.run()
		var first roster.Record
		for slot, m := range l.machines {
			l.want(slot, verdict{})
			entry, ok := m.Entry()
			if !ok {
				t.Fatalf("device %d has no certificate", slot)
			}
			if err := entry.Verify(); err != nil {
				t.Errorf("device %d: %v", slot, err)
			}
			if first.Version == 0 {
				first = entry.Record
			}
			if entry.Record.Hash() != first.Hash() {
				t.Errorf("device %d has another record", slot)
			}
			if len(m.Waiting()) != 0 {
				t.Errorf("device %d waits for %v", slot, m.Waiting())
			}
			if effects, err := m.Confirm(); effects != nil || err != nil {
				t.Errorf("device %d: a second yes: %v, %v", slot, effects, err)
			}
		}
		if first.Epoch != 0 || first.Threshold != c.t || len(first.Devices) != c.n {
			t.Errorf("record %+v", first)
		}
	}
}

// TestNewEachTime checks that another nonce of one device makes everything new.
func TestNewEachTime(t *testing.T) {
	t.Parallel()
	found := func(seed uint64) roster.Record {
		l := newLab(t, 2, 2, 1)
		m, effects, err := keygen.New(l.group.Config(2, seed))
		if err != nil {
			t.Fatal(err)
		}
		l.machines[2], l.queue = m, nil
		l.apply(2, effects)
		l.apply(1, l.machines[1].Resend())
		l.run()
		entry, ok := l.machines[1].Entry()
		if !ok {
			t.Fatal("no certificate")
		}
		return entry.Record
	}
	a, b := found(1), found(2)
	if a.Circle == b.Circle || a.Transcript == b.Transcript ||
		bytes.Equal(a.Accounts[0].GroupKey(), b.Accounts[0].GroupKey()) || a.Accounts[0].ChainCode == b.Accounts[0].ChainCode {
		t.Error("two runs have something in common")
	}
}

func TestConfirmTooEarly(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 2, 1)
	if _, ok := l.machines[1].Review(); ok {
		t.Error("something to review before anybody spoke")
	}
	if effects, err := l.machines[1].Confirm(); err == nil || effects != nil {
		t.Error("a yes to nothing")
	}
}

// TestOrderOfEffects pins the proof of crash safety: durable before visible,
// stored before done.
func TestOrderOfEffects(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 2, 1)
	l.pump()
	l.confirm(1)
	l.pump()
	effects, err := l.machines[2].Confirm()
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range effects {
		switch e := e.(type) {
		case session.Persist:
			kinds = append(kinds, "persist")
		case session.Send:
			kinds = append(kinds, "send")
			if e.Frame.Kind != keygen.KindReady {
				t.Errorf("sends kind %d", e.Frame.Kind)
			}
		case session.Done:
			kinds = append(kinds, "done")
		}
	}
	if want := []string{"persist", "send", "persist", "done"}; !slices.Equal(kinds, want) {
		t.Errorf("effects %v, want %v", kinds, want)
	}
}

// TestResend pins what a device repeats in each phase, byte for byte what it
// said first, and nothing that everybody has.
func TestResend(t *testing.T) {
	t.Parallel()
	const hello, commit, reveal, share, verified, ready, certificate = keygen.KindHello, keygen.KindCommit,
		keygen.KindReveal, keygen.KindShare, keygen.KindVerified, keygen.KindReady, keygen.KindCertificate
	for _, tt := range []struct {
		name string
		hold wire.Kind // of device 2, to device 1
		want []wire.Kind
	}{
		{"hello", hello, []wire.Kind{hello}},
		{"commit", commit, []wire.Kind{hello, commit}},
		{"reveal", reveal, []wire.Kind{hello, commit, reveal, share, share}},
		{"share", share, []wire.Kind{hello, commit, reveal, share, share}},
		{"verified", verified, []wire.Kind{hello, commit, reveal, share, share, verified}},
		{"ready", ready, []wire.Kind{verified, ready}},
		{"certified", 0, []wire.Kind{certificate}},
	} {
		l := newLab(t, 2, 3, 1)
		said := map[string][]byte{}
		l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
			if f.From == 1 {
				said[fmt.Sprint(f.Kind, f.To)] = bytes.Clone(f.Body)
			}
			if f.From == 2 && to == 1 && (f.Kind == tt.hold || tt.hold == verified && f.Kind == ready) {
				return nil
			}
			return []wire.Frame{f}
		}
		l.run()
		var kinds []wire.Kind
		for _, e := range l.machines[1].Resend() {
			f := e.(session.Send).Frame
			kinds = append(kinds, f.Kind)
			if old, ok := said[fmt.Sprint(f.Kind, f.To)]; ok && !bytes.Equal(old, f.Body) {
				t.Errorf("%s: kind %d is not what was said before", tt.name, f.Kind)
			}
		}
		if !slices.Equal(kinds, tt.want) {
			t.Errorf("%s: repeats kinds %v, want %v", tt.name, kinds, tt.want)
		}
		if want := []wire.Slot{2}; tt.hold != 0 && !slices.Equal(l.machines[1].Waiting(), want) {
			t.Errorf("%s: waits for %v, want %v", tt.name, l.machines[1].Waiting(), want)
		}
	}
	l := newLab(t, 2, 3, 1)
	l.pump()
	if again := l.machines[1].Resend(); len(again) != 1 || again[0].(session.Send).Frame.Kind != verified {
		t.Errorf("while the person looks it repeats %v", again)
	}
	if slots := l.machines[1].Waiting(); slots != nil {
		t.Errorf("while the person looks it waits for %v", slots)
	}
}

// TestReadyCountsAsVerified restarts device 1 after its READY was heard and its
// word that it verified was not.
func TestReadyCountsAsVerified(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		if f.From == 1 && to == 2 && f.Kind == keygen.KindVerified {
			return nil
		}
		return []wire.Frame{f}
	}
	l.pump()
	if got := l.machines[2].Waiting(); !slices.Equal(got, []wire.Slot{1}) {
		t.Fatalf("waits for %v", got)
	}
	l.confirm(1)
	l.run()
	for slot := range l.machines {
		l.want(slot, verdict{})
	}
}

func TestCloseWipes(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 2, 1)
	l.run()
	m := l.machines[1]
	shares, ok := m.Shares()
	if !ok {
		t.Fatal("no shares")
	}
	inside := m.Secrets()
	m.Close()
	m.Close()
	for _, k := range inside {
		if !bytes.Equal(reveal(t, k), make([]byte, 32)) {
			t.Error("a share survives Close")
		}
	}
	if bytes.Equal(reveal(t, shares[roster.SSH]), make([]byte, 32)) {
		t.Error("a share that was handed out is wiped with the machine's")
	}
	if _, ok := m.Shares(); ok {
		t.Error("a closed machine gives out shares")
	}

	l = newLab(t, 2, 2, 1)
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame { // stop before verified
		if f.Kind == keygen.KindShare {
			return nil
		}
		return []wire.Frame{f}
	}
	l.pump()
	inside = l.machines[1].Secrets()
	if len(inside) == 0 {
		t.Fatal("no dealing")
	}
	l.machines[1].Close()
	for _, k := range inside {
		if !bytes.Equal(reveal(t, k), make([]byte, 32)) {
			t.Error("a dealt share survives Close")
		}
	}
}

// TestPolynomialsAreWiped checks that the polynomials are gone once everything
// that is computed from them has been sent, or when the machine is closed.
func TestPolynomialsAreWiped(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 2, 1)
	values := map[string]func() []secret.Key{"revealed": l.machines[1].Values()}
	l.pump()
	l = newLab(t, 2, 2, 1)
	values["closed"] = l.machines[1].Values()
	for _, k := range values["closed"]() {
		if bytes.Equal(reveal(t, k), make([]byte, 32)) {
			t.Fatal("no polynomial to begin with")
		}
	}
	l.machines[1].Close()
	for name, f := range values {
		for _, k := range f() {
			if !bytes.Equal(reveal(t, k), make([]byte, 32)) {
				t.Errorf("%s: a polynomial survives", name)
			}
		}
	}
}

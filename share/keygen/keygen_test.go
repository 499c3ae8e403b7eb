package keygen_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
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
			decred.S256().N,
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

func TestResume(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.pump()
	l.confirm(1, 2)
	pending := bytes.Clone(l.states[1])
	// All lose power after two of three have said yes. Device 3 is asked
	// again, for it had not persisted anything and is still up.
	for _, slot := range []wire.Slot{1, 2} {
		m, effects, err := keygen.Resume(l.group.Config(slot, 0), l.states[slot])
		if err != nil {
			t.Fatal(err)
		}
		l.machines[slot] = m
		l.queue = nil
		l.apply(slot, effects)
		if got := m.Waiting(); len(got) != 2 {
			t.Errorf("device %d waits for %v", slot, got)
		}
	}
	l.apply(1, l.machines[1].Resend())
	l.run()
	for slot := range l.machines {
		l.want(slot, verdict{})
	}
	certified := l.states[1]
	for name, state := range map[string][]byte{"pending": pending, "certified": certified} {
		m, effects, err := keygen.Resume(l.group.Config(1, 0), state)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.State(), state) {
			t.Errorf("%s: state changes by being read", name)
		}
		_, done := m.Entry()
		if last := effects[len(effects)-1]; (last == session.Done{}) != done || done != (name == "certified") {
			t.Errorf("%s: certificate %t, last effect %T", name, done, last)
		}
	}
}

func TestResumeRejects(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.run()
	other := newLab(t, 2, 3, 2)
	other.run()
	type edit = func(s *keygen.StateFields)
	tests := map[string]edit{
		"version":         func(s *keygen.StateFields) { s.Version++ },
		"session":         func(s *keygen.StateFields) { s.Session[0] ^= 1 },
		"record-version":  func(s *keygen.StateFields) { s.Record.Version++ },
		"epoch":           func(s *keygen.StateFields) { s.Record.Epoch, s.Record.Parent = 1, wire.Hash{1} },
		"threshold":       func(s *keygen.StateFields) { s.Record.Threshold = 3 },
		"settings":        func(s *keygen.StateFields) { s.Record.Settings.Grace++ },
		"device-name":     func(s *keygen.StateFields) { s.Record.Devices[2].Name = "mallory" },
		"device-identity": func(s *keygen.StateFields) { s.Record.Devices[2].Identity[0] ^= 1 },
		"device-peer":     func(s *keygen.StateFields) { s.Record.Devices[2].Peer[9] ^= 1 },
		"device-box":      func(s *keygen.StateFields) { s.Record.Devices[2].Box[0] ^= 1 },
		"device-presence": func(s *keygen.StateFields) { s.Record.Devices[2].Presence[0] ^= 1 },
		"device-kind":     func(s *keygen.StateFields) { s.Record.Devices[2].Kind = roster.Server },
		"devices":         func(s *keygen.StateFields) { s.Record.Devices = s.Record.Devices[:2] },
		"transcript":      func(s *keygen.StateFields) { s.Record.Transcript[0] ^= 1 },
		"circle":          func(s *keygen.StateFields) { s.Record.Circle[0] ^= 1 },
		"ethereum-share":  func(s *keygen.StateFields) { s.Shares[0][5] ^= 1 },
		"ssh-share":       func(s *keygen.StateFields) { s.Shares[1][5] ^= 1 },
		"shares-swapped":  func(s *keygen.StateFields) { s.Shares[0], s.Shares[1] = s.Shares[1], s.Shares[0] },
		"share-missing":   func(s *keygen.StateFields) { s.Shares = s.Shares[:1] },
		"share-extra":     func(s *keygen.StateFields) { s.Shares = append(s.Shares, [32]byte{}) },
		"own-signature":   func(s *keygen.StateFields) { s.Ready[0].Sig[0] ^= 1 },
		"two-signatures":  func(s *keygen.StateFields) { s.Ready = s.Ready[:2] },
		"no-signature":    func(s *keygen.StateFields) { s.Ready = nil },
		"signature-of-2":  func(s *keygen.StateFields) { s.Ready = s.Ready[1:2] },
		"signature-order": func(s *keygen.StateFields) { s.Ready[1], s.Ready[2] = s.Ready[2], s.Ready[1] },
		"signature-twice": func(s *keygen.StateFields) { s.Ready[1] = s.Ready[0] },
	}
	for name, f := range tests {
		state := keygen.EditState(l.states[1], f)
		if _, _, err := keygen.Resume(l.group.Config(1, 0), state); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, state := range map[string][]byte{
		"empty": nil, "truncated": l.states[1][:100], "trailing": append(bytes.Clone(l.states[1]), 0),
		"huge": make([]byte, 1<<20), "other-session": other.states[1], "other-device": l.states[2],
	} {
		if _, _, err := keygen.Resume(l.group.Config(1, 0), state); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestResumeRejectsSigned has the same signed by everybody, as a device could
// that signs anything: a state is checked for what it says, too.
func TestResumeRejectsSigned(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3, 1)
	l.run()
	tests := map[string]struct {
		edit func(s *keygen.StateFields)
		ok   bool
	}{
		"unchanged":      {func(s *keygen.StateFields) {}, true},
		"record-version": {func(s *keygen.StateFields) { s.Record.Version++ }, false},
		"threshold":      {func(s *keygen.StateFields) { s.Record.Threshold = 3 }, false},
		"settings":       {func(s *keygen.StateFields) { s.Record.Settings.Grace++ }, false},
		"device":         {func(s *keygen.StateFields) { s.Record.Devices[2].Name = "mallory" }, false},
		"later-epoch": {func(s *keygen.StateFields) {
			s.Record.Epoch, s.Record.Parent = 1, wire.Hash{1}
			s.Record.Change = roster.Change{Kind: roster.Refresh, Attempt: wire.Hash{2},
				Members: []wire.Slot{1, 2, 3}, Dealers: []wire.Slot{1, 2}}
		}, false},
	}
	for name, tt := range tests {
		state := keygen.EditState(l.states[1], func(s *keygen.StateFields) {
			tt.edit(s)
			for i := range s.Ready {
				msg := roster.ReadyMessage(s.Record.Hash())
				s.Ready[i].Sig = [64]byte(ed25519.Sign(l.group.Identity[s.Ready[i].Slot], msg))
			}
		})
		if _, _, err := keygen.Resume(l.group.Config(1, 0), state); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The same devices with another threshold, complete in itself.
	three := newLab(t, 3, 3, 1)
	three.run()
	state := keygen.EditState(three.states[1], func(s *keygen.StateFields) { s.Session = l.group.Proposal.Session() })
	if _, _, err := keygen.Resume(l.group.Config(1, 0), state); err == nil {
		t.Error("another threshold: accepted")
	}
}

func TestConfigRejects(t *testing.T) {
	t.Parallel()
	g := keygentest.NewGroup(t, 2, 3, 1)
	for name, edit := range map[string]func(*keygen.Config){
		"self-zero":     func(c *keygen.Config) { c.Self = 0 },
		"self-outsider": func(c *keygen.Config) { c.Self = 4 },
		"no-signer":     func(c *keygen.Config) { c.Sign = nil },
		"no-randomness": func(c *keygen.Config) { c.Rand = nil },
		"short-random":  func(c *keygen.Config) { c.Rand = bytes.NewReader(make([]byte, 50)) },
		"short-dealing": func(c *keygen.Config) { c.Rand = bytes.NewReader(make([]byte, 200)) },
		"proposal":      func(c *keygen.Config) { c.Proposal.Threshold = 1 },
	} {
		cfg := g.Config(1, 1)
		edit(&cfg)
		if _, _, err := keygen.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestThresholdReasons checks that a person who asks for a circle that does not
// protect is told why.
func TestThresholdReasons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t, n int
		want string
	}{
		{1, 2, "one device sign alone"},
		{1, 3, "one device sign alone"},
		{4, 3, "cannot be met"},
		{2, 4, "at least 3"},
		{2, 5, "at least 3"},
		{3, 6, "at least 4"},
	} {
		p := keygentest.NewGroup(t, max(2, c.n/2+1), c.n, 1).Proposal
		p.Threshold = c.t
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d of %d: %v", c.t, c.n, err)
		}
	}
}

func TestProposalRejects(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*keygen.Proposal){
		"version":        func(p *keygen.Proposal) { p.Version = 2 },
		"nonce-zero":     func(p *keygen.Proposal) { p.Nonce = [32]byte{} },
		"threshold-1":    func(p *keygen.Proposal) { p.Threshold = 1 },
		"threshold-0":    func(p *keygen.Proposal) { p.Threshold = 0 },
		"threshold-neg":  func(p *keygen.Proposal) { p.Threshold = -2 },
		"threshold-high": func(p *keygen.Proposal) { p.Threshold = 5 },
		"half":           func(p *keygen.Proposal) { p.Threshold = 2 }, // of 4
		"one-device":     func(p *keygen.Proposal) { p.Devices = p.Devices[:1] },
		"no-device":      func(p *keygen.Proposal) { p.Devices = nil },
		"slot-zero":      func(p *keygen.Proposal) { p.Devices[0].Slot = 0 },
		"slot-twice":     func(p *keygen.Proposal) { p.Devices[1].Slot = 1 },
		"slot-gap":       func(p *keygen.Proposal) { p.Devices[3].Slot = 5 },
		"slot-order": func(p *keygen.Proposal) {
			p.Devices[0], p.Devices[1] = p.Devices[1], p.Devices[0]
		},
		"name-twice":     func(p *keygen.Proposal) { p.Devices[1].Name = p.Devices[0].Name },
		"name-bad":       func(p *keygen.Proposal) { p.Devices[1].Name = "a\x1b[31m" },
		"identity-twice": func(p *keygen.Proposal) { p.Devices[1].Identity = p.Devices[0].Identity },
		"peer-twice":     func(p *keygen.Proposal) { p.Devices[1].Peer = p.Devices[0].Peer },
		"box-twice":      func(p *keygen.Proposal) { p.Devices[1].Box = p.Devices[0].Box },
		"presence-twice": func(p *keygen.Proposal) { p.Devices[1].Presence = p.Devices[0].Presence },
	}
	for name, edit := range tests {
		p := keygentest.NewGroup(t, 3, 4, 1).Proposal
		edit(&p)
		if err := p.Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := keygen.ParseProposal(p.Bytes()); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
	good := keygentest.NewGroup(t, 9, 9, 1).Proposal
	parsed, err := keygen.ParseProposal(good.Bytes())
	if err != nil || parsed.Session() != good.Session() {
		t.Errorf("a good proposal: %v", err)
	}
	if _, err := keygen.ParseProposal(make([]byte, 1<<16)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("huge: %v", err)
	}
}

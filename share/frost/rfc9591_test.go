package frost_test

import (
	"bytes"
	"io"
	"testing"

	"filippo.io/edwards25519"

	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/wire"
)

// mixedOrder returns B plus the point encoded by torsion.
func mixedOrder(t testing.TB, torsion []byte) []byte {
	t.Helper()
	p, err := new(edwards25519.Point).SetBytes(torsion)
	if err != nil {
		t.Fatal(err)
	}
	return p.Add(p, edwards25519.NewGeneratorPoint()).Bytes()
}

// pair is what devices 1 and 3 need to sign below the machine.
type pair struct {
	signers []wire.Slot
	share   ed.Secret
	nonces  *frost.Nonces // of device 1
	list    []frost.Pair
	key     [32]byte
}

func newPair(t testing.TB) pair {
	t.Helper()
	rng := source(benchSeed)
	c := found(t, rng, 2, []wire.Slot{1, 2, 3}, []wire.Slot{1, 3})
	p := pair{signers: c.proposal.Signers, key: [32]byte(c.proposal.ChildKey)}
	for _, slot := range p.signers {
		share, err := ed.SecretFromKey(c.shares[slot])
		if err != nil {
			t.Fatal(err)
		}
		n, err := frost.Commit(slot, share, rng)
		if err != nil {
			t.Fatal(err)
		}
		p.list = append(p.list, n.Commitment())
		if slot == 1 {
			p.share, p.nonces = share, n
		}
	}
	return p
}

func (p pair) signing(t testing.TB, msg string) *frost.Signing {
	t.Helper()
	s, err := frost.NewSigning(p.signers, p.list, p.key, []byte(msg))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wiped(n *frost.Nonces) bool {
	d, e := n.Secrets()
	return d.IsZero() && e.IsZero()
}

// TestNonceReuseRefused signs two messages with one pair of nonces, which
// would reveal the share.
func TestNonceReuseRefused(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if _, err := p.signing(t, "one").Sign(p.nonces, p.share); err != nil {
		t.Fatal(err)
	}
	if !wiped(p.nonces) {
		t.Error("nonces survive their use")
	}
	for _, msg := range []string{"two", "one"} {
		if z, err := p.signing(t, msg).Sign(p.nonces, p.share); err == nil {
			t.Errorf("second response %x", z.Bytes())
		}
	}
}

// TestOwnCommitmentAltered gives nonces a list in which their own commitment
// is another one, or missing. They must be gone afterwards: the caller is
// confused or hostile, and a second try is a second equation.
func TestOwnCommitmentAltered(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*pair)
	}{
		{"hiding", func(p *pair) {
			p.list[0].Bytes = append(bytes.Clone(p.list[1].Bytes[:32]), p.list[0].Bytes[32:]...)
		}},
		{"binding", func(p *pair) {
			p.list[0].Bytes = append(bytes.Clone(p.list[0].Bytes[:32]), p.list[1].Bytes[32:]...)
		}},
		{"swapped", func(p *pair) {
			p.list[0].Bytes = append(bytes.Clone(p.list[0].Bytes[32:]), p.list[0].Bytes[:32]...)
		}},
		{"another's", func(p *pair) { p.list[0].Bytes = p.list[1].Bytes }},
		{"missing", func(p *pair) {
			p.signers = []wire.Slot{2, 3}
			p.list = []frost.Pair{{Slot: 2, Bytes: p.list[0].Bytes}, p.list[1]}
		}},
	}
	for _, tt := range tests {
		p := newPair(t)
		honest := p.signing(t, "message")
		tt.change(&p)
		if z, err := p.signing(t, "message").Sign(p.nonces, p.share); err == nil {
			t.Errorf("%s: response %x", tt.name, z.Bytes())
		}
		if !wiped(p.nonces) {
			t.Errorf("%s: nonces survive", tt.name)
		}
		if _, err := honest.Sign(p.nonces, p.share); err == nil {
			t.Errorf("%s: a second try is answered", tt.name)
		}
	}
}

// TestCommitmentList wants exactly one commitment per signer, in order.
func TestCommitmentList(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	one, three := p.list[0], p.list[1]
	two := frost.Pair{Slot: 2, Bytes: three.Bytes}
	tests := []struct {
		name string
		list []frost.Pair
	}{
		{"empty", nil},
		{"missing", []frost.Pair{one}},
		{"duplicate", []frost.Pair{one, one}},
		{"duplicate-beside-all", []frost.Pair{one, one, three}},
		{"reversed", []frost.Pair{three, one}},
		{"not-a-signer", []frost.Pair{one, two}},
		{"one-too-many", []frost.Pair{one, two, three}},
	}
	for _, tt := range tests {
		if _, err := frost.NewSigning(p.signers, tt.list, p.key, []byte("message")); err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
	}
	if _, err := frost.NewSigning([]wire.Slot{1, 1}, []frost.Pair{one, one}, p.key, nil); err == nil {
		t.Error("duplicate signer accepted")
	}
}

// TestNoncesAreHedged draws nonces from a source that repeats itself: the
// share in the hash keeps two devices from having the same pair.
func TestNoncesAreHedged(t *testing.T) {
	t.Parallel()
	var seen [][]byte
	for _, n := range []uint64{5, 6} {
		random := bytes.NewReader(append(bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)...))
		nonces, err := frost.Commit(1, ed.NewScalar(n).Secret(), random)
		if err != nil {
			t.Fatal(err)
		}
		b := nonces.Commitment().Bytes
		seen = append(seen, b[:32], b[32:])
	}
	for i := range seen {
		for j := range i {
			if bytes.Equal(seen[i], seen[j]) {
				t.Errorf("commitments %d and %d are equal", j, i)
			}
		}
	}
	if _, err := frost.Commit(1, ed.NewScalar(5).Secret(), io.LimitReader(source(1), 63)); err == nil {
		t.Error("randomness that ends is accepted")
	}
}

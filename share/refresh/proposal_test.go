package refresh_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestProposalCheck has a row for each rule of who may re-deal to whom.
func TestProposalCheck(t *testing.T) {
	t.Parallel()
	five := []wire.Slot{1, 2, 3, 4, 5}
	tests := []struct {
		name string
		t, n int
		plan plan
		edit func(p *refresh.Proposal)
		want string // part of the error, empty if it is allowed
	}{
		{"refresh", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, nil, ""},
		{"sleeper", 3, 5, plan{kind: roster.Refresh, members: slots(1, 2, 3), sleepers: slots(4, 5)}, nil, ""},
		{"grow by one", 2, 3, plan{kind: roster.Add, threshold: 3, members: slots(1, 2, 3, 4), added: slots(4)}, nil, ""},
		{"new settings", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, func(p *refresh.Proposal) { p.Settings.Quiet++ }, ""},

		{"version", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, func(p *refresh.Proposal) { p.Version++ }, "version"},
		{"no nonce", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, func(p *refresh.Proposal) { p.Nonce = [32]byte{} }, "nonce"},
		{"other parent", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, func(p *refresh.Proposal) { p.Parent[0] ^= 1 }, "does not follow"},
		{"other circle", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, func(p *refresh.Proposal) { p.Circle[0] ^= 1 }, "does not follow"},
		{"same epoch", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, func(p *refresh.Proposal) { p.Epoch = 0 }, ""},
		{"proposer outside", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2), sleepers: slots(3)}, func(p *refresh.Proposal) { p.Proposer = 3 }, "proposer"},
		{"new device proposes", 2, 2, plan{kind: roster.Add, members: slots(1, 2, 3), added: slots(3)}, func(p *refresh.Proposal) { p.Proposer = 3 }, "proposer"},
		{"no members", 2, 3, plan{kind: roster.Refresh, members: slots(1)}, func(p *refresh.Proposal) { p.Members = nil }, "proposer"},
		{"members twice", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, func(p *refresh.Proposal) { p.Members = slots(1, 2, 2, 3) }, "ascending"},
		{"nobody speaks of device 3", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2)}, nil, "not the devices"},
		{"both member and sleeper", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3), sleepers: slots(3)}, nil, "not the devices"},
		{"empty list for none", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, func(p *refresh.Proposal) { p.Sleepers = []wire.Slot{} }, "ascending"},

		{"too few take part", 3, 5, plan{kind: roster.Refresh, members: slots(1, 2), dealers: slots(1, 2), sleepers: slots(3, 4, 5)}, nil, "take part"},
		{"quorum of an old minority circle", 2, 4, plan{kind: roster.Refresh, members: slots(1, 2), sleepers: slots(3, 4)}, nil, "must"},
		{"new devices are no quorum", 2, 3, plan{kind: roster.Add, threshold: 3, members: slots(1, 4, 5), dealers: slots(1), sleepers: slots(2, 3), added: slots(4, 5)}, nil, ""},
		{"too few remain", 2, 2, plan{kind: roster.Remove, members: slots(1), dealers: slots(1), removed: gone(2, roster.Stolen)}, nil, "take part"},
		{"one dealer", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3), dealers: slots(1)}, nil, "dealers"},
		{"three dealers", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3), dealers: slots(1, 2, 3)}, nil, "dealers"},
		{"dealer asleep", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2), dealers: slots(1, 3), sleepers: slots(3)}, nil, "take part"},

		{"lower by the way", 3, 4, plan{kind: roster.Remove, threshold: 2, members: slots(1, 2, 3), removed: gone(4, roster.Silent)}, nil, "fall"},
		{"half of the circle", 2, 3, plan{kind: roster.Add, members: slots(1, 2, 3, 4), added: slots(4)}, nil, "sign apart"},
		{"two steps at once", 2, 3, plan{kind: roster.Add, threshold: 3, members: slots(1, 2, 3, 4, 5), added: slots(4, 5)}, nil, "two steps"},
		{"down to half", 3, 4, plan{kind: roster.Rethreshold, threshold: 2, members: slots(1, 2, 3, 4)}, nil, "two halves"},
		{"a minority that grows", 2, 4, plan{kind: roster.Add, members: slots(1, 2, 3, 4, 5), added: slots(5)}, nil, "two halves"},
		{"threshold of all and one", 2, 3, plan{kind: roster.Rethreshold, threshold: 4, members: slots(1, 2, 3)}, nil, ""},
		{"threshold huge", 2, 3, plan{kind: roster.Rethreshold, threshold: 100, members: slots(1, 2, 3)}, nil, "threshold"},
		{"threshold one", 3, 3, plan{kind: roster.Rethreshold, threshold: 1, members: slots(1, 2, 3)}, nil, ""},
		{"threshold negative", 3, 3, plan{kind: roster.Rethreshold, threshold: -1, members: slots(1, 2, 3)}, nil, "threshold"},

		{"remove a stranger", 2, 3, plan{kind: roster.Remove, members: slots(1, 2, 3), removed: gone(9, roster.Silent)}, nil, "cannot be removed"},
		{"remove twice", 3, 5, plan{kind: roster.Remove, members: slots(1, 2, 3), sleepers: slots(5), removed: []refresh.Removal{{Slot: 4, State: 1}, {Slot: 4, State: 1}}}, nil, "cannot be removed"},
		{"remove a member", 2, 3, plan{kind: roster.Remove, members: slots(1, 2, 3), removed: gone(3, roster.Silent)}, nil, "not the devices"},
		{"remove as refresh", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2), removed: gone(3, roster.Silent)}, nil, "not a refresh"},
		{"left, but removed", 2, 3, plan{kind: roster.Remove, members: slots(1, 2), removed: gone(3, roster.Left)}, nil, "said to be"},
		{"unknown kind", 2, 3, plan{kind: 9, members: slots(1, 2, 3)}, nil, "kind"},
		{"kind founding", 2, 3, plan{kind: roster.Founding, members: slots(1, 2, 3)}, nil, "kind"},
		{"added asleep", 2, 2, plan{kind: roster.Add, members: slots(1, 2), sleepers: slots(3), added: slots(3)}, nil, "take part"},
		{"added in a used slot", 2, 3, plan{kind: roster.Replace, members: slots(1, 2, 4), removed: gone(3, roster.Silent), added: slots(4)}, func(p *refresh.Proposal) {
			p.Added[0].Slot, p.Members = 3, slots(1, 2, 3)
		}, "slot 3"},
		{"added under a used key", 2, 3, plan{kind: roster.Add, threshold: 3, members: slots(1, 2, 3, 4), added: slots(4)}, func(p *refresh.Proposal) { p.Added[0].Peer = nil }, "peer"},
		{"box of low order", 2, 2, plan{kind: roster.Add, members: slots(1, 2, 3), added: slots(3)}, func(p *refresh.Proposal) { p.Added[0].Box = [32]byte{1} }, "sealed"},
		{"settings out of order", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, func(p *refresh.Proposal) { p.Settings.Grace = 0 }, "settings"},
		{"five of nine", 5, 9, plan{kind: roster.Refresh, members: five, sleepers: slots(6, 7, 8, 9)}, nil, ""},
	}
	refused := []string{"same epoch", "new devices are no quorum", "threshold of all and one", "threshold one"} // whatever the words
	for _, tt := range tests {
		c := newCircle(t, tt.t, tt.n, 20)
		p := c.propose(tt.plan)
		if tt.edit != nil {
			tt.edit(&p)
		}
		err := p.Check(c.parent)
		switch {
		case slices.Contains(refused, tt.name):
			if err == nil {
				t.Errorf("%s: allowed", tt.name)
			}
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
		if _, _, newErr := refresh.New(c.config(p, 1)); (newErr == nil) != (err == nil) {
			t.Errorf("%s: Check says %v, New %v", tt.name, err, newErr)
		}
		if err != nil {
			continue
		}
		again, err := refresh.ParseProposal(p.Bytes())
		if err != nil || again.Attempt() != p.Attempt() || !bytes.Equal(again.Bytes(), p.Bytes()) {
			t.Errorf("%s: a proposal changes when it is read: %v", tt.name, err)
		}
	}
}

// TestConfig refuses devices without a part, and dealers without their share.
func TestConfig(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 21)
	p := c.propose(plan{kind: roster.Remove, members: slots(1, 2), removed: gone(3, roster.Stolen)})
	for name, edit := range map[string]func(*refresh.Config){
		"removed device": func(cfg *refresh.Config) { cfg.Self = 3 },
		"no device":      func(cfg *refresh.Config) { cfg.Self = 0 },
		"no signer":      func(cfg *refresh.Config) { cfg.Sign = nil },
		"no box":         func(cfg *refresh.Config) { cfg.Open = nil },
		"no shares":      func(cfg *refresh.Config) { cfg.Shares = nil },
		"no ssh share": func(cfg *refresh.Config) {
			cfg.Shares = map[string]secret.Key{roster.Ethereum: c.shares[1][roster.Ethereum]}
		},
		"another's share": func(cfg *refresh.Config) { cfg.Shares = c.shares[2] },
		"empty source":    func(cfg *refresh.Config) { cfg.Rand = bytes.NewReader(nil) },
	} {
		cfg := c.config(p, 1)
		edit(&cfg)
		if _, _, err := refresh.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestChain re-deals forty times over, in every way that the circle allows at
// that moment, and ends with the key it began with and a history that verifies.
func TestChain(t *testing.T) {
	t.Parallel()
	const seed = 22
	c := newCircle(t, 2, 3, seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	chain := roster.Chain{c.founding()}
	for i := range 40 {
		p := c.randomPlan(rng)
		l := newLab(c, p)
		l.run()
		entry, shares := l.wantRetired()
		chain = append(chain, entry)
		c.adopt(entry, shares)
		members := slices.Clone(entry.Record.Slots())
		rng.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		set := slices.Sorted(slices.Values(members[:entry.Record.Threshold]))
		for _, a := range entry.Record.Accounts {
			if c.rebuild(a, shares, set) != c.key[a.Name] {
				t.Fatalf("seed %d, re-deal %d (%v): devices %v do not have the key of %s", seed, i, p.Kind, set, a.Name)
			}
		}
	}
	if err := chain.Verify(); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	kinds := map[roster.ChangeKind]int{}
	for _, e := range chain {
		kinds[e.Record.Change.Kind]++
	}
	if len(kinds) < 7 {
		t.Errorf("seed %d: kinds %v", seed, kinds)
	}
}

// randomPlan draws proposals until one is allowed.
func (c *circle) randomPlan(rng *rand.Rand) refresh.Proposal {
	for {
		old := c.parent.Slots()
		p := plan{kind: roster.ChangeKind(1 + rng.IntN(6)), threshold: c.parent.Threshold}
		if rng.IntN(2) == 0 {
			p.threshold += rng.IntN(3) - 1
		}
		gone := wire.Slot(0)
		if p.kind == roster.Remove || p.kind == roster.Replace || p.kind == roster.Leave {
			gone = old[rng.IntN(len(old))]
			state := roster.FormerState(1 + rng.IntN(2))
			if p.kind == roster.Leave {
				state = roster.Left
			}
			p.removed = []refresh.Removal{{Slot: gone, State: state}}
		}
		p.members = without(old, gone)
		if len(p.members) > 2 && rng.IntN(3) == 0 {
			i := 1 + rng.IntN(len(p.members)-1)
			p.sleepers = slots(p.members[i])
			p.members = without(p.members, p.members[i])
		}
		if p.kind == roster.Add || p.kind == roster.Replace {
			next := c.parent.NextSlot()
			d := roster.Device{Slot: next, Name: "added " + string(rune('a'+int(next)%26)) + string(rune('a'+int(next)/26)), Kind: roster.Phone, Peer: make([]byte, 38)}
			c.rng.Read(d.Peer)
			c.rng.Read(d.Presence[:])
			c.spare[next] = c.equip(d)
			p.added, p.members = slots(next), append(p.members, next)
		}
		out := c.propose(p)
		if out.Check(c.parent) == nil {
			return out
		}
	}
}

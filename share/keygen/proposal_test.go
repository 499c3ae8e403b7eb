package keygen_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/share/keygen/keygentest"
	"github.com/warifu/warifu/wire"
)

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

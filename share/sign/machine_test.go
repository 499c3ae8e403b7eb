package sign_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

var _ session.Machine = (*sign.Machine)(nil)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 2, 4, 6000)
	good := circle.proposal(t, 0, 0)
	in, out := good.Signers[0], wire.Slot(0)
	for _, s := range circle.record.Slots() {
		if s != good.Signers[0] && s != good.Signers[1] {
			out = s
		}
	}
	for name, change := range map[string]func(c *sign.Config){
		"no-signer":        func(c *sign.Config) { c.Self, c.Share = out, circle.share(out) },
		"no-member":        func(c *sign.Config) { c.Self = 60000 },
		"slot-0":           func(c *sign.Config) { c.Self = 0 },
		"share-of-another": func(c *sign.Config) { c.Share = circle.share(good.Signers[1]) },
		"share-zero":       func(c *sign.Config) { c.Share = circle.share(0) },
		"share-wiped":      func(c *sign.Config) { c.Share.Wipe() },
		"no-share": func(c *sign.Config) {
			*c = sign.Config{Proposal: c.Proposal, Record: c.Record, Self: c.Self, Rand: c.Rand}
		},
		"too-few-signers":     func(c *sign.Config) { c.Proposal.Signers = good.Signers[:1] },
		"too-many-signers":    func(c *sign.Config) { c.Proposal.Signers = circle.record.Slots() },
		"signers-unsorted":    func(c *sign.Config) { c.Proposal.Signers = []wire.Slot{good.Signers[1], in} },
		"signer-twice":        func(c *sign.Config) { c.Proposal.Signers = []wire.Slot{in, in} },
		"signer-not-member":   func(c *sign.Config) { c.Proposal.Signers = []wire.Slot{in, 60000} },
		"stale-epoch":         func(c *sign.Config) { c.Proposal.Epoch++ },
		"other-record":        func(c *sign.Config) { c.Proposal.Record[0] ^= 1 },
		"other-circle":        func(c *sign.Config) { c.Proposal.Circle[0] ^= 1 },
		"other-account":       func(c *sign.Config) { c.Proposal.Account = roster.SSH },
		"child-of-other-path": func(c *sign.Config) { c.Proposal.Path = []uint32{0, 1} },
		"short-digest":        func(c *sign.Config) { c.Proposal.Message = good.Message[:31] },
		"short-randomness":    func(c *sign.Config) { c.Rand = strings.NewReader("short") },
		"ed25519-account": func(c *sign.Config) {
			acc, _ := circle.record.Account(roster.SSH)
			c.Proposal.Account, c.Proposal.Suite, c.Proposal.Path = roster.SSH, roster.Ed25519, nil
			c.Proposal.GroupKey, c.Proposal.ChildKey = acc.GroupKey(), acc.GroupKey()
		},
	} {
		cfg := circle.config(good, in)
		change(&cfg)
		if name == "ed25519-account" {
			if err := cfg.Proposal.Check(cfg.Record); err != nil {
				t.Fatalf("a proposal for another machine: %v", err)
			}
		}
		if m, effects, err := sign.New(cfg); err == nil || m != nil || effects != nil {
			t.Errorf("%s: accepted", name)
		} else if !strings.HasPrefix(err.Error(), "sign: ") || name == "ed25519-account" != strings.Contains(err.Error(), "of another suite") {
			t.Errorf("%s: error %q", name, err)
		}
	}
	if _, _, err := sign.New(circle.config(good, in)); err != nil {
		t.Fatal(err)
	}
}

// A faulty source fails in the middle of one of its reads and of no other.
type faulty struct {
	io.Reader
	calls, at int
}

func (f *faulty) Read(b []byte) (int, error) {
	if f.calls++; f.calls == f.at {
		n, _ := f.Reader.Read(b[:len(b)/2])
		return n, io.ErrUnexpectedEOF
	}
	return f.Reader.Read(b)
}

// TestEveryReadOfRandomnessCounts: a source that fails once must not leave
// zeros where something was to be drawn.
func TestEveryReadOfRandomnessCounts(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 2, 2, 6150)
	p := circle.proposal(t)
	begin := func(at int) (calls int, err error) {
		cfg := circle.config(p, p.Signers[0])
		r := &faulty{Reader: cfg.Rand, at: at}
		cfg.Rand = r
		_, _, err = sign.New(cfg)
		return r.calls, err
	}
	calls, err := begin(0)
	if err != nil || calls < 1 {
		t.Fatalf("%d reads, %v", calls, err)
	}
	for at := 1; at <= calls; at++ {
		if _, err := begin(at); err == nil {
			t.Errorf("read %d of %d fails, and nobody notices", at, calls)
		}
	}
}

func TestRandomnessRunsOutAfterFirstRound(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 2, 2, 6100)
	p := circle.proposal(t)
	cfg := circle.config(p, p.Signers[0])
	var first [32]byte // what the first round is expanded from
	cfg.Rand.Read(first[:])
	cfg.Rand = bytes.NewReader(first[:])
	m, _, err := sign.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, effects, err := sign.New(circle.config(p, p.Signers[1]))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Deliver(effects[0].(session.Send).Frame)
	var f *session.Fault
	if err == nil || errors.As(err, &f) {
		t.Fatalf("%v", err)
	}
}

// TestResend loses every other frame, and repeats in their stead what each
// device resends whenever nothing else moves.
func TestResend(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		circle := newCircle(t, 2+int(seed%2), 4, 6200+seed)
		p := circle.proposal(t)
		r := circle.start(t, p)
		rng := rand.New(newRNG(seed, "loss"))
		sent := map[string][]byte{} // what went from whom to whom in which round
		key := func(f wire.Frame) string { return string(wire.Frame{From: f.From, To: f.To, Kind: f.Kind}.Append(nil)) }
		r.rewrite = func(f wire.Frame) []wire.Frame {
			if was, ok := sent[key(f)]; ok && !bytes.Equal(was, f.Body) {
				t.Errorf("seed %d: round %d from %d to %d is not repeated byte for byte", seed, f.Kind, f.From, f.To)
			}
			sent[key(f)] = f.Body
			if rng.IntN(2) == 0 {
				return nil
			}
			return []wire.Frame{f}
		}
		for range 100 {
			r.finish()
			waiting := false
			for _, s := range p.Signers {
				m := r.parties[s].machine
				waiting = waiting || len(m.Waiting()) > 0
				if m.Round() <= r5 && len(m.Waiting()) == 0 {
					t.Fatalf("seed %d: device %d waits for nobody", seed, s)
				}
				for _, e := range m.Resend() {
					f := e.(session.Send).Frame
					if f.Kind+1 < m.Round()-1 {
						t.Fatalf("seed %d: device %d in round %d resends round %d", seed, s, m.Round(), f.Kind)
					}
					r.queue = append(r.queue, f)
				}
			}
			if !waiting {
				break
			}
		}
		r.wantSignature(p)
	}
}

func TestMachineForgets(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 3, 3, 6300)
	p := circle.proposal(t)
	empty := func(m *sign.Machine) {
		t.Helper()
		for i, s := range m.Secrets() {
			if !s.IsZero() {
				t.Errorf("secret %d survives", i)
			}
		}
		if n := m.Bodies(); n != 0 {
			t.Errorf("%d bytes of frames survive", n)
		}
		if m.Salt() != (wire.Hash{}) {
			t.Error("salt survives")
		}
	}

	// Done: everything is wiped without Close, the caller's share is not.
	cfgShare := circle.share(p.Signers[0])
	r := circle.start(t, p)
	r.finish()
	r.wantSignature(p)
	for _, s := range p.Signers {
		m := r.parties[s].machine
		empty(m)
		sig, _ := m.Signature()
		m.Close()
		m.Close()
		if again, ok := m.Signature(); !ok || again != sig {
			t.Error("signature is lost by Close")
		}
		if len(m.Resend()) != 0 || len(m.Waiting()) != 0 {
			t.Error("closed machine has something to say")
		}
	}
	if !cfgShare.Equal(circle.share(p.Signers[0])) {
		t.Error("the caller's share was touched")
	}

	// Closed in every round, and dead from then on.
	for k := r1; k <= r5; k++ {
		p.Nonce[0]++
		r := circle.start(t, p)
		victim := p.Signers[1]
		var last wire.Frame
		r.rewrite = func(f wire.Frame) []wire.Frame {
			if f.To == victim && f.Kind == k {
				r.parties[victim].machine.Close()
				last = f
			}
			return []wire.Frame{f}
		}
		r.finish()
		m := r.parties[victim].machine
		empty(m)
		if effects, err := m.Deliver(last); effects != nil || err != nil {
			t.Errorf("round %d: closed machine answers", k)
		}
		if _, ok := m.Signature(); ok {
			t.Errorf("round %d: closed machine has a signature", k)
		}
	}
}

// TestSecretsOfARoundAreWiped looks at what is left at the start of each round.
func TestSecretsOfARoundAreWiped(t *testing.T) {
	t.Parallel()
	c := newCheat(t, 2, 6400)
	c.state = func(c *cheat, m *sign.Machine, round wire.Kind) {
		secrets := m.Secrets()
		if share := secrets[0]; share.IsZero() != (round > r1) {
			t.Errorf("share in round %d: wiped %v", round, share.IsZero())
		}
		if sk := secrets[1]; sk.IsZero() != (round == r1 || round == r5) {
			t.Errorf("key addend in round %d: wiped %v", round, sk.IsZero())
		}
		if nonce := secrets[2]; nonce.IsZero() != (round < r3 || round == r5) {
			t.Errorf("nonce in round %d: wiped %v", round, nonce.IsZero())
		}
	}
	c.check(success)
}

// TestFramesOfLaterRoundsWait delivers a frame that belongs to the next round
// before those of this one, and twice.
func TestFramesOfLaterRoundsWait(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		circle := newCircle(t, 3, 3, 6500+seed)
		p := circle.proposal(t)
		r := circle.start(t, p)
		late := p.Signers[seed]
		var held []wire.Frame
		r.rewrite = func(f wire.Frame) []wire.Frame {
			// What the late device says to one other arrives last in its round.
			if f.From == late && f.To != p.Signers[(seed+1)%3] && len(r.queue) > 0 {
				held = append(held, f)
				return nil
			}
			return []wire.Frame{f, f}
		}
		for range 2 * sign.Rounds {
			r.finish()
			for _, f := range held {
				r.deliver(f)
			}
			held = nil
		}
		r.wantSignature(p)
	}
}

// TestAbortsLeaveNothingBehind fails many sessions of one pair by the checks
// that leak bits of their secrets, and then signs.
func TestAbortsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 2, 2, 6600)
	p := circle.proposal(t)
	before := circle.share(p.Signers[0])
	for i := range byte(20) {
		p.Nonce[0] = i
		c := &cheat{run: circle.start(t, p), proposal: p, cheater: p.Signers[1], honest: p.Signers[:1]}
		c.rewrite = func(f wire.Frame) []wire.Frame {
			if f.From == c.cheater && f.Kind == r3 {
				f.Body = bytes.Clone(f.Body)
				get(&f, "extension")[int(i)*80] ^= 1
			}
			return []wire.Frame{f}
		}
		c.check(cheats(session.Cheat, "ote-check"))
		neverSent(r4)(c)
	}
	if !before.Equal(circle.share(p.Signers[0])) {
		t.Error("the share changed")
	}
	p.Nonce[0] = 20
	r := circle.start(t, p)
	r.finish()
	r.wantSignature(p)
}

// TestTwoCheatersWhoCompensateAreHarmless shifts the key addends of two signers
// against each other, which no sum can show and no signature suffers from.
func TestTwoCheatersWhoCompensateAreHarmless(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 3, 4, 6700)
	p := circle.proposal(t)
	r := circle.start(t, p)
	d, _ := secp.RandomSecret(circle.rng)
	shift := map[wire.Slot]secp.Secret{p.Signers[0]: d, p.Signers[2]: d.Neg()}
	r.before = func(f wire.Frame) {
		m := r.parties[f.To].machine
		if by, ok := shift[f.To]; ok && m.Round() == r3 {
			*m.KeySecret() = m.KeySecret().Add(by)
			delete(shift, f.To)
		}
	}
	r.finish()
	r.wantSignature(p)
}

// TestBrokenRandomnessIsHedged gives each device the same random bytes in every
// session. What is signed differs, so the nonces must.
func TestBrokenRandomnessIsHedged(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 2, 2, 6800)
	nonces, masks := map[[33]byte]bool{}, map[[32]byte]bool{}
	p := circle.proposal(t)
	for i := range byte(3) {
		p.Message = bytes.Repeat([]byte{i}, 32)
		p.Nonce[0] = i
		r := &run{t: t, circle: circle, slots: p.Signers, parties: map[wire.Slot]*party{}}
		for _, s := range p.Signers {
			cfg := circle.config(p, s)
			cfg.Rand = newRNG(uint64(s), "the same in every session")
			m, effects, err := sign.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			r.parties[s] = &party{machine: m}
			r.carry(s, effects)
		}
		seen := map[wire.Slot]bool{}
		r.before = func(f wire.Frame) {
			m := r.parties[f.To].machine
			if m.Round() != r4 || seen[f.To] {
				return
			}
			seen[f.To] = true
			mask := m.MaskSecret().Bytes()
			if nonces[*m.NoncePoint()] || masks[mask] {
				t.Errorf("device %d repeats a nonce or mask", f.To)
			}
			nonces[*m.NoncePoint()], masks[mask] = true, true
		}
		r.finish()
		r.wantSignature(p)
	}
	if len(nonces) != 6 {
		t.Fatalf("%d nonces seen", len(nonces))
	}
}

// TestOpeningIsHedged gives two devices one source of randomness, and one device
// the same source in two sessions. What leaves them in the first round must
// differ each time: who could compute the secret of a point A would open both
// slots of every base transfer, and so know χ, φ and the nonce.
func TestOpeningIsHedged(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 2, 2, 6810)
	p := circle.proposal(t)
	again := p
	again.Nonce[0]++
	seen := map[string]string{}
	for _, run := range []struct {
		name     string
		proposal share.Proposal
		self     wire.Slot
	}{{"device", p, p.Signers[0]}, {"other-device", p, p.Signers[1]}, {"other-session", again, p.Signers[0]}} {
		cfg := circle.config(run.proposal, run.self)
		cfg.Rand = newRNG(1, "the same for all")
		m, effects, err := sign.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		f := effects[0].(session.Send).Frame
		for _, field := range []string{"nonce", "point", "zero"} {
			b := string(get(&f, field))
			if before, ok := seen[b]; ok {
				t.Errorf("%s: %s is that of %s", run.name, field, before)
			}
			seen[b] = run.name
		}
	}
}

// TestProposalIsCopied changes what the caller holds of the proposal between the
// rounds: what is signed is what was proposed.
func TestProposalIsCopied(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 2, 3, 6850)
	p := circle.proposal(t)
	callers := p
	callers.Message, callers.Signers = bytes.Clone(p.Message), slices.Clone(p.Signers)
	r := circle.start(t, callers)
	clear(callers.Message)
	clear(callers.Signers)
	r.slots = p.Signers
	r.finish()
	r.wantSignature(p)
}

// TestPairsHaveNamesOfTheirOwn: what is hashed in one direction of one pair of
// one session must mean nothing anywhere else.
func TestPairsHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, sid := range []wire.Hash{{1}, {2}} {
		for _, pair := range [][2]wire.Slot{{1, 2}, {2, 1}, {1, 3}, {3, 1}, {0x0102, 3}, {1, 0x0203}} {
			id := string(sign.PairID(sid, pair[0], pair[1]))
			if seen[id] {
				t.Errorf("pair %v of session %v has a name twice", pair, sid)
			}
			seen[id] = true
		}
	}
}

func TestBodiesHaveOneForm(t *testing.T) {
	t.Parallel()
	rng := newRNG(1, "bodies")
	for k := r1; k <= r5; k++ {
		b := make([]byte, sign.BodySize[k])
		rng.Read(b)
		if !bytes.Equal(sign.Parsed(k, b), b) {
			t.Errorf("kind %d", k)
		}
		if len(b) > wire.MaxBody {
			t.Errorf("kind %d has %d bytes", k, len(b))
		}
	}
	want := [sign.Rounds + 1]int{0, 128, 8224, 12368, 65860, 96}
	if sign.BodySize != want {
		t.Errorf("sizes %v, want %v", sign.BodySize, want)
	}
}

// TestMachineIsNotPrinted looks for secrets in what fmt makes of a machine.
func TestMachineIsNotPrinted(t *testing.T) {
	t.Parallel()
	c := newCheat(t, 2, 6900)
	c.state = func(c *cheat, m *sign.Machine, round wire.Kind) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
			out := fmt.Sprintf(verb, m) + fmt.Sprintf(verb, struct{ m sign.Machine }{*m})
			for _, s := range append(m.Secrets(), circleSecret(c)) {
				b := s.Bytes()
				for _, form := range []string{fmt.Sprintf("%x", b[:6]), strings.Trim(fmt.Sprint(b[:6]), "[]")} {
					if !s.IsZero() && strings.Contains(out, form) {
						t.Errorf("%s prints a secret in round %d", verb, round)
					}
				}
			}
		}
	}
	c.check(success)
}

func circleSecret(c *cheat) secp.Secret { return c.circle.shares[c.cheater] }

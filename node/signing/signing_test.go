package signing

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/cosign"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/node/standing/standingtest"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// An idle machine says nothing and waits for nobody.
type idle struct{}

func (idle) Deliver(wire.Frame) ([]session.Effect, error) { return nil, nil }
func (idle) Resend() []session.Effect                     { return nil }
func (idle) Waiting() []wire.Slot                         { return nil }
func (idle) Close()                                       {}

// What the rooms below want to know of those above: nothing is the matter.
type calm struct{}

func (calm) Arrived(*ledger.Request)              {}
func (calm) Stop(*ledger.Request, string)         {}
func (calm) Interrupted() bool                    { return false }
func (calm) ShareAwaited() bool                   { return false }
func (calm) AwaitedWords() string                 { return "" }
func (calm) MayRunAgain(wire.RequestID) bool      { return true }
func (calm) Stray(wire.SessionID, wire.Slot) bool { return false }

// A signer is a device in slot 1 with a share, and machines that say nothing.
type signer struct {
	*testing.T
	bench    *standingtest.Bench
	drive    *drive.Drive
	ledger   *ledger.Ledger
	answers  *ledger.Answers
	signings *Signings
}

func newSigner(t *testing.T, n, threshold int) *signer {
	t.Helper()
	b := standingtest.New(t, n).InCircle(threshold)
	if err := b.Config.Journal.Update(func(tx journal.Tx) error {
		return tx.Put(standing.BucketShares, standing.ShareRecord(b.Circle.ShareKey, roster.Ethereum), make([]byte, 32))
	}); err != nil {
		t.Fatal(err)
	}
	j, d := judging.New(b.Standing), drive.New(b.Standing, calm{})
	l := ledger.New(b.Standing, j, calm{})
	a, c := ledger.NewAnswers(b.Standing, j, l), cosign.New(b.Standing, d)
	c.NewSigner = func(cosign.SignerConfig) (session.Machine, func() []byte, []session.Effect, error) {
		return idle{}, nil, nil, nil
	}
	return &signer{t, b, d, l, a, New(b.Standing, j, d, l, a, c)}
}

func (s *signer) item(typ uint8, from wire.Slot, body any) message.Item {
	it := message.Item{Type: typ, From: from, Body: wire.Marshal(body)}
	it.Sig = s.bench.Sign(from, message.ItemMessage(s.bench.Circle.Record.Circle, typ, from, it.Body))
	return it
}

// request is one of the device in slot from that all have approved.
func (s *signer) request(from wire.Slot, text string) *ledger.Request {
	s.Helper()
	circle := s.bench.Circle
	payload, err := intent.Normalize(intent.Input{Kind: intent.Message, Message: []byte(text)})
	if err != nil {
		s.Fatal(err)
	}
	it := s.item(message.ItemRequest, from, message.Request{
		Version: 1, Circle: circle.Record.Circle, From: uint16(from), Account: roster.Ethereum, Path: []uint32{0, 0}, Kind: string(intent.Message),
		Payload: payload, Created: standing.Unix(s.bench.Now), Lifetime: message.MaxLifetime,
	})
	id := message.RequestID(it.Body)
	take := func(it message.Item) {
		if err := s.ledger.Take(it); err != nil {
			s.Fatal(err)
		}
	}
	// What it holds of itself it has said itself.
	own := func() {
		if err := s.answers.Approve(s.ledger.Requests[id], false); err != nil {
			s.Fatal(err)
		}
	}
	take(it)
	own()
	for _, d := range circle.Record.Devices[1:] {
		take(s.item(message.ItemAnswer, d.Slot, message.Answer{Version: 1, Request: id, Verdict: message.VerdictApprove, Epoch: circle.Record.Epoch, Record: circle.Hash}))
	}
	return s.ledger.Requests[id]
}

// TestSignersAreChosen: this device and those who approved, are here and can sign, of whom
// those come last that say nothing, fail checks or made sessions fail.
func TestSignersAreChosen(t *testing.T) {
	t.Parallel()
	none := func(*signer, *ledger.Request) {}
	for name, c := range map[string]struct {
		do   func(*signer, *ledger.Request)
		want []wire.Slot
	}{
		"all-well":     {none, []wire.Slot{1, 2, 3}},
		"silent":       {func(s *signer, _ *ledger.Request) { s.bench.Peer(2).There = s.bench.Now.Add(-time.Hour) }, []wire.Slot{1, 3, 4}},
		"failed":       {func(_ *signer, r *ledger.Request) { r.Failures[3] = 1 }, []wire.Slot{1, 2, 4}},
		"cheated":      {func(s *signer, _ *ledger.Request) { s.bench.Alarms[2] = maxCheats }, []wire.Slot{1, 3, 4}},
		"cheated-once": {func(s *signer, _ *ledger.Request) { s.bench.Alarms[2] = maxCheats - 1 }, []wire.Slot{1, 2, 3}},
		"locked":       {func(s *signer, _ *ledger.Request) { s.bench.Peer(2).Locked = true }, []wire.Slot{1, 3, 4}},
		"away":         {func(s *signer, _ *ledger.Request) { s.bench.Peer(2).Online = false }, []wire.Slot{1, 3, 4}},
		"without":      {func(s *signer, _ *ledger.Request) { s.bench.Peer(2).Share = false }, []wire.Slot{1, 3, 4}},
		"fenced": {func(s *signer, _ *ledger.Request) {
			d, _ := s.bench.Device(2)
			s.bench.Circle.Fenced[d.Identity] = true
		}, []wire.Slot{1, 3, 4}},
		"not-approved": {func(_ *signer, r *ledger.Request) { delete(r.Approved, 2) }, []wire.Slot{1, 3, 4}},
		"all-silent": {func(s *signer, _ *ledger.Request) {
			for slot := range wire.Slot(5) {
				s.bench.Peer(slot).There = s.bench.Now.Add(-time.Hour)
			}
		}, []wire.Slot{1, 2, 3}},
		"too-few": {func(s *signer, _ *ledger.Request) { s.bench.Peer(2).Online, s.bench.Peer(3).Online = false, false }, nil},
	} {
		s := newSigner(t, 4, 3)
		r := s.request(1, "signed by three of four")
		c.do(s, r)
		if got, ok := s.signings.chooseSigners(r); ok != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// opening is the word by which the device in slot 2 opens a session of its request r.
func (s *signer) opening(r *ledger.Request, change func(*share.Proposal)) message.Open {
	s.Helper()
	p, err := s.signings.Proposal(r, []wire.Slot{1, 2, 3})
	if err != nil {
		s.Fatal(err)
	}
	p.Initiator = 2
	change(&p)
	return message.Open{Proposal: p.Bytes(), Approvals: []message.Item{r.Approved[1], r.Approved[2], r.Approved[3]}}
}

// TestExpiredProposals: a proposal that is older than a session may be by more than
// clocks may be set meanwhile is refused, and so is one that reaches far beyond its
// request. What counts is how old the request was and how long this device has had
// it, not what the clocks of two devices say beside each other.
func TestExpiredProposals(t *testing.T) {
	t.Parallel()
	hour := uint64(ExpiryTolerance / time.Second)
	run := uint64(drive.SessionLifetime / time.Second)
	for _, ahead := range []time.Duration{0, 1000 * time.Hour, -1000 * time.Hour} {
		s := newSigner(t, 3, 3)
		r := s.request(2, "asked for on another clock")
		r.Meta.Received += uint64(int64(ahead / time.Second)) // of this device's clock, from before it heard of the request
		created := r.Request.Created
		for name, tt := range map[string]struct {
			held    uint64 // seconds since it got the request
			expires uint64
			refused bool
		}{
			"at-once":          {0, created + run, false},
			"in-time":          {600, created + 600 + run, false},
			"within-tolerance": {run + hour, created + run, false},
			"too-late":         {run + hour + 1, created + run, true},
			"before-it-began":  {hour + 1, created - 1, true},
			"to-the-end":       {0, created + uint64(r.Request.Lifetime) + run + hour, false},
			"beyond-the-end":   {0, created + uint64(r.Request.Lifetime) + run + hour + 1, true},
			"for-ever":         {0, 1 << 62, true},
		} {
			s.bench.Now = time.Unix(int64(r.Meta.Received+tt.held), 0)
			err := s.signings.OnOpen(2, s.opening(r, func(p *share.Proposal) { p.Expires = tt.expires }))
			// What it knows from how long it has held the request it cannot know of a
			// request that was made in its future: then that clock was ahead, and may
			// have been put right since.
			want := tt.refused && (ahead >= 0 || tt.expires > created+run)
			if refused := err != nil; refused != want || refused && !strings.Contains(err.Error(), "expire") {
				t.Errorf("%s, clock off by %v: %v", name, ahead, err)
			}
		}
	}
}

// TestClockSetBackAfterAsking: an initiator whose clock was set back since it asked
// does not propose what expired before it asked.
func TestClockSetBackAfterAsking(t *testing.T) {
	t.Parallel()
	s := newSigner(t, 3, 3)
	r := s.request(1, "asked before the clock was set back")
	created := r.Request.Created
	for _, by := range []time.Duration{0, -time.Minute, -1000 * time.Hour} {
		s.bench.Now = time.Unix(int64(created), 0).Add(by)
		p, err := s.signings.Proposal(r, []wire.Slot{1, 2, 3})
		if want := created + uint64(drive.SessionLifetime/time.Second); err != nil || p.Expires != want {
			t.Errorf("clock set back by %v: expires at %d, want %d: %v", by, p.Expires, want, err)
		}
	}
}

// TestProposalsThatAreRefused has a row for each difference to what this device knows of
// the request by itself: it takes no part, and says why.
func TestProposalsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from   wire.Slot
		change func(*share.Proposal)
		reason string // that is sent, "" if it takes part
	}{
		"good":                 {2, func(*share.Proposal) {}, ""},
		"passed-on-by-another": {3, func(*share.Proposal) {}, cosign.RefusedProposal},
		"of-another-initiator": {3, func(p *share.Proposal) { p.Initiator = 3 }, cosign.RefusedProposal},
		"without-this-device":  {2, func(p *share.Proposal) { p.Signers = []wire.Slot{2, 3, 4} }, cosign.RefusedProposal},
		"not-approved":         {2, func(p *share.Proposal) { p.Signers = []wire.Slot{1, 2, 4} }, cosign.RefusedProposal},
		"another-epoch":        {2, func(p *share.Proposal) { p.Epoch++ }, cosign.RefusedProposal},
		"another-message":      {2, func(p *share.Proposal) { p.Message = make([]byte, 32) }, cosign.RefusedProposal},
		"another-purpose":      {2, func(p *share.Proposal) { p.Purpose += "!" }, cosign.RefusedProposal},
		"another-request":      {2, func(p *share.Proposal) { p.Request[0] ^= 1 }, cosign.RefusedUnknown},
		"other-words":          {2, func(p *share.Proposal) { p.Intent[0] ^= 1 }, cosign.RefusedWords},
	} {
		s := newSigner(t, 4, 3)
		r := s.request(2, "compared")
		delete(r.Approved, 4)
		o := s.opening(r, c.change)
		s.bench.Sent()
		err := s.signings.OnOpen(c.from, o)
		var said []string
		for _, p := range s.bench.Sent() {
			var m message.Closed
			if typ, body, err := message.SplitMessage(p.Msg); p.Protocol == wire.ProtocolSync && err == nil && typ == message.MsgClose && wire.Unmarshal(body, &m) == nil && p.To == c.from {
				said = append(said, m.Reason)
			}
		}
		if taken := len(s.drive.Sessions) == 1; taken != (c.reason == "") || taken != (err == nil) || !taken && !slices.Equal(said, []string{c.reason}) {
			t.Errorf("%s: in %d sessions, says %q, want %q: %v", name, len(s.drive.Sessions), said, c.reason, err)
		}
		if c.reason == cosign.RefusedWords && !errors.Is(err, errWords) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

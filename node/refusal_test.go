package node

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// What one device refuses another: sessions that it did not agree to, and
// statements that nobody made.

// TestSessionsThatAreRefused has a row for each way in which what another device
// opens may differ from what this device's person has approved. None of them
// begins a session, and the initiator is told why.
func TestSessionsThatAreRefused(t *testing.T) {
	t.Parallel()
	type scene struct {
		l             *lab
		phone, laptop *labDevice
		r, other      *openRequest // of the phone, approved by the laptop
		p             *share.Proposal
		msg           *open
	}
	for _, row := range []struct {
		name   string
		change func(*testing.T, *scene)
		reason string // "" begins a session
		why    string // in the error
	}{
		{"none", func(*testing.T, *scene) {}, "", ""},
		{"message-of-another-request", func(_ *testing.T, s *scene) { s.p.Message = s.other.intent.ToSign }, refusedProposal, "did not decode"},
		{"message-changed", func(_ *testing.T, s *scene) { s.p.Message = bytes.Repeat([]byte{7}, 32) }, refusedProposal, "did not decode"},
		{"purpose", func(_ *testing.T, s *scene) { s.p.Purpose = intent.PurposeTransaction }, refusedProposal, "did not decode"},
		{"words", func(_ *testing.T, s *scene) { s.p.Intent = s.other.intent.Hash() }, refusedWords, "meaning in words"},
		{"path", func(t *testing.T, s *scene) {
			_, child, _, err := share.Derive(s.r.account, []uint32{0, 1})
			if err != nil {
				t.Fatal(err)
			}
			s.p.Path, s.p.ChildKey = []uint32{0, 1}, child
		}, refusedProposal, "another key"},
		{"account", func(t *testing.T, s *scene) {
			acc, _ := s.phone.core.circle.record.Account(roster.SSH)
			s.p.Account, s.p.Suite, s.p.Path = acc.Name, acc.Suite, nil
			s.p.GroupKey, s.p.ChildKey = acc.GroupKey(), acc.GroupKey()
		}, refusedProposal, "another key"},
		{"epoch", func(_ *testing.T, s *scene) { s.p.Epoch++ }, refusedProposal, ""},
		{"record", func(_ *testing.T, s *scene) { s.p.Record[0] ^= 1 }, refusedProposal, ""},
		{"circle", func(_ *testing.T, s *scene) { s.p.Circle[0] ^= 1 }, refusedProposal, ""},
		{"initiator", func(_ *testing.T, s *scene) { s.p.Initiator = 2 }, refusedProposal, "did not make the request"},
		{"without-this-device", func(_ *testing.T, s *scene) { s.p.Signers = []wire.Slot{1, 3} }, refusedProposal, "without this device"},
		{"signer-that-did-not-approve", func(_ *testing.T, s *scene) {
			s.r.approved[3] = s.r.approved[2] // so that only the laptop's own view of it counts
			delete(s.laptop.request(s.r.id).approved, 1)
			s.msg.Approvals = nil
		}, refusedProposal, "approval is not known"},
		{"unknown-request", func(_ *testing.T, s *scene) { s.p.Request[0] ^= 1 }, refusedUnknown, ""},
		{"not-approved-here", func(_ *testing.T, s *scene) { s.p.Request = s.phone.ask("nobody approves this").id }, refusedUnasked, ""},
		{"denied", func(t *testing.T, s *scene) {
			s.laptop.core.now = s.l.now
			if err := s.laptop.core.deny(s.laptop.request(s.r.id)); err != nil {
				t.Fatal(err)
			}
		}, refusedNotOpen, ""},
		{"expired", func(_ *testing.T, s *scene) {
			s.laptop.core.tick(s.l.now.Add(2 * time.Hour))
		}, refusedNotOpen, ""},
		{"locked", func(_ *testing.T, s *scene) { s.laptop.keeper.locked = true }, refusedLocked, ""},
		{"frozen", func(_ *testing.T, s *scene) { s.laptop.core.resumeAt = s.l.now.Add(time.Hour) }, refusedFrozen, ""},
		{"many-approvals", func(_ *testing.T, s *scene) { s.msg.Approvals = slices.Repeat(s.msg.Approvals, 2) }, refusedProposal, ""},
		{"approval-that-is-none", func(_ *testing.T, s *scene) { s.msg.Approvals[0] = s.r.item }, refusedProposal, ""},
		{"forged-approval", func(_ *testing.T, s *scene) {
			delete(s.laptop.request(s.r.id).approved, 1)
			s.msg.Approvals[0].Sig = bytes.Repeat([]byte{1}, 64)
		}, refusedProposal, "bad signature"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 31)
			l.found(2, 3)
			s := &scene{l: l, phone: l.devices[0], laptop: l.devices[1]}
			s.r, s.other = s.phone.ask("what was approved"), s.phone.ask("what was approved, too")
			for _, r := range []*openRequest{s.r, s.other} {
				r.notUntil = l.now.Add(longestPause) // the phone opens what this test wants
				s.laptop.approves(r.id)
			}
			if !l.run(time.Minute, func() bool { return len(s.r.approved) == 2 && len(s.other.approved) == 2 }) {
				t.Fatal("the approvals do not come together")
			}
			p, err := s.phone.core.proposal(s.r, []wire.Slot{1, 2})
			if err != nil {
				t.Fatal(err)
			}
			s.p, s.msg = &p, &open{Approvals: []item{s.r.approved[1], s.r.approved[2]}}
			row.change(t, s)
			s.msg.Proposal = p.Bytes()
			if row.name == "not-approved-here" && !l.run(time.Minute, func() bool { return s.laptop.request(p.Request) != nil }) {
				t.Fatal("the request does not arrive")
			}

			var reasons []string
			l.watch = func(from, to *labDevice, protocol string, b []byte) {
				if from != s.laptop || to != s.phone || protocol != wire.ProtocolSync || b[0] != msgClose {
					return
				}
				var m closed
				if err := wire.Unmarshal(b[1:], &m); err != nil || m.Session != [32]byte(p.Session()) {
					t.Errorf("close of %x: %v", m.Session, err)
				}
				reasons = append(reasons, m.Reason)
			}
			s.laptop.core.now = l.now
			err = s.laptop.core.onOpen(1, *s.msg)
			begun := s.laptop.core.begun.has(p.Session()) || len(s.laptop.core.sessions) > 0
			l.run(100*time.Millisecond, nil)
			if row.reason == "" {
				if err != nil || !begun {
					t.Errorf("the session that was agreed to does not begin: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), row.why) {
				t.Errorf("error %v, want one with %q", err, row.why)
			}
			if begun {
				t.Error("the laptop takes part")
			}
			if !slices.Equal(reasons, []string{row.reason}) {
				t.Errorf("the phone is told %q, want %q", reasons, row.reason)
			}
		})
	}
}

// TestOneSessionOfARequest: what is opened anew takes the place of what was
// open, so that one device never has two sessions of one request.
func TestOneSessionOfARequest(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 32)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	r := phone.ask("twice")
	r.notUntil = l.now.Add(longestPause)
	laptop.approves(r.id)
	if !l.run(time.Minute, func() bool { return len(r.approved) == 2 }) {
		t.Fatal("no approval")
	}
	laptop.core.now = l.now
	for range 3 {
		p, err := phone.core.proposal(r, []wire.Slot{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		if err := laptop.core.onOpen(1, open{Proposal: p.Bytes(), Approvals: []item{r.approved[1], r.approved[2]}}); err != nil {
			t.Fatal(err)
		}
		if live := laptop.core.liveSessions(); len(live) != 1 || live[0].id != p.Session() || laptop.request(r.id).live != live[0] {
			t.Errorf("%d sessions are open, want the newest alone", len(live))
		}
	}
}

// TestStatementsThatNobodyMade: a device can pass on what others said and
// cannot speak for them, nor for another circle, nor what makes no sense.
// Nothing of it is stored or acted on.
func TestStatementsThatNobodyMade(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 33)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	r := phone.ask("true")
	signed := phone.ask("signed")
	laptop.approves(signed.id)
	if !l.run(time.Minute, func() bool { return phone.signed(signed.id) && laptop.signed(signed.id) && laptop.request(r.id) != nil }) {
		t.Fatal("not signed")
	}
	by, c := laptop.core, phone.core
	// as signs a statement with the laptop's key, whoever is to have made it.
	as := func(slot wire.Slot, circle wire.CircleID, typ uint8, v any) item {
		body := wire.Marshal(v)
		sig := by.self.sign(itemMessage(circle, typ, slot, body))
		return item{Type: typ, From: slot, Body: body, Sig: sig[:]}
	}
	circle := c.circle.record.Circle
	yes := answer{Version: 1, Request: r.id, Verdict: verdictApprove, Epoch: c.circle.record.Epoch, Record: c.circle.hash}
	no := yes
	no.Verdict = verdictDeny
	change := func(a answer, f func(*answer)) answer { f(&a); return a }
	got := signed.receipt
	proof := receipt{Version: 1, Request: r.id, Epoch: c.circle.record.Epoch, Signers: []uint16{1, 2}, Raw: got.Raw}
	flipped := proof
	flipped.Request, flipped.Raw = signed.id, bytes.Clone(got.Raw)
	flipped.Raw[40] ^= 1
	asked, err := parseRequest(circle, 1, r.item.Body)
	if err != nil {
		t.Fatal(err)
	}
	asked.From, asked.Nonce = 2, [16]byte{1}
	ask := func(f func(*request)) request { q := asked; f(&q); return q }
	items := map[string]item{
		"approval-of-another":    as(3, circle, itemAnswer, yes),
		"own-approval":           as(1, circle, itemAnswer, yes),
		"denial-of-another":      as(3, circle, itemAnswer, no),
		"receipt-of-another":     as(3, circle, itemReceipt, proof),
		"approval-of-a-stranger": as(9, circle, itemAnswer, yes),
		"approval-of-slot-0":     as(0, circle, itemAnswer, yes),
		"other-circle":           as(2, wire.CircleID{1}, itemAnswer, yes),
		"other-type":             {Type: itemReceipt, From: 2, Body: wire.Marshal(yes), Sig: as(2, circle, itemAnswer, yes).Sig},
		"no-signature":           {Type: itemAnswer, From: 2, Body: wire.Marshal(yes)},
		"unknown-type":           as(2, circle, 9, yes),
		"verdict-0":              as(2, circle, itemAnswer, change(yes, func(a *answer) { a.Verdict = 0 })),
		"verdict-9":              as(2, circle, itemAnswer, change(yes, func(a *answer) { a.Verdict = 9 })),
		"answer-version":         as(2, circle, itemAnswer, change(yes, func(a *answer) { a.Version = 2 })),
		"short-presence":         as(2, circle, itemAnswer, change(yes, func(a *answer) { a.Presence = make([]byte, 63) })),
		"receipt-of-another-one": as(2, circle, itemReceipt, proof),
		"receipt-changed":        as(2, circle, itemReceipt, flipped),
		"receipt-short":          as(2, circle, itemReceipt, receipt{Version: 1, Request: r.id, Signers: []uint16{1}, Raw: make([]byte, 63)}),
		"receipt-without-signer": as(2, circle, itemReceipt, receipt{Version: 1, Request: r.id, Signers: []uint16{}, Raw: got.Raw}),
		"request-from-another":   as(2, circle, itemRequest, ask(func(q *request) { q.From = 3 })),
		"request-other-circle":   as(2, circle, itemRequest, ask(func(q *request) { q.Circle[0] ^= 1 })),
		"request-version":        as(2, circle, itemRequest, ask(func(q *request) { q.Version = 2 })),
		"request-short-life":     as(2, circle, itemRequest, ask(func(q *request) { q.Lifetime = minLifetime - 1 })),
		"request-long-life":      as(2, circle, itemRequest, ask(func(q *request) { q.Lifetime = maxLifetime + 1 })),
		"request-deep-path":      as(2, circle, itemRequest, ask(func(q *request) { q.Path = make([]uint32, 5) })),
		"request-too-large":      as(2, circle, itemRequest, ask(func(q *request) { q.Payload = make([]byte, intent.MaxPayload+1) })),
	}
	held, _ := phone.itemsStored()
	requests := len(c.requests)
	for name, it := range items {
		if err := c.take(it); err == nil {
			t.Errorf("%s: taken", name)
		}
		if n, _ := phone.itemsStored(); n != held || len(c.requests) != requests {
			t.Errorf("%s: stored", name)
			held = n
		}
		if len(r.approved) != 1 || len(r.denied) != 0 || r.receipt != nil || len(c.waiting) != 0 {
			t.Errorf("%s: acted on", name)
		}
	}
	// With the true maker's signature the same statements count.
	for name, it := range map[string]item{
		"approval": as(2, circle, itemAnswer, yes),
		"request":  as(2, circle, itemRequest, asked),
	} {
		if err := c.take(it); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n, _ := phone.itemsStored(); n <= held {
			t.Errorf("%s is not stored", name)
		} else {
			held = n
		}
	}
}

// TestRequestsThatNobodyCanRead: a request that this device cannot decode, or
// for a key that the circle does not hold, is shown as such and never approved
// here, by a person or by rule.
func TestRequestsThatNobodyCanRead(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 34)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	good := phone.ask("readable")
	for name, change := range map[string]func(*request){
		"no-account":      func(q *request) { q.Account = "bitcoin" },
		"hardened-path":   func(q *request) { q.Path = []uint32{1 << 31} },
		"unknown-kind":    func(q *request) { q.Kind = "poem" },
		"a-bare-digest":   func(q *request) { q.Payload = bytes.Repeat([]byte{7}, 32) },
		"another-kind":    func(q *request) { q.Kind = string(intent.Transaction) },
		"no-payload":      func(q *request) { q.Payload = []byte{} },
		"hostile-account": func(q *request) { q.Account = "eth\x1b[2Jereum" },
	} {
		q := good.request
		change(&q)
		q.Nonce = [16]byte{1}
		it := phone.core.signItem(itemRequest, wire.Marshal(q))
		laptop.core.now = l.now
		if err := laptop.core.take(it); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r := laptop.request(requestID(it.Body))
		if r == nil || r.unclear == nil {
			t.Fatalf("%s: it is taken for one that can be read", name)
		}
		v := laptop.core.viewRequest(r)
		if len(v.Warnings) == 0 || !strings.Contains(v.Summary, "cannot tell") || strings.ContainsRune(v.Warnings[0]+v.Account, '\x1b') {
			t.Errorf("%s: shown as %+v", name, v)
		}
		if err := laptop.core.approve(r, true); api.CodeOf(err) != api.CodeRefused {
			t.Errorf("%s: approved: %v", name, err)
		}
		if len(r.approved) != 0 {
			t.Errorf("%s: an approval is held", name)
		}
	}
	for path, want := range map[string]string{
		"0/1/2/3":    "",
		"0/1/2/3/4":  "has 5 steps",
		"0'/1":       "a derivation path is numbers",
		"m/0":        "a derivation path is numbers",
		"0/00":       "a derivation path is numbers",
		"2147483648": "a derivation path",
	} {
		_, _, _, err := signInput(api.SignArgs{Kind: api.KindMessage, Message: []byte("x"), Path: path})
		if (err == nil) != (want == "") || err != nil && (api.CodeOf(err) != api.CodeBadArgument || !strings.Contains(err.Error(), want)) {
			t.Errorf("--path %s: %v", path, err)
		}
	}
	// The person who asks for a key that is not there is told so.
	phone.core.now = l.now
	if _, err := phone.core.ask(intent.Input{Kind: intent.Message, Message: []byte("x")}, "bitcoin", nil, requestLifetime); api.CodeOf(err) != api.CodeNoAccount {
		t.Errorf("a request for an account that is not there: %v", err)
	}
}

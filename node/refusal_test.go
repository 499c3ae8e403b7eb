package node

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/cosign"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
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
		r, other      *ledger.Request // of the phone, approved by the laptop
		p             *share.Proposal
		msg           *message.Open
	}
	for _, row := range []struct {
		name   string
		change func(*testing.T, *scene)
		reason string // "" begins a session
		why    string // in the error
	}{
		{"none", func(*testing.T, *scene) {}, "", ""},
		{"message-of-another-request", func(_ *testing.T, s *scene) { s.p.Message = s.other.Intent.ToSign }, cosign.RefusedProposal, "did not decode"},
		{"message-changed", func(_ *testing.T, s *scene) { s.p.Message = bytes.Repeat([]byte{7}, 32) }, cosign.RefusedProposal, "did not decode"},
		{"purpose", func(_ *testing.T, s *scene) { s.p.Purpose = intent.PurposeTransaction }, cosign.RefusedProposal, "did not decode"},
		{"words", func(_ *testing.T, s *scene) { s.p.Intent = s.other.Intent.Hash() }, cosign.RefusedWords, "meaning in words"},
		{"path", func(t *testing.T, s *scene) {
			_, child, _, err := share.Derive(s.r.Account, []uint32{0, 1})
			if err != nil {
				t.Fatal(err)
			}
			s.p.Path, s.p.ChildKey = []uint32{0, 1}, child
		}, cosign.RefusedProposal, "another key"},
		{"account", func(t *testing.T, s *scene) {
			acc, _ := s.phone.core.Circle.Record.Account(roster.SSH)
			s.p.Account, s.p.Suite, s.p.Path = acc.Name, acc.Suite, nil
			s.p.GroupKey, s.p.ChildKey = acc.GroupKey(), acc.GroupKey()
		}, cosign.RefusedProposal, "another key"},
		{"epoch", func(_ *testing.T, s *scene) { s.p.Epoch++ }, cosign.RefusedProposal, ""},
		{"record", func(_ *testing.T, s *scene) { s.p.Record[0] ^= 1 }, cosign.RefusedProposal, ""},
		{"circle", func(_ *testing.T, s *scene) { s.p.Circle[0] ^= 1 }, cosign.RefusedProposal, ""},
		{"initiator", func(_ *testing.T, s *scene) { s.p.Initiator = 2 }, cosign.RefusedProposal, "did not make the request"},
		{"without-this-device", func(_ *testing.T, s *scene) { s.p.Signers = []wire.Slot{1, 3} }, cosign.RefusedProposal, "without this device"},
		{"signer-that-did-not-approve", func(_ *testing.T, s *scene) {
			s.r.Approved[3] = s.r.Approved[2] // so that only the laptop's own view of it counts
			delete(s.laptop.request(s.r.ID).Approved, 1)
			s.msg.Approvals = nil
		}, cosign.RefusedProposal, "approval is not known"},
		{"unknown-request", func(_ *testing.T, s *scene) { s.p.Request[0] ^= 1 }, cosign.RefusedUnknown, ""},
		{"not-approved-here", func(_ *testing.T, s *scene) { s.p.Request = s.phone.ask("nobody approves this").ID }, cosign.RefusedUnasked, ""},
		{"denied", func(t *testing.T, s *scene) {
			s.laptop.core.Now = s.l.now
			if err := s.laptop.core.Deny(s.laptop.request(s.r.ID)); err != nil {
				t.Fatal(err)
			}
		}, cosign.RefusedNotOpen, ""},
		{"expired", func(_ *testing.T, s *scene) {
			s.laptop.core.tick(s.l.now.Add(2 * time.Hour))
		}, cosign.RefusedNotOpen, ""},
		{"locked", func(_ *testing.T, s *scene) { s.laptop.keeper.locked = true }, cosign.RefusedLocked, ""},
		{"frozen", func(_ *testing.T, s *scene) { s.laptop.core.ResumeAt = s.l.now.Add(time.Hour) }, cosign.RefusedFrozen, ""},
		{"many-approvals", func(_ *testing.T, s *scene) { s.msg.Approvals = slices.Repeat(s.msg.Approvals, 2) }, cosign.RefusedProposal, ""},
		{"approval-that-is-none", func(_ *testing.T, s *scene) { s.msg.Approvals[0] = s.r.Item }, cosign.RefusedProposal, ""},
		{"forged-approval", func(_ *testing.T, s *scene) {
			delete(s.laptop.request(s.r.ID).Approved, 1)
			s.msg.Approvals[0].Sig = bytes.Repeat([]byte{1}, 64)
		}, cosign.RefusedProposal, "bad signature"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 31)
			l.found(2, 3)
			s := &scene{l: l, phone: l.devices[0], laptop: l.devices[1]}
			s.r, s.other = s.phone.ask("what was approved"), s.phone.ask("what was approved, too")
			for _, r := range []*ledger.Request{s.r, s.other} {
				r.NotUntil = l.now.Add(standing.LongestPause) // the phone opens what this test wants
				s.laptop.approves(r.ID)
			}
			if !l.run(time.Minute, func() bool { return len(s.r.Approved) == 2 && len(s.other.Approved) == 2 }) {
				t.Fatal("the approvals do not come together")
			}
			p, err := s.phone.core.Proposal(s.r, []wire.Slot{1, 2})
			if err != nil {
				t.Fatal(err)
			}
			s.p, s.msg = &p, &message.Open{Approvals: []message.Item{s.r.Approved[1], s.r.Approved[2]}}
			row.change(t, s)
			s.msg.Proposal = p.Bytes()
			if row.name == "not-approved-here" && !l.run(time.Minute, func() bool { return s.laptop.request(p.Request) != nil }) {
				t.Fatal("the request does not arrive")
			}

			var reasons []string
			l.watch = func(from, to *labDevice, protocol string, b []byte) {
				if from != s.laptop || to != s.phone || protocol != wire.ProtocolSync || b[0] != message.MsgClose {
					return
				}
				var m message.Closed
				if err := wire.Unmarshal(b[1:], &m); err != nil || m.Session != [32]byte(p.Session()) {
					t.Errorf("close of %x: %v", m.Session, err)
				}
				reasons = append(reasons, m.Reason)
			}
			s.laptop.core.Now = l.now
			err = s.laptop.core.OnOpen(1, *s.msg)
			s.laptop.core.Flush()
			begun := s.laptop.core.Begun.Has(p.Session()) || len(s.laptop.core.Sessions) > 0
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
	r.NotUntil = l.now.Add(standing.LongestPause)
	laptop.approves(r.ID)
	if !l.run(time.Minute, func() bool { return len(r.Approved) == 2 }) {
		t.Fatal("no approval")
	}
	laptop.core.Now = l.now
	for range 3 {
		p, err := phone.core.Proposal(r, []wire.Slot{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		if err := laptop.core.OnOpen(1, message.Open{Proposal: p.Bytes(), Approvals: []message.Item{r.Approved[1], r.Approved[2]}}); err != nil {
			t.Fatal(err)
		}
		if live := laptop.core.LiveSessions(); len(live) != 1 || live[0].ID != p.Session() || laptop.request(r.ID).Live != live[0] {
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
	laptop.approves(signed.ID)
	if !l.run(time.Minute, func() bool { return phone.signed(signed.ID) && laptop.signed(signed.ID) && laptop.request(r.ID) != nil }) {
		t.Fatal("not signed")
	}
	by, c := laptop.core, phone.core
	// as signs a statement with the laptop's key, whoever is to have made it.
	as := func(slot wire.Slot, circle wire.CircleID, typ uint8, v any) message.Item {
		body := wire.Marshal(v)
		sig := by.Self.Sign(message.ItemMessage(circle, typ, slot, body))
		return message.Item{Type: typ, From: slot, Body: body, Sig: sig[:]}
	}
	circle := c.Circle.Record.Circle
	yes := message.Answer{Version: 1, Request: r.ID, Verdict: message.VerdictApprove, Epoch: c.Circle.Record.Epoch, Record: c.Circle.Hash}
	no := yes
	no.Verdict = message.VerdictDeny
	change := func(a message.Answer, f func(*message.Answer)) message.Answer { f(&a); return a }
	got := signed.Receipt
	proof := message.Receipt{Version: 1, Request: r.ID, Epoch: c.Circle.Record.Epoch, Signers: []uint16{1, 2}, Raw: got.Raw}
	flipped := proof
	flipped.Request, flipped.Raw = signed.ID, bytes.Clone(got.Raw)
	flipped.Raw[40] ^= 1
	asked, err := message.ParseRequest(circle, 1, r.Item.Body)
	if err != nil {
		t.Fatal(err)
	}
	asked.From, asked.Nonce = 2, [16]byte{1}
	ask := func(f func(*message.Request)) message.Request { q := asked; f(&q); return q }
	items := map[string]message.Item{
		"approval-of-another":    as(3, circle, message.ItemAnswer, yes),
		"own-approval":           as(1, circle, message.ItemAnswer, yes),
		"denial-of-another":      as(3, circle, message.ItemAnswer, no),
		"receipt-of-another":     as(3, circle, message.ItemReceipt, proof),
		"approval-of-a-stranger": as(9, circle, message.ItemAnswer, yes),
		"approval-of-slot-0":     as(0, circle, message.ItemAnswer, yes),
		"other-circle":           as(2, wire.CircleID{1}, message.ItemAnswer, yes),
		"other-type":             {Type: message.ItemReceipt, From: 2, Body: wire.Marshal(yes), Sig: as(2, circle, message.ItemAnswer, yes).Sig},
		"no-signature":           {Type: message.ItemAnswer, From: 2, Body: wire.Marshal(yes)},
		"unknown-type":           as(2, circle, 9, yes),
		"verdict-0":              as(2, circle, message.ItemAnswer, change(yes, func(a *message.Answer) { a.Verdict = 0 })),
		"verdict-9":              as(2, circle, message.ItemAnswer, change(yes, func(a *message.Answer) { a.Verdict = 9 })),
		"answer-version":         as(2, circle, message.ItemAnswer, change(yes, func(a *message.Answer) { a.Version = 2 })),
		"short-presence":         as(2, circle, message.ItemAnswer, change(yes, func(a *message.Answer) { a.Presence = make([]byte, 63) })),
		"receipt-of-another-one": as(2, circle, message.ItemReceipt, proof),
		"receipt-changed":        as(2, circle, message.ItemReceipt, flipped),
		"receipt-short":          as(2, circle, message.ItemReceipt, message.Receipt{Version: 1, Request: r.ID, Signers: []uint16{1}, Raw: make([]byte, 63)}),
		"receipt-without-signer": as(2, circle, message.ItemReceipt, message.Receipt{Version: 1, Request: r.ID, Signers: []uint16{}, Raw: got.Raw}),
		"request-from-another":   as(2, circle, message.ItemRequest, ask(func(q *message.Request) { q.From = 3 })),
		"request-other-circle":   as(2, circle, message.ItemRequest, ask(func(q *message.Request) { q.Circle[0] ^= 1 })),
		"request-version":        as(2, circle, message.ItemRequest, ask(func(q *message.Request) { q.Version = 2 })),
		"request-short-life":     as(2, circle, message.ItemRequest, ask(func(q *message.Request) { q.Lifetime = message.MinLifetime - 1 })),
		"request-long-life":      as(2, circle, message.ItemRequest, ask(func(q *message.Request) { q.Lifetime = message.MaxLifetime + 1 })),
		"request-deep-path":      as(2, circle, message.ItemRequest, ask(func(q *message.Request) { q.Path = make([]uint32, 5) })),
		"request-too-large":      as(2, circle, message.ItemRequest, ask(func(q *message.Request) { q.Payload = make([]byte, intent.MaxPayload+1) })),
	}
	held, _ := phone.itemsStored()
	requests := len(c.Requests)
	for name, it := range items {
		if err := c.Take(it); err == nil {
			t.Errorf("%s: taken", name)
		}
		if n, _ := phone.itemsStored(); n != held || len(c.Requests) != requests {
			t.Errorf("%s: stored", name)
			held = n
		}
		if len(r.Approved) != 1 || len(r.Denied) != 0 || r.Receipt != nil || len(c.Waiting) != 0 {
			t.Errorf("%s: acted on", name)
		}
	}
	// With the true maker's signature the same statements count.
	for name, it := range map[string]message.Item{
		"approval": as(2, circle, message.ItemAnswer, yes),
		"request":  as(2, circle, message.ItemRequest, asked),
	} {
		if err := c.Take(it); err != nil {
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
	for name, change := range map[string]func(*message.Request){
		"no-account":      func(q *message.Request) { q.Account = "bitcoin" },
		"hardened-path":   func(q *message.Request) { q.Path = []uint32{1 << 31} },
		"unknown-kind":    func(q *message.Request) { q.Kind = "poem" },
		"a-bare-digest":   func(q *message.Request) { q.Payload = bytes.Repeat([]byte{7}, 32) },
		"another-kind":    func(q *message.Request) { q.Kind = string(intent.Transaction) },
		"no-payload":      func(q *message.Request) { q.Payload = []byte{} },
		"hostile-account": func(q *message.Request) { q.Account = "eth\x1b[2Jereum" },
	} {
		q := good.Request
		change(&q)
		q.Nonce = [16]byte{1}
		it := phone.core.SignItem(message.ItemRequest, wire.Marshal(q))
		laptop.core.Now = l.now
		if err := laptop.core.Take(it); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r := laptop.request(message.RequestID(it.Body))
		if r == nil || r.Unclear == nil {
			t.Fatalf("%s: it is taken for one that can be read", name)
		}
		v := laptop.core.ViewRequest(r)
		if len(v.Warnings) == 0 || !strings.Contains(v.Summary, "cannot tell") || strings.ContainsRune(v.Warnings[0]+v.Account, '\x1b') {
			t.Errorf("%s: shown as %+v", name, v)
		}
		if err := laptop.core.Approve(r, true); codeOf(err) != api.CodeRefused {
			t.Errorf("%s: approved: %v", name, err)
		}
		if len(r.Approved) != 0 {
			t.Errorf("%s: an approval is held", name)
		}
	}
	// The person who asks for a key that is not there is told so.
	phone.core.Now = l.now
	if _, err := phone.core.Ask(intent.Input{Kind: intent.Message, Message: []byte("x")}, "bitcoin", nil, desk.RequestLifetime); codeOf(err) != api.CodeNoAccount {
		t.Errorf("a request for an account that is not there: %v", err)
	}
}

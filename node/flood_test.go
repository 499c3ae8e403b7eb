package node

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/inbox"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// The tests of this file let a member send what costs it little, and count what
// that costs another one.

// A bill is what something has cost a device.
type bill struct{ verified, writes, lines, sent, faults int }

// costs counts what f costs d.
func (d *labDevice) costs(f func()) bill {
	before := d.bill()
	f()
	now := d.bill()
	return bill{now.verified - before.verified, now.writes - before.writes, now.lines - before.lines, now.sent - before.sent, now.faults - before.faults}
}

func (d *labDevice) bill() (b bill) {
	b = bill{verified: d.core.Verified, writes: d.journal.Writes(), faults: len(d.faults)}
	for line := range strings.Lines(d.log.String()) {
		if !strings.Contains(line, "level=DEBUG") {
			b.lines++
		}
	}
	for _, p := range d.lab.wire {
		if p.from == d {
			b.sent += len(p.msg)
		}
	}
	return b
}

// hears hands d a message of another device.
func (d *labDevice) hears(from *labDevice, typ uint8, body any) {
	d.core.onMessage(d.lab.now, from.id, wire.ProtocolSync, message.EncodeMessage(typ, body))
}

// stranger is an answer of d to a request that there is not.
func (d *labDevice) stranger(i int) message.Item {
	id := wire.Sum("node/test", fmt.Append(nil, i))
	return d.core.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{Version: 1, Request: id, Verdict: message.VerdictApprove, Epoch: d.core.Circle.Record.Epoch, Record: d.core.Circle.Hash}))
}

func floodLab(t *testing.T, seed uint64) (l *lab, victim, bad, third *labDevice) {
	l = newLab(t, 3, seed)
	l.found(2, 3)
	l.run(time.Minute, nil)
	return l, l.devices[0], l.devices[1], l.devices[2]
}

// TestForgedItemsCostOneVerification: a thousand items of which the first is
// forged are one verification and a fault of who sent them, not of who is named.
func TestForgedItemsCostOneVerification(t *testing.T) {
	t.Parallel()
	_, victim, bad, third := floodLab(t, 700)
	for _, named := range []*labDevice{victim, bad, third} {
		var list []message.Item
		for i := range 1000 {
			it := named.stranger(i)
			it.Sig = make([]byte, ed25519.SignatureSize)
			list = append(list, it)
		}
		b := victim.costs(func() { victim.hears(bad, message.MsgItems, message.Items{Items: list}) })
		if b.verified != 1 || b.writes != 0 || b.faults != 1 || b.lines > 1 {
			t.Errorf("in the name of %s: %+v", named.name, b)
		}
		// Cut into parts for the loop it is no more.
		b = victim.costs(func() {
			for _, p := range sortMessage(bad.id, wire.ProtocolSync, message.EncodeMessage(message.MsgItems, message.Items{Items: list})) {
				p.do(victim.core, victim.lab.now)
			}
		})
		if b.verified != 1 || b.faults != 1 {
			t.Errorf("in parts, in the name of %s: %+v", named.name, b)
		}
	}
	for _, f := range victim.faults {
		if !strings.HasPrefix(f, bad.name+":") {
			t.Errorf("the link is told: %s", f)
		}
	}
	if w := strings.Join(victim.core.Warnings(), "\n"); !strings.Contains(w, bad.name+" sends what others did not sign") {
		t.Errorf("status does not name it: %s", w)
	}
}

// TestHonestDevicesAreNotAtFault: a device may pass on, and honestly, what this one
// does not know, or what a device said that had a slot in a re-deal which came to
// nothing, and a newer version may say what this one does not understand.
func TestHonestDevicesAreNotAtFault(t *testing.T) {
	t.Parallel()
	l, victim, honest, third := floodLab(t, 701)
	// A device that came in later, in whose slot the sender knew another one.
	later := third.core.Circle.Record.Devices[2]
	later.Slot, later.Identity, later.Peer = 9, wire.DeviceID{1}, bytes.Repeat([]byte{7}, 38)
	victim.core.Circle.Record.Devices = append(victim.core.Circle.Record.Devices, later)
	other := third.stranger(1)
	other.From = 9
	unknown := third.stranger(2)
	unknown.From = 77
	newer := third.core.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{Version: 2, Request: [32]byte{1}, Verdict: message.VerdictApprove}))
	good := honest.stranger(3)
	for name, list := range map[string][]message.Item{"a slot that was another's": {other}, "a slot that is not known": {unknown, good}, "a version that is not known": {newer, good}} {
		b := victim.costs(func() { victim.hears(honest, message.MsgItems, message.Items{Items: list}) })
		if b.faults != 0 {
			t.Errorf("%s: %d faults", name, b.faults)
		}
	}
	if len(victim.core.Waiting) != 1 {
		t.Error("what is behind something that is not known is not taken")
	}
	// A device that was replaced by its own backup, or that is behind, says what it
	// said before.
	l.devices[1].kill()
	l.devices[1].start()
	l.run(time.Minute, nil)
	if len(victim.faults) != 0 {
		t.Errorf("faults %v", victim.faults)
	}
}

// TestWhatIsKnownCostsNothing: to hear again what is known, whoever said it, is no
// verification and no write, a thousand times.
func TestWhatIsKnownCostsNothing(t *testing.T) {
	t.Parallel()
	l, victim, bad, _ := floodLab(t, 702)
	r := victim.ask("said once")
	bad.approves(r.ID)
	if !l.run(time.Minute, func() bool { return victim.signed(r.ID) && bad.signed(r.ID) }) {
		t.Fatal("not signed")
	}
	l.run(time.Minute, nil)
	var list []message.Item
	for range 200 {
		list = append(list, victim.core.itemsOf(r)...)
	}
	if b := victim.costs(func() { victim.hears(bad, message.MsgItems, message.Items{Items: list}) }); b != (bill{}) {
		t.Errorf("%d items that are known: %+v", len(list), b)
	}
	// Neither is what would change nothing: another word for the same.
	again := bad.core.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{Version: 1, Request: r.ID, Verdict: message.VerdictApprove, Epoch: bad.core.Circle.Record.Epoch, Record: bad.core.Circle.Hash, Presence: make([]byte, 64)}))
	if b := victim.costs(func() { victim.hears(bad, message.MsgItems, message.Items{Items: []message.Item{again, again}}) }); b.verified != 0 || b.writes != 0 {
		t.Errorf("a word that changes nothing: %+v", b)
	}
	// Its own word that it does not remember is looked at once.
	own := victim.stranger(4)
	if b := victim.costs(func() {
		for range 100 {
			victim.hears(bad, message.MsgItems, message.Items{Items: []message.Item{own}})
		}
	}); b.verified > 2 || b.lines > 1 {
		t.Errorf("its own word, a hundred times: %+v", b)
	}
}

// TestHellosAreAnsweredSoOften: whoever says again and again that it knows nothing
// is not sent everything each time, and writes no lines in the log.
func TestHellosAreAnsweredSoOften(t *testing.T) {
	t.Parallel()
	l, victim, bad, _ := floodLab(t, 704)
	victim.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, l.in(0, l.devices...)) {
		t.Fatal("not dealt")
	}
	l.run(2*time.Minute, nil)
	h := bad.core.Hello()
	h.Head = 0
	one := victim.costs(func() { victim.hears(bad, message.MsgHello, h) })
	if one.sent == 0 {
		t.Fatal("a device that is behind is told nothing")
	}
	all := victim.costs(func() {
		for i := range 100 * changes.MaxCatchUps {
			h.Addrs = []string{fmt.Sprintf("/ip4/10.0.0.1/tcp/%d", i+1)}
			victim.hears(bad, message.MsgHello, h)
		}
	})
	if all.sent > changes.MaxCatchUps*one.sent || all.writes > 2 || all.lines > 0 {
		t.Errorf("%d hellos cost %+v, one %+v", 100*changes.MaxCatchUps, all, one)
	}
	l.run(2*time.Minute, nil)
	if b := victim.costs(func() { victim.hears(bad, message.MsgHello, h) }); b.sent == 0 {
		t.Error("it is never told again")
	}
}

// TestWantsAreAnsweredSoMuch: a short message is not answered with everything, again
// and again; what an honest device lacks it gets.
func TestWantsAreAnsweredSoMuch(t *testing.T) {
	t.Parallel()
	l, victim, bad, third := floodLab(t, 705)
	victim.flood(third, 100, 60<<10)
	ids := victim.core.Inventory()
	if b := victim.costs(func() { victim.hears(bad, message.MsgWant, message.Want{IDs: ids}) }); b.sent < 100*60<<10 {
		t.Errorf("who lacks everything gets %d bytes", b.sent)
	}
	b := victim.costs(func() {
		for range 100 {
			victim.hears(bad, message.MsgWant, message.Want{IDs: ids})
		}
	})
	if b.sent > ledger.MaxAnswered+ledger.MaxAnswered/8 {
		t.Errorf("%d bytes for a hundred messages of %d ids", b.sent, len(ids))
	}
	l.wire = nil
	victim.core.Now = l.now.Add(time.Hour)
	l.now = victim.core.Now
	if b := victim.costs(func() { victim.hears(bad, message.MsgWant, message.Want{IDs: append(ids, ids...)[:200]}) }); b.sent == 0 || b.sent > 110*60<<10 {
		t.Errorf("an hour later it gets %d bytes, and each item once", b.sent)
	}
}

// TestBeatsOfThePastCostNothing: heartbeats and doubts are verified once, and one
// that does not hold ends its message.
func TestBeatsOfThePastCostNothing(t *testing.T) {
	t.Parallel()
	_, victim, bad, _ := floodLab(t, 706)
	m := bad.core.MyBeat()
	victim.hears(bad, message.MsgBeat, m)
	if b := victim.costs(func() {
		for range 100 {
			victim.hears(bad, message.MsgBeat, m)
		}
	}); b != (bill{}) {
		t.Errorf("a recording, a hundred times: %+v", b)
	}
	forged := bad.core.MyBeat()
	for i := range forged.Beats {
		forged.Beats[i] = bytes.Clone(forged.Beats[i])
		forged.Beats[i][len(forged.Beats[i])-1] ^= 1
	}
	if b := victim.costs(func() { victim.hears(bad, message.MsgBeat, forged) }); b.verified != 1 || b.faults != 1 {
		t.Errorf("beats that do not hold: %+v", b)
	}
}

// TestChainsOfThePastCostNothing: epochs that are known are not verified again, and
// one that nobody certified ends its message.
func TestChainsOfThePastCostNothing(t *testing.T) {
	t.Parallel()
	_, victim, bad, _ := floodLab(t, 707)
	e := victim.core.Circle.Head()
	var known, junk message.Chain
	for range redeal.MaxChain {
		known.Entries = append(known.Entries, e.Bytes())
	}
	e.Record.Epoch++
	for range redeal.MaxChain {
		junk.Entries = append(junk.Entries, e.Bytes())
	}
	if b := victim.costs(func() { victim.hears(bad, message.MsgChain, known) }); b != (bill{}) {
		t.Errorf("epochs that are known: %+v", b)
	}
	if b := victim.costs(func() { victim.hears(bad, message.MsgChain, junk) }); b.verified > len(e.Ready) || b.writes != 0 {
		t.Errorf("epochs that nobody certified: %+v", b)
	}
}

// accuse is what d says, with its person's presence, of the device in a slot.
func (d *labDevice) accuse(i int, slot uint16) []message.Item {
	c := d.core
	req := message.Request{
		Version: 1, Circle: c.Circle.Record.Circle, From: uint16(c.Circle.Slot), Path: []uint32{}, Kind: string(change.Lost),
		Payload: change.Payload{Slot: slot}.Bytes(), Created: standing.Unix(c.Now), Lifetime: message.MaxLifetime, Nonce: [16]byte{byte(i), byte(i >> 8)},
	}
	body := wire.Marshal(req)
	sig, err := c.Self.Present(c.Config.Keeper, ledger.PresenceMessage(c.Circle.Record.Circle, message.RequestID(body)))
	if err != nil {
		d.lab.t.Fatal(err)
	}
	yes := message.Answer{Version: 1, Request: message.RequestID(body), Verdict: message.VerdictApprove, Epoch: c.Circle.Record.Epoch, Record: c.Circle.Hash, Presence: sig[:]}
	return []message.Item{c.SignItem(message.ItemRequest, body), c.SignItem(message.ItemAnswer, wire.Marshal(yes))}
}

// TestWordsAboutNobody: a member that says sixty times that a device is lost which
// there is not makes nobody keep that, nor write of it at each hello; and who says
// it of one that there is, or against the rules, has few such words at a time.
func TestWordsAboutNobody(t *testing.T) {
	t.Parallel()
	for _, slot := range []uint16{999, 2, 3} { // nobody, itself, another
		l, victim, bad, _ := floodLab(t, 708+uint64(slot))
		b := victim.costs(func() {
			for i := range 60 {
				victim.hears(bad, message.MsgItems, message.Items{Items: bad.accuse(i, slot)})
			}
		})
		if most := 2*ledger.MaxOpenChanges + standing.MaxRefusals + ledger.MaxOpenChanges; b.lines > most {
			t.Errorf("about device %d: %d lines for sixty words", slot, b.lines)
		}
		if n := victim.core.CountChanges(2); slot == 999 && n != 0 || n > ledger.MaxOpenChanges {
			t.Errorf("about device %d: %d are kept", slot, n)
		}
		h := bad.core.Hello()
		b = victim.costs(func() {
			for i := range 100 {
				h.Oldest = uint64(i % 2) // something is new each time
				victim.hears(bad, message.MsgHello, h)
			}
		})
		if b.lines != 0 || b.writes != 0 {
			t.Errorf("about device %d: a hundred hellos then cost %+v", slot, b)
		}
		l.run(time.Minute, nil)
	}
}

// TestRequestsFillNoLog: a member may ask for something and deny it itself for ever.
func TestRequestsFillNoLog(t *testing.T) {
	t.Parallel()
	_, victim, bad, _ := floodLab(t, 720)
	b := victim.costs(func() {
		for i := range 100 * ledger.MaxReceived {
			request, denial := bad.hopeless(i, 10)
			victim.hears(bad, message.MsgItems, message.Items{Items: []message.Item{request, denial}})
		}
	})
	if b.lines > ledger.MaxReceived {
		t.Errorf("%d lines for %d requests in a moment", b.lines, 100*ledger.MaxReceived)
	}
	if n := len(victim.core.Requests); n > ledger.MaxIdlePerDevice {
		t.Errorf("%d requests are kept", n)
	}
	if diff := stocked(victim.core); diff != "" {
		t.Errorf("the stock: %s", diff)
	}
	if v := victim.core; len(v.Unclosed) > 2*ledger.MaxOpenPerDevice {
		v.OpenByAge()
		if len(v.Unclosed) > ledger.MaxOpenPerDevice {
			t.Errorf("%d requests are said to be open", len(v.Unclosed))
		}
	}
}

// TestMeaningIsFoundOnce: the same payload is decoded once however often it is asked
// for, and what was closed is not decoded at the next start, before somebody looks.
func TestMeaningIsFoundOnce(t *testing.T) {
	t.Parallel()
	l, victim, bad, _ := floodLab(t, 721)
	made := victim.core.Meanings.Made
	for i := range 100 {
		first, _ := bad.hopeless(0, 100)
		var req message.Request
		if err := wire.Unmarshal(first.Body, &req); err != nil {
			t.Fatal(err)
		}
		req.Nonce = [16]byte{byte(i), 1}
		it := bad.core.SignItem(message.ItemRequest, wire.Marshal(req))
		no := message.Answer{Version: 1, Request: message.RequestID(it.Body), Verdict: message.VerdictDeny, Epoch: bad.core.Circle.Record.Epoch, Record: bad.core.Circle.Hash}
		victim.hears(bad, message.MsgItems, message.Items{Items: []message.Item{it, bad.core.SignItem(message.ItemAnswer, wire.Marshal(no))}})
	}
	if n := victim.core.Meanings.Made - made; n != 1 {
		t.Errorf("one payload is decoded %d times in 100 requests", n)
	}
	r := victim.ask("signed and closed")
	bad.approves(r.ID)
	if !l.run(time.Minute, func() bool { return victim.signed(r.ID) }) {
		t.Fatal("not signed")
	}
	want := victim.core.ViewSignature(r)
	victim.kill()
	victim.start()
	if n := victim.core.Meanings.Made; n != 0 {
		t.Errorf("%d requests that are closed are decoded at the start", n)
	}
	got := victim.core.ViewRequest(victim.request(r.ID))
	if got.Signature == nil || got.Signature.Signature != want.Signature || got.Signature.Address != want.Address || got.Summary == "" || got.State != api.StateSigned {
		t.Errorf("after a restart it is shown as %+v", got)
	}
}

// TestSortMessage: what a person says of the circle is urgent, and much at once is
// done in parts.
func TestSortMessage(t *testing.T) {
	t.Parallel()
	_, victim, bad, _ := floodLab(t, 723)
	of := func(protocol string, typ uint8, body any) []part {
		return sortMessage(bad.id, protocol, message.EncodeMessage(typ, body))
	}
	var bulk []message.Item
	for i := range 100 {
		bulk = append(bulk, bad.stranger(i))
	}
	// In one order: a yes that comes before what it is to waits for it, in place of another.
	rows := map[string]struct {
		parts []part
		class inbox.Class
		n     int
	}{
		"lost":       {of(wire.ProtocolSync, message.MsgItems, message.Items{Items: bad.accuse(1, 3)}), inbox.Urgent, 1},
		"yes":        {of(wire.ProtocolSync, message.MsgItems, message.Items{Items: bad.accuse(1, 3)[1:]}), inbox.Urgent, 1},
		"answers":    {of(wire.ProtocolSync, message.MsgItems, message.Items{Items: bulk}), inbox.Bulk, (100 + itemsAtOnce - 1) / itemsAtOnce},
		"nothing":    {of(wire.ProtocolSync, message.MsgItems, message.Items{}), inbox.Bulk, 1},
		"redeal":     {of(wire.ProtocolSync, message.MsgRedeal, message.Redeal{}), inbox.Urgent, 1},
		"hello":      {of(wire.ProtocolSync, message.MsgHello, message.Hello{}), inbox.Bulk, 1},
		"malformed":  {sortMessage(bad.id, wire.ProtocolSync, []byte{message.MsgItems, 0xff}), inbox.Bulk, 1},
		"empty":      {sortMessage(bad.id, wire.ProtocolSync, nil), inbox.Bulk, 1},
		"a frame":    {sortMessage(bad.id, wire.ProtocolSession, []byte("frame")), inbox.Frame, 1},
		"no message": {sortMessage(bad.id, "/other", []byte("frame")), inbox.Bulk, 1},
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		x := rows[name]
		if len(x.parts) != x.n {
			t.Errorf("%s: %d parts, want %d", name, len(x.parts), x.n)
			continue
		}
		for _, p := range x.parts {
			if p.class != x.class {
				t.Errorf("%s is of class %d, want %d", name, p.class, x.class)
			}
			p.do(victim.core, victim.lab.now)
		}
	}
	if n := len(victim.core.Waiting); n != ledger.MaxWaitingPerDevice {
		t.Errorf("of 100 answers in parts %d are kept", n)
	}
	if victim.core.CountChanges(2) != 1 {
		t.Error("what was urgent was not taken")
	}
}

// TestListsAreBounded: what is shown of requests fits, however long they are, and
// each says where the rest of it is.
func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	_, victim, bad, _ := floodLab(t, 724)
	for i := range ledger.MaxOpenPerDevice {
		request, _ := bad.hopeless(i, 60<<10)
		victim.hears(bad, message.MsgItems, message.Items{Items: []message.Item{request}})
	}
	open := victim.core.OpenRequests()
	if len(open) != ledger.MaxOpenPerDevice {
		t.Fatalf("%d are open", len(open))
	}
	long, short := 0, 0
	for i, list := range [][]api.Request{victim.core.ViewList(open), victim.core.Status().Requests} {
		bytes := 0
		for _, v := range list {
			for _, l := range v.Lines {
				bytes += len(l.Label) + len(l.Text)
			}
			if len(v.Lines) == 1 && strings.Contains(v.Lines[0].Text, "warifu show "+v.ID[:8]) {
				short++
			} else {
				long++
			}
		}
		if len(list) != ledger.MaxOpenPerDevice || bytes > desk.MaxListed+100*len(list) || long == 0 || short == 0 {
			t.Errorf("list %d: %d requests of %d bytes, %d in full and %d not", i, len(list), bytes, long, short)
		}
	}
}

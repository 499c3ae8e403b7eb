package node

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
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
	b = bill{verified: d.core.verified, writes: d.journal.Writes(), faults: len(d.faults)}
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
	d.core.onMessage(d.lab.now, from.id, wire.ProtocolSync, encodeMessage(typ, body))
}

// stranger is an answer of d to a request that there is not.
func (d *labDevice) stranger(i int) item {
	id := wire.Sum("node/test", fmt.Append(nil, i))
	return d.core.signItem(itemAnswer, wire.Marshal(answer{Version: 1, Request: id, Verdict: verdictApprove, Epoch: d.core.circle.record.Epoch, Record: d.core.circle.hash}))
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
		var list []item
		for i := range 1000 {
			it := named.stranger(i)
			it.Sig = make([]byte, ed25519.SignatureSize)
			list = append(list, it)
		}
		b := victim.costs(func() { victim.hears(bad, msgItems, items{Items: list}) })
		if b.verified != 1 || b.writes != 0 || b.faults != 1 || b.lines > 1 {
			t.Errorf("in the name of %s: %+v", named.name, b)
		}
		// Cut into parts for the loop it is no more.
		b = victim.costs(func() {
			for _, p := range sortMessage(bad.id, wire.ProtocolSync, encodeMessage(msgItems, items{Items: list})) {
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
	if w := strings.Join(victim.core.warnings(), "\n"); !strings.Contains(w, bad.name+" sends what others did not sign") {
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
	later := third.core.circle.record.Devices[2]
	later.Slot, later.Identity, later.Peer = 9, wire.DeviceID{1}, bytes.Repeat([]byte{7}, 38)
	victim.core.circle.record.Devices = append(victim.core.circle.record.Devices, later)
	other := third.stranger(1)
	other.From = 9
	unknown := third.stranger(2)
	unknown.From = 77
	newer := third.core.signItem(itemAnswer, wire.Marshal(answer{Version: 2, Request: [32]byte{1}, Verdict: verdictApprove}))
	good := honest.stranger(3)
	for name, list := range map[string][]item{"a slot that was another's": {other}, "a slot that is not known": {unknown, good}, "a version that is not known": {newer, good}} {
		b := victim.costs(func() { victim.hears(honest, msgItems, items{Items: list}) })
		if b.faults != 0 {
			t.Errorf("%s: %d faults", name, b.faults)
		}
	}
	if len(victim.core.waiting) != 1 {
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
	if errors.Is(victim.core.blameItem(2, other, errForged), errFault) || !errors.Is(victim.core.blameItem(2, item{From: 3}, errForged), errFault) ||
		!errors.Is(victim.core.blameItem(9, other, errForged), errFault) {
		t.Error("a fault is not what it should be")
	}
}

// TestWhatIsKnownCostsNothing: to hear again what is known, whoever said it, is no
// verification and no write, a thousand times.
func TestWhatIsKnownCostsNothing(t *testing.T) {
	t.Parallel()
	l, victim, bad, _ := floodLab(t, 702)
	r := victim.ask("said once")
	bad.approves(r.id)
	if !l.run(time.Minute, func() bool { return victim.signed(r.id) && bad.signed(r.id) }) {
		t.Fatal("not signed")
	}
	l.run(time.Minute, nil)
	var list []item
	for range 200 {
		list = append(list, victim.core.itemsOf(r)...)
	}
	if b := victim.costs(func() { victim.hears(bad, msgItems, items{Items: list}) }); b != (bill{}) {
		t.Errorf("%d items that are known: %+v", len(list), b)
	}
	// Neither is what would change nothing: another word for the same.
	again := bad.core.signItem(itemAnswer, wire.Marshal(answer{Version: 1, Request: r.id, Verdict: verdictApprove, Epoch: bad.core.circle.record.Epoch, Record: bad.core.circle.hash, Presence: make([]byte, 64)}))
	if b := victim.costs(func() { victim.hears(bad, msgItems, items{Items: []item{again, again}}) }); b.verified != 0 || b.writes != 0 {
		t.Errorf("a word that changes nothing: %+v", b)
	}
	// Its own word that it does not remember is looked at once.
	own := victim.stranger(4)
	if b := victim.costs(func() {
		for range 100 {
			victim.hears(bad, msgItems, items{Items: []item{own}})
		}
	}); b.verified > 2 || b.lines > 1 {
		t.Errorf("its own word, a hundred times: %+v", b)
	}
}

// TestOrphansAreBounded: answers without a request are verified once each while
// they are kept, and one device's push out nobody else's.
func TestOrphansAreBounded(t *testing.T) {
	t.Parallel()
	_, victim, bad, third := floodLab(t, 703)
	mine := third.stranger(1)
	victim.hears(third, msgItems, items{Items: []item{mine}})
	for i := range 100 * maxWaitingPerDevice {
		victim.hears(bad, msgItems, items{Items: []item{bad.stranger(i)}})
	}
	if n := len(victim.core.waiting); n != maxWaitingPerDevice+1 {
		t.Errorf("%d are kept", n)
	}
	if b := victim.costs(func() { victim.hears(third, msgItems, items{Items: []item{mine, mine}}) }); b.verified != 0 {
		t.Errorf("one that is kept is verified again, or was pushed out: %+v", b)
	}
	// A request that comes has its own looked at and no others.
	request, _ := bad.hopeless(1, 10)
	if b := victim.costs(func() { victim.hears(bad, msgItems, items{Items: []item{request}}) }); b.verified != 1 {
		t.Errorf("a request with %d orphans of others: %+v", len(victim.core.waiting), b)
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
	h := bad.core.hello()
	h.Head = 0
	one := victim.costs(func() { victim.hears(bad, msgHello, h) })
	if one.sent == 0 {
		t.Fatal("a device that is behind is told nothing")
	}
	all := victim.costs(func() {
		for i := range 100 * maxCatchUps {
			h.Addrs = []string{fmt.Sprintf("/ip4/10.0.0.1/tcp/%d", i+1)}
			victim.hears(bad, msgHello, h)
		}
	})
	if all.sent > maxCatchUps*one.sent || all.writes > 2 || all.lines > 0 {
		t.Errorf("%d hellos cost %+v, one %+v", 100*maxCatchUps, all, one)
	}
	l.run(2*time.Minute, nil)
	if b := victim.costs(func() { victim.hears(bad, msgHello, h) }); b.sent == 0 {
		t.Error("it is never told again")
	}
}

// TestWantsAreAnsweredSoMuch: a short message is not answered with everything, again
// and again; what an honest device lacks it gets.
func TestWantsAreAnsweredSoMuch(t *testing.T) {
	t.Parallel()
	l, victim, bad, third := floodLab(t, 705)
	victim.flood(third, 100, 60<<10)
	ids := victim.core.inventory()
	if b := victim.costs(func() { victim.hears(bad, msgWant, want{IDs: ids}) }); b.sent < 100*60<<10 {
		t.Errorf("who lacks everything gets %d bytes", b.sent)
	}
	b := victim.costs(func() {
		for range 100 {
			victim.hears(bad, msgWant, want{IDs: ids})
		}
	})
	if b.sent > maxAnswered+maxAnswered/8 {
		t.Errorf("%d bytes for a hundred messages of %d ids", b.sent, len(ids))
	}
	l.wire = nil
	victim.core.now = l.now.Add(time.Hour)
	l.now = victim.core.now
	if b := victim.costs(func() { victim.hears(bad, msgWant, want{IDs: append(ids, ids...)[:200]}) }); b.sent == 0 || b.sent > 110*60<<10 {
		t.Errorf("an hour later it gets %d bytes, and each item once", b.sent)
	}
}

// TestBeatsOfThePastCostNothing: heartbeats and doubts are verified once, and one
// that does not hold ends its message.
func TestBeatsOfThePastCostNothing(t *testing.T) {
	t.Parallel()
	_, victim, bad, _ := floodLab(t, 706)
	m := bad.core.myBeat()
	victim.hears(bad, msgBeat, m)
	if b := victim.costs(func() {
		for range 100 {
			victim.hears(bad, msgBeat, m)
		}
	}); b != (bill{}) {
		t.Errorf("a recording, a hundred times: %+v", b)
	}
	forged := bad.core.myBeat()
	for i := range forged.Beats {
		forged.Beats[i] = bytes.Clone(forged.Beats[i])
		forged.Beats[i][len(forged.Beats[i])-1] ^= 1
	}
	if b := victim.costs(func() { victim.hears(bad, msgBeat, forged) }); b.verified != 1 || b.faults != 1 {
		t.Errorf("beats that do not hold: %+v", b)
	}
}

// TestChainsOfThePastCostNothing: epochs that are known are not verified again, and
// one that nobody certified ends its message.
func TestChainsOfThePastCostNothing(t *testing.T) {
	t.Parallel()
	_, victim, bad, _ := floodLab(t, 707)
	e := victim.core.circle.head()
	var known, junk chain
	for range maxChain {
		known.Entries = append(known.Entries, e.Bytes())
	}
	e.Record.Epoch++
	for range maxChain {
		junk.Entries = append(junk.Entries, e.Bytes())
	}
	if b := victim.costs(func() { victim.hears(bad, msgChain, known) }); b != (bill{}) {
		t.Errorf("epochs that are known: %+v", b)
	}
	if b := victim.costs(func() { victim.hears(bad, msgChain, junk) }); b.verified > len(e.Ready) || b.writes != 0 {
		t.Errorf("epochs that nobody certified: %+v", b)
	}
}

// accuse is what d says, with its person's presence, of the device in a slot.
func (d *labDevice) accuse(i int, slot uint16) []item {
	c := d.core
	req := request{
		Version: 1, Circle: c.circle.record.Circle, From: uint16(c.circle.slot), Path: []uint32{}, Kind: string(change.Lost),
		Payload: change.Payload{Slot: slot}.Bytes(), Created: unix(c.now), Lifetime: maxLifetime, Nonce: [16]byte{byte(i), byte(i >> 8)},
	}
	body := wire.Marshal(req)
	sig, err := c.self.present(c.cfg.Keeper, presenceMessage(c.circle.record.Circle, requestID(body)))
	if err != nil {
		d.lab.t.Fatal(err)
	}
	yes := answer{Version: 1, Request: requestID(body), Verdict: verdictApprove, Epoch: c.circle.record.Epoch, Record: c.circle.hash, Presence: sig[:]}
	return []item{c.signItem(itemRequest, body), c.signItem(itemAnswer, wire.Marshal(yes))}
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
				victim.hears(bad, msgItems, items{Items: bad.accuse(i, slot)})
			}
		})
		if most := 2*maxOpenChanges + maxRefusals + maxOpenChanges; b.lines > most {
			t.Errorf("about device %d: %d lines for sixty words", slot, b.lines)
		}
		if n := victim.core.countChanges(2); slot == 999 && n != 0 || n > maxOpenChanges {
			t.Errorf("about device %d: %d are kept", slot, n)
		}
		h := bad.core.hello()
		b = victim.costs(func() {
			for i := range 100 {
				h.Oldest = uint64(i % 2) // something is new each time
				victim.hears(bad, msgHello, h)
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
		for i := range 100 * maxReceived {
			request, denial := bad.hopeless(i, 10)
			victim.hears(bad, msgItems, items{Items: []item{request, denial}})
		}
	})
	if b.lines > maxReceived {
		t.Errorf("%d lines for %d requests in a moment", b.lines, 100*maxReceived)
	}
	if n := len(victim.core.requests); n > maxIdlePerDevice {
		t.Errorf("%d requests are kept", n)
	}
	if diff := stocked(victim.core); diff != "" {
		t.Errorf("the stock: %s", diff)
	}
	if v := victim.core; len(v.unclosed) > 2*maxOpenPerDevice {
		v.openByAge()
		if len(v.unclosed) > maxOpenPerDevice {
			t.Errorf("%d requests are said to be open", len(v.unclosed))
		}
	}
}

// TestMeaningIsFoundOnce: the same payload is decoded once however often it is asked
// for, and what was closed is not decoded at the next start, before somebody looks.
func TestMeaningIsFoundOnce(t *testing.T) {
	t.Parallel()
	l, victim, bad, _ := floodLab(t, 721)
	made := victim.core.meanings.made
	for i := range 100 {
		first, _ := bad.hopeless(0, 100)
		var req request
		if err := wire.Unmarshal(first.Body, &req); err != nil {
			t.Fatal(err)
		}
		req.Nonce = [16]byte{byte(i), 1}
		it := bad.core.signItem(itemRequest, wire.Marshal(req))
		no := answer{Version: 1, Request: requestID(it.Body), Verdict: verdictDeny, Epoch: bad.core.circle.record.Epoch, Record: bad.core.circle.hash}
		victim.hears(bad, msgItems, items{Items: []item{it, bad.core.signItem(itemAnswer, wire.Marshal(no))}})
	}
	if n := victim.core.meanings.made - made; n != 1 {
		t.Errorf("one payload is decoded %d times in 100 requests", n)
	}
	r := victim.ask("signed and closed")
	bad.approves(r.id)
	if !l.run(time.Minute, func() bool { return victim.signed(r.id) }) {
		t.Fatal("not signed")
	}
	want := victim.core.viewSignature(r)
	victim.kill()
	victim.start()
	if n := victim.core.meanings.made; n != 0 {
		t.Errorf("%d requests that are closed are decoded at the start", n)
	}
	got := victim.core.viewRequest(victim.request(r.id))
	if got.Signature == nil || got.Signature.Signature != want.Signature || got.Signature.Address != want.Address || got.Summary == "" || got.State != api.StateSigned {
		t.Errorf("after a restart it is shown as %+v", got)
	}
	for i := range 10_000 {
		victim.core.meanings.find([32]byte{byte(i), byte(i >> 8), 9}, 1000, func() *meaning { return &meaning{} })
	}
	if m := &victim.core.meanings; m.bytes > maxMeanings || len(m.byKey) != len(m.order) || len(m.order) > maxMeanings/1000 {
		t.Errorf("%d meanings of %d bytes are remembered", len(m.byKey), m.bytes)
	}
}

// TestEarlyFramesOfOneDevice: frames of sessions that there are not push out nobody
// else's.
func TestEarlyFramesOfOneDevice(t *testing.T) {
	t.Parallel()
	_, victim, bad, third := floodLab(t, 722)
	early := func(d *labDevice, from wire.Slot, i int) {
		f := wire.Frame{Session: wire.SessionID(wire.Sum("node/test", fmt.Append(nil, i))), From: from, To: 1, Kind: 1, Body: []byte("early")}
		victim.core.onMessage(victim.lab.now, d.id, wire.ProtocolSession, f.Append(nil))
	}
	early(third, 3, -1)
	for i := range 100 * maxEarly {
		early(bad, 2, i)
	}
	if n := len(victim.core.early); n != maxEarlyPerDevice+1 {
		t.Errorf("%d frames are kept", n)
	}
}

// TestSortMessage: what a person says of the circle is urgent, and much at once is
// done in parts.
func TestSortMessage(t *testing.T) {
	t.Parallel()
	_, victim, bad, _ := floodLab(t, 723)
	of := func(protocol string, typ uint8, body any) []part {
		return sortMessage(bad.id, protocol, encodeMessage(typ, body))
	}
	var bulk []item
	for i := range 100 {
		bulk = append(bulk, bad.stranger(i))
	}
	for name, x := range map[string]struct {
		parts []part
		class class
		n     int
	}{
		"lost":       {of(wire.ProtocolSync, msgItems, items{Items: bad.accuse(1, 3)}), classUrgent, 1},
		"yes":        {of(wire.ProtocolSync, msgItems, items{Items: bad.accuse(1, 3)[1:]}), classUrgent, 1},
		"answers":    {of(wire.ProtocolSync, msgItems, items{Items: bulk}), classBulk, (100 + itemsAtOnce - 1) / itemsAtOnce},
		"nothing":    {of(wire.ProtocolSync, msgItems, items{}), classBulk, 1},
		"redeal":     {of(wire.ProtocolSync, msgRedeal, redeal{}), classUrgent, 1},
		"hello":      {of(wire.ProtocolSync, msgHello, hello{}), classBulk, 1},
		"malformed":  {sortMessage(bad.id, wire.ProtocolSync, []byte{msgItems, 0xff}), classBulk, 1},
		"empty":      {sortMessage(bad.id, wire.ProtocolSync, nil), classBulk, 1},
		"a frame":    {sortMessage(bad.id, wire.ProtocolSession, []byte("frame")), classFrame, 1},
		"no message": {sortMessage(bad.id, "/other", []byte("frame")), classBulk, 1},
	} {
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
	if n := len(victim.core.waiting); n != maxWaitingPerDevice {
		t.Errorf("of 100 answers in parts %d are kept", n)
	}
	if victim.core.countChanges(2) != 1 {
		t.Error("what was urgent was not taken")
	}
}

// TestListsAreBounded: what is shown of requests fits, however long they are, and
// each says where the rest of it is.
func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	_, victim, bad, _ := floodLab(t, 724)
	for i := range maxOpenPerDevice {
		request, _ := bad.hopeless(i, 60<<10)
		victim.hears(bad, msgItems, items{Items: []item{request}})
	}
	open := victim.core.openRequests()
	if len(open) != maxOpenPerDevice {
		t.Fatalf("%d are open", len(open))
	}
	long, short := 0, 0
	for i, list := range [][]api.Request{victim.core.viewList(open), victim.core.status().Requests} {
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
		if len(list) != maxOpenPerDevice || bytes > maxListed+100*len(list) || long == 0 || short == 0 {
			t.Errorf("list %d: %d requests of %d bytes, %d in full and %d not", i, len(list), bytes, long, short)
		}
	}
}

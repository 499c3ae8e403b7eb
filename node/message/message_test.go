package message

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/wire"
)

// TestSplitMessage: a message is its type and its body, and nothing shorter is one.
func TestSplitMessage(t *testing.T) {
	t.Parallel()
	want := Have{IDs: []wire.Hash{{1}, {2}}}
	typ, body, err := SplitMessage(EncodeMessage(MsgHave, want))
	var got Have
	if err != nil || typ != MsgHave || wire.Unmarshal(body, &got) != nil || !slices.Equal(got.IDs, want.IDs) {
		t.Errorf("type %d, %v, %v", typ, got, err)
	}
	for _, b := range [][]byte{nil, {}, {MsgHave}} {
		if _, _, err := SplitMessage(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("% x: %v", b, err)
		}
	}
}

// TestParseRequest has a row for each bound of a request.
func TestParseRequest(t *testing.T) {
	t.Parallel()
	circle := wire.CircleID{1}
	for name, c := range map[string]struct {
		change func(*Request)
		ok     bool
	}{
		"good":             {func(*Request) {}, true},
		"shortest":         {func(r *Request) { r.Lifetime = MinLifetime }, true},
		"longest":          {func(r *Request) { r.Lifetime = MaxLifetime }, true},
		"most-steps":       {func(r *Request) { r.Path = make([]uint32, MaxSteps) }, true},
		"largest":          {func(r *Request) { r.Payload = make([]byte, intent.MaxPayload) }, true},
		"version-0":        {func(r *Request) { r.Version = 0 }, false},
		"version-2":        {func(r *Request) { r.Version = 2 }, false},
		"another-circle":   {func(r *Request) { r.Circle[0] ^= 1 }, false},
		"of-another":       {func(r *Request) { r.From++ }, false},
		"too-short":        {func(r *Request) { r.Lifetime = MinLifetime - 1 }, false},
		"too-long":         {func(r *Request) { r.Lifetime = MaxLifetime + 1 }, false},
		"too-many-steps":   {func(r *Request) { r.Path = make([]uint32, MaxSteps+1) }, false},
		"payload-too-long": {func(r *Request) { r.Payload = make([]byte, intent.MaxPayload+1) }, false},
	} {
		r := Request{Version: 1, Circle: circle, From: 2, Path: []uint32{}, Payload: []byte{}, Lifetime: 3600}
		c.change(&r)
		if _, err := ParseRequest(circle, 2, wire.Marshal(r)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParseAnswerAndReceipt: what no device says is refused.
func TestParseAnswerAndReceipt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a  Answer
		ok bool
	}{
		{Answer{Version: 1, Verdict: VerdictApprove}, true},
		{Answer{Version: 1, Verdict: VerdictDeny}, true},
		{Answer{Version: 1, Verdict: VerdictReleased, Presence: make([]byte, 64)}, true},
		{Answer{Version: 2, Verdict: VerdictApprove}, false},
		{Answer{Version: 1}, false},
		{Answer{Version: 1, Verdict: VerdictReleased + 1}, false},
		{Answer{Version: 1, Verdict: VerdictApprove, Presence: make([]byte, 63)}, false},
	} {
		if _, err := ParseAnswer(wire.Marshal(c.a)); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.a, err)
		}
	}
	for _, c := range []struct {
		signers, raw int
		version      uint8
		ok           bool
	}{{2, 65, 1, true}, {9, 64, 1, true}, {0, 65, 1, false}, {10, 65, 1, false}, {2, 66, 1, false}, {2, 63, 1, false}, {2, 65, 2, false}} {
		r := Receipt{Version: c.version, Signers: make([]uint16, c.signers), Raw: make([]byte, c.raw)}
		if _, err := ParseReceipt(wire.Marshal(r)); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestItems: what is signed of an item depends on all that it says, its name on the
// signature too, and each kind belongs to one request.
func TestItems(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range [][]byte{
		ItemMessage(wire.CircleID{1}, ItemAnswer, 2, []byte("body")), ItemMessage(wire.CircleID{2}, ItemAnswer, 2, []byte("body")),
		ItemMessage(wire.CircleID{1}, ItemReceipt, 2, []byte("body")), ItemMessage(wire.CircleID{1}, ItemAnswer, 3, []byte("body")),
		ItemMessage(wire.CircleID{1}, ItemAnswer, 2, []byte("bodY")),
	} {
		if len(m) != 32 || seen[string(m)] {
			t.Errorf("%x", m)
		}
		seen[string(m)] = true
	}
	body := []byte("a request")
	it := Item{Type: ItemRequest, From: 2, Body: body, Sig: []byte{}}
	other := it
	other.Sig = []byte{1}
	if it.ID() == other.ID() {
		t.Error("another signature, and the same name")
	}
	id := RequestID(body)
	for _, it := range []Item{
		it, {Type: ItemAnswer, Body: wire.Marshal(Answer{Version: 1, Request: id, Verdict: VerdictDeny})},
		{Type: ItemReceipt, Body: wire.Marshal(Receipt{Version: 1, Request: id, Signers: []uint16{1}, Raw: make([]byte, 64)})},
	} {
		if got, err := it.About(); err != nil || got != id {
			t.Errorf("type %d is about %v: %v", it.Type, got, err)
		}
	}
	if _, err := (Item{Type: 9}).About(); err == nil || !strings.Contains(err.Error(), "unknown type 9") {
		t.Errorf("an item of no kind: %v", err)
	}
}

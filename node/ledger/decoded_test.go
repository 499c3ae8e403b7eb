package ledger

import (
	"testing"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/roster"
)

// TestMeaningsAreBounded: each is found once while it is remembered, and the payloads of
// those that are take no more than so many bytes.
func TestMeaningsAreBounded(t *testing.T) {
	t.Parallel()
	var m meanings
	find := func(i int) { m.find([32]byte{byte(i), byte(i >> 8), 9}, 1000, func() *meaning { return &meaning{} }) }
	for i := range 10_000 {
		find(i)
		find(i)
	}
	if m.Made != 10_000 {
		t.Errorf("10000 meanings are found %d times", m.Made)
	}
	if m.bytes > maxMeanings || len(m.byKey) != len(m.order) || len(m.order) > maxMeanings/1000 {
		t.Errorf("%d meanings of %d bytes are remembered", len(m.byKey), m.bytes)
	}
}

// TestDecodeChange: a request of a release that named the slot only is decoded. What
// names a device where none is meant, or in another length, is malformed, and so is a
// change with an account.
func TestDecodeChange(t *testing.T) {
	t.Parallel()
	d := newDevice(t, 3, 2)
	decode := func(kind change.Kind, account string, payload []byte) (*Request, error) {
		r := &Request{Request: message.Request{Kind: string(kind), Account: account, Payload: payload}}
		return r, d.ledger.decodeChange(r)
	}
	// version 1, slot 1, no card, no addresses, until 0, epoch 0, threshold 0
	r, err := decode(change.Lost, "", []byte{0xa7, 1, 1, 2, 1, 3, 0x40, 4, 0x80, 5, 0, 6, 0, 7, 0})
	if err != nil || d.ledger.Subject(r) != 1 {
		t.Errorf("of an earlier release: %v", err)
	}
	for kind, ch := range map[change.Kind]change.Payload{change.Refresh: {Device: make([]byte, 32)}, change.Lost: {Slot: 1, Device: make([]byte, 31)},
		change.Veto: {Slot: 1, Device: make([]byte, 32), Until: 1}} {
		if _, err := decode(kind, "", ch.Bytes()); err == nil {
			t.Errorf("%s: no error", kind)
		}
	}
	if _, err := decode(change.Refresh, roster.Ethereum, change.Payload{}.Bytes()); err == nil {
		t.Error("a change with an account: no error")
	}
}

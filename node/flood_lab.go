//go:build lab

package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// What a member can do to the others that is a member, with its own keys, and
// wants them to have no time for anything else. It is no part of the program that
// people run.

// FloodMix is every kind of flood that does not get its sender cut off.
const FloodMix = "own+orphans+requests+typed+hello+want+have+beat+chain+lost"

// Flood sends what kinds names, joined by plus signs, to all who are connected,
// one after the other and as fast as the link takes it, until ctx ends. It knows
//
//	forged    items with signatures that do not hold, in the name of a founder
//	own       what the receiver has said itself, again
//	orphans   answers to requests that there are not
//	requests  requests that it denies itself
//	typed     the same with typed data of 60 KB
//	hello     that it knows of no epoch, and moves all the time
//	want      the wish for everything, at once
//	have      the claim to have thousands of things
//	beat      heartbeats and doubts that do not hold
//	chain     an epoch that nobody certified
//	lost      sixty times that a device is lost which is in no circle
func (n *Node) Flood(ctx context.Context, kinds string) error {
	f := &flooder{ready: map[string][]byte{}}
	for i := 0; ctx.Err() == nil; i++ {
		names := strings.Split(kinds, "+")
		name := names[i%len(names)]
		err := n.call(ctx, func(c *core) error {
			if c.Circle == nil || c.Circle.Evicted != nil {
				return nil
			}
			return f.send(c, name)
		})
		if errors.Is(err, ErrStopped) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

type flooder struct {
	ready map[string][]byte // messages that are made once
	count uint64
	said  bool
}

// send sends one message of a kind to everybody.
func (f *flooder) send(c *core, kind string) error {
	f.count++
	for _, d := range c.Circle.Record.Devices {
		if d.Identity == c.Self.Public || !c.Online(d.Slot) {
			continue
		}
		msgs, err := f.messages(c, kind, d.Slot)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			c.SendTo(d.Slot, wire.ProtocolSync, m)
		}
	}
	return nil
}

// once makes a message once.
func (f *flooder) once(name string, make func() []byte) [][]byte {
	if f.ready[name] == nil {
		f.ready[name] = make()
	}
	return [][]byte{f.ready[name]}
}

// full is how many small items fill a message.
const full = 900

func (f *flooder) messages(c *core, kind string, to wire.Slot) ([][]byte, error) {
	switch kind {
	case "forged":
		return f.once(kind, func() []byte {
			var list []message.Item
			for range full {
				it := f.orphan(c)
				it.From, it.Sig = 1, make([]byte, ed25519.SignatureSize)
				list = append(list, it)
			}
			return message.EncodeMessage(message.MsgItems, message.Items{Items: list})
		}), nil
	case "own":
		return f.once(fmt.Sprint(kind, to), func() []byte {
			var theirs, list []message.Item
			for _, r := range c.Requests {
				for _, it := range slices.Concat([]message.Item{r.Item}, slices.Collect(maps.Values(r.Approved)), slices.Collect(maps.Values(r.Receipts))) {
					if it.From == to && len(it.Body) < 200 {
						theirs = append(theirs, it)
					}
				}
			}
			for i := range full {
				if len(theirs) > 0 {
					list = append(list, theirs[i%len(theirs)])
				}
			}
			return message.EncodeMessage(message.MsgItems, message.Items{Items: list})
		}), nil
	case "orphans":
		return f.once(fmt.Sprint(kind, f.count%8), func() []byte {
			var list []message.Item
			for range full {
				list = append(list, f.orphan(c))
			}
			return message.EncodeMessage(message.MsgItems, message.Items{Items: list})
		}), nil
	case "requests":
		return f.once(fmt.Sprint(kind, f.count%64), func() []byte {
			var list []message.Item
			for range full / 3 {
				list = append(list, f.request(c, string(intent.Message), roster.Ethereum, []byte("flood"))...)
			}
			return message.EncodeMessage(message.MsgItems, message.Items{Items: list})
		}), nil
	case "typed":
		payload, err := intent.Normalize(intent.Input{Kind: intent.TypedData, JSON: typedFlood()})
		if err != nil {
			return nil, err
		}
		return [][]byte{message.EncodeMessage(message.MsgItems, message.Items{Items: f.request(c, string(intent.TypedData), roster.Ethereum, payload)})}, nil
	case "hello":
		h := c.Hello()
		h.Head, h.Epoch = 0, f.count
		h.Addrs = []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", 1+f.count%60000)}
		return [][]byte{message.EncodeMessage(message.MsgHello, h)}, nil
	case "want":
		return f.once(kind, func() []byte { return message.EncodeMessage(message.MsgWant, message.Want{IDs: c.Inventory()}) }), nil
	case "have":
		return f.once(kind, func() []byte {
			var h message.Have
			for range message.MaxInventory {
				h.IDs = append(h.IDs, wire.Hash(f.random()))
			}
			return message.EncodeMessage(message.MsgHave, h)
		}), nil
	case "beat":
		b := c.MyBeat()
		for len(b.Beats) < standing.MaxDevices {
			x := recovery.Beat{Circle: c.Circle.Record.Circle, Slot: 1, Seq: 1 << 40}
			b.Beats = append(b.Beats, recovery.SignBeat(x, c.Self.Sign).Bytes())
		}
		return [][]byte{message.EncodeMessage(message.MsgBeat, b)}, nil
	case "chain":
		return f.once(kind, func() []byte {
			e := c.Circle.Head()
			e.Record.Epoch++
			return message.EncodeMessage(message.MsgChain, message.Chain{Entries: [][]byte{e.Bytes()}})
		}), nil
	case "lost":
		if f.said {
			return f.messages(c, "hello", to)
		}
		f.said = true
		var list []message.Item
		for range 60 {
			list = append(list, f.accuse(c)...)
		}
		return [][]byte{message.EncodeMessage(message.MsgItems, message.Items{Items: list})}, nil
	}
	return nil, fmt.Errorf("node: no flood is called %q", kind)
}

// random is different each time.
func (f *flooder) random() (b [32]byte) {
	rand.Read(b[:]) // never fails
	return b
}

func (f *flooder) orphan(c *core) message.Item {
	return c.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{Version: 1, Request: f.random(), Verdict: message.VerdictApprove, Epoch: c.Circle.Record.Epoch, Record: c.Circle.Hash}))
}

// request is a request and this device's own denial.
func (f *flooder) request(c *core, kind, account string, payload []byte) []message.Item {
	r := f.random()
	req := message.Request{
		Version: 1, Circle: c.Circle.Record.Circle, From: uint16(c.Circle.Slot), Account: account, Path: []uint32{}, Kind: kind,
		Payload: payload, Created: standing.Unix(c.Now), Lifetime: message.MinLifetime, Nonce: [16]byte(r[:]),
	}
	body := wire.Marshal(req)
	no := message.Answer{Version: 1, Request: message.RequestID(body), Verdict: message.VerdictDeny, Epoch: c.Circle.Record.Epoch, Record: c.Circle.Hash}
	return []message.Item{c.SignItem(message.ItemRequest, body), c.SignItem(message.ItemAnswer, wire.Marshal(no))}
}

// accuse says with its person's presence that a device is lost that there is not.
func (f *flooder) accuse(c *core) []message.Item {
	r := f.random()
	req := message.Request{
		Version: 1, Circle: c.Circle.Record.Circle, From: uint16(c.Circle.Slot), Path: []uint32{}, Kind: string(change.Lost),
		Payload: change.Payload{Slot: 999}.Bytes(), Created: standing.Unix(c.Now), Lifetime: message.MaxLifetime, Nonce: [16]byte(r[:]),
	}
	body := wire.Marshal(req)
	sig, err := c.Self.Present(c.Config.Keeper, ledger.PresenceMessage(c.Circle.Record.Circle, message.RequestID(body)))
	if err != nil {
		return nil // it is locked
	}
	yes := message.Answer{Version: 1, Request: message.RequestID(body), Verdict: message.VerdictApprove, Epoch: c.Circle.Record.Epoch, Record: c.Circle.Hash, Presence: sig[:]}
	return []message.Item{c.SignItem(message.ItemRequest, body), c.SignItem(message.ItemAnswer, wire.Marshal(yes))}
}

// typedFlood is a document with as many small things in it as are allowed.
func typedFlood() []byte {
	var b strings.Builder
	b.WriteString(`{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"M":[{"name":"v","type":"uint256[]"}]},"primaryType":"M","domain":{"name":"flood"},"message":{"v":[`)
	for i := range 900 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%d"`, uint64(i)<<40)
	}
	b.WriteString(`]}}`)
	return []byte(b.String())
}

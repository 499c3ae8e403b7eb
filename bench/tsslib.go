package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"time"

	"github.com/bnb-chain/tss-lib/v2/common"
	"github.com/bnb-chain/tss-lib/v2/ecdsa/keygen"
	"github.com/bnb-chain/tss-lib/v2/ecdsa/resharing"
	"github.com/bnb-chain/tss-lib/v2/ecdsa/signing"
	"github.com/bnb-chain/tss-lib/v2/tss"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// A tssParty is a party of tss-lib. Its out channel is drained after each call:
// rounds send before they return.
type tssParty struct {
	tss.Party
	self int
	out  chan tss.Message
	done func() bool
	// addressees says where a message goes; resharing has two committees.
	addressees func(tss.Message) []int
}

func (p *tssParty) drain(err *tss.Error) (packets []packet, _ error) {
	if err != nil {
		return nil, err
	}
	for {
		select {
		case msg := <-p.out:
			wire, routing, err := msg.WireBytes()
			if err != nil {
				return nil, err
			}
			for _, to := range p.addressees(msg) {
				packets = append(packets, packet{from: p.self, to: to, wire: wire, note: routing})
			}
		default:
			return packets, nil
		}
	}
}

func (p *tssParty) start() ([]packet, error) { return p.drain(p.Start()) }

func (p *tssParty) deliver(in packet) ([]packet, error) {
	routing := in.note.(*tss.MessageRouting)
	_, err := p.UpdateFromBytes(in.wire, routing.From, routing.IsBroadcast)
	return p.drain(err)
}

func (p *tssParty) finished() bool { return p.done() }

// among returns the addressees in a protocol with one committee of n.
func among(n, self int) func(tss.Message) []int {
	return func(m tss.Message) (to []int) {
		if m.GetTo() != nil {
			for _, id := range m.GetTo() {
				to = append(to, id.Index)
			}
			return to
		}
		for i := range n {
			if i != self {
				to = append(to, i)
			}
		}
		return to
	}
}

// prepare makes the safe primes of n parties, which tss-lib needs before a
// founding and does not have to make in it.
func prepare(n int, limit time.Duration) ([]keygen.LocalPreParams, sample, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out []keygen.LocalPreParams
	var cpu sample
	for range n {
		began := cpuTime()
		pre, err := keygen.GeneratePreParamsWithContext(ctx)
		if err != nil {
			return nil, nil, err
		}
		out, cpu = append(out, *pre), append(cpu, ms(cpuTime()-began)/1000)
	}
	return out, cpu, nil
}

// newIDs draws n parties.
func newIDs(n int) tss.SortedPartyIDs {
	var ids tss.UnSortedPartyIDs
	for i := range n {
		key := common.GetRandomPositiveInt(rand.Reader, tss.S256().Params().N)
		ids = append(ids, tss.NewPartyID(fmt.Sprint(i), fmt.Sprint("device ", i), key))
	}
	return tss.SortPartyIDs(ids)
}

// again returns ids with indices of their own, for a run of another protocol.
func again(ids tss.SortedPartyIDs) tss.SortedPartyIDs {
	var out tss.UnSortedPartyIDs
	for _, id := range ids {
		out = append(out, tss.NewPartyID(id.Id, id.Moniker, id.KeyInt()))
	}
	return tss.SortPartyIDs(out)
}

// A tssCircle is what a key generation of tss-lib left.
type tssCircle struct {
	threshold int // how many sign; tss-lib counts one less
	ids       tss.SortedPartyIDs
	keys      []*keygen.LocalPartySaveData
}

// tssFound prepares a key generation. The circle is filled as its parties
// finish.
func tssFound(threshold, n int, pre []keygen.LocalPreParams) (*tssCircle, []party) {
	c := &tssCircle{threshold: threshold, ids: newIDs(n), keys: make([]*keygen.LocalPartySaveData, n)}
	ctx := tss.NewPeerContext(c.ids)
	var parties []party
	for i := range n {
		params := tss.NewParameters(tss.S256(), ctx, c.ids[i], n, threshold-1)
		out, end := make(chan tss.Message, maxPackets), make(chan *keygen.LocalPartySaveData, 1)
		parties = append(parties, &tssParty{
			Party: keygen.NewLocalParty(params, out, end, pre[i]), self: i, out: out, addressees: among(n, i),
			done: func() bool {
				select {
				case c.keys[i] = <-end:
				default:
				}
				return c.keys[i] != nil
			},
		})
	}
	return c, parties
}

// sign prepares a signature by the first devices. Each party of tss-lib
// verifies the result, as each of ours does.
func (c *tssCircle) sign() ([]party, error) {
	digest := make([]byte, 32)
	if _, err := rand.Read(digest); err != nil {
		return nil, err
	}
	ids := again(c.ids[:c.threshold])
	ctx := tss.NewPeerContext(ids)
	var x, y secp256k1.FieldVal
	x.SetByteSlice(c.keys[0].ECDSAPub.X().Bytes())
	y.SetByteSlice(c.keys[0].ECDSAPub.Y().Bytes())
	key := secp256k1.NewPublicKey(&x, &y)
	var parties []party
	for i, id := range ids {
		params := tss.NewParameters(tss.S256(), ctx, id, len(ids), c.threshold-1)
		out, end := make(chan tss.Message, maxPackets), make(chan *common.SignatureData, 1)
		done := false
		parties = append(parties, &tssParty{
			Party: signing.NewLocalParty(new(big.Int).SetBytes(digest), params, *c.keys[i], out, end, len(digest)),
			self:  i, out: out, addressees: among(len(ids), i),
			done: func() bool {
				select {
				case sig := <-end:
					var r, s secp256k1.ModNScalar
					r.SetByteSlice(sig.R)
					s.SetByteSlice(sig.S)
					done = ecdsa.NewSignature(&r, &s).Verify(digest, key)
				default:
				}
				return done
			},
		})
	}
	return parties, nil
}

// A tssDevice is one device in a re-deal of tss-lib, which knows an old and a
// new committee: a device that stays is a party of both. What its halves say to
// each other is not sent.
type tssDevice struct {
	self   int
	halves [2]*tssParty
}

// A toHalf is the note on a packet to a tssDevice.
type toHalf struct {
	half    int
	routing any
}

func (d *tssDevice) route(out []packet, err error) (sent []packet, _ error) {
	if err != nil {
		return nil, err
	}
	for _, p := range out {
		device, half := p.to/2, p.to%2
		if device != d.self {
			sent = append(sent, packet{from: d.self, to: device, wire: p.wire, note: toHalf{half, p.note}})
			continue
		}
		more, err := d.route(d.halves[half].deliver(p))
		if err != nil {
			return nil, err
		}
		sent = append(sent, more...)
	}
	return sent, nil
}

func (d *tssDevice) start() (sent []packet, err error) {
	// The new half waits for the old one.
	for _, half := range []int{1, 0} {
		out, err := d.route(d.halves[half].start())
		if err != nil {
			return nil, err
		}
		sent = append(sent, out...)
	}
	return sent, nil
}

func (d *tssDevice) deliver(p packet) ([]packet, error) {
	to := p.note.(toHalf)
	p.note = to.routing
	return d.route(d.halves[to.half].deliver(p))
}

func (d *tssDevice) finished() bool {
	old, renewed := d.halves[0].finished(), d.halves[1].finished()
	return old && renewed
}

// reshare prepares a re-deal from the first devices, as many as sign, to the
// same devices. Primes for the new committee are given.
func (c *tssCircle) reshare(pre []keygen.LocalPreParams) ([]party, error) {
	t := c.threshold
	committees := [2]tss.SortedPartyIDs{again(c.ids[:t]), newIDs(t)}
	contexts := [2]*tss.PeerContext{tss.NewPeerContext(committees[0]), tss.NewPeerContext(committees[1])}
	number := map[*tss.PartyID]int{}
	for half, ids := range committees {
		for i, id := range ids {
			number[id] = 2*i + half
		}
	}
	var parties []party
	for i := range t {
		d := &tssDevice{self: i}
		for half := range d.halves {
			key := keygen.NewLocalPartySaveData(t)
			if half == 0 {
				key = keygen.BuildLocalSaveDataSubset(*c.keys[i], committees[0])
				key.Xi = new(big.Int).Set(key.Xi) // it is zeroed in place at the end
			} else {
				key.LocalPreParams = pre[i]
			}
			d.halves[half] = c.reshareHalf(committees[half][i], contexts, key, number, half == 1)
		}
		parties = append(parties, d)
	}
	return parties, nil
}

func (c *tssCircle) reshareHalf(id *tss.PartyID, contexts [2]*tss.PeerContext, key keygen.LocalPartySaveData, number map[*tss.PartyID]int, renewed bool) *tssParty {
	t := c.threshold
	params := tss.NewReSharingParameters(tss.S256(), contexts[0], contexts[1], id, t, t-1, t, t-1)
	out, end := make(chan tss.Message, maxPackets), make(chan *keygen.LocalPartySaveData, 1)
	done := false
	return &tssParty{
		Party: resharing.NewLocalParty(params, key, out, end), self: number[id], out: out,
		addressees: func(m tss.Message) (to []int) {
			for _, other := range m.GetTo() {
				if other != id {
					to = append(to, number[other])
				}
			}
			return to
		},
		done: func() bool {
			select {
			case save := <-end:
				done = !renewed || save.ECDSAPub.Equals(c.keys[0].ECDSAPub)
			default:
			}
			return done
		},
	}
}

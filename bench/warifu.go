package main

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// A circle is a founded circle with everything that its devices know. Slots
// are 1 to n.
type circle struct {
	proposal keygen.Proposal
	identity []ed25519.PrivateKey
	box      []*ecdh.PrivateKey
	record   roster.Record
	shares   []map[string]secret.Key
}

func random32() (b [32]byte) {
	rand.Read(b[:]) // never fails
	return b
}

// newCircle makes n devices that are about to found a circle.
func newCircle(threshold, n int) (*circle, error) {
	c := &circle{
		proposal: keygen.Proposal{Version: 1, Nonce: random32(), Threshold: threshold, Settings: roster.DefaultSettings()},
		shares:   make([]map[string]secret.Key, n),
	}
	for i := range n {
		id, peer, presence := random32(), random32(), random32()
		c.identity = append(c.identity, ed25519.NewKeyFromSeed(id[:]))
		box, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		c.box = append(c.box, box)
		c.proposal.Devices = append(c.proposal.Devices, roster.Device{
			Slot: wire.Slot(i + 1), Name: fmt.Sprint("device ", i+1), Kind: roster.Phone,
			Identity: wire.DeviceID(c.identity[i].Public().(ed25519.PublicKey)),
			// The identity multihash of a protobuf-encoded Ed25519 key.
			Peer:     append([]byte{0, 36, 8, 1, 18, 32}, peer[:]...),
			Box:      [32]byte(box.PublicKey().Bytes()),
			Presence: [32]byte(ed25519.NewKeyFromSeed(presence[:]).Public().(ed25519.PublicKey)),
		})
	}
	return c, c.proposal.Check()
}

func (c *circle) sign(i int) func([]byte) [64]byte {
	return func(msg []byte) [64]byte { return [64]byte(ed25519.Sign(c.identity[i], msg)) }
}

// A device is one device with the machines that it runs. A machine that is not
// there yet gets its frames when it comes.
type device struct {
	self     int
	all      int // devices in the run
	machines map[wire.SessionID]session.Machine
	early    map[wire.SessionID][]wire.Frame
	begin    func(*device) ([]packet, error)
	// after runs when machines have taken something in; it is the person, or
	// the driver that goes on with the next protocol.
	after  func(*device) ([]packet, error)
	result func(*device) bool
}

// run adds a machine that has just been made.
func (d *device) run(id wire.SessionID, m session.Machine, effects []session.Effect) ([]packet, error) {
	d.machines[id] = m
	out := d.carry(effects)
	for _, f := range d.early[id] {
		effects, err := m.Deliver(f)
		if err != nil {
			return nil, err
		}
		out = append(out, d.carry(effects)...)
	}
	delete(d.early, id)
	return out, nil
}

// carry carries out effects; there is no disk.
func (d *device) carry(effects []session.Effect) (out []packet) {
	for _, e := range effects {
		s, ok := e.(session.Send)
		if !ok {
			continue
		}
		b := s.Frame.Append(nil)
		if s.Frame.To != 0 {
			out = append(out, packet{from: d.self, to: int(s.Frame.To) - 1, wire: b})
			continue
		}
		for to := range d.all {
			if to != d.self {
				out = append(out, packet{from: d.self, to: to, wire: b})
			}
		}
	}
	return out
}

func (d *device) start() ([]packet, error) {
	d.machines, d.early = map[wire.SessionID]session.Machine{}, map[wire.SessionID][]wire.Frame{}
	return d.begin(d)
}

func (d *device) deliver(p packet) ([]packet, error) {
	f, err := wire.ParseFrame(p.wire)
	if err != nil {
		return nil, err
	}
	m := d.machines[f.Session]
	if m == nil {
		d.early[f.Session] = append(d.early[f.Session], f)
		return nil, nil
	}
	effects, err := m.Deliver(f)
	if err != nil {
		return nil, err
	}
	out := d.carry(effects)
	if d.after != nil {
		more, err := d.after(d)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

func (d *device) finished() bool { return d.result(d) }

// found prepares a founding, in which every person says yes at once. It makes
// two accounts, secp256k1 and Ed25519, where tss-lib makes one.
func (c *circle) found() (parties []party) {
	n := len(c.proposal.Devices)
	for i := range n {
		var m *keygen.Machine
		parties = append(parties, &device{
			self: i, all: n,
			begin: func(d *device) (_ []packet, err error) {
				var effects []session.Effect
				m, effects, err = keygen.New(keygen.Config{Proposal: c.proposal, Self: wire.Slot(i + 1), Sign: c.sign(i), Rand: rand.Reader})
				if err != nil {
					return nil, err
				}
				return d.run(c.proposal.Session(), m, effects)
			},
			after: func(d *device) ([]packet, error) {
				if _, ask := m.Review(); !ask {
					return nil, nil
				}
				effects, err := m.Confirm()
				return d.carry(effects), err
			},
			result: func(*device) bool {
				e, ok := m.Entry()
				if ok && i == 0 {
					c.record = e.Record
				}
				if ok && c.shares[i] == nil {
					c.shares[i], ok = m.Shares()
				}
				return ok
			},
		})
	}
	return parties
}

// propose asks for a signature by the first devices.
func (c *circle) propose(account string, path []uint32, msg [32]byte) (share.Proposal, error) {
	acc, ok := c.record.Account(account)
	if !ok {
		return share.Proposal{}, errors.New("no such account")
	}
	_, child, _, err := share.Derive(acc, path)
	if err != nil {
		return share.Proposal{}, err
	}
	return share.Proposal{
		Version: share.Version, Suite: acc.Suite, Circle: c.record.Circle, Epoch: c.record.Epoch,
		Record: c.record.Hash(), Account: account, GroupKey: acc.GroupKey(), Signers: c.record.Slots()[:c.record.Threshold],
		Path: path, ChildKey: child, Purpose: "bench", Message: msg[:], Request: wire.RequestID(random32()),
		Intent: wire.Hash(random32()), Initiator: 1, Expires: 1 << 40, Nonce: random32(),
	}, nil
}

// signature prepares a signature at the default address by the first devices.
// Base transfers are made in it: nothing is kept from one to the next.
func (c *circle) signature() (parties []party, err error) {
	p, err := c.propose(roster.Ethereum, []uint32{0, 0}, random32())
	if err != nil {
		return nil, err
	}
	for i := range p.Signers {
		var m *sign.Machine
		parties = append(parties, &device{
			self: i, all: len(p.Signers),
			begin: func(d *device) (_ []packet, err error) {
				var effects []session.Effect
				m, effects, err = sign.New(sign.Config{
					Proposal: p, Record: c.record, Self: wire.Slot(i + 1), Share: c.shares[i][roster.Ethereum], Rand: rand.Reader,
				})
				if err != nil {
					return nil, err
				}
				return d.run(p.Session(), m, effects)
			},
			result: func(*device) bool {
				_, ok := m.Signature()
				return ok
			},
		})
	}
	return parties, nil
}

// redeal prepares the removal of the last device by all others, to the end at
// which they have erased what it shared with them. The test signatures with
// the new shares, of both accounts, are part of it.
func (c *circle) redeal() (parties []party, err error) {
	slots := c.record.Slots()
	stay, lost := slots[:len(slots)-1], slots[len(slots)-1]
	p := refresh.Proposal{
		Version: refresh.Version, Circle: c.record.Circle, Parent: c.record.Hash(), Epoch: c.record.Epoch + 1,
		Kind: roster.Remove, Threshold: c.record.Threshold, Members: stay, Dealers: stay[:c.record.Threshold],
		Removed: []refresh.Removal{{Slot: lost, State: roster.Stolen}}, Settings: c.record.Settings,
		Proposer: stay[0], Expires: 1 << 40, Nonce: random32(),
	}
	for i := range stay {
		r := &redeal{circle: c, proposal: p}
		parties = append(parties, &device{
			self: i, all: len(stay), begin: r.begin, after: r.goOn,
			result: func(*device) bool { return r.machine.Phase() == refresh.Retired },
		})
	}
	return parties, nil
}

// A redeal is one device's part of a re-deal.
type redeal struct {
	circle   *circle
	proposal refresh.Proposal
	machine  *refresh.Machine
	ecdsa    *sign.Machine // of the test; nil before
	eddsa    *frost.Machine
}

func (r *redeal) begin(d *device) ([]packet, error) {
	c := r.circle
	m, effects, err := refresh.New(refresh.Config{
		Proposal: r.proposal, Parent: c.record, Self: wire.Slot(d.self + 1), Sign: c.sign(d.self), Shares: c.shares[d.self], Rand: rand.Reader,
		Open: func(enc, info, data, ciphertext []byte) ([]byte, error) {
			return refresh.OpenBox(c.box[d.self], enc, info, data, ciphertext)
		},
	})
	if err != nil {
		return nil, err
	}
	r.machine = m
	return d.run(r.proposal.Session(), m, effects)
}

func (r *redeal) goOn(d *device) ([]packet, error) {
	switch {
	case !r.machine.NeedsTest() || d.self >= r.proposal.Threshold:
		return nil, nil
	case r.ecdsa == nil:
		return r.test(d)
	}
	ecdsa, ok := r.ecdsa.Signature()
	if !ok {
		return nil, nil
	}
	eddsa, ok := r.eddsa.Signature()
	if !ok {
		return nil, nil
	}
	effects, err := r.machine.Tested(map[string][]byte{roster.Ethereum: ecdsa[:], roster.SSH: eddsa[:]})
	return d.carry(effects), err
}

// test starts the two test signatures, whose sessions everybody can name.
func (r *redeal) test(d *device) (out []packet, err error) {
	record, _ := r.machine.Record()
	shares, ok := r.machine.Shares()
	if !ok {
		return nil, errors.New("no new shares")
	}
	for _, a := range record.Accounts {
		id := r.machine.TestRequest(a)
		p := share.Proposal{
			Version: share.Version, Suite: a.Suite, Circle: record.Circle, Epoch: record.Epoch, Record: record.Hash(), Account: a.Name,
			GroupKey: a.GroupKey(), Signers: r.proposal.Members[:r.proposal.Threshold], ChildKey: a.GroupKey(), Purpose: refresh.TestPurpose,
			Message: r.machine.TestMessage(a), Request: id, Intent: wire.Hash(id), Initiator: 1, Expires: 1 << 40, Nonce: [32]byte(id),
		}
		self := wire.Slot(d.self + 1)
		var m session.Machine
		var effects []session.Effect
		if a.Suite == roster.Secp256k1 {
			r.ecdsa, effects, err = sign.New(sign.Config{Proposal: p, Record: record, Self: self, Share: shares[a.Name], Rand: rand.Reader})
			m = r.ecdsa
		} else {
			r.eddsa, effects, err = frost.New(frost.Config{Proposal: p, Record: record, Self: self, Share: shares[a.Name], Rand: rand.Reader})
			m = r.eddsa
		}
		if err != nil {
			return nil, err
		}
		packets, err := d.run(p.Session(), m, effects)
		if err != nil {
			return nil, err
		}
		out = append(out, packets...)
	}
	return out, nil
}

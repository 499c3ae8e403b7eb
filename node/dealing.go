package node

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// startKeygen begins the protocol on this device.
func (fd *foundings) startKeygen(p keygen.Proposal) error {
	if err := p.Check(); err != nil {
		return err
	}
	f := fd.founding
	f.proposal, f.session, f.touched = &p, p.Session(), fd.me.now
	for _, d := range p.Devices {
		if fd.me.link.Connected(d.Peer) {
			pr := fd.me.peer(d.Slot)
			pr.online, pr.there = true, fd.me.now
		}
	}
	me := fd.me.selfSlot()
	m, effects, err := keygen.New(keygen.Config{Proposal: p, Self: me, Sign: fd.me.self.sign, Rand: fd.me.cfg.Rand})
	if err != nil {
		return err
	}
	if me == 1 {
		fd.me.broadcast(msgFound, fd.foundMessage())
	}
	f.machine = m
	f.live = fd.foundingLive(f, m)
	fd.me.log.Info("founding started", "session", f.session, "devices", len(p.Devices), "threshold", p.Threshold)
	fd.drive.begin(f.live, effects)
	return nil
}

func (fd *foundings) foundingLive(f *founding, m *keygen.Machine) *live {
	l := &live{id: f.session, machine: m, owner: founded{fd, f}}
	for _, d := range f.proposal.Devices {
		l.slots = append(l.slots, d.Slot)
	}
	return l
}

// A founded circle owns the session of a founding's machine.
type founded struct {
	c *foundings
	f *founding
}

func (o founded) persist(state []byte) error      { return o.c.persistFounding(o.f, state) }
func (o founded) release() error                  { return nil }
func (o founded) erase() error                    { return errNoState }
func (o founded) discard() error                  { return errNoState }
func (o founded) heard(*live, wire.Slot, bool)    {}
func (o founded) stepped(l *live)                 { o.c.foundingStep(l, o.f) }
func (o founded) finished(l *live)                { o.c.finishFounding(l, o.f) }
func (o founded) failed(_ *live, err error)       { o.c.foundingFailed(o.f, err) }
func (o founded) closed(*live, wire.Slot, closed) {} // see [foundings.onUnfound]
func (o founded) dropped(*live)                   {}
func (o founded) personal() bool                  { return false }
func (o founded) timing(*live) timing             { return timing{resend: o.c.me.cfg.Timings.Resend} }

// again proposes the founding once more: who was not ready to be invited yet has
// dropped it.
func (o founded) again(_ *live, waiting []wire.Slot) {
	c := o.c
	if c.me.selfSlot() != 1 || o.f.pending {
		return
	}
	for _, s := range waiting {
		c.me.sync(s, msgFound, c.foundMessage())
	}
}

// foundingUp tells a device that has just connected what it missed.
func (fd *foundings) foundingUp(slot wire.Slot) {
	f := fd.founding
	if f == nil || f.proposal == nil {
		return
	}
	if fd.me.selfSlot() == 1 && !f.pending {
		fd.me.sync(slot, msgFound, fd.foundMessage())
	}
	if f.live != nil && fd.drive.sessions[f.session] == f.live {
		fd.drive.carryOut(f.live, f.machine.Resend())
	}
}

// foundingStep asks the person as soon as there is something to ask.
func (fd *foundings) foundingStep(l *live, f *founding) {
	// What is only repeated is no step: devices that wait for the same one
	// would keep each other waiting for ever.
	f.touched = latest(f.touched, l.progress)
	if f.review == nil {
		if rec, ok := f.machine.Review(); ok {
			f.review = &rec
			fd.me.log.Info("founding is to be confirmed", "session", f.session)
		}
	}
}

// confirm takes the person's answer to names and words.
func (fd *foundings) confirm(sessionHex string, yes bool) error {
	f := fd.founding
	if f == nil || f.review == nil || f.session.Hex() != sessionHex {
		return api.Errorf(api.CodeNoFounding, "no founding waits for an answer here")
	}
	if f.pending || f.agreed {
		if yes {
			return nil
		}
		return api.Errorf(api.CodeFounding, "this device has said ready already").
			WithHint("\"warifu found --abandon\" sets the founding aside")
	}
	if !yes {
		fd.tellUnfound("refused", 0)
		fd.endFounding(api.Errorf(api.CodeNotConfirmed, "the person at %s said no", fd.me.self.name))
		return nil
	}
	if fd.me.cfg.Keeper.Locked() {
		return api.Errorf(api.CodeLocked, "this device is locked").WithHint("warifu unlock")
	}
	effects, err := f.machine.Confirm()
	if err != nil {
		return err
	}
	f.agreed = true
	fd.drive.carryOut(f.live, effects)
	return nil
}

// persistFounding makes the keygen machine's state durable: first the key that
// seals it, then the sealed state. Only what follows in the machine's effects
// tells anybody that this device is ready.
func (fd *foundings) persistFounding(f *founding, state []byte) error {
	id := epochKeyID(f.session)
	if err := fd.me.cfg.Keeper.NewEpochKey(id); err != nil {
		return fmt.Errorf("node: make the key of the new shares: %w", err)
	}
	sealed, err := fd.me.cfg.Keeper.SealShare(id, keygenName, state)
	if err != nil {
		return fmt.Errorf("node: seal the new shares: %w", err)
	}
	raw := wire.Marshal(storedFounding{
		Version: 1, Proposal: f.proposal.Bytes(), Discovery: f.discovery, Addrs: packAddrs(f.addrs), State: sealed,
	})
	// From here on the share may be durable, whatever Update answers.
	f.pending = true
	return fd.me.cfg.Journal.Update(func(tx journal.Tx) error { return tx.Put(bucketFounding, pendingKey, raw) })
}

// resumeFounding goes on with a founding that was pending at the last stop.
func (fd *foundings) resumeFounding() error {
	var raw []byte
	if err := fd.me.cfg.Journal.View(func(tx journal.Tx) (err error) {
		raw, err = tx.Get(bucketFounding, pendingKey)
		return err
	}); err != nil {
		return fmt.Errorf("node: read founding: %w", err)
	}
	if raw == nil {
		return nil
	}
	var s storedFounding
	if err := wire.Unmarshal(raw, &s); err != nil || s.Version != 1 {
		return errors.New("node: the pending founding is damaged")
	}
	addrs, err := unpackAddrs(s.Addrs)
	if err != nil {
		return fmt.Errorf("node: pending founding: %w", err)
	}
	p, err := keygen.ParseProposal(s.Proposal)
	if err != nil {
		return fmt.Errorf("node: pending founding: %w", err)
	}
	f := &founding{proposal: &p, session: p.Session(), addrs: addrs, discovery: s.Discovery,
		pending: true, agreed: true, touched: fd.me.now}
	state, err := fd.me.cfg.Keeper.OpenShare(epochKeyID(f.session), keygenName, s.State)
	if err != nil {
		return fmt.Errorf("node: open the pending founding: %w", err)
	}
	defer clear(state)
	fd.founding = f
	m, effects, err := keygen.Resume(keygen.Config{Proposal: p, Self: fd.me.selfSlot(), Sign: fd.me.self.sign, Rand: fd.me.cfg.Rand}, state)
	if err != nil {
		return fmt.Errorf("node: resume the pending founding: %w", err)
	}
	rec, ok := m.Record()
	if !ok {
		return errors.New("node: the pending founding has no record")
	}
	f.machine, f.review = m, &rec
	f.live = fd.foundingLive(f, m)
	fd.drive.begin(f.live, effects)
	return nil
}

// finishFounding turns a complete certificate into the head of the roster. One
// transaction makes the circle and ends the founding.
func (fd *foundings) finishFounding(l *live, f *founding) {
	e, ok := f.machine.Entry()
	shares, ok2 := f.machine.Shares()
	if !ok || !ok2 {
		panic("node: internal error: keygen is done without a result")
	}
	id := epochKeyID(f.session)
	sealed := map[string][]byte{}
	var err error
	for name, key := range shares {
		err = errors.Join(err, key.Use(func(b *[32]byte) error {
			s, err := fd.me.cfg.Keeper.SealShare(id, shareName(name), b[:])
			sealed[name] = s
			return err
		}))
		key.Wipe()
	}
	raw := e.Bytes()
	if err == nil {
		err = fd.me.cfg.Journal.Update(func(tx journal.Tx) error {
			err := errors.Join(
				putEntry(tx, e),
				fd.me.putSince(tx, e.Record.Epoch),
				tx.Put(bucketCircle, discoveryKey, f.discovery[:]),
				tx.Put(bucketCircle, addrsKey, packAddrs(f.addrs)),
				tx.Put(bucketCircle, shareKeyKey, []byte(id)),
				tx.Delete(bucketFounding, pendingKey))
			for name, s := range sealed {
				err = errors.Join(err, tx.Put(bucketShares, shareRecord(id, name), s))
			}
			return err
		})
	}
	if err != nil {
		// The outcome is unknown. The pending state still holds everything
		// if nothing was written, so the next start decides.
		fd.drive.drop(l)
		f.trouble = "the finished circle could not be stored; restart this device: " + err.Error()
		fd.me.log.Error("circle not stored", "err", err)
		return
	}
	fd.drive.drop(l)
	fd.founding = nil
	clear(fd.me.pairing)
	fd.me.circle = &circle{
		chain: roster.Chain{e}, headKey: id, discovery: f.discovery, addrs: f.addrs, fenced: map[wire.DeviceID]bool{},
	}
	if err := fd.me.toHead(); err != nil {
		panic("node: internal error: " + err.Error())
	}
	if err := fd.judging.startJudge(); err != nil {
		fd.me.log.Error("judge not started", "err", err)
	}
	fd.me.log.Info("the circle stands", "circle", e.Record.Circle)
	fd.me.broadcast(msgHello, fd.me.hello())
	fd.me.broadcast(msgEntry, entry{Entry: raw})
}

// onEntry completes a pending founding with a certificate that another device
// has complete. It reaches the machine as a frame, to be checked like any.
func (fd *foundings) onEntry(from wire.Slot, m entry) error {
	f := fd.founding
	if fd.me.circle != nil || f == nil || !f.pending {
		return nil
	}
	e, err := roster.ParseEntry(m.Entry)
	if err != nil {
		return err
	}
	if err := e.Verify(); err != nil {
		return err
	}
	if e.Record.Hash() != f.recordHash() {
		return errors.New("node: a certificate for another record than the one this device confirmed")
	}
	if fd.drive.sessions[f.session] != f.live {
		// The machine stopped, perhaps at what one device sent to keep this one
		// out. The share is durable and the certificate stands for itself.
		if err := fd.resumeFounding(); err != nil {
			return err
		}
		if f = fd.founding; f == nil {
			return nil
		}
	}
	fd.drive.deliver(f.live, keygen.CertificateFrame(f.session, from, e))
	return nil
}

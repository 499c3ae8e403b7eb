package founding

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// StartKeygen begins the protocol on this device.
func (fd *Foundings) StartKeygen(p keygen.Proposal) error {
	if err := p.Check(); err != nil {
		return err
	}
	f := fd.Founding
	f.Proposal, f.Session, f.Touched = &p, p.Session(), fd.me.Now
	for _, d := range p.Devices {
		if fd.me.Link.Connected(d.Peer) {
			pr := fd.me.Peer(d.Slot)
			pr.Online, pr.There = true, fd.me.Now
		}
	}
	me := fd.me.SelfSlot()
	m, effects, err := keygen.New(keygen.Config{Proposal: p, Self: me, Sign: fd.me.Self.Sign, Rand: fd.me.Config.Rand})
	if err != nil {
		return err
	}
	if me == 1 {
		fd.me.Broadcast(message.MsgFound, fd.foundMessage())
	}
	f.Machine = m
	f.live = fd.foundingLive(f, m)
	fd.me.Log.Info("founding started", "session", f.Session, "devices", len(p.Devices), "threshold", p.Threshold)
	fd.drive.Begin(f.live, effects)
	return nil
}

func (fd *Foundings) foundingLive(f *Founding, m *keygen.Machine) *drive.Session {
	l := &drive.Session{ID: f.Session, Machine: m, Owner: founded{fd, f}}
	for _, d := range f.Proposal.Devices {
		l.Slots = append(l.Slots, d.Slot)
	}
	return l
}

// A founded circle owns the session of a founding's machine.
type founded struct {
	c *Foundings
	f *Founding
}

func (o founded) Persist(state []byte) error                       { return o.c.persistFounding(o.f, state) }
func (o founded) Release() error                                   { return nil }
func (o founded) Erase() error                                     { return drive.ErrNoState }
func (o founded) Discard() error                                   { return drive.ErrNoState }
func (o founded) Heard(*drive.Session, wire.Slot, bool)            {}
func (o founded) Stepped(l *drive.Session)                         { o.c.foundingStep(l, o.f) }
func (o founded) Finished(l *drive.Session)                        { o.c.finishFounding(l, o.f) }
func (o founded) Failed(_ *drive.Session, err error)               { o.c.foundingFailed(o.f, err) }
func (o founded) Closed(*drive.Session, wire.Slot, message.Closed) {} // see [Foundings.OnUnfound]
func (o founded) Dropped(*drive.Session)                           {}
func (o founded) Personal() bool                                   { return false }
func (o founded) Timing(*drive.Session) drive.Timing {
	return drive.Timing{Resend: o.c.me.Config.Timings.Resend}
}

// Again proposes the founding once more: who was not ready to be invited yet has
// dropped it.
func (o founded) Again(_ *drive.Session, waiting []wire.Slot) {
	c := o.c
	if c.me.SelfSlot() != 1 || o.f.Pending {
		return
	}
	for _, s := range waiting {
		c.me.Sync(s, message.MsgFound, c.foundMessage())
	}
}

// FoundingUp tells a device that has just connected what it missed.
func (fd *Foundings) FoundingUp(slot wire.Slot) {
	f := fd.Founding
	if f == nil || f.Proposal == nil {
		return
	}
	if fd.me.SelfSlot() == 1 && !f.Pending {
		fd.me.Sync(slot, message.MsgFound, fd.foundMessage())
	}
	if f.live != nil && fd.drive.Sessions[f.Session] == f.live {
		fd.drive.CarryOut(f.live, f.Machine.Resend())
	}
}

// foundingStep asks the person as soon as there is something to ask.
func (fd *Foundings) foundingStep(l *drive.Session, f *Founding) {
	// What is only repeated is no step: devices that wait for the same one
	// would keep each other waiting for ever.
	f.Touched = standing.Latest(f.Touched, l.Progress)
	if f.Review == nil {
		if rec, ok := f.Machine.Review(); ok {
			f.Review = &rec
			fd.me.Log.Info("founding is to be confirmed", "session", f.Session)
		}
	}
}

// Confirm takes the person's answer to names and words.
func (fd *Foundings) Confirm(sessionHex string, yes bool) error {
	f := fd.Founding
	if f == nil || f.Review == nil || f.Session.Hex() != sessionHex {
		return say.New(say.NothingToConfirm)
	}
	if f.Pending || f.agreed {
		if yes {
			return nil
		}
		return say.New(say.SaidReady)
	}
	if !yes {
		fd.TellUnfound("refused", 0)
		fd.EndFounding(say.New(say.PersonSaidNo, fd.me.Self.Name))
		return nil
	}
	if fd.me.Config.Keeper.Locked() {
		return say.New(say.Locked)
	}
	effects, err := f.Machine.Confirm()
	if err != nil {
		return err
	}
	f.agreed = true
	fd.drive.CarryOut(f.live, effects)
	return nil
}

// persistFounding makes the keygen machine's state durable: first the key that
// seals it, then the sealed state. Only what follows in the machine's effects
// tells anybody that this device is ready.
func (fd *Foundings) persistFounding(f *Founding, state []byte) error {
	id := epochKeyID(f.Session)
	if err := fd.me.Config.Keeper.NewEpochKey(id); err != nil {
		return fmt.Errorf("node: make the key of the new shares: %w", err)
	}
	sealed, err := fd.me.Config.Keeper.SealShare(id, keygenName, state)
	if err != nil {
		return fmt.Errorf("node: seal the new shares: %w", err)
	}
	raw := wire.Marshal(storedFounding{
		Version: 1, Proposal: f.Proposal.Bytes(), Discovery: f.Discovery, Addrs: standing.PackAddrs(f.Addrs), State: sealed,
	})
	// From here on the share may be durable, whatever Update answers.
	f.Pending = true
	return fd.me.Config.Journal.Update(func(tx journal.Tx) error { return tx.Put(standing.BucketFounding, standing.PendingKey, raw) })
}

// ResumeFounding goes on with a founding that was pending at the last stop.
func (fd *Foundings) ResumeFounding() error {
	var raw []byte
	if err := fd.me.Config.Journal.View(func(tx journal.Tx) (err error) {
		raw, err = tx.Get(standing.BucketFounding, standing.PendingKey)
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
	addrs, err := standing.UnpackAddrs(s.Addrs)
	if err != nil {
		return fmt.Errorf("node: pending founding: %w", err)
	}
	p, err := keygen.ParseProposal(s.Proposal)
	if err != nil {
		return fmt.Errorf("node: pending founding: %w", err)
	}
	f := &Founding{Proposal: &p, Session: p.Session(), Addrs: addrs, Discovery: s.Discovery,
		Pending: true, agreed: true, Touched: fd.me.Now}
	state, err := fd.me.Config.Keeper.OpenShare(epochKeyID(f.Session), keygenName, s.State)
	if err != nil {
		return fmt.Errorf("node: open the pending founding: %w", err)
	}
	defer clear(state)
	fd.Founding = f
	m, effects, err := keygen.Resume(keygen.Config{Proposal: p, Self: fd.me.SelfSlot(), Sign: fd.me.Self.Sign, Rand: fd.me.Config.Rand}, state)
	if err != nil {
		return fmt.Errorf("node: resume the pending founding: %w", err)
	}
	rec, ok := m.Record()
	if !ok {
		return errors.New("node: the pending founding has no record")
	}
	f.Machine, f.Review = m, &rec
	f.live = fd.foundingLive(f, m)
	fd.drive.Begin(f.live, effects)
	return nil
}

// finishFounding turns a complete certificate into the head of the roster. One
// transaction makes the circle and ends the founding.
func (fd *Foundings) finishFounding(l *drive.Session, f *Founding) {
	e, ok := f.Machine.Entry()
	shares, ok2 := f.Machine.Shares()
	if !ok || !ok2 {
		panic("node: internal error: keygen is done without a result")
	}
	id := epochKeyID(f.Session)
	sealed := map[string][]byte{}
	var err error
	for name, key := range shares {
		err = errors.Join(err, key.Use(func(b *[32]byte) error {
			s, err := fd.me.Config.Keeper.SealShare(id, standing.ShareName(name), b[:])
			sealed[name] = s
			return err
		}))
		key.Wipe()
	}
	raw := e.Bytes()
	if err == nil {
		err = fd.me.Config.Journal.Update(func(tx journal.Tx) error {
			err := errors.Join(
				standing.PutEntry(tx, e),
				fd.me.PutSince(tx, e.Record.Epoch),
				tx.Put(standing.BucketCircle, standing.DiscoveryKey, f.Discovery[:]),
				tx.Put(standing.BucketCircle, standing.AddrsKey, standing.PackAddrs(f.Addrs)),
				tx.Put(standing.BucketCircle, standing.ShareKeyKey, []byte(id)),
				tx.Delete(standing.BucketFounding, standing.PendingKey))
			for name, s := range sealed {
				err = errors.Join(err, tx.Put(standing.BucketShares, standing.ShareRecord(id, name), s))
			}
			return err
		})
	}
	if err != nil {
		// The outcome is unknown. The pending state still holds everything
		// if nothing was written, so the next start decides.
		fd.drive.Drop(l)
		f.Trouble = "the finished circle could not be stored; restart this device: " + err.Error()
		fd.me.Log.Error("circle not stored", "err", err)
		return
	}
	fd.drive.Drop(l)
	fd.Founding = nil
	clear(fd.me.Pairing)
	fd.me.Circle = &standing.Circle{
		Chain: roster.Chain{e}, HeadKey: id, Discovery: f.Discovery, Addrs: f.Addrs, Fenced: map[wire.DeviceID]bool{},
	}
	if err := fd.me.ToHead(); err != nil {
		panic("node: internal error: " + err.Error())
	}
	if err := fd.judging.StartJudge(); err != nil {
		fd.me.Log.Error("judge not started", "err", err)
	}
	fd.me.Log.Info("the circle stands", "circle", e.Record.Circle)
	fd.me.Broadcast(message.MsgHello, fd.me.Hello())
	fd.me.Broadcast(message.MsgEntry, message.Entry{Entry: raw})
}

// OnEntry completes a pending founding with a certificate that another device
// has complete. It reaches the machine as a frame, to be checked like any.
func (fd *Foundings) OnEntry(from wire.Slot, m message.Entry) error {
	f := fd.Founding
	if fd.me.Circle != nil || f == nil || !f.Pending {
		return nil
	}
	e, err := roster.ParseEntry(m.Entry)
	if err != nil {
		return err
	}
	if err := e.Verify(); err != nil {
		return err
	}
	if e.Record.Hash() != f.RecordHash() {
		return errors.New("node: a certificate for another record than the one this device confirmed")
	}
	if fd.drive.Sessions[f.Session] != f.live {
		// The machine stopped, perhaps at what one device sent to keep this one
		// out. The share is durable and the certificate stands for itself.
		if err := fd.ResumeFounding(); err != nil {
			return err
		}
		if f = fd.Founding; f == nil {
			return nil
		}
	}
	fd.drive.Deliver(f.live, keygen.CertificateFrame(f.Session, from, e))
	return nil
}

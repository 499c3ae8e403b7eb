package founding

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// TellUnfound tells everybody that the founding is over.
func (fd *Foundings) TellUnfound(reason string, blame wire.Slot) {
	f := fd.Founding
	m := message.Unfound{Session: f.Session, Reason: reason, Blame: uint16(blame)}
	if f.Proposal != nil {
		fd.me.Broadcast(message.MsgUnfound, m)
		return
	}
	for _, n := range f.Joined {
		fd.me.SendPeer(n.Card.Peer, wire.ProtocolSync, message.EncodeMessage(message.MsgUnfound, m))
	}
}

// FoundingReason says a reason of unfound in words; a reason is a peer's word
// and only its known values are shown.
func FoundingReason(reason string) string {
	switch reason {
	case "refused":
		return "its person said no to the names and words"
	case "abandoned":
		return "its person gave the founding up"
	case "silent":
		return "a device did not answer"
	case "fault":
		return "a device broke the protocol"
	case "mismatch":
		return "the devices did not see the same messages"
	}
	return "the founding failed there"
}

// OnUnfound hears that a device ended the founding.
func (fd *Foundings) OnUnfound(from wire.Slot, m message.Unfound) error {
	f := fd.Founding
	if f == nil || wire.SessionID(m.Session) != f.Session {
		return nil
	}
	text := fmt.Sprintf("%s ended the founding: %s", fd.me.Name(from), FoundingReason(m.Reason))
	if b := wire.Slot(m.Blame); b != 0 && b != from {
		text += fmt.Sprintf(" (it names %s)", fd.me.Name(b))
	}
	if f.Pending {
		f.Trouble = text
		if m.Reason == "refused" || m.Reason == "abandoned" {
			f.Trouble += "; set it aside here, too, with `" + fd.me.Config.Words.Do(say.Abandon) + "`, and begin again"
		}
		return nil
	}
	how := say.FoundingEnded
	if m.Reason == "refused" {
		how = say.FoundingRefused
	}
	fd.EndFounding(say.New(how, text).Of(fd.me.Name(from)))
	return nil
}

// foundingFailed handles a machine that stopped. A pending share stays.
func (fd *Foundings) foundingFailed(f *Founding, err error) {
	slot, check, _ := drive.Blamed(err)
	claim, complained := errors.AsType[*keygen.Complaint](err)
	reason, text := "failed", err.Error()
	switch {
	case errors.Is(err, session.ErrViewMismatch):
		reason, text = "mismatch", "the devices did not see the same messages"
	case complained:
		reason, text = "fault", fmt.Sprintf("%s says that %s broke a check (%s)", fd.me.Name(claim.By), fd.me.Name(claim.Against), claim.Check)
	case check == "silent":
		reason, text = "silent", fd.drive.TroubleText(slot, err)
	case slot != 0:
		reason, text = "fault", fd.drive.TroubleText(slot, err)
	}
	fd.me.Log.Error("founding failed", "session", f.Session, "device", fd.me.Name(slot), "err", err)
	fd.TellUnfound(reason, slot)
	if f.Pending {
		f.Trouble, f.Touched = text, fd.me.Now
		return
	}
	if storage := standing.StoreError(err); slot == 0 && say.Is(storage, say.DiskFull) {
		fd.EndFounding(storage)
		return
	}
	e := say.New(say.FoundingFailed, text)
	if slot != 0 {
		e = e.Of(fd.me.Name(slot))
	}
	fd.EndFounding(e)
}

// EndFounding forgets a founding that is not pending.
func (fd *Foundings) EndFounding(err error) {
	f := fd.Founding
	if f.live != nil {
		fd.drive.Drop(f.live)
	}
	fd.EndMeeting(err)
}

// EndMeeting ends a founding or the wait of an invited device, and says why to those
// who wait for it here.
func (fd *Foundings) EndMeeting(err error) {
	// Who is cut at once does not hear what was just said to them.
	for _, d := range fd.me.Members() {
		if d.Identity != fd.me.Self.Public {
			fd.me.Parting[string(d.Peer)] = fd.me.Now.Add(partingTime)
		}
	}
	for id := range fd.me.Pairing {
		fd.me.Parting[id] = fd.me.Now.Add(partingTime)
	}
	fd.Founding, fd.Joining = nil, nil
	clear(fd.me.Pairing)
	clear(fd.me.Peers)
	fd.ended(err)
}

// FoundingMissing lists the devices that the founding waits for.
func (fd *Foundings) FoundingMissing() []string {
	f := fd.Founding
	if f == nil || f.Machine == nil || fd.drive.Sessions[f.Session] != f.live {
		return nil
	}
	return fd.me.Names(f.Machine.Waiting())
}

// TickFounding ends a founding that cannot go on, naming the device. Nobody is
// hurried to compare words, and a pending founding waits for as long as it
// takes.
func (fd *Foundings) TickFounding() {
	f := fd.Founding
	if f == nil {
		return
	}
	if f.Pending {
		fd.reviveFounding()
		return
	}
	if f.Proposal == nil {
		return
	}
	for _, d := range f.Proposal.Devices {
		if d.Slot == fd.me.SelfSlot() || fd.me.Online(d.Slot) {
			continue
		}
		if seen := fd.me.Peer(d.Slot).There; fd.me.Now.Sub(standing.Latest(seen, f.Touched)) > FoundingLost {
			fd.drive.FailSession(f.live, drive.Silent{Slot: d.Slot, Why: "cannot be reached"})
			return
		}
	}
	if f.Review == nil && fd.me.Now.Sub(f.Touched) > FoundingSilent {
		if w := f.Machine.Waiting(); len(w) > 0 {
			fd.drive.FailSession(f.live, drive.Silent{Slot: w[0], Why: "did not answer"})
		}
	}
}

// reviveFounding resumes a pending founding some time after its machine stopped.
// The others may still wait for this device's signature.
func (fd *Foundings) reviveFounding() {
	f := fd.Founding
	if fd.drive.Sessions[f.Session] == f.live || fd.me.Now.Sub(f.Touched) < foundingRest || fd.me.Config.Keeper.Locked() {
		return
	}
	f.Touched = fd.me.Now
	if err := fd.ResumeFounding(); err != nil {
		fd.me.Log.Error("pending founding not resumed", "session", f.Session, "err", err)
		return
	}
	if again := fd.Founding; again != nil && again != f {
		again.Trouble = f.Trouble
	}
}

// Abandon sets a founding aside. A pending one is kept under another name,
// for its share may be part of a circle that others take for founded.
func (fd *Foundings) Abandon() error {
	if err := fd.MayAbandon(); err != nil {
		return err
	}
	if fd.Joining != nil {
		fd.EndMeeting(abandoned())
		return nil
	}
	f := fd.Founding
	if f.Pending {
		err := fd.me.Config.Journal.Update(func(tx journal.Tx) error {
			raw, err := tx.Get(standing.BucketFounding, standing.PendingKey)
			if err != nil || raw == nil {
				return err
			}
			return errors.Join(tx.Put(standing.BucketAside, f.Session.Hex(), raw), tx.Delete(standing.BucketFounding, standing.PendingKey))
		})
		if err != nil {
			return standing.StoreError(err)
		}
	}
	fd.TellUnfound("abandoned", 0)
	fd.EndFounding(abandoned())
	return nil
}

func abandoned() error {
	return say.New(say.FoundingAbandoned)
}

// MayAbandon says that there is nothing to abandon, or nil.
func (fd *Foundings) MayAbandon() error {
	if fd.Founding == nil && fd.Joining == nil {
		return say.New(say.NothingToAbandon)
	}
	return nil
}

// partingTime is how long the devices of a founding that ended may stay
// connected.
const partingTime = 3 * time.Second

// TickParting cuts those whose time is over.
func (fd *Foundings) TickParting() {
	maps.DeleteFunc(fd.me.Parting, func(_ string, until time.Time) bool { return !fd.me.Now.Before(until) })
}

package node

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// tellUnfound tells everybody that the founding is over.
func (fd *foundings) tellUnfound(reason string, blame wire.Slot) {
	f := fd.founding
	m := unfound{Session: f.session, Reason: reason, Blame: uint16(blame)}
	if f.proposal != nil {
		fd.me.broadcast(msgUnfound, m)
		return
	}
	for _, n := range f.joined {
		if err := fd.me.link.Send(n.Card.Peer, wire.ProtocolSync, encodeMessage(msgUnfound, m)); err != nil {
			fd.me.log.Debug("message not sent", "to", n.Card.Name, "err", err)
		}
	}
}

// foundingReason says a reason of unfound in words; a reason is a peer's word
// and only its known values are shown.
func foundingReason(reason string) string {
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

func (fd *foundings) onUnfound(from wire.Slot, m unfound) error {
	f := fd.founding
	if f == nil || wire.SessionID(m.Session) != f.session {
		return nil
	}
	text := fmt.Sprintf("%s ended the founding: %s", fd.me.name(from), foundingReason(m.Reason))
	if b := wire.Slot(m.Blame); b != 0 && b != from {
		text += fmt.Sprintf(" (it names %s)", fd.me.name(b))
	}
	if f.pending {
		f.trouble = text
		if m.Reason == "refused" || m.Reason == "abandoned" {
			f.trouble += "; set it aside here, too, with `warifu found --abandon`, and begin again"
		}
		return nil
	}
	code := api.CodeFoundingFailed
	if m.Reason == "refused" {
		code = api.CodeNotConfirmed
	}
	fd.endFounding(api.Errorf(code, "%s", text).WithDevice(fd.me.name(from)))
	return nil
}

// foundingFailed handles a machine that stopped. A pending share stays.
func (fd *foundings) foundingFailed(f *founding, err error) {
	slot, check, _ := blamed(err)
	claim, complained := errors.AsType[*keygen.Complaint](err)
	reason, text := "failed", err.Error()
	switch {
	case errors.Is(err, session.ErrViewMismatch):
		reason, text = "mismatch", "the devices did not see the same messages"
	case complained:
		reason, text = "fault", fmt.Sprintf("%s says that %s broke a check (%s)", fd.me.name(claim.By), fd.me.name(claim.Against), claim.Check)
	case check == "silent":
		reason, text = "silent", fd.drive.troubleText(slot, err)
	case slot != 0:
		reason, text = "fault", fd.drive.troubleText(slot, err)
	}
	fd.me.log.Error("founding failed", "session", f.session, "device", fd.me.name(slot), "err", err)
	fd.tellUnfound(reason, slot)
	if f.pending {
		f.trouble, f.touched = text, fd.me.now
		return
	}
	e := api.Errorf(api.CodeFoundingFailed, "the founding failed: %s", text).
		WithHint("nothing is left of it; begin again with \"warifu found\" and \"warifu join\"")
	if slot != 0 {
		e = e.WithDevice(fd.me.name(slot))
	}
	if storage := storeError(err); slot == 0 && api.CodeOf(storage) == api.CodeDiskFull {
		e = api.AsError(storage)
	}
	fd.endFounding(e)
}

// endFounding forgets a founding that is not pending.
func (fd *foundings) endFounding(err error) {
	f := fd.founding
	if f.live != nil {
		fd.drive.drop(f.live)
	}
	fd.endMeeting(err)
}

// endMeeting ends a founding or the wait of an invited device, and says why to those
// who wait for it here.
func (fd *foundings) endMeeting(err error) {
	// Who is cut at once does not hear what was just said to them.
	for _, d := range fd.me.members() {
		if d.Identity != fd.me.self.public {
			fd.me.parting[string(d.Peer)] = fd.me.now.Add(partingTime)
		}
	}
	for id := range fd.me.pairing {
		fd.me.parting[id] = fd.me.now.Add(partingTime)
	}
	fd.founding, fd.joining = nil, nil
	clear(fd.me.pairing)
	clear(fd.me.peers)
	fd.ended(err)
}

// foundingMissing lists the devices that the founding waits for.
func (fd *foundings) foundingMissing() []string {
	f := fd.founding
	if f == nil || f.machine == nil || fd.drive.sessions[f.session] != f.live {
		return nil
	}
	return fd.me.names(f.machine.Waiting())
}

// tickFounding ends a founding that cannot go on, naming the device. Nobody is
// hurried to compare words, and a pending founding waits for as long as it
// takes.
func (fd *foundings) tickFounding() {
	f := fd.founding
	if f == nil {
		return
	}
	if f.pending {
		fd.reviveFounding()
		return
	}
	if f.proposal == nil {
		return
	}
	for _, d := range f.proposal.Devices {
		if d.Slot == fd.me.selfSlot() || fd.me.online(d.Slot) {
			continue
		}
		if seen := fd.me.peer(d.Slot).there; fd.me.now.Sub(latest(seen, f.touched)) > foundingLost {
			fd.drive.failSession(f.live, silent{slot: d.Slot, why: "cannot be reached"})
			return
		}
	}
	if f.review == nil && fd.me.now.Sub(f.touched) > foundingSilent {
		if w := f.machine.Waiting(); len(w) > 0 {
			fd.drive.failSession(f.live, silent{slot: w[0], why: "did not answer"})
		}
	}
}

// reviveFounding resumes a pending founding some time after its machine stopped.
// The others may still wait for this device's signature.
func (fd *foundings) reviveFounding() {
	f := fd.founding
	if fd.drive.sessions[f.session] == f.live || fd.me.now.Sub(f.touched) < foundingRest || fd.me.cfg.Keeper.Locked() {
		return
	}
	f.touched = fd.me.now
	if err := fd.resumeFounding(); err != nil {
		fd.me.log.Error("pending founding not resumed", "session", f.session, "err", err)
		return
	}
	if again := fd.founding; again != nil && again != f {
		again.trouble = f.trouble
	}
}

// abandon sets a founding aside. A pending one is kept under another name,
// for its share may be part of a circle that others take for founded.
func (fd *foundings) abandon() error {
	if err := fd.mayAbandon(); err != nil {
		return err
	}
	if fd.joining != nil {
		fd.endMeeting(abandoned())
		return nil
	}
	f := fd.founding
	if f.pending {
		err := fd.me.cfg.Journal.Update(func(tx journal.Tx) error {
			raw, err := tx.Get(bucketFounding, pendingKey)
			if err != nil || raw == nil {
				return err
			}
			return errors.Join(tx.Put(bucketAside, f.session.Hex(), raw), tx.Delete(bucketFounding, pendingKey))
		})
		if err != nil {
			return storeError(err)
		}
	}
	fd.tellUnfound("abandoned", 0)
	fd.endFounding(abandoned())
	return nil
}

func abandoned() error {
	return api.Errorf(api.CodeFoundingFailed, "the founding was abandoned on this device")
}

// mayAbandon says that there is nothing to abandon, or nil.
func (fd *foundings) mayAbandon() error {
	if fd.founding == nil && fd.joining == nil {
		return api.Errorf(api.CodeNoFounding, "no founding is in progress or pending here")
	}
	return nil
}

// partingTime is how long the devices of a founding that ended may stay
// connected.
const partingTime = 3 * time.Second

// tickParting cuts those whose time is over.
func (fd *foundings) tickParting() {
	maps.DeleteFunc(fd.me.parting, func(_ string, until time.Time) bool { return !fd.me.now.Before(until) })
}

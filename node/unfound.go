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
func (c *core) tellUnfound(reason string, blame wire.Slot) {
	f := c.founding
	m := unfound{Session: f.session, Reason: reason, Blame: uint16(blame)}
	if f.proposal != nil {
		c.broadcast(msgUnfound, m)
		return
	}
	for _, n := range f.joined {
		if err := c.link.Send(n.Card.Peer, wire.ProtocolSync, encodeMessage(msgUnfound, m)); err != nil {
			c.log.Debug("message not sent", "to", n.Card.Name, "err", err)
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

func (c *core) onUnfound(from wire.Slot, m unfound) error {
	f := c.founding
	if f == nil || wire.SessionID(m.Session) != f.session {
		return nil
	}
	text := fmt.Sprintf("%s ended the founding: %s", c.name(from), foundingReason(m.Reason))
	if b := wire.Slot(m.Blame); b != 0 && b != from {
		text += fmt.Sprintf(" (it names %s)", c.name(b))
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
	c.endFounding(api.Errorf(code, "%s", text).WithDevice(c.name(from)))
	return nil
}

// foundingFailed handles a machine that stopped. A pending share stays.
func (c *core) foundingFailed(f *founding, err error) {
	slot, check, _ := blamed(err)
	claim, complained := errors.AsType[*keygen.Complaint](err)
	reason, text := "failed", err.Error()
	switch {
	case errors.Is(err, session.ErrViewMismatch):
		reason, text = "mismatch", "the devices did not see the same messages"
	case complained:
		reason, text = "fault", fmt.Sprintf("%s says that %s broke a check (%s)", c.name(claim.By), c.name(claim.Against), claim.Check)
	case check == "silent":
		reason, text = "silent", c.troubleText(slot, err)
	case slot != 0:
		reason, text = "fault", c.troubleText(slot, err)
	}
	c.log.Error("founding failed", "session", f.session, "device", c.name(slot), "err", err)
	c.tellUnfound(reason, slot)
	if f.pending {
		f.trouble, f.touched = text, c.now
		return
	}
	e := api.Errorf(api.CodeFoundingFailed, "the founding failed: %s", text).
		WithHint("nothing is left of it; begin again with \"warifu found\" and \"warifu join\"")
	if slot != 0 {
		e = e.WithDevice(c.name(slot))
	}
	if storage := storeError(err); slot == 0 && api.CodeOf(storage) == api.CodeDiskFull {
		e = api.AsError(storage)
	}
	c.endFounding(e)
}

// endFounding forgets a founding that is not pending.
func (c *core) endFounding(err error) {
	f := c.founding
	if f.live != nil {
		c.drop(f.live)
	}
	c.endMeeting(err)
}

// endMeeting ends a founding or the wait of an invited device, and says why to those
// who wait for it here.
func (c *core) endMeeting(err error) {
	// Who is cut at once does not hear what was just said to them.
	for _, d := range c.members() {
		if d.Identity != c.self.public {
			c.parting[string(d.Peer)] = c.now.Add(partingTime)
		}
	}
	for id := range c.pairing {
		c.parting[id] = c.now.Add(partingTime)
	}
	c.founding, c.joining = nil, nil
	clear(c.pairing)
	clear(c.peers)
	c.ended(err)
}

// foundingMissing lists the devices that the founding waits for.
func (c *core) foundingMissing() []string {
	f := c.founding
	if f == nil || f.machine == nil || c.sessions[f.session] != f.live {
		return nil
	}
	return c.names(f.machine.Waiting())
}

// tickFounding ends a founding that cannot go on, naming the device. Nobody is
// hurried to compare words, and a pending founding waits for as long as it
// takes.
func (c *core) tickFounding() {
	f := c.founding
	if f == nil {
		return
	}
	if f.pending {
		c.reviveFounding()
		return
	}
	if f.proposal == nil {
		return
	}
	for _, d := range f.proposal.Devices {
		if d.Slot == c.selfSlot() || c.online(d.Slot) {
			continue
		}
		if seen := c.peer(d.Slot).there; c.now.Sub(latest(seen, f.touched)) > foundingLost {
			c.failSession(f.live, silent{slot: d.Slot, why: "cannot be reached"})
			return
		}
	}
	if f.review == nil && c.now.Sub(f.touched) > foundingSilent {
		if w := f.machine.Waiting(); len(w) > 0 {
			c.failSession(f.live, silent{slot: w[0], why: "did not answer"})
		}
	}
}

// reviveFounding resumes a pending founding some time after its machine stopped.
// The others may still wait for this device's signature.
func (c *core) reviveFounding() {
	f := c.founding
	if c.sessions[f.session] == f.live || c.now.Sub(f.touched) < foundingRest || c.cfg.Keeper.Locked() {
		return
	}
	f.touched = c.now
	if err := c.resumeFounding(); err != nil {
		c.log.Error("pending founding not resumed", "session", f.session, "err", err)
		return
	}
	if again := c.founding; again != nil && again != f {
		again.trouble = f.trouble
	}
}

// abandon sets a founding aside. A pending one is kept under another name,
// for its share may be part of a circle that others take for founded.
func (c *core) abandon() error {
	if err := c.mayAbandon(); err != nil {
		return err
	}
	if c.joining != nil {
		c.endMeeting(abandoned())
		return nil
	}
	f := c.founding
	if f.pending {
		err := c.cfg.Journal.Update(func(tx journal.Tx) error {
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
	c.tellUnfound("abandoned", 0)
	c.endFounding(abandoned())
	return nil
}

func abandoned() error {
	return api.Errorf(api.CodeFoundingFailed, "the founding was abandoned on this device")
}

// mayAbandon says that there is nothing to abandon, or nil.
func (c *core) mayAbandon() error {
	if c.founding == nil && c.joining == nil {
		return api.Errorf(api.CodeNoFounding, "no founding is in progress or pending here")
	}
	return nil
}

// partingTime is how long the devices of a founding that ended may stay
// connected.
const partingTime = 3 * time.Second

// tickParting cuts those whose time is over.
func (c *core) tickParting() {
	maps.DeleteFunc(c.parting, func(_ string, until time.Time) bool { return !c.now.Before(until) })
}

package changes

import (
	"slices"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// OnHello hears how far a member is, and tells it what it has missed.
func (cg *Changes) OnHello(from wire.Slot, h message.Hello) error {
	if err := reach.Check(h.Addrs); err != nil {
		return err
	}
	cg.me.NoteClock(from, h.Wall)
	p := cg.me.Peer(from)
	p.Epoch = h.Epoch
	if cg.me.Circle == nil {
		if !h.Pending && h.Circle != [32]byte{} {
			// It was faster than this device, and says so once.
			p.Record, p.Share, p.Oldest, p.Told = h.Record, h.Share, h.Oldest, true
		}
		return nil
	}
	first := cg.me.Circle.Chain[0]
	if h.Pending && wire.Hash(h.Record) == first.Record.Hash() {
		// It said ready and lost touch before it had everybody's signature.
		cg.me.Sync(from, message.MsgEntry, message.Entry{Entry: first.Bytes()})
		return nil
	}
	same := p.Told && p.Record == h.Record && p.Share == h.Share && p.Oldest == h.Oldest
	p.Record, p.Share, p.Oldest, p.Told = h.Record, h.Share, h.Oldest, true
	cg.remains.Part() // again, if a write failed before
	if !same {
		cg.me.Stir() // its share may be what a signature waited for
	}
	if ok, _ := p.CaughtUp.Say(cg.me.Now, MaxCatchUps); ok {
		cg.catchUp(from, h.Head)
	}
	return cg.hearAddrs(from, h.Addrs)
}

// AddrsPause is how long a device's addresses stay as they are. Each change is
// a write to the disk and has this device dial everybody afresh, which no
// member may cause as fast as it can talk.
const AddrsPause = 10 * time.Second

// hearAddrs takes over where a member says it can be dialled, at once or when
// the pause is over. Of several changes in a pause it is the last.
func (cg *Changes) hearAddrs(from wire.Slot, addrs []string) error {
	p := cg.me.Peer(from)
	p.Addrs = addrs
	if !p.AddrsAt.IsZero() && cg.me.Now.Sub(p.AddrsAt).Abs() < AddrsPause {
		return nil
	}
	return cg.takeAddrs(from, p)
}

// TickAddrs takes over what was heard in a pause that has ended.
func (cg *Changes) TickAddrs() {
	for _, slot := range standing.SortedSlots(cg.me.Peers) {
		p := cg.me.Peers[slot]
		if p.Addrs == nil || cg.me.Now.Sub(p.AddrsAt).Abs() < AddrsPause {
			continue
		}
		if err := cg.takeAddrs(slot, p); err != nil {
			cg.me.Log.Error("addresses not stored", "device", cg.me.Name(slot), "err", err)
		}
	}
}

func (cg *Changes) takeAddrs(slot wire.Slot, p *standing.Peer) error {
	addrs := p.Addrs
	p.Addrs = nil
	changed, err := cg.rememberAddrs(slot, addrs)
	if changed {
		p.AddrsAt = cg.me.Now
	}
	return err
}

// rememberAddrs keeps where a member says it can be dialled, and reports whether
// that is news.
func (cg *Changes) rememberAddrs(from wire.Slot, addrs []string) (changed bool, err error) {
	if _, in := cg.me.Circle.Record.Device(from); !in {
		// A newcomer's are the attempt's until it is in. Kept with the others
		// they would be one more than a full circle has, which nobody reads back.
		a := cg.redeals.Attempt
		if a == nil || len(addrs) == 0 || slices.Equal(a.Addrs[from], addrs) {
			return false, nil
		}
		a.Addrs[from] = addrs
		return true, nil
	}
	if len(addrs) == 0 || slices.Equal(cg.me.Circle.Addrs[from], addrs) {
		return false, nil
	}
	cg.me.Circle.Addrs[from] = addrs
	packed := standing.PackAddrs(cg.me.Circle.Addrs)
	return true, cg.me.Config.Journal.Update(func(tx journal.Tx) error {
		return tx.Put(standing.BucketCircle, standing.AddrsKey, packed)
	})
}

package node

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// sane are the devices that the owner still has.
func (w *world) sane() (out []*simDevice) {
	for _, d := range w.devices {
		if !d.gone && !d.thief {
			out = append(out, d)
		}
	}
	return out
}

// holders counts who of the given devices holds, durably, a share of each
// record. What is sealed for a sleeper counts as its own while that sleeper
// can still open it.
func (w *world) holders(of []*simDevice) map[wire.Hash]int {
	n := map[wire.Hash]int{}
	for _, d := range of {
		for h := range d.view.shares {
			n[h]++
		}
	}
	for _, d := range of {
		waits := map[wire.Hash]bool{}
		for _, o := range of {
			for h, who := range o.view.mail {
				if o != d && slices.Contains(who, d.slot()) && d.slot() != 0 {
					waits[h] = true
				}
			}
		}
		for h := range waits {
			r, known := w.truth.records[h]
			if known && d.view.shares[h] == nil && d.view.head().Epoch <= r.Epoch {
				n[h]++
			}
		}
	}
	return n
}

// check holds what must always be true against the disks.
func (w *world) check() {
	if w.err != nil {
		return
	}
	// O1: the key lives.
	live := false
	holders := w.holders(w.sane())
	for h, n := range holders {
		live = live || n >= w.truth.records[h].Threshold && w.truth.records[h].Threshold > 0
	}
	if !live {
		w.fail("O1: the key is lost: %s", w.census())
		return
	}
	// O3: one epoch can sign.
	willing := map[wire.Hash]int{}
	for _, d := range w.sane() {
		in := d.view.in
		if d.core != nil && d.core.Circle != nil {
			in = wire.Hash{}
			if d.core.HasShare() {
				in = d.core.Circle.Hash
			}
		}
		if in != (wire.Hash{}) {
			willing[in]++
		}
	}
	able := 0
	for h, n := range willing {
		if r, ok := w.truth.records[h]; ok && n >= r.Threshold {
			able++
		}
	}
	if able > 1 && 2*w.shape.t > w.shape.n { // a minority can only promise it for the end
		w.fail("O3: two epochs can sign: %s", w.census())
	}
	// O2: what is retired is dead.
	w.truth.settle()
	for _, h := range slices.SortedFunc(maps.Keys(w.truth.retired), func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) }) {
		n := 0
		for _, d := range w.devices {
			if d.view.shares[h] != nil && !d.gone {
				n++
			}
		}
		if r := w.truth.records[h]; n >= r.Threshold && !w.rolledBack() {
			w.fail("O2: %d shares of epoch %d are left, which is over: %s", n, r.Epoch, w.census())
		}
	}
}

// leftovers is O2 for attempts that died: their shares are a sharing of the key
// as much as any other, and what they were sealed with must be gone once a
// device is through with them. A device without a share destroys nothing.
func (w *world) leftovers() {
	for _, d := range w.sane() {
		if !d.on() || d.unsure || d.core.Redealing() || d.core.Waking != nil || !d.core.HasShare() {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(d.sealed)) {
			if h, known := w.truth.keys[id]; d.disk.keys[id] > 0 && (!known || d.view.shares[h] == nil) {
				w.fail("O2: %s keeps a key of shares that are dead, %s", d.name, id)
			}
		}
	}
}

func (w *world) rolledBack() bool {
	return slices.ContainsFunc(w.devices, func(d *simDevice) bool { return d.unsure })
}

// mayDestroy is invariant D: shares of an epoch die once everybody who signs
// in the next has locked into it.
func (w *world) mayDestroy(d *simDevice, h wire.Hash) {
	if d.view.shares[h] == nil || !w.truth.certified(h) {
		return // of a dead attempt
	}
	head := d.view.head()
	if _, in := head.ByIdentity(d.view.self); !in {
		if f, out := head.IsFormer(d.view.self); !out || !w.lockedSince(d, f.Epoch) {
			w.fail("D: %s is out and destroys its share of epoch %d, which may be needed", d.name, w.truth.records[h].Epoch)
		}
		return
	}
	if !d.view.phase.Final() {
		w.fail("D: %s destroys its share of epoch %d and is %v", d.name, w.truth.records[h].Epoch, d.view.phase)
		return
	}
	for _, o := range w.devices {
		if o == d || o.gone || o.thief || o.unsure || !slices.Contains(d.view.slots, o.slot()) {
			continue
		}
		locked := o.view.attempt == d.view.attempt && o.view.phase.Final() || o.view.head().Epoch >= w.truth.records[d.view.record].Epoch
		if _, in := w.truth.records[d.view.record].ByIdentity(o.view.self); in && !locked {
			w.fail("D: %s destroys its share of epoch %d while %s is %v", d.name, w.truth.records[h].Epoch, o.name, o.view.phase)
		}
	}
	w.truth.retiring(w, d.view.record, h)
}

// lockedSince reports whether everybody has locked into an epoch that d knows and
// that is not older than the given one.
func (w *world) lockedSince(d *simDevice, epoch uint64) bool {
	return slices.ContainsFunc(d.view.chain, func(e roster.Entry) bool {
		return e.Record.Epoch >= epoch && !slices.ContainsFunc(w.devices, func(o *simDevice) bool {
			_, in := e.Record.ByIdentity(o.view.self)
			locked := o.view.attempt == e.Record.Change.Attempt && o.view.phase.Final() || o.view.head().Epoch >= e.Record.Epoch
			return in && !locked && !o.gone && !o.thief && !o.unsure
		})
	})
}

// chains checks what is new in the chain of d: U, and O5.
func (w *world) chains(d *simDevice, old view) {
	for i, e := range d.view.chain {
		h := e.Record.Hash()
		w.truth.records[h] = e.Record
		if i < len(old.chain) {
			continue
		}
		if other, known := w.truth.epochs[e.Record.Epoch]; known && other != h {
			if !w.signedTwice(e.Record, w.truth.records[other]) {
				w.fail("U: two certified epochs %d", e.Record.Epoch)
			}
			w.forked = true
		}
		w.truth.epochs[e.Record.Epoch] = h
		if i == 0 {
			continue
		}
		was, is := d.view.chain[i-1].Record, e.Record
		grew := false
		for _, x := range is.Devices {
			if _, in := was.ByIdentity(x.Identity); !in {
				grew = true
			}
		}
		persons := is.Change.Kind == roster.Add || is.Change.Kind == roster.Replace
		if grew && !persons || is.Threshold < was.Threshold || is.Threshold > was.Threshold && !persons {
			w.fail("O5: epoch %d is %d of %d after %d of %d by a %v", is.Epoch, is.Threshold, len(is.Devices), was.Threshold, len(was.Devices), is.Change.Kind)
		}
		w.agreed(d, was, is)
	}
	if n := len(old.chain); n > len(d.view.chain) && !d.unsure && !d.thief {
		w.fail("N: %s forgot an epoch", d.name)
	}
}

// signedTwice reports whether a device that was set back is named by both
// certificates.
func (w *world) signedTwice(a, b roster.Record) bool {
	for _, s := range a.Change.Members {
		x, _ := a.Device(s)
		if d := w.byIdentity(x.Identity); d != nil && d.unsure && slices.Contains(b.Change.Members, s) {
			return true
		}
	}
	return false
}

// look holds what a running device does against its disk.
func (w *world) look(d *simDevice) {
	w.listens(d)
	w.excused(d)
	if d.core != nil && strings.Contains(d.core.RedealTrouble, refresh.ErrRolledBack.Error()) && !d.unsure && !d.thief {
		w.fail("N: %s forgot its own vote", d.name)
	}
}

// heard looks at a message that leaves d: what binds it must be on its disk.
func (w *world) heard(d *simDevice, protocol string, msg []byte) {
	if w.nosy {
		w.truth.overhear(d, msg)
	}
	c := d.core
	if d.thief {
		return
	}
	if protocol == wire.ProtocolSync && msg[0] == message.MsgItems && c.Circle != nil {
		w.heardItems(d, msg)
	}
	if protocol != wire.ProtocolSession || c.Attempt == nil || d.unsure {
		return
	}
	f, err := wire.ParseFrame(msg)
	if err != nil || f.Session != c.Attempt.Live.ID {
		return
	}
	var s simStatement
	if err := wire.Unmarshal(f.Body, &s); err != nil || s.Kind == simTested || s.Kind > simLock || s.Slot != f.From {
		return
	}
	key := fmt.Sprintf("%x/%d/%d", f.Session[:8], s.Slot, s.Kind)
	if was, ok := w.truth.said[key]; ok && was != string(s.Body) {
		w.fail("N: %s says two different things", d.name)
	}
	w.truth.said[key] = string(s.Body)
	if d.view.attempt != wire.Hash(f.Session) || d.view.words[simWord{s.Kind, s.Slot}] != string(s.Body) {
		w.fail("N: %s says what it may forget (kind %d)", d.name, s.Kind)
	}
}

func (w *world) heardItems(d *simDevice, msg []byte) {
	var m message.Items
	if _, body, err := message.SplitMessage(msg); err != nil || wire.Unmarshal(body, &m) != nil {
		w.fail("%s sends items that do not parse", d.name)
		return
	}
	for _, it := range m.Items {
		if it.From != d.core.Circle.Slot {
			continue
		}
		if err := d.disk.mem.View(func(tx journal.Tx) error {
			b, err := tx.Get(standing.BucketItems, it.ID().Hex())
			if err == nil && b == nil {
				err = fmt.Errorf("not on its disk")
			}
			return err
		}); err != nil {
			w.fail("N: %s says an item of type %d that it may forget: %v", d.name, it.Type, err)
		}
	}
}

// census says who holds what, for people.
func (w *world) census() string {
	var b strings.Builder
	for _, d := range w.devices {
		fmt.Fprintf(&b, "\n  %s", d.name)
		for _, x := range []struct {
			is   bool
			what string
		}{{d.gone, "destroyed"}, {d.thief, "stolen"}, {d.unsure, "set back"}, {d.core == nil, "off"}, {d.asleep, "asleep"}} {
			if x.is {
				b.WriteString(" " + x.what)
			}
		}
		fmt.Fprintf(&b, ": head %d, in %d, re-deal %v for %d, shares of", d.view.head().Epoch, w.truth.records[d.view.in].Epoch,
			d.view.phase, w.truth.records[d.view.record].Epoch)
		for h := range d.view.shares {
			fmt.Fprintf(&b, " %d(%x)", w.truth.records[h].Epoch, h[:2])
		}
		if d.core != nil && d.core.Circle != nil {
			fmt.Fprintf(&b, "; runs in %d, share %t, frozen %q, trouble %q", d.core.Circle.Record.Epoch, d.core.HasShare(), d.core.Frozen(), d.core.RedealTrouble)
		}
	}
	return b.String()
}

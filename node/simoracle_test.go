package node

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/warifu/warifu/node/journal"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A view is what the disk of a device holds, read by the oracle and not by the
// code that is tested.
type view struct {
	self    wire.DeviceID
	chain   []roster.Entry
	in      wire.Hash                         // record of the epoch in which it signs when it starts; zero if in none
	shares  map[wire.Hash]map[string][32]byte // by record, then account
	fenced  map[string]bool
	attempt wire.Hash // of the re-deal on the disk
	parent  wire.Hash
	record  wire.Hash // of the epoch that it makes, once known
	phase   refresh.Phase
	words   map[simWord]string
	slots   []wire.Slot // members and sleepers
	mail    []wire.Slot // sleepers whose new shares wait here, sealed
}

func (v *view) head() roster.Record {
	if len(v.chain) == 0 {
		return roster.Record{}
	}
	return v.chain[len(v.chain)-1].Record
}

type simWord struct {
	kind uint8
	slot wire.Slot
}

// simState is the durable form of a re-deal, as share/refresh writes it.
type simState struct {
	_ struct{} `cbor:",toarray"`

	Version  uint8
	Attempt  wire.Hash
	Phase    refresh.Phase
	Presence bool
	Words    []simStatement
	Shares   [][32]byte
}

type simStatement struct {
	_ struct{} `cbor:",toarray"`

	Kind uint8
	Slot wire.Slot
	Body []byte
	Sig  [64]byte
}

// Kinds of statements, as they travel.
const (
	simDeal   = 1
	simReady  = 2
	simTested = 3
	simCommit = 4
	simAbort  = 5
	simLock   = 6
)

// watch has the oracle look at the disk of a device after every write.
func (w *world) watch(d *simDevice) {
	d.disk.written = func(touched map[string]bool) {
		for _, b := range []string{bucketChain, bucketCircle + "/" + shareKeyKey, bucketShares, bucketAttempt, bucketFenced, bucketFounding} {
			if touched[b] || touched["-"+b] {
				w.read(d)
				w.check()
				return
			}
		}
	}
	d.disk.destroy = func(id string) error {
		if h, ok := w.truth.keys[id]; ok {
			w.mayDestroy(d, h)
		}
		return nil
	}
}

// read looks at the disk of d.
func (w *world) read(d *simDevice) {
	old := d.view
	v := view{self: old.self, shares: map[wire.Hash]map[string][32]byte{}, fenced: map[string]bool{}, words: map[simWord]string{}}
	err := d.disk.mem.View(func(tx journal.Tx) error {
		keys, err := tx.Keys(bucketChain)
		if err != nil {
			return err
		}
		for _, k := range keys {
			raw, err := tx.Get(bucketChain, k)
			if err != nil {
				return err
			}
			e, err := w.truth.entry(raw)
			if err != nil {
				return err
			}
			v.chain = append(v.chain, e)
		}
		fenced, err := tx.Keys(bucketFenced)
		if err != nil {
			return err
		}
		for _, f := range fenced {
			v.fenced[f] = true
		}
		if err := w.readAttempt(d, tx, &v); err != nil {
			return err
		}
		return w.readShares(d, tx, &v)
	})
	if err != nil {
		w.fail("the oracle cannot read %s: %w", d.name, err)
		return
	}
	d.view = v
	w.chains(d, old)
	for h, byAccount := range v.shares {
		w.truth.verify(w, d, h, byAccount)
	}
}

func (w *world) readAttempt(d *simDevice, tx journal.Tx, v *view) error {
	raw, err := tx.Get(bucketAttempt, currentKey)
	if err != nil || raw == nil {
		return err
	}
	var s storedAttempt
	if err := wire.Unmarshal(raw, &s); err != nil {
		return err
	}
	p, err := refresh.ParseProposal(s.Proposal)
	if err != nil {
		return err
	}
	plain, ok := d.disk.open(attemptKeyID(p), redealName, s.State)
	if !ok {
		return nil
	}
	var state simState
	if err := wire.Unmarshal(plain, &state); err != nil {
		return err
	}
	v.attempt, v.parent, v.phase = p.Attempt(), p.Parent, state.Phase
	v.slots = slices.Concat(p.Members, p.Sleepers)
	deals, readys := 0, 0
	for _, s := range state.Words {
		v.words[simWord{s.Kind, s.Slot}] = string(s.Body)
		switch s.Kind {
		case simReady:
			v.record = wire.Hash(s.Body[:32])
			readys++
		case simDeal:
			deals++
		}
	}
	if deals == len(p.Dealers) && readys == len(p.Members) {
		v.mail = p.Sleepers
	}
	if v.record == (wire.Hash{}) {
		return nil
	}
	w.truth.keys[attemptKeyID(p)] = v.record
	if c := d.core; c != nil && c.attempt != nil && c.attempt.machine != nil && c.attempt.proposal.Attempt() == v.attempt {
		if r, ok := c.attempt.machine.Record(); ok {
			w.truth.records[r.Hash()] = r
		}
	}
	if len(state.Shares) == 2 && state.Phase != refresh.Returned {
		v.shares[v.record] = map[string][32]byte{roster.Ethereum: state.Shares[0], roster.SSH: state.Shares[1]}
	}
	return nil
}

// readShares reads the stored shares that the keeper still opens, and in which
// epoch the device will be when it starts.
func (w *world) readShares(d *simDevice, tx journal.Tx, v *view) error {
	keys, err := tx.Keys(bucketShares)
	if err != nil {
		return err
	}
	for _, k := range keys {
		id, account, _ := strings.Cut(k, "/")
		h, known := w.truth.keys[id]
		sealed, err := tx.Get(bucketShares, k)
		if err != nil {
			return err
		}
		p, ok := d.disk.open(id, shareName(account), sealed)
		if !ok {
			continue
		}
		if !known {
			return fmt.Errorf("a share under an unknown key %s", id)
		}
		if v.shares[h] == nil {
			v.shares[h] = map[string][32]byte{}
		}
		v.shares[h][account] = [32]byte(p)
	}
	if v.phase.In() && v.shares[v.record] != nil {
		v.in = v.record
		return nil
	}
	head := v.head()
	id, err := tx.Get(bucketCircle, shareKeyKey)
	if _, in := head.ByIdentity(v.self); err == nil && in && len(id) > 0 {
		if h := w.truth.keys[string(id)]; v.shares[h] != nil && h == head.Hash() {
			v.in = h
		}
	}
	return err
}

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
			if o != d && slices.Contains(o.view.mail, d.slot()) && d.slot() != 0 && o.view.phase != refresh.Returned {
				waits[o.view.record] = true
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
		if d.core != nil && d.core.circle != nil {
			in = wire.Hash{}
			if d.core.hasShare() {
				in = d.core.circle.hash
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
	if able > 1 {
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

func (w *world) rolledBack() bool {
	return slices.ContainsFunc(w.devices, func(d *simDevice) bool { return d.unsure })
}

// mayDestroy is invariant D: shares of an epoch die once everybody who signs
// in the next has locked into it.
func (w *world) mayDestroy(d *simDevice, h wire.Hash) {
	if d.view.shares[h] == nil || !w.truth.certified(h) {
		return // of a dead attempt
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
		if persons && !w.truth.mayGrow {
			w.fail("O5: nobody asked to add a device")
		}
	}
	if n := len(old.chain); n > len(d.view.chain) && !d.unsure {
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
	if d.core != nil && strings.Contains(d.core.redealTrouble, refresh.ErrRolledBack.Error()) && !d.unsure {
		w.fail("N: %s forgot its own vote", d.name)
	}
}

// heard looks at a message that leaves d: what binds it must be on its disk.
func (w *world) heard(d *simDevice, protocol string, msg []byte) {
	if w.nosy {
		w.truth.spy(w, d, "a message", msg)
	}
	c := d.core
	if protocol == wire.ProtocolSync && msg[0] == msgItems && c.circle != nil {
		w.heardItems(d, msg)
	}
	if protocol != wire.ProtocolSession || c.attempt == nil || d.unsure {
		return
	}
	f, err := wire.ParseFrame(msg)
	if err != nil || f.Session != c.attempt.live.id {
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
	var m items
	if _, body, err := splitMessage(msg); err != nil || wire.Unmarshal(body, &m) != nil {
		w.fail("%s sends items that do not parse", d.name)
		return
	}
	for _, it := range m.Items {
		if it.From != d.core.circle.slot {
			continue
		}
		if err := d.disk.mem.View(func(tx journal.Tx) error {
			b, err := tx.Get(bucketItems, it.id().Hex())
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
		if d.core != nil && d.core.circle != nil {
			fmt.Fprintf(&b, "; runs in %d, share %t, frozen %q, trouble %q", d.core.circle.record.Epoch, d.core.hasShare(), d.core.frozen(), d.core.redealTrouble)
		}
	}
	return b.String()
}

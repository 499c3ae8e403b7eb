package node

import (
	"fmt"
	"slices"
	"strings"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A view is what the disk of a device holds, read by the oracle and not by the
// code that is tested.
type view struct {
	self     wire.DeviceID
	chain    []roster.Entry
	in       wire.Hash                         // record of the epoch in which it signs when it starts; zero if in none
	shares   map[wire.Hash]map[string][32]byte // by record, then account
	fenced   map[string]bool
	removing []wire.DeviceID // whom a re-deal takes out that it has said ready to
	silent   []wire.DeviceID // those of them who go for their silence
	attempt  wire.Hash       // of the re-deal on the disk
	parent   wire.Hash
	record   wire.Hash // of the epoch that it makes, once known
	phase    refresh.Phase
	words    map[simWord]string
	slots    []wire.Slot               // members and sleepers
	mail     map[wire.Hash][]wire.Slot // sleepers whose new shares wait here, sealed, by record
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
	d.disk.nosy = w.nosy
	d.disk.written = func(touched map[string]bool) {
		defer w.stored(d)
		for _, b := range []string{standing.BucketChain, standing.BucketCircle + "/" + standing.ShareKeyKey, standing.BucketShares, standing.BucketAttempt, standing.BucketFenced, standing.BucketFounding} {
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
	v := view{self: old.self, shares: map[wire.Hash]map[string][32]byte{}, fenced: map[string]bool{}, words: map[simWord]string{}, mail: map[wire.Hash][]wire.Slot{}}
	err := d.disk.mem.View(func(tx journal.Tx) error {
		keys, err := tx.Keys(standing.BucketChain)
		if err != nil {
			return err
		}
		for _, k := range keys {
			raw, err := tx.Get(standing.BucketChain, k)
			if err != nil {
				return err
			}
			e, err := w.truth.entry(raw)
			if err != nil {
				return err
			}
			v.chain = append(v.chain, e)
		}
		fenced, err := tx.Keys(standing.BucketFenced)
		if err != nil {
			return err
		}
		for _, f := range fenced {
			v.fenced[f] = true
		}
		if err := w.readAside(d, tx, &v); err != nil {
			return err
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
	w.judged(d, old)
	w.pounce(d)
	for h, byAccount := range v.shares {
		w.truth.verify(w, d, h, byAccount)
	}
}

// openAttempt reads a re-deal from the disk, unless there is none or its key is
// gone.
func (d *simDevice) openAttempt(tx journal.Tx, key string) (p refresh.Proposal, state simState, ok bool, err error) {
	raw, err := tx.Get(standing.BucketAttempt, key)
	if err != nil || raw == nil {
		return p, state, false, err
	}
	var s redeal.StoredAttempt
	if err := wire.Unmarshal(raw, &s); err != nil {
		return p, state, false, err
	}
	if p, err = refresh.ParseProposal(s.Proposal); err != nil {
		return p, state, false, err
	}
	plain, ok := d.disk.open(redeal.AttemptKeyID(p), redeal.RedealName, s.State)
	if ok {
		err = wire.Unmarshal(plain, &state)
	}
	return p, state, ok && err == nil, err
}

// record is that of the epoch to be, zero before it is known.
func (s simState) record() (h wire.Hash) {
	for _, w := range s.Words {
		if w.Kind == simReady {
			h = wire.Hash(w.Body[:32])
		}
	}
	return h
}

// mailbox lists the sleepers whose shares wait in a re-deal: all dealings are
// there, and everybody was ready.
func (s simState) mailbox(p refresh.Proposal) []wire.Slot {
	deals, readys := 0, 0
	for _, w := range s.Words {
		switch w.Kind {
		case simReady:
			readys++
		case simDeal:
			deals++
		}
	}
	if deals == len(p.Dealers) && readys == len(p.Members) && s.Phase != refresh.Returned {
		return p.Sleepers
	}
	return nil
}

func (w *world) readAside(d *simDevice, tx journal.Tx, v *view) error {
	p, state, ok, err := d.openAttempt(tx, redeal.AsideKey)
	if err != nil || !ok {
		return err
	}
	if !state.Phase.Final() {
		return fmt.Errorf("a re-deal is set aside and %v", state.Phase)
	}
	v.mail[state.record()] = state.mailbox(p)
	return nil
}

func (w *world) readAttempt(d *simDevice, tx journal.Tx, v *view) error {
	p, state, ok, err := d.openAttempt(tx, standing.CurrentKey)
	if err != nil || !ok {
		return err
	}
	v.attempt, v.parent, v.phase, v.record = p.Attempt(), p.Parent, state.Phase, state.record()
	v.slots = slices.Concat(p.Members, p.Sleepers)
	for _, s := range state.Words {
		v.words[simWord{s.Kind, s.Slot}] = string(s.Body)
	}
	parent := w.truth.records[p.Parent]
	if me, in := parent.ByIdentity(v.self); in && v.words[simWord{simReady, me.Slot}] != "" && v.phase != refresh.Returned {
		for _, x := range p.Removed {
			o, _ := parent.Device(x.Slot)
			v.removing = append(v.removing, o.Identity)
			if x.State == roster.Silent {
				v.silent = append(v.silent, o.Identity)
			}
		}
	}
	if v.record == (wire.Hash{}) {
		return nil
	}
	v.mail[v.record] = state.mailbox(p)
	w.truth.keys[redeal.AttemptKeyID(p)] = v.record
	if c := d.core; c != nil && c.Attempt != nil && c.Attempt.Machine != nil && c.Attempt.Proposal.Attempt() == v.attempt {
		if r, ok := c.Attempt.Machine.Record(); ok {
			w.truth.records[r.Hash()] = r
		}
	}
	if len(state.Shares) == 2 {
		d.sealed[redeal.AttemptKeyID(p)] = true
	}
	if len(state.Shares) == 2 && state.Phase != refresh.Returned {
		v.shares[v.record] = map[string][32]byte{roster.Ethereum: state.Shares[0], roster.SSH: state.Shares[1]}
	}
	return nil
}

// readShares reads the stored shares that the keeper still opens, and in which
// epoch the device will be when it starts.
func (w *world) readShares(d *simDevice, tx journal.Tx, v *view) error {
	keys, err := tx.Keys(standing.BucketShares)
	if err != nil {
		return err
	}
	for _, k := range keys {
		id, account, _ := strings.Cut(k, "/")
		h, known := w.truth.keys[id]
		sealed, err := tx.Get(standing.BucketShares, k)
		if err != nil {
			return err
		}
		p, ok := d.disk.open(id, standing.ShareName(account), sealed)
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
	id, err := tx.Get(standing.BucketCircle, standing.ShareKeyKey)
	if _, in := head.ByIdentity(v.self); err == nil && in && len(id) > 0 {
		if h := w.truth.keys[string(id)]; v.shares[h] != nil && h == head.Hash() {
			v.in = h
		}
	}
	return err
}

package node

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// storedAttempt is the durable form. State is the machine's, sealed by the
// keeper under the key of the attempt.
type storedAttempt struct {
	Version   uint8    `cbor:"1,keyasint"`
	Proposal  []byte   `cbor:"2,keyasint"`
	Discovery [32]byte `cbor:"3,keyasint"`
	Request   [32]byte `cbor:"4,keyasint"`
	Grounds   []item   `cbor:"5,keyasint"`
	Addrs     []byte   `cbor:"6,keyasint"`
	Chain     [][]byte `cbor:"7,keyasint"`
	State     []byte   `cbor:"8,keyasint"`
}

const redealName = "redeal"

// attemptKeyID names the keeper's key for the shares of an attempt. No two
// attempts share one, so that a dead attempt can be destroyed by itself.
func attemptKeyID(p refresh.Proposal) string {
	h := p.Attempt()
	return fmt.Sprintf("%x-%s", p.Epoch, hex.EncodeToString(h[:16]))
}

// persistRedeal makes the machine's state durable, with all that must become
// true in the same moment: the fence around who is removed, the shares once
// this device signs with them, the epoch once it is certified and final.
func (rd *redeals) persistRedeal(a *attempt, state []byte) error {
	phase, err := refresh.PhaseOf(state)
	if err != nil {
		return err
	}
	if a == rd.waking && !phase.In() {
		return nil // this device has said nothing in it, and needs to remember nothing
	}
	if err := rd.me.cfg.Keeper.NewEpochKey(a.epochKey); err != nil {
		return fmt.Errorf("node: make the key of the new shares: %w", err)
	}
	sealed, err := rd.me.cfg.Keeper.SealShare(a.epochKey, redealName, state)
	if err != nil {
		return fmt.Errorf("node: seal the new shares: %w", err)
	}
	var shares map[string][]byte
	if phase.In() {
		if shares, err = rd.sealNewShares(a); err != nil {
			return err
		}
	}
	raw := wire.Marshal(storedAttempt{
		Version: 1, Proposal: a.proposal.Bytes(), Discovery: a.discovery, Request: a.request, Grounds: a.grounds,
		Addrs: packAddrs(a.addrs), Chain: encodeChain(a.chain), State: sealed,
	})
	older := []byte{}
	for _, key := range rd.olderKeys(a) {
		older = append(older, key[:]...)
	}
	entry, certified := a.machine.Entry()
	final := certified && phase.Final()
	fence := phase != refresh.Dealing && phase != refresh.RolledBack
	a.unsure = true
	err = rd.me.cfg.Journal.Update(func(tx journal.Tx) error {
		var err error
		switch {
		case final:
			err = tx.Delete(bucketAttempt, asideKey) // sleepers find their shares in this one
		case a.after && !a.stored:
			err = setAside(tx, a.proposal.Bytes())
		}
		err = errors.Join(err,
			tx.Put(bucketAttempt, currentKey, raw),
			tx.Put(bucketCircle, highestKey, []byte(strconv.FormatUint(max(a.proposal.Epoch, rd.highest()), 10))))
		for name, s := range shares {
			err = errors.Join(err, tx.Put(bucketShares, shareRecord(a.epochKey, name), s))
		}
		if fence {
			for _, id := range rd.removedBy(a) {
				err = errors.Join(err, tx.Put(bucketFenced, id.Hex(), nil))
			}
		}
		if final {
			err = errors.Join(err, putEntry(tx, entry), rd.me.putSince(tx, entry.Record.Epoch), tx.Put(bucketCircle, discoveryKey, a.discovery[:]), tx.Put(bucketCircle, olderKey, older),
				tx.Put(bucketCircle, addrsKey, packAddrs(rd.addrsAfter(a))), tx.Put(bucketCircle, shareKeyKey, []byte(a.epochKey)))
			for _, e := range a.chain {
				err = errors.Join(err, putEntry(tx, e))
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	a.stored, a.unsure, rd.resumed = true, false, 0
	if rd.me.circle != nil {
		rd.me.circle.highest = max(rd.me.circle.highest, a.proposal.Epoch)
		if fence {
			for _, id := range rd.removedBy(a) {
				rd.me.circle.fenced[id] = true
			}
			rd.stopBanned()
		}
	}
	if final {
		rd.settleChain(a, entry)
	}
	return nil
}

func encodeChain(chain roster.Chain) [][]byte {
	out := [][]byte{}
	for _, e := range chain {
		out = append(out, e.Bytes())
	}
	return out
}

// sealNewShares seals the shares that this device signs with from now on.
func (rd *redeals) sealNewShares(a *attempt) (map[string][]byte, error) {
	keys, ok := a.machine.Shares()
	if !ok {
		return nil, nil
	}
	out := map[string][]byte{}
	var err error
	for name, key := range keys {
		err = errors.Join(err, key.Use(func(b *[secret.Size]byte) error {
			s, err := rd.me.cfg.Keeper.SealShare(a.epochKey, shareName(name), b[:])
			out[name] = s
			return err
		}))
		key.Wipe()
	}
	if err != nil {
		return nil, fmt.Errorf("node: seal the new shares: %w", err)
	}
	return out, nil
}

// resumeRedeal goes on with the attempt that was in progress at the last stop.
func (rd *redeals) resumeRedeal() error {
	var raw []byte
	if err := rd.me.cfg.Journal.View(func(tx journal.Tx) (err error) {
		raw, err = tx.Get(bucketAttempt, currentKey)
		return err
	}); err != nil {
		return fmt.Errorf("node: read re-deal: %w", err)
	}
	if raw == nil {
		return nil
	}
	var s storedAttempt
	if err := wire.Unmarshal(raw, &s); err != nil || s.Version != 1 {
		return errors.New("node: the stored re-deal is damaged")
	}
	p, err := refresh.ParseProposal(s.Proposal)
	if err != nil {
		return fmt.Errorf("node: stored re-deal: %w", err)
	}
	a := &attempt{proposal: p, discovery: s.Discovery, request: s.Request, grounds: s.Grounds, stored: true}
	if a.addrs, err = unpackAddrs(s.Addrs); err != nil {
		return fmt.Errorf("node: stored re-deal: %w", err)
	}
	if a.chain, err = decodeChain(s.Chain); err != nil {
		return fmt.Errorf("node: stored re-deal: %w", err)
	}
	if rd.me.circle != nil && rd.me.circle.headKey != attemptKeyID(p) && rd.me.circle.head().Record.Epoch >= p.Epoch {
		return nil // the circle has gone past it without this device
	}
	if rd.dead[p.Session()] != nil {
		return nil // what this device said in it is lost, see loseAttempt
	}
	parent := rd.parentOf(a)
	self, ok := selfIn(p, parent, rd.me.self.public)
	if !ok {
		return errors.New("node: the stored re-deal does not list this device")
	}
	m, effects, err := rd.reopen(a, parent, self, s.State)
	if err != nil {
		if rd.me.cfg.Keeper.Locked() || rd.unreadable(err) {
			return err // that says nothing about this key
		}
		if rd.unopened++; rd.unopened < resumeTries {
			return err
		}
		return rd.loseAttempt(a, err)
	}
	rd.unopened = 0
	if m.Phase() == refresh.RolledBack && rd.me.circle != nil {
		m.Close()
		rd.circleRolledBack()
		return nil
	}
	rd.hold(a, m)
	if rd.me.circle != nil && rd.me.circle.headKey == a.epochKey {
		a.entered = true // the stored head says so already
	}
	rd.drive.begin(a.live, effects)
	rd.redealStep()
	return nil
}

// reopen makes the machine of an attempt out of its sealed state.
func (rd *redeals) reopen(a *attempt, parent roster.Record, self wire.Slot, sealed []byte) (*refresh.Machine, []session.Effect, error) {
	state, err := rd.me.cfg.Keeper.OpenShare(attemptKeyID(a.proposal), redealName, sealed)
	if err != nil {
		return nil, nil, fmt.Errorf("node: open the re-deal: %w", err)
	}
	defer clear(state)
	m, effects, err := refresh.Resume(rd.redealConfig(a.proposal, parent, self), state)
	if err != nil {
		return nil, nil, fmt.Errorf("node: resume the re-deal: %w", err)
	}
	return m, effects, nil
}

// selfIn finds this device among those of a proposal.
func selfIn(p refresh.Proposal, parent roster.Record, id wire.DeviceID) (wire.Slot, bool) {
	for _, d := range slices.Concat(parent.Devices, p.Added) {
		if d.Identity == id && (slices.Contains(p.Members, d.Slot) || slices.Contains(p.Sleepers, d.Slot)) {
			return d.Slot, true
		}
	}
	return 0, false
}

func decodeChain(raw [][]byte) (roster.Chain, error) {
	var out roster.Chain
	for _, b := range raw {
		e, err := roster.ParseEntry(b)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// setAside keeps the last re-deal until it is sure that another one takes its
// place: the one of the given proposal, which may be there already if the write
// that said that it failed went through.
func setAside(tx journal.Tx, proposal []byte) error {
	raw, err := tx.Get(bucketAttempt, currentKey)
	if err != nil || raw == nil {
		return err
	}
	var s storedAttempt
	if err := wire.Unmarshal(raw, &s); err == nil && bytes.Equal(s.Proposal, proposal) {
		return nil
	}
	return tx.Put(bucketAttempt, asideKey, raw)
}

// takeBack undoes setAside.
func takeBack(tx journal.Tx) error {
	raw, err := tx.Get(bucketAttempt, asideKey)
	if err != nil || raw == nil {
		return errors.Join(err, tx.Delete(bucketAttempt, currentKey))
	}
	return errors.Join(tx.Put(bucketAttempt, currentKey, raw), tx.Delete(bucketAttempt, asideKey))
}

// asideKey holds, while an attempt is under way, the one before it in which
// shares wait for sleepers. Should the new one come to nothing, they still do.
const asideKey = "aside"

// discard destroys what belongs to a dead attempt, and nothing else. That it is
// dead is durable first, with the key that is to go: were the key to go first, a
// crash in between would leave a re-deal that nothing opens.
func (rd *redeals) discard(a *attempt) error {
	if a == rd.waking {
		return nil // nothing of it was ever stored
	}
	raw, dead := encodeDead(a.machine.LastWords(), a.epochKey)
	if err := rd.me.cfg.Journal.Update(func(tx journal.Tx) error {
		err := errors.Join(takeBack(tx), tx.Put(bucketDead, a.proposal.Attempt().Hex(), raw))
		for _, acc := range rd.parentOf(a).Accounts {
			err = errors.Join(err, tx.Delete(bucketShares, shareRecord(a.epochKey, acc.Name)))
		}
		return errors.Join(err, rd.remains.unfence(tx, rd.removedBy(a)))
	}); err != nil {
		return err
	}
	rd.remains.unfenced(rd.removedBy(a))
	rd.dead[a.proposal.Session()] = dead
	if err := rd.me.cfg.Keeper.DestroyEpochKey(a.epochKey); err != nil {
		return fmt.Errorf("node: destroy the shares of a dead attempt: %w", err)
	}
	return nil
}

// storedKeys lists the keys of the re-deals that are stored: the current one, and one
// set aside.
func storedKeys(tx journal.Tx) (ids []string, err error) {
	err = journal.Each(tx, bucketAttempt, func(_ string, raw []byte) error {
		var s storedAttempt
		if err := wire.Unmarshal(raw, &s); err != nil {
			return errors.New("node: the stored re-deal is damaged")
		}
		p, err := refresh.ParseProposal(s.Proposal)
		if err == nil {
			ids = append(ids, attemptKeyID(p))
		}
		return err
	})
	return ids, err
}

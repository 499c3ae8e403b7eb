package redeal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// StoredAttempt is the durable form. State is the machine's, sealed by the
// keeper under the key of the attempt.
type StoredAttempt struct {
	Version   uint8          `cbor:"1,keyasint"`
	Proposal  []byte         `cbor:"2,keyasint"`
	Discovery [32]byte       `cbor:"3,keyasint"`
	Request   [32]byte       `cbor:"4,keyasint"`
	Grounds   []message.Item `cbor:"5,keyasint"`
	Addrs     []byte         `cbor:"6,keyasint"`
	Chain     [][]byte       `cbor:"7,keyasint"`
	State     []byte         `cbor:"8,keyasint"`
}

const RedealName = "redeal"

// AttemptKeyID names the keeper's key for the shares of an attempt. No two
// attempts share one, so that a dead attempt can be destroyed by itself.
func AttemptKeyID(p refresh.Proposal) string {
	h := p.Attempt()
	return fmt.Sprintf("%x-%s", p.Epoch, hex.EncodeToString(h[:16]))
}

// persistRedeal makes the machine's state durable, with all that must become
// true in the same moment: the fence around who is removed, the shares once
// this device signs with them, the epoch once it is certified and final.
func (rd *Redeals) persistRedeal(a *Attempt, state []byte) error {
	phase, err := refresh.PhaseOf(state)
	if err != nil {
		return err
	}
	if a == rd.Waking && !phase.In() {
		return nil // this device has said nothing in it, and needs to remember nothing
	}
	if err := rd.me.Config.Keeper.NewEpochKey(a.EpochKey); err != nil {
		return fmt.Errorf("node: make the key of the new shares: %w", err)
	}
	sealed, err := rd.me.Config.Keeper.SealShare(a.EpochKey, RedealName, state)
	if err != nil {
		return fmt.Errorf("node: seal the new shares: %w", err)
	}
	var shares map[string][]byte
	if phase.In() {
		if shares, err = rd.SealNewShares(a); err != nil {
			return err
		}
	}
	raw := wire.Marshal(StoredAttempt{
		Version: 1, Proposal: a.Proposal.Bytes(), Discovery: a.Discovery, Request: a.Request, Grounds: a.Grounds,
		Addrs: standing.PackAddrs(a.Addrs), Chain: encodeChain(a.chain), State: sealed,
	})
	older := []byte{}
	for _, key := range rd.olderKeys(a) {
		older = append(older, key[:]...)
	}
	entry, certified := a.Machine.Entry()
	final := certified && phase.Final()
	fence := phase != refresh.Dealing && phase != refresh.RolledBack
	a.unsure = true
	err = rd.me.Config.Journal.Update(func(tx journal.Tx) error {
		var err error
		switch {
		case final:
			err = tx.Delete(standing.BucketAttempt, AsideKey) // sleepers find their shares in this one
		case a.After && !a.Stored:
			err = setAside(tx, a.Proposal.Bytes())
		}
		err = errors.Join(err,
			tx.Put(standing.BucketAttempt, standing.CurrentKey, raw),
			tx.Put(standing.BucketCircle, standing.HighestKey, []byte(strconv.FormatUint(max(a.Proposal.Epoch, rd.highest()), 10))))
		for name, s := range shares {
			err = errors.Join(err, tx.Put(standing.BucketShares, standing.ShareRecord(a.EpochKey, name), s))
		}
		if fence {
			for _, id := range rd.RemovedBy(a) {
				err = errors.Join(err, tx.Put(standing.BucketFenced, id.Hex(), nil))
			}
		}
		if final {
			err = errors.Join(err, standing.PutEntry(tx, entry), rd.me.PutSince(tx, entry.Record.Epoch), tx.Put(standing.BucketCircle, standing.DiscoveryKey, a.Discovery[:]), tx.Put(standing.BucketCircle, standing.OlderKey, older),
				tx.Put(standing.BucketCircle, standing.AddrsKey, standing.PackAddrs(rd.addrsAfter(a))), tx.Put(standing.BucketCircle, standing.ShareKeyKey, []byte(a.EpochKey)))
			for _, e := range a.chain {
				err = errors.Join(err, standing.PutEntry(tx, e))
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	a.Stored, a.unsure, rd.resumed = true, false, 0
	if rd.me.Circle != nil {
		rd.me.Circle.Highest = max(rd.me.Circle.Highest, a.Proposal.Epoch)
		if fence {
			for _, id := range rd.RemovedBy(a) {
				rd.me.Circle.Fenced[id] = true
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

// SealNewShares seals the shares that this device signs with from now on.
func (rd *Redeals) SealNewShares(a *Attempt) (map[string][]byte, error) {
	keys, ok := a.Machine.Shares()
	if !ok {
		return nil, nil
	}
	out := map[string][]byte{}
	var err error
	for name, key := range keys {
		err = errors.Join(err, key.Use(func(b *[secret.Size]byte) error {
			s, err := rd.me.Config.Keeper.SealShare(a.EpochKey, standing.ShareName(name), b[:])
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

// ResumeRedeal goes on with the attempt that was in progress at the last stop.
func (rd *Redeals) ResumeRedeal() error {
	var raw []byte
	if err := rd.me.Config.Journal.View(func(tx journal.Tx) (err error) {
		raw, err = tx.Get(standing.BucketAttempt, standing.CurrentKey)
		return err
	}); err != nil {
		return fmt.Errorf("node: read re-deal: %w", err)
	}
	if raw == nil {
		return nil
	}
	var s StoredAttempt
	if err := wire.Unmarshal(raw, &s); err != nil || s.Version != 1 {
		return errors.New("node: the stored re-deal is damaged")
	}
	p, err := refresh.ParseProposal(s.Proposal)
	if err != nil {
		return fmt.Errorf("node: stored re-deal: %w", err)
	}
	a := &Attempt{Proposal: p, Discovery: s.Discovery, Request: s.Request, Grounds: s.Grounds, Stored: true}
	if a.Addrs, err = standing.UnpackAddrs(s.Addrs); err != nil {
		return fmt.Errorf("node: stored re-deal: %w", err)
	}
	if a.chain, err = decodeChain(s.Chain); err != nil {
		return fmt.Errorf("node: stored re-deal: %w", err)
	}
	if rd.me.Circle != nil && rd.me.Circle.HeadKey != AttemptKeyID(p) && rd.me.Circle.Head().Record.Epoch >= p.Epoch {
		return nil // the circle has gone past it without this device
	}
	if rd.Dead[p.Session()] != nil {
		return nil // what this device said in it is lost, see loseAttempt
	}
	parent := rd.ParentOf(a)
	self, ok := SelfIn(p, parent, rd.me.Self.Public)
	if !ok {
		return errors.New("node: the stored re-deal does not list this device")
	}
	m, effects, err := rd.reopen(a, parent, self, s.State)
	if err != nil {
		if rd.me.Config.Keeper.Locked() || rd.unreadable(err) {
			return err // that says nothing about this key
		}
		if rd.unopened++; rd.unopened < ResumeTries {
			return err
		}
		return rd.loseAttempt(a, err)
	}
	rd.unopened = 0
	if m.Phase() == refresh.RolledBack && rd.me.Circle != nil {
		m.Close()
		rd.circleRolledBack()
		return nil
	}
	rd.Hold(a, m)
	if rd.me.Circle != nil && rd.me.Circle.HeadKey == a.EpochKey {
		a.Entered = true // the stored head says so already
	}
	rd.drive.Begin(a.Live, effects)
	rd.RedealStep()
	return nil
}

// reopen makes the machine of an attempt out of its sealed state.
func (rd *Redeals) reopen(a *Attempt, parent roster.Record, self wire.Slot, sealed []byte) (*refresh.Machine, []session.Effect, error) {
	state, err := rd.me.Config.Keeper.OpenShare(AttemptKeyID(a.Proposal), RedealName, sealed)
	if err != nil {
		return nil, nil, fmt.Errorf("node: open the re-deal: %w", err)
	}
	defer clear(state)
	m, effects, err := refresh.Resume(rd.RedealConfig(a.Proposal, parent, self), state)
	if err != nil {
		return nil, nil, fmt.Errorf("node: resume the re-deal: %w", err)
	}
	return m, effects, nil
}

// SelfIn finds this device among those of a proposal.
func SelfIn(p refresh.Proposal, parent roster.Record, id wire.DeviceID) (wire.Slot, bool) {
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
	raw, err := tx.Get(standing.BucketAttempt, standing.CurrentKey)
	if err != nil || raw == nil {
		return err
	}
	var s StoredAttempt
	if err := wire.Unmarshal(raw, &s); err == nil && bytes.Equal(s.Proposal, proposal) {
		return nil
	}
	return tx.Put(standing.BucketAttempt, AsideKey, raw)
}

// takeBack undoes setAside.
func takeBack(tx journal.Tx) error {
	raw, err := tx.Get(standing.BucketAttempt, AsideKey)
	if err != nil || raw == nil {
		return errors.Join(err, tx.Delete(standing.BucketAttempt, standing.CurrentKey))
	}
	return errors.Join(tx.Put(standing.BucketAttempt, standing.CurrentKey, raw), tx.Delete(standing.BucketAttempt, AsideKey))
}

// AsideKey holds, while an attempt is under way, the one before it in which
// shares wait for sleepers. Should the new one come to nothing, they still do.
const AsideKey = "aside"

// discard destroys what belongs to a dead attempt, and nothing else. That it is
// dead is durable first, with the key that is to go: were the key to go first, a
// crash in between would leave a re-deal that nothing opens.
func (rd *Redeals) discard(a *Attempt) error {
	if a == rd.Waking {
		return nil // nothing of it was ever stored
	}
	raw, dead := encodeDead(a.Machine.LastWords(), a.EpochKey)
	if err := rd.me.Config.Journal.Update(func(tx journal.Tx) error {
		err := errors.Join(takeBack(tx), tx.Put(standing.BucketDead, a.Proposal.Attempt().Hex(), raw))
		for _, acc := range rd.ParentOf(a).Accounts {
			err = errors.Join(err, tx.Delete(standing.BucketShares, standing.ShareRecord(a.EpochKey, acc.Name)))
		}
		return errors.Join(err, rd.remains.Unfence(tx, rd.RemovedBy(a)))
	}); err != nil {
		return err
	}
	rd.remains.Unfenced(rd.RemovedBy(a))
	rd.Dead[a.Proposal.Session()] = dead
	if err := rd.me.Config.Keeper.DestroyEpochKey(a.EpochKey); err != nil {
		return fmt.Errorf("node: destroy the shares of a dead attempt: %w", err)
	}
	return nil
}

// storedKeys lists the keys of the re-deals that are stored: the current one, and one
// set aside.
func storedKeys(tx journal.Tx) (ids []string, err error) {
	err = journal.Each(tx, standing.BucketAttempt, func(_ string, raw []byte) error {
		var s StoredAttempt
		if err := wire.Unmarshal(raw, &s); err != nil {
			return errors.New("node: the stored re-deal is damaged")
		}
		p, err := refresh.ParseProposal(s.Proposal)
		if err == nil {
			ids = append(ids, AttemptKeyID(p))
		}
		return err
	})
	return ids, err
}

package changes

import (
	"errors"
	"slices"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// catchUp sends what a device that is behind has missed: certified epochs, and
// the attempt in whose mailboxes its new share waits.
func (cg *Changes) catchUp(to wire.Slot, epoch uint64) {
	head := cg.me.Circle.Head().Record
	if epoch < head.Epoch {
		for _, m := range cg.remains.ChainAfter(epoch) {
			cg.me.Sync(to, message.MsgChain, m)
		}
	}
	a := cg.redeals.Attempt
	if a == nil || !slices.Contains(a.Live.Slots, to) {
		return
	}
	// The chain above may hold this attempt's own epoch; who still needs the
	// attempt must know it before.
	cg.redeals.TellRedeal(a, []wire.Slot{to})
	cg.drive.Repeat(a.Live, to)
}

// OnChain takes over certified epochs that this device has missed. A share of
// an older epoch is worth nothing from then on; a new one comes out of a
// mailbox, or with the next re-deal.
func (cg *Changes) OnChain(_ wire.Slot, m message.Chain) error {
	if cg.me.Circle == nil || cg.redeals.Interrupted() || len(m.Entries) > redeal.MaxChain {
		return nil
	}
	entries, err := cg.decodeNews(m.Entries)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if a := cg.redeals.Attempt; a != nil && cg.redeals.Redealing() && e.Record.Change.Attempt == a.Proposal.Attempt() {
			cg.deliverCertificate(a, e)
		}
	}
	if cg.me.Circle == nil {
		return nil // it was not to become a member after all
	}
	if cg.redeals.Interrupted() {
		return nil // it may have locked into this very epoch, and finds out first
	}
	if a := cg.redeals.Attempt; a != nil && !a.Machine.Settled() && !cg.overtaken(a, entries) {
		// The epoch of an attempt that this device is part of comes about by
		// its own votes, never by hearsay.
		entries = slices.DeleteFunc(entries, func(e roster.Entry) bool { return e.Record.Epoch >= a.Proposal.Epoch })
	}
	grew, err := cg.extend(entries)
	if err != nil || !grew {
		return err
	}
	cg.me.Circle.HeadKey = ""
	if err := cg.me.ToHead(); err != nil {
		return err
	}
	// What this device still holds of older epochs stays: if its store was set
	// back, others may not have retired what its vote was for.
	if a := cg.redeals.Attempt; a != nil && a.Proposal.Epoch <= cg.me.Circle.Record.Epoch {
		cg.drive.Drop(a.Live)
		cg.redeals.Attempt = nil
	}
	cg.me.Log.Warn("this device was behind", "epoch", cg.me.Circle.Record.Epoch)
	cg.redeals.FollowRecord()
	cg.redeals.ChangeEpoch()
	cg.remains.Part()
	return nil
}

// decodeNews reads the certified epochs of a message that are above the newest that
// this device knows. The others cost no verification.
func (cg *Changes) decodeNews(raw [][]byte) (roster.Chain, error) {
	var out roster.Chain
	for _, b := range raw {
		var e roster.Entry
		a := cg.redeals.Attempt // which may still want the certificate of an epoch that is in the chain
		if err := wire.Unmarshal(b, &e); err == nil && e.Record.Epoch <= cg.me.Circle.Head().Record.Epoch &&
			(a == nil || !cg.redeals.Redealing() || e.Record.Change.Attempt != a.Proposal.Attempt()) {
			continue
		}
		cg.me.Verified += len(e.Ready)
		e, err := roster.ParseEntry(b)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// follows checks that the entries of a chain from the given one on follow each other
// and those before. Each certificate was verified when it was read.
func follows(chain roster.Chain, from int) error {
	for i := from; i < len(chain); i++ {
		if err := chain[i-1].Record.CheckNext(chain[i].Record); err != nil {
			return err
		}
	}
	return nil
}

// overtaken reports whether certified epochs that follow the head show that the
// attempt of this device is over without it. Either others have re-dealt the
// same shares: whoever was in both attempts, and there is somebody, has seen
// the abort of the first. Or the attempt succeeded, and they have re-dealt what
// came of it since.
func (cg *Changes) overtaken(a *redeal.Attempt, entries []roster.Entry) bool {
	head := cg.me.Circle.Head().Record
	if a.Proposal.Parent != head.Hash() {
		return false
	}
	next := slices.Clone(cg.me.Circle.Chain)
	for _, e := range entries {
		if e.Record.Epoch > head.Epoch {
			next = append(next, e)
		}
	}
	first := len(cg.me.Circle.Chain)
	if len(next) == first || follows(next, first) != nil {
		return false
	}
	return next[first].Record.Change.Attempt != a.Proposal.Attempt() || len(next) > first+1
}

// MaxSkip bounds how far the number of an epoch is above that of its parent: one
// proposal must not use all numbers up.
const MaxSkip = 1 << 20

// topNumber is the highest number of an epoch in which this device takes part. Some
// member may have led others up to where it stood, so that they cannot propose
// anything but what is above it: it rises by as much again with each such
// proposal, but for one a minute at the most. To use all numbers up would take
// longer than there are circles.
func (cg *Changes) topNumber() uint64 {
	return cg.me.Circle.Head().Record.Epoch + MaxSkip*(1+cg.skips)
}

// noteNumber looks at the number of a re-deal that this device refuses.
func (cg *Changes) noteNumber(epoch uint64) {
	if epoch > cg.topNumber() && cg.me.Now.Sub(cg.skippedAt).Abs() >= redeal.AttemptLife {
		cg.skips, cg.skippedAt = cg.skips+1, cg.me.Now
	}
}

// extend adds certified epochs that follow the head, of which this device has no
// share, and reports whether there were any. A re-deal that they have overtaken
// is over. Its shares stay until this device has one that counts.
func (cg *Changes) extend(entries []roster.Entry) (bool, error) {
	next := slices.Clone(cg.me.Circle.Chain)
	head := cg.me.Circle.Head().Record.Epoch
	for _, e := range entries {
		if e.Record.Epoch > head {
			next = append(next, e)
		}
	}
	if len(next) == len(cg.me.Circle.Chain) {
		return false, nil
	}
	if err := follows(next, len(cg.me.Circle.Chain)); err != nil {
		return false, err
	}
	added := next[len(cg.me.Circle.Chain):]
	if err := cg.me.Config.Journal.Update(func(tx journal.Tx) error {
		err := errors.Join(tx.Put(standing.BucketCircle, standing.ShareKeyKey, nil), tx.Delete(standing.BucketAttempt, redeal.AsideKey))
		for _, e := range added {
			err = errors.Join(err, standing.PutEntry(tx, e), cg.me.PutSince(tx, e.Record.Epoch))
		}
		if a := cg.redeals.Attempt; a != nil && a.Proposal.Epoch <= added[len(added)-1].Record.Epoch {
			err = errors.Join(err, tx.Delete(standing.BucketAttempt, standing.CurrentKey), cg.remains.Unfence(tx, cg.redeals.RemovedBy(a)))
		}
		return err
	}); err != nil {
		// The chain may have grown, and the votes of a re-deal may be gone.
		if a := cg.redeals.Attempt; a != nil {
			cg.drive.Drop(a.Live)
			cg.redeals.RedealBroke(a, err)
		} else {
			cg.redeals.ResumeLater(err)
		}
		return false, standing.StoreError(err)
	}
	if a := cg.redeals.Attempt; a != nil && a.Proposal.Epoch <= added[len(added)-1].Record.Epoch {
		cg.remains.Unfenced(cg.redeals.RemovedBy(a))
	}
	cg.me.Circle.Chain = next
	return true, nil
}

// MaxCatchUps is how often in a minute a device is sent what it says that it has
// missed, which can be all epochs and all that was said in a re-deal. One that
// still lacks something after that asks again.
const MaxCatchUps = 20

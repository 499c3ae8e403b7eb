package drive

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// A begunSession is one that this device has taken part in. A machine that ran
// twice under one name would say two different things in one round, and honest
// devices would name this one for it.
//
// What another device opened can be opened by it again, so the name of such a
// session is durable before the first word in it: a restart must not make this
// device begin it anew. It is the name alone, and no secret of the session.
// What this device opened itself has a nonce that nobody can have it draw
// again, and is remembered in memory.
type begunSession struct {
	id      wire.SessionID
	by      wire.Slot      // who opened it, 0 if that does not matter
	request wire.RequestID // zero if it is not known: of an earlier release, or of this device
	expires uint64         // as its proposal says, on the clock of whoever opened it
	at      time.Time
	Stored  bool
}

// A begunRecord is what the journal holds of one. Earlier releases stored the slot
// alone.
type begunRecord struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // 2
	By      wire.Slot
	Request [32]byte
	Expires uint64
}

// A session is remembered for as long as its request is open, since a device that
// sleeps may be in it until it wakes; a test of new shares for as long as its
// attempt lasts; and each for longer than any device that is awake can be in it.
// In that time nobody makes this device begin more than maxBegun. Of the sessions
// that one device opened no more than that are kept: the oldest of a request make
// place for one mark, and nothing of that request is begun any more that does not
// expire after it. So none is ever run again.
const (
	RememberBegun = 10 * time.Minute
	MaxBegun      = 1024

	// markPrefix is before the id of a request in the key of its mark.
	markPrefix = "mark-"
)

func (s begunSession) past(now time.Time) bool { return now.Sub(s.at) >= RememberBegun }

// BegunSessions are those sessions, with the marks of requests, below which no
// session of theirs is begun.
type BegunSessions struct {
	List  []begunSession
	Marks map[wire.RequestID]uint64
}

// Has reports whether this device has taken part in the session.
func (b *BegunSessions) Has(id wire.SessionID) bool {
	return slices.ContainsFunc(b.List, func(s begunSession) bool { return s.id == id })
}

// remember notes in memory that a session has begun.
func (b *BegunSessions) remember(now time.Time, id wire.SessionID) {
	if b.Has(id) {
		return
	}
	b.List = slices.DeleteFunc(b.List, func(s begunSession) bool { return !s.Stored && s.past(now) })
	b.List = append(b.List, begunSession{id: id, at: now})
}

var (
	errOverdone = errors.New("node: too many sessions of one device")
	errBelow    = errors.New("node: a session that expires before others of its request that were begun")
)

// join notes durably that this device is about to take part in the session of p,
// which the device in slot by has opened. again reports whether this device would
// take part once more in a session of a request, were its name forgotten.
func (b *BegunSessions) join(j journal.Journal, now time.Time, p share.Proposal, by wire.Slot, again func(wire.RequestID) bool) error {
	if mark, ok := b.Marks[p.Request]; ok && p.Expires <= mark {
		return errBelow
	}
	recent := 0
	var kept []begunSession // of by, and old
	var drop []begunSession
	for _, s := range b.List {
		switch {
		case !s.past(now):
			if s.by == by {
				recent++
			}
		case s.Stored && !again(s.request):
			drop = append(drop, s)
		case s.Stored && s.by == by:
			kept = append(kept, s)
		}
	}
	if recent >= MaxBegun {
		return errOverdone
	}
	marks := map[wire.RequestID]uint64{}
	if over := recent + len(kept) + 1 - MaxBegun; over > 0 {
		slices.SortStableFunc(kept, func(x, y begunSession) int { return x.at.Compare(y.at) })
		for _, s := range kept[:over] {
			marks[s.request] = max(marks[s.request], b.Marks[s.request], s.expires)
			drop = append(drop, s)
		}
	}
	// If the write fails its outcome is unknown: then the session is not begun
	// now, nor later.
	id := p.Session()
	s := begunSession{id: id, by: by, request: p.Request, expires: p.Expires, at: now, Stored: true}
	b.List = append(b.List, s)
	var spent []wire.RequestID // marks of requests that are closed
	if err := j.Update(func(tx journal.Tx) error {
		err := tx.Put(standing.BucketBegun, id.Hex(), wire.Marshal(begunRecord{Version: 2, By: by, Request: p.Request, Expires: p.Expires}))
		for r, mark := range marks {
			err = errors.Join(err, tx.Put(standing.BucketBegun, markPrefix+r.Hex(), wire.Marshal(mark)))
		}
		for r := range b.Marks {
			if !again(r) {
				spent = append(spent, r)
				err = errors.Join(err, tx.Delete(standing.BucketBegun, markPrefix+r.Hex()))
			}
		}
		for _, s := range drop {
			err = errors.Join(err, tx.Delete(standing.BucketBegun, s.id.Hex()))
		}
		return err
	}); err != nil {
		return standing.StoreError(err)
	}
	for r, mark := range marks {
		b.Marks[r] = mark
	}
	for _, r := range spent {
		delete(b.Marks, r)
	}
	gone := map[wire.SessionID]bool{}
	for _, s := range drop {
		gone[s.id] = true
	}
	b.List = slices.DeleteFunc(b.List, func(s begunSession) bool { return gone[s.id] || !s.Stored && s.past(now) })
	return nil
}

// Load reads what was begun before the last stop. How long ago that was,
// a clock that was set meanwhile does not tell, so that the time begins anew.
func (b *BegunSessions) Load(j journal.Journal, now time.Time) error {
	return j.View(func(tx journal.Tx) error {
		return journal.Each(tx, standing.BucketBegun, func(k string, raw []byte) error {
			hex, marked := strings.CutPrefix(k, markPrefix)
			id, err := standing.ParseID(hex)
			switch {
			case err != nil:
			case marked:
				var mark uint64
				err = wire.Unmarshal(raw, &mark)
				b.Marks[wire.RequestID(id)] = mark
			default:
				var s begunSession
				s, err = parseBegun(raw)
				s.id, s.at, s.Stored = wire.SessionID(id), now, true
				b.List = append(b.List, s)
			}
			if err != nil {
				return fmt.Errorf("node: stored session %.13s: %w", k, err)
			}
			return nil
		})
	})
}

// parseBegun reads a stored session, also as earlier releases wrote it.
func parseBegun(raw []byte) (b begunSession, err error) {
	if wire.Unmarshal(raw, &b.by) == nil {
		return b, nil // of an earlier release
	}
	var r begunRecord
	if err := wire.Unmarshal(raw, &r); err != nil {
		return b, err
	}
	if r.Version != 2 {
		return b, fmt.Errorf("version %d", r.Version)
	}
	return begunSession{by: r.By, request: r.Request, expires: r.Expires}, nil
}

// Join notes durably that this device is about to take part in the session of p,
// which the device in slot by has opened.
func (dr *Drive) Join(p share.Proposal, by wire.Slot) error {
	return dr.Begun.join(dr.me.Config.Journal, dr.me.Now, p, by, dr.lookout.MayRunAgain)
}

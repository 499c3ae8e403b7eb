package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warifu/warifu/node/journal"
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
	id     wire.SessionID
	by     wire.Slot // who opened it, 0 if that does not matter
	at     time.Time
	stored bool
}

// A session is remembered for longer than any device can still be in it. In
// that time nobody makes this device begin more than maxBegun: forgetting one
// to make room for the next would let its initiator have it run again.
const (
	rememberBegun = 10 * time.Minute
	maxBegun      = 1024
)

func (c *core) hasBegun(id wire.SessionID) bool {
	return slices.ContainsFunc(c.begun, func(b begunSession) bool { return b.id == id })
}

// remember notes in memory that a session has begun.
func (c *core) remember(id wire.SessionID) {
	if c.hasBegun(id) {
		return
	}
	c.begun = slices.DeleteFunc(c.begun, func(b begunSession) bool { return !b.stored && c.past(b) })
	c.begun = append(c.begun, begunSession{id: id, at: c.now})
}

func (c *core) past(b begunSession) bool { return c.now.Sub(b.at) >= rememberBegun }

var errOverdone = errors.New("node: too many sessions of one device")

// join notes durably that this device is about to take part in a session that
// the device in slot by has opened.
func (c *core) join(id wire.SessionID, by wire.Slot) error {
	n := 0
	var old []begunSession
	for _, b := range c.begun {
		switch {
		case !c.past(b) && b.by == by:
			n++
		case c.past(b) && b.stored:
			old = append(old, b)
		}
	}
	if n >= maxBegun {
		return errOverdone
	}
	// If the write fails its outcome is unknown: then the session is not begun
	// now, nor later.
	c.begun = append(c.begun, begunSession{id: id, by: by, at: c.now, stored: true})
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error {
		err := tx.Put(bucketBegun, id.Hex(), wire.Marshal(by))
		for _, b := range old {
			err = errors.Join(err, tx.Delete(bucketBegun, b.id.Hex()))
		}
		return err
	}); err != nil {
		return storeError(err)
	}
	c.begun = slices.DeleteFunc(c.begun, c.past)
	return nil
}

// loadBegun reads what was begun before the last stop. How long ago that was,
// a clock that was set meanwhile does not tell, so that the time begins anew.
func (c *core) loadBegun() error {
	return c.cfg.Journal.View(func(tx journal.Tx) error {
		keys, err := tx.Keys(bucketBegun)
		if err != nil {
			return err
		}
		for _, k := range keys {
			raw, err := tx.Get(bucketBegun, k)
			if err != nil {
				return err
			}
			b := begunSession{at: c.now, stored: true}
			id, err := parseID(k)
			if err == nil {
				err = wire.Unmarshal(raw, &b.by)
			}
			if err != nil {
				return fmt.Errorf("node: stored session %.8s: %w", k, err)
			}
			b.id = id
			c.begun = append(c.begun, b)
		}
		return nil
	})
}

package model

import "fmt"

// A kind is what happens in one step.
type kind uint8

const (
	propose kind = iota
	resume
	ready
	save
	voteA
	voteC
	flip
	hold
	join
	adopt
	lock
	abort
	retire
	hearReady
	hearC
	hearA
	hearHold
	hearLock
	// What follows is not a step of the protocol: nobody can count on it.
	lie
	crash
	die
	restore
)

// A move is one step: kind, of device d, with or about device j, for attempt k.
type move struct {
	kind kind
	d, j int
	k    int
	w    set
}

func (m move) String() string {
	d := fmt.Sprintf("device %d", m.d)
	switch m.kind {
	case propose:
		return fmt.Sprintf("attempt %d is proposed to %04b", m.k, m.w)
	case resume:
		return fmt.Sprintf("%04b agree to return to the parent", m.w)
	case ready:
		return fmt.Sprintf("%s is ready for %d", d, m.k)
	case save:
		return fmt.Sprintf("%s stores its share of %d", d, m.k)
	case voteA:
		return fmt.Sprintf("%s votes against %d", d, m.k)
	case voteC:
		return fmt.Sprintf("%s votes for %d", d, m.k)
	case flip:
		return fmt.Sprintf("%s turns against %d", d, m.k)
	case hold:
		return fmt.Sprintf("%s holds to its vote for %d", d, m.k)
	case join:
		return fmt.Sprintf("%s gives up its vote against %d", d, m.k)
	case adopt:
		return fmt.Sprintf("%s adopts %d", d, m.k)
	case lock:
		return fmt.Sprintf("%s locks %d", d, m.k)
	case abort:
		return fmt.Sprintf("%s returns from %d to the parent", d, m.k)
	case retire:
		return fmt.Sprintf("%s destroys its share of the parent of %d", d, m.k)
	case hearReady, hearC, hearA, hearHold, hearLock:
		what := [...]string{hearReady: "ready for", hearC: "for", hearA: "against", hearHold: "holding to", hearLock: "locked in"}[m.kind]
		return fmt.Sprintf("%s hears that %d is %s %d", d, m.j, what, m.k)
	case lie:
		return fmt.Sprintf("%s hears a lie of %d about %d", d, m.j, m.k)
	case crash:
		return d + " crashes"
	case die:
		return d + " is destroyed"
	case restore:
		return d + " is set back to a backup"
	}
	return "?"
}

// chance reports whether a move is one that nobody can count on.
func (k kind) chance() bool { return k >= lie }

// moves calls emit with every state that can follow s.
func (c *design) moves(s *state, emit func(state, move)) {
	c.proposals(s, emit)
	if c.resume {
		c.resumes(s, emit)
	}
	for i := range c.devices() {
		d := &s.dev[i]
		if d.dead || d.cur == pending || c.liar.has(i) {
			continue
		}
		for k := 1; k <= c.attempts; k++ {
			if s.members[k-1] == 0 {
				continue
			}
			c.lies(s, i, k, emit)
			c.hears(s, i, k, emit)
			c.votes(s, i, k, emit)
			c.ends(s, i, k, emit)
		}
		c.faults(s, i, emit)
	}
}

// proposals starts the next attempt, with every set of members that may.
func (c *design) proposals(s *state, emit func(state, move)) {
	k := 1
	for k <= c.attempts && s.members[k-1] != 0 {
		k++
	}
	if k > c.attempts {
		return
	}
	h := c.devices()
	for w := set(1); w < one(h); w++ {
		switch {
		case w.size() < c.t || !c.quorumT && w.size() < c.n-c.t+1:
			continue
		case k == 1 && c.everybody && w.size() != h:
			continue
		case k == 1 && c.members != 0 && w != c.members:
			continue
		}
		ok := true
		for i := range h {
			d := &s.dev[i]
			ok = ok && (!w.has(i) || !d.dead && d.cur == 0 && d.shares.has(0))
		}
		if ok {
			n := *s
			n.members[k-1] = w
			emit(n, move{kind: propose, k: k, w: w})
		}
	}
}

// hears delivers what others said, straight or by way of any device that has
// heard it.
func (c *design) hears(s *state, i, k int, emit func(state, move)) {
	d, w := &s.dev[i], s.members[k-1]
	for j := range c.devices() {
		if j == i {
			continue
		}
		o := &s.dev[j]
		if c.lock && o.lock.has(k) && !d.heard[k-1].lock.has(j) {
			n := *s
			h := &n.dev[i].heard[k-1]
			h.lock |= one(j)
			if o.held[k-1] != 0 { // a LOCK carries the votes that it rests on
				h.hold |= o.held[k-1]
			} else {
				h.c |= w
			}
			emit(n, move{kind: hearLock, d: i, j: j, k: k})
		}
		if !w.has(j) {
			continue
		}
		var told known // of j, by those who are there
		for g := range c.devices() {
			if x := &s.dev[g]; g != i && !x.dead && x.cur != pending {
				h := x.heard[k-1]
				told = known{ready: told.ready | h.ready, c: told.c | h.c, a: told.a | h.a, hold: told.hold | h.hold}
			}
		}
		if !d.heard[k-1].ready.has(j) && (o.ready.has(k) && !o.dead || told.ready.has(j)) {
			n := *s
			n.dev[i].heard[k-1].ready |= one(j)
			emit(n, move{kind: hearReady, d: i, j: j, k: k})
		}
		if !d.heard[k-1].c.has(j) && (o.c.has(k) && !o.dead || told.c.has(j)) {
			n := *s
			n.dev[i].heard[k-1].c |= one(j)
			emit(n, move{kind: hearC, d: i, j: j, k: k})
		}
		if !d.heard[k-1].a.has(j) && (o.a.has(k) && !o.dead || told.a.has(j)) {
			n := *s
			n.dev[i].heard[k-1].a |= one(j)
			emit(n, move{kind: hearA, d: i, j: j, k: k})
		}
		if !d.heard[k-1].hold.has(j) && (o.hold.has(k) && !o.dead || told.hold.has(j)) {
			n := *s
			n.dev[i].heard[k-1].hold |= one(j)
			emit(n, move{kind: hearHold, d: i, j: j, k: k})
		}
	}
}

// canReady reports whether everybody whose dealing device i needs for attempt k
// still takes part, so that it can have a share.
func (c *design) canReady(s *state, i, k int) bool {
	d := &s.dev[i]
	if d.ready.has(k) || d.a.has(k) || d.cur != 0 || !d.shares.has(0) {
		return false
	}
	for j := range c.devices() {
		o := &s.dev[j]
		gone := o.dead || !o.shares.has(0) || o.a.has(k) || o.cur != 0
		if s.members[k-1].has(j) && !c.liar.has(j) && !o.ready.has(k) && gone {
			return false
		}
	}
	return c.free(s, d, k)
}

// free reports whether d is in no other attempt whose end it does not know.
func (c *design) free(s *state, d *device, k int) bool {
	for other := 1; other <= c.attempts; other++ {
		if other != k && c.bound(s, d, other) {
			return false
		}
	}
	return true
}

// votes are what a member says: READY, then C or A; and what a sleeper does.
func (c *design) votes(s *state, i, k int, emit func(state, move)) {
	d, w := &s.dev[i], s.members[k-1]
	everyReady := d.heard[k-1].ready.all(w)
	if !w.has(i) {
		if c.mailbox && !d.ready.has(k) && d.cur == 0 && d.shares.has(0) && everyReady && !c.aborted(s, d, k) && c.free(s, d, k) {
			n := *s
			x := &n.dev[i]
			x.ready |= one(k)
			x.shares |= one(k)
			x.fenced, x.cur = true, uint8(k)
			x.adopted[k-1] = x.heard[k-1].ready
			emit(n, move{kind: adopt, d: i, k: k})
		}
		return
	}
	if c.canReady(s, i, k) {
		n := *s
		x := &n.dev[i]
		x.ready |= one(k)
		x.heard[k-1].ready |= one(i)
		x.fenced = true
		if c.readyEarly {
			x.unsaved |= one(k)
		} else {
			x.shares |= one(k)
		}
		if c.zeroAtReady {
			x.shares &^= one(0)
		}
		emit(n, move{kind: ready, d: i, k: k})
	}
	if d.unsaved.has(k) {
		n := *s
		n.dev[i].unsaved &^= one(k)
		n.dev[i].shares |= one(k)
		emit(n, move{kind: save, d: i, k: k})
	}
	undecided := !d.a.has(k) && !d.c.has(k)
	if undecided && !(c.noAbort && d.ready.has(k)) {
		n := *s
		n.dev[i].a |= one(k)
		n.dev[i].heard[k-1].a |= one(i)
		emit(n, move{kind: voteA, d: i, k: k})
	}
	if undecided && d.ready.has(k) && d.cur == 0 && everyReady && (d.shares | d.unsaved).has(k) {
		n := *s
		x := &n.dev[i]
		x.c |= one(k)
		x.cur = uint8(k)
		x.heard[k-1].c |= one(i)
		if c.retireAtC {
			x.shares &= one(k)
		}
		// Only a device that is set back can make the state itself forget it.
		n.certified = n.certified || c.restores > 0 && c.certified(&n)
		emit(n, move{kind: voteC, d: i, k: k})
	}
	seen := d.heard[k-1].a &^ one(i)
	if c.hold && !d.hold.has(k) && !d.lock.has(k) && d.c.has(k) && int(d.cur) == k && seen == 0 && c.enough(d.heard[k-1].c) {
		n := *s
		n.dev[i].hold |= one(k)
		n.dev[i].heard[k-1].hold |= one(i)
		emit(n, move{kind: hold, d: i, k: k})
	}
	if !d.lock.has(k) && !d.hold.has(k) && d.c.has(k) && int(d.cur) == k && d.shares.has(0) && (seen != 0 || c.freeFlip) {
		n := *s
		x := &n.dev[i]
		x.c &^= one(k)
		x.a |= one(k)
		x.heard[k-1].a |= one(i)
		x.heard[k-1].c &^= one(i)
		x.abort[k-1] = x.heard[k-1].a
		emit(n, move{kind: flip, d: i, k: k})
	}
}

// ends are the ways out of an attempt: LOCK, return to the parent, and the
// death of the parent's share.
func (c *design) ends(s *state, i, k int, emit func(state, move)) {
	d, w := &s.dev[i], s.members[k-1]
	everyC := d.heard[k-1].c.all(w)
	held := c.hold && c.enough(d.heard[k-1].hold)
	if c.lock && !d.lock.has(k) && int(d.cur) == k && (everyC || held) {
		n := *s
		x := &n.dev[i]
		x.lock |= one(k)
		x.heard[k-1].lock |= one(i)
		if !everyC {
			x.held[k-1] = x.heard[k-1].hold
		}
		emit(n, move{kind: lock, d: i, k: k})
	}
	if held && !d.lock.has(k) && d.a.has(k) && d.ready.has(k) && d.shares.all(one(k)|one(0)) && (d.cur == 0 || int(d.cur) == k) {
		n := *s
		x := &n.dev[i]
		x.cur = uint8(k)
		x.lock |= one(k)
		x.heard[k-1].lock |= one(i)
		x.held[k-1] = x.heard[k-1].hold
		emit(n, move{kind: join, d: i, k: k})
	}
	in := d.cur == 0 || int(d.cur) == k
	if !d.lock.has(k) && d.ready.has(k) && d.shares.all(one(k)|one(0)) && in && c.aborted(s, d, k) {
		n := *s
		x := &n.dev[i]
		if int(x.cur) == k {
			x.c &^= one(k)
			x.a |= one(k)
			x.heard[k-1].a |= one(i)
		}
		x.cur = 0
		x.shares &^= one(k)
		x.abort[k-1] = x.heard[k-1].a
		emit(n, move{kind: abort, d: i, k: k})
	}
	if int(d.cur) == k && d.shares.has(0) && (everyC || d.lock.has(k) && d.held[k-1] != 0) && (!c.lock || d.heard[k-1].lock.all(w)) && (!c.await || c.awaited(s, k)) {
		n := *s
		n.dev[i].shares &= one(k)
		emit(n, move{kind: retire, d: i, k: k})
	}
}

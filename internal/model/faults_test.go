package model

// faults are what can happen to device i at any time.
func (c *design) faults(s *state, i int, emit func(state, move)) {
	d := &s.dev[i]
	if s.crashes < c.crashes {
		n := *s
		n.crashes++
		n.dev[i].forget(i, s)
		emit(n, move{kind: crash, d: i})
	}
	if s.deaths < c.deaths {
		n := *s
		n.deaths++
		n.dev[i].dead, n.dev[i].shares = true, 0
		emit(n, move{kind: die, d: i})
	}
	if s.restores < c.restores && d.ready != 0 {
		n := *s
		n.restores++
		n.dev[i] = device{shares: one(0)}
		emit(n, move{kind: restore, d: i})
	}
}

// forget leaves device i with what its disk says: its own statements, and the
// certificates that its records carry.
func (d *device) forget(i int, s *state) {
	d.unsaved = 0
	for k := 1; k <= maxAttempts; k++ {
		h, w, self := &d.heard[k-1], s.members[k-1], one(i)
		*h = known{a: d.abort[k-1], ready: d.adopted[k-1]}
		if d.lock.has(k) {
			h.lock |= self
			if h.hold = d.held[k-1]; h.hold == 0 {
				h.c |= w
			}
		}
		if d.hold.has(k) {
			h.hold |= self
		}
		if d.ready.has(k) {
			h.ready |= self
		}
		if d.c.has(k) {
			h.c |= self
			h.ready |= w
		}
		if d.a.has(k) {
			h.a |= self
		}
	}
}

// lies are what a member without honour may say to device i, whatever it said
// to others.
func (c *design) lies(s *state, i, k int, emit func(state, move)) {
	for j := range c.devices() {
		m := one(j)
		if c.liar&s.members[k-1]&m == 0 {
			continue
		}
		h := s.dev[i].heard[k-1]
		for _, told := range []known{{ready: m}, {c: m}, {a: m}, {lock: m}, {hold: m}} {
			if told.lock != 0 && !c.lock || told.hold != 0 && !c.hold {
				continue
			}
			with := known{h.ready | told.ready, h.c | told.c, h.a | told.a, h.hold | told.hold, h.lock | told.lock}
			if with != h {
				n := *s
				n.dev[i].heard[k-1] = with
				emit(n, move{kind: lie, d: i, j: j, k: k})
			}
		}
	}
}

// resumes is a way out that looked safe: t devices that all hold a share of the
// parent agree to go back to it, if fewer than t members are left elsewhere.
func (c *design) resumes(s *state, emit func(state, move)) {
	h := c.devices()
	for k := 1; k <= c.attempts; k++ {
		w := s.members[k-1]
		if w == 0 {
			continue
		}
		for who := set(1); who < one(h); who++ {
			if who.size() != c.t || (w&^who).size() >= c.t {
				continue
			}
			able, needed := true, false
			for i := range h {
				d := &s.dev[i]
				if !who.has(i) {
					continue
				}
				able = able && !d.dead && d.cur != pending && d.shares.has(0) && (d.cur == 0 || int(d.cur) == k)
				needed = needed || int(d.cur) == k || c.bound(s, d, k)
			}
			if !able || !needed {
				continue
			}
			n := *s
			for i := range h {
				if !who.has(i) {
					continue
				}
				x := &n.dev[i]
				x.cur, x.fenced = 0, true
				x.c &^= one(k)
				x.a |= one(k)
				x.shares &^= one(k)
				x.heard[k-1].a |= who & w
				x.heard[k-1].c &^= who & w
			}
			emit(n, move{kind: resume, k: k, w: who})
		}
	}
}

package model

// A set is a set of devices or of epochs: bit i is device or epoch i. Epoch 0
// is the parent, the others are attempts to replace it.
type set uint8

func one(i int) set          { return 1 << i }
func (s set) has(i int) bool { return s&(1<<i) != 0 }
func (s set) all(t set) bool { return s&t == t } // t is part of s

func (s set) size() (n int) {
	for ; s != 0; s &= s - 1 {
		n++
	}
	return n
}

const (
	maxDevices  = 4 // honest ones, and the liar
	maxAttempts = 2

	// pending is the epoch of a device that knows that it was set back.
	pending = 3
)

// known is what a device has heard about one attempt: who is ready, who voted
// for it (C) or against it (A), who holds to its C whatever it hears of A, and
// who has locked it.
type known struct{ ready, c, a, hold, lock set }

// A device is what a disk holds, but for what it has heard, which is lost in a
// crash unless a record on disk rests on it.
type device struct {
	cur     uint8 // the epoch that it signs in
	shares  set   // epochs whose share is durable
	ready   set   // attempts that it said READY to (a sleeper: that it adopted)
	c, a    set   // its votes
	hold    set   // attempts in which it turns against no more, unless enough did
	lock    set   // attempts that it locked
	fenced  bool  // does not sign with the thief, in any epoch
	dead    bool
	unsaved set // known bad: said READY, share not durable yet

	heard [maxAttempts]known

	// The certificates of its records: abort is the votes against that it
	// returned to the parent on, adopted the READYs that it adopted on, held the
	// HOLDs that it locked on, if it was not on C of all.
	abort, adopted, held [maxAttempts]set
}

// A state is the whole world at one moment.
type state struct {
	dev     [maxDevices]device
	members [maxAttempts]set // W of each attempt, empty before it is proposed

	crashes, deaths, restores uint8
	certified                 bool // an attempt had C of all its members (only if something is restored)
}

// A packed state is a state that can be compared and is small.
type packed [maxDevices*deviceSize + maxAttempts + 4]uint8

const deviceSize = 10 + 8*maxAttempts

// A naming calls the devices by other names.
type naming struct {
	order [maxDevices]int      // order[j] is the device that is called j
	table [1 << maxDevices]set // what a set of devices becomes
}

// newNaming returns the naming in which device i is called to[i].
func newNaming(to []int) *naming {
	n := &naming{}
	for i, j := range to {
		n.order[j] = i
	}
	for m := range n.table {
		for i, j := range to {
			if set(m).has(i) {
				n.table[m] |= one(j)
			}
		}
	}
	return n
}

// pack returns s with its devices called as n says.
func (s *state) pack(n *naming) (p packed) {
	t := &n.table
	b := p[:]
	for _, i := range n.order {
		d := &s.dev[i]
		b[0], b[1], b[2], b[3], b[4] = d.cur, uint8(d.shares), uint8(d.ready), uint8(d.c), uint8(d.a)
		b[5], b[6], b[7], b[8], b[9] = uint8(d.lock), bit(d.fenced), bit(d.dead), uint8(d.unsaved), uint8(d.hold)
		b = b[10:]
		for k := range maxAttempts {
			h := &d.heard[k]
			b[0], b[1], b[2], b[3] = uint8(t[h.ready]), uint8(t[h.c]), uint8(t[h.a]), uint8(t[h.lock])
			b[4], b[5], b[6], b[7] = uint8(t[d.abort[k]]), uint8(t[d.adopted[k]]), uint8(t[h.hold]), uint8(t[d.held[k]])
			b = b[8:]
		}
	}
	for k, w := range s.members {
		b[k] = uint8(t[w])
	}
	b = b[maxAttempts:]
	b[0], b[1], b[2], b[3] = s.crashes, s.deaths, s.restores, bit(s.certified)
	return p
}

func (p *packed) unpack() (s state) {
	b := p[:]
	next := func() uint8 {
		v := b[0]
		b = b[1:]
		return v
	}
	for i := range s.dev {
		d := &s.dev[i]
		d.cur, d.shares, d.ready, d.c, d.a, d.lock = next(), set(next()), set(next()), set(next()), set(next()), set(next())
		d.fenced, d.dead, d.unsaved, d.hold = next() == 1, next() == 1, set(next()), set(next())
		for k := range maxAttempts {
			h := &d.heard[k]
			h.ready, h.c, h.a, h.lock = set(next()), set(next()), set(next()), set(next())
			d.abort[k], d.adopted[k] = set(next()), set(next())
			h.hold, d.held[k] = set(next()), set(next())
		}
	}
	for k := range s.members {
		s.members[k] = set(next())
	}
	s.crashes, s.deaths, s.restores, s.certified = next(), next(), next(), next() == 1
	return s
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

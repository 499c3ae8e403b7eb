package model

import "fmt"

// A fence is what keeps members of a re-deal from signing with the thief.
type fence uint8

const (
	byIdentity fence = iota // who said READY never signs with the evicted again
	byEpoch                 // known bad: who said READY does not sign in the parent
)

// A design is a variant of the protocol, and how hard it is tried. The zero
// value of each switch is how we do it, or did before X2 of [TestKnownBad]
// taught us the second part.
type design struct {
	name    string
	n, t    int
	lost    int // devices in a thief's hands
	fence   fence
	liar    set  // members that say whatever helps
	lock    bool // LOCK before any share of the parent dies
	mailbox bool // sleepers find a share when they wake, and adopt the epoch
	await   bool // shares of the parent die only once every sleeper has locked

	// What can happen.
	attempts                  int
	crashes, deaths, restores uint8
	everybody                 bool // the first attempt has all devices as members
	members                   set  // the first attempt has these, if not 0

	// Known bad.
	quorumT     bool // t members are enough
	retireAtC   bool // the share of the parent dies with the device's own C
	freeFlip    bool // from C to A without having seen an A
	anyAbort    bool // one A frees everybody
	noAbort     bool // no A after READY: two-phase commit
	hold        bool // as many members as a re-deal takes hold to their C, and do without the others
	resume      bool // t devices may agree to go back, without an abort certificate
	readyEarly  bool // READY before the share is durable
	zeroAtReady bool // the share of the parent dies at READY
}

func (c *design) String() string {
	return fmt.Sprintf("%s (%d-of-%d, %d lost)", c.name, c.t, c.n, c.lost)
}

// devices returns how many devices are not in a thief's hands.
func (c *design) devices() int { return c.n - c.lost }

// aborted reports whether d knows of so many votes against attempt k that it
// can never be signed in.
func (c *design) aborted(s *state, d *device, k int) bool {
	w := s.members[k-1]
	need := w.size() - c.t + 1
	if c.anyAbort {
		need = 1
	}
	return (d.heard[k-1].a & w).size() >= need
}

// enough reports whether members are as many as a re-deal takes: without the
// others it could have been proposed as well.
func (c *design) enough(members set) bool {
	return members.size() >= max(c.t, c.n-c.t+1)
}

// healable reports whether so many devices as another re-deal takes are through
// with the attempts that they were in, in one epoch.
func (c *design) healable(s *state) bool {
	for e := range maxAttempts + 1 {
		n := 0
		for i := range c.devices() {
			d := &s.dev[i]
			over := e == 0 || d.lock.has(e)
			for k := 1; k <= c.attempts; k++ {
				over = over && (k == e || !c.bound(s, d, k))
			}
			if !d.dead && !c.liar.has(i) && int(d.cur) == e && d.shares.has(e) && over {
				n++
			}
		}
		if n >= max(c.t, c.n-c.t+1) {
			return true
		}
	}
	return false
}

// many reports whether so many devices as a re-deal takes are left.
func (c *design) many(s *state) bool {
	n := 0
	for i := range c.devices() {
		if d := &s.dev[i]; !d.dead && !c.liar.has(i) && d.cur != pending && d.shares != 0 {
			n++
		}
	}
	return n >= max(c.t, c.n-c.t+1)
}

// bound reports whether d said READY to attempt k and does not know its end.
func (c *design) bound(s *state, d *device, k int) bool {
	return d.ready.has(k) && int(d.cur) != k && !c.aborted(s, d, k)
}

// willing reports whether d would sign in epoch e.
func (c *design) willing(s *state, d *device, e int) bool {
	if d.dead || int(d.cur) != e || !d.shares.has(e) {
		return false
	}
	if c.fence == byEpoch {
		for k := e + 1; k <= maxAttempts; k++ {
			if c.bound(s, d, k) {
				return false
			}
		}
	}
	return true
}

// awaited reports whether attempt k may retire the parent as far as sleepers
// are concerned: each has locked it.
func (c *design) awaited(s *state, k int) bool {
	for j := range c.devices() {
		if !s.members[k-1].has(j) && !s.dev[j].lock.has(k) {
			return false
		}
	}
	return true
}

// signable reports whether t honest devices would sign in one epoch.
func (c *design) signable(s *state) bool {
	for e := range maxAttempts + 1 {
		if c.signers(s, e) >= c.t {
			return true
		}
	}
	return false
}

func (c *design) signers(s *state, e int) (n int) {
	for d := range c.devices() {
		if !c.liar.has(d) && c.willing(s, &s.dev[d], e) {
			n++
		}
	}
	return n
}

// usable reports whether t devices are left that hold any share. With fewer,
// that they cannot sign is nobody's fault.
func (c *design) usable(s *state) bool {
	n := 0
	for i := range c.devices() {
		if d := &s.dev[i]; !d.dead && d.cur != pending && d.shares != 0 {
			n++
		}
	}
	return n >= c.t
}

// certified reports whether an attempt has the votes of all its members.
func (c *design) certified(s *state) bool {
	for k := 1; k <= c.attempts; k++ {
		all := s.members[k-1] != 0
		for i := range c.devices() {
			all = all && (!s.members[k-1].has(i) || s.dev[i].c.has(k))
		}
		if all {
			return true
		}
	}
	return false
}

// A violation is something that must never be.
type violation uint8

const (
	keyLost violation = iota + 1
	tooFew            // like keyLost, after a device was destroyed or set back
	twoEpochs
	split // like twoEpochs, when one of them has the votes of all its members
	thiefSigns
)

func (v violation) String() string {
	return [...]string{keyLost: "the key is lost", tooFew: "fewer than t shares are left after a device was destroyed",
		twoEpochs: "two epochs are live", split: "the parent is live after an attempt has succeeded", thiefSigns: "the thief signs after its eviction"}[v]
}

// violations returns what is wrong in s.
func (c *design) violations(s *state) (bad []violation) {
	best, live := 0, 0
	decided := s.certified
	for e := range maxAttempts + 1 {
		shares, in := 0, 0
		for i := range c.devices() {
			d := &s.dev[i]
			if !c.liar.has(i) && !d.dead && d.shares.has(e) {
				shares++
			}
			if !d.dead && int(d.cur) == e {
				in++
			}
		}
		best = max(best, shares)
		if c.signers(s, e) >= c.t {
			live++
		}
		decided = decided || e > 0 && in >= c.t
	}
	if best < c.t {
		if s.deaths == 0 && s.restores == 0 {
			bad = append(bad, keyLost)
		} else {
			bad = append(bad, tooFew)
		}
	}
	if live > 1 {
		bad = append(bad, twoEpochs)
	}
	if c.signers(s, 0) >= c.t && c.certified(s) {
		bad = append(bad, split)
	}
	old := c.lost // who would sign in the parent, with the thief
	for i := range c.devices() {
		if d := &s.dev[i]; c.willing(s, d, 0) && (c.fence != byIdentity || !d.fenced) {
			old++
		}
	}
	if decided && c.lost > 0 && old >= c.t {
		bad = append(bad, thiefSigns)
	}
	return bad
}

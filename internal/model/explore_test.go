package model

import (
	"bytes"
	"fmt"
	"slices"
)

// A result is what an exploration found.
type result struct {
	states   int
	complete bool
	first    map[violation]int32 // a nearest state for each
	stuck    int                 // states from which t usable devices cannot sign; only if complete
	stuckAt  int32               // the first of them
	ill      int                 // states from which as many as a re-deal takes can never begin another; only if complete
	illAt    int32
	x        *explorer
}

// An explorer walks through the states of a design, breadth first.
type explorer struct {
	c      *design
	names  []*naming // under which the design does not change, its own first
	index  map[packed]int32
	states []packed
	from   []int32 // the state from which one was first reached

	// The moves that can be counted on: to[ends[i-1]:ends[i]] from state i.
	to   []int32
	ends []int
}

// explore looks at all states of c that can be reached, or until a violation
// in until is found, or at limit of them. If apart, devices that behave alike
// are told apart nevertheless.
func explore(c *design, limit int, apart bool, until ...violation) *result {
	x := &explorer{c: c, names: []*naming{newNaming(identity())}, index: map[packed]int32{}}
	if !apart {
		x.names = c.namings()
	}
	r := &result{first: map[violation]int32{}, stuckAt: -1, illAt: -1, x: x}
	var s0 state
	for i := range c.devices() {
		s0.dev[i].shares = one(0)
	}
	x.add(&s0, -1, r)
	done := func() bool {
		return slices.ContainsFunc(until, func(v violation) bool { _, ok := r.first[v]; return ok })
	}
	for i := 0; i < len(x.states) && !done(); i++ {
		if len(x.states) > limit {
			r.states = len(x.states)
			return r
		}
		s := x.states[i].unpack()
		c.moves(&s, func(n state, m move) {
			j := x.add(&n, int32(i), r)
			if !m.kind.chance() {
				x.to = append(x.to, j)
			}
		})
		x.ends = append(x.ends, len(x.to))
	}
	r.states, r.complete = len(x.states), !done()
	if r.complete {
		r.stuck, r.stuckAt = x.deadEnds(c.signable, c.usable)
		r.ill, r.illAt = x.deadEnds(c.healable, c.many)
	}
	return r
}

// add returns the number of s, and looks at it if it is new.
func (x *explorer) add(s *state, from int32, r *result) int32 {
	p := x.canonical(s)
	if i, ok := x.index[p]; ok {
		return i
	}
	i := int32(len(x.states))
	x.index[p] = i
	x.states = append(x.states, p)
	x.from = append(x.from, from)
	for _, v := range x.c.violations(s) {
		if _, ok := r.first[v]; !ok {
			r.first[v] = i
		}
	}
	return i
}

// canonical returns the least of the forms of s under all renamings.
func (x *explorer) canonical(s *state) packed {
	best := s.pack(x.names[0])
	for _, n := range x.names[1:] {
		if p := s.pack(n); bytes.Compare(p[:], best[:]) < 0 {
			best = p
		}
	}
	return best
}

// deadEnds counts the states that ought to lead on, and from which no moves lead
// to one that is good, and returns the first.
func (x *explorer) deadEnds(isGood, ought func(*state) bool) (n int, first int32) {
	first = -1
	// The moves backwards, in the same layout.
	count := make([]int, len(x.states)+1)
	for _, j := range x.to {
		count[j+1]++
	}
	for i := range x.states {
		count[i+1] += count[i]
	}
	back, at := make([]int32, len(x.to)), slices.Clone(count)
	for i, begin := 0, 0; i < len(x.states); i++ {
		for _, j := range x.to[begin:x.ends[i]] {
			back[at[j]] = int32(i)
			at[j]++
		}
		begin = x.ends[i]
	}
	good := make([]bool, len(x.states))
	var todo []int32
	for i := range x.states {
		if s := x.states[i].unpack(); isGood(&s) {
			good[i] = true
			todo = append(todo, int32(i))
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, j := range back[count[i]:count[i+1]] {
			if !good[j] {
				good[j] = true
				todo = append(todo, j)
			}
		}
	}
	for i := range good {
		if good[i] {
			continue
		}
		if s := x.states[i].unpack(); ought(&s) {
			n++
			if first < 0 {
				first = int32(i)
			}
		}
	}
	return n, first
}

// path tells how state i came about, with each device called the same from
// beginning to end.
func (x *explorer) path(i int32) string {
	var way []int32
	for ; i > 0; i = x.from[i] {
		way = append(way, i)
	}
	s := x.states[0].unpack()
	out := ""
	for _, want := range slices.Backward(way) {
		found := false
		now := s
		x.c.moves(&now, func(n state, m move) {
			if p := x.canonical(&n); !found && p == x.states[want] {
				found, s = true, n
				out += fmt.Sprintf("\n\t%v", m)
			}
		})
		if !found {
			panic("model: internal error: a state that was reached cannot be reached")
		}
	}
	return out
}

func identity() []int {
	to := make([]int, maxDevices)
	for i := range to {
		to[i] = i
	}
	return to
}

// namings returns every way to call the devices by each other's names that
// changes nothing in c, that of their own names first.
func (c *design) namings() (all []*naming) {
	to := identity()
	var permute func(i int)
	permute = func(i int) {
		if i == c.devices() {
			if n := newNaming(to); n.table[c.liar] == c.liar && n.table[c.members] == c.members {
				all = append(all, n)
			}
			return
		}
		for j := i; j < c.devices(); j++ {
			to[i], to[j] = to[j], to[i]
			permute(i + 1)
			to[i], to[j] = to[j], to[i]
		}
	}
	permute(0)
	return all
}

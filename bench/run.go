package main

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// A packet is a message on its way to one party. A broadcast is one packet for
// every receiver, as it is on a network without multicast.
type packet struct {
	from, to int
	wire     []byte
	note     any // how the receiver has to take it
	depth    int // messages in the longest chain of causes that ends here
}

// A party is one device in one run of one protocol.
type party interface {
	start() ([]packet, error)
	deliver(packet) ([]packet, error)
	// finished reports whether the party has its result. Messages may still
	// have to be delivered to others.
	finished() bool
}

// A cost is what one run of a protocol takes.
type cost struct {
	cpu    float64 // ms per party, collection of garbage included
	wall   float64 // ms from the first start to the last result, parties at the same time
	bytes  float64 // sent per party
	rounds float64 // messages in the longest chain of causes
}

// inTurn runs the parties one after the other on one thread of Go code, which
// keeps the collector from using processors that would be idle otherwise.
func inTurn(parties []party) (c cost, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.GC()
	began := cpuTime()
	var queue []packet
	depth := make([]int, len(parties)) // of what each has heard
	send := func(from int, out []packet) {
		for _, p := range out {
			p.depth = depth[from] + 1
			c.bytes += float64(len(p.wire))
			c.rounds = max(c.rounds, float64(p.depth))
			queue = append(queue, p)
		}
	}
	for i, p := range parties {
		out, err := p.start()
		if err != nil {
			return c, fmt.Errorf("party %d: %w", i, err)
		}
		send(i, out)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		out, err := parties[p.to].deliver(p)
		if err != nil {
			return c, fmt.Errorf("party %d: %w", p.to, err)
		}
		depth[p.to] = max(depth[p.to], p.depth)
		send(p.to, out)
	}
	c.cpu = ms(cpuTime()-began) / float64(len(parties))
	c.bytes /= float64(len(parties))
	for i, p := range parties {
		if !p.finished() {
			return c, fmt.Errorf("party %d has no result", i)
		}
	}
	return c, nil
}

// patience bounds every step; nothing waits for it to pass. Five parties of
// tss-lib need minutes to found on a machine that is busy.
const patience = 5 * time.Minute

// maxPackets is more than one party receives in any run.
const maxPackets = 1 << 12

// atOnce runs the parties at the same time and returns how long that took.
func atOnce(parties []party) (wall float64, err error) {
	runtime.GC()
	inbox := make([]chan packet, len(parties))
	for i := range inbox {
		inbox[i] = make(chan packet, maxPackets)
	}
	done := make(chan error, len(parties))
	stop := make(chan struct{})
	began := time.Now()
	for i, p := range parties {
		go func() {
			said := false
			step := func(out []packet, err error) bool {
				if err != nil {
					done <- fmt.Errorf("party %d: %w", i, err)
					return false
				}
				for _, p := range out {
					inbox[p.to] <- p
				}
				if !said && p.finished() {
					said = true
					done <- nil
				}
				return true
			}
			for ok := step(p.start()); ok; {
				select {
				case in := <-inbox[i]:
					ok = step(p.deliver(in))
				case <-stop:
					return
				}
			}
		}()
	}
	for range parties {
		select {
		case e := <-done:
			err = errors.Join(err, e)
		case <-time.After(patience):
			err = errors.Join(err, fmt.Errorf("a party has no result after %v", patience))
		}
		if err != nil {
			break
		}
	}
	wall = ms(time.Since(began))
	close(stop)
	return wall, err
}

// A duel is two implementations of the same thing, measured in turns so that
// both see the same moods of the machine. Without theirs, ours is measured alone.
type duel struct {
	ours, theirs func() ([]party, error)
}

// A score is what a duel came to: samples whose entries are pairs.
type score struct{ ours, theirs []cost }

func measure(make func() ([]party, error)) (cost, error) {
	parties, err := make()
	if err != nil {
		return cost{}, err
	}
	c, err := inTurn(parties)
	if err != nil {
		return c, err
	}
	if parties, err = make(); err != nil {
		return c, err
	}
	c.wall, err = atOnce(parties)
	return c, err
}

// fight measures both sides the given number of times, after once to warm up
// ours, whose first run fills tables that live as long as the process.
func (d duel) fight(times int) (s score, err error) {
	if _, err := measure(d.ours); err != nil {
		return s, fmt.Errorf("ours: %w", err)
	}
	for range times {
		ours, err := measure(d.ours)
		if err != nil {
			return s, fmt.Errorf("ours: %w", err)
		}
		s.ours = append(s.ours, ours)
		if d.theirs == nil {
			continue
		}
		theirs, err := measure(d.theirs)
		if err != nil {
			return s, fmt.Errorf("theirs: %w", err)
		}
		s.theirs = append(s.theirs, theirs)
	}
	return s, nil
}

// pick returns one figure of all runs.
func pick(runs []cost, figure func(cost) float64) (s sample) {
	for _, c := range runs {
		s = append(s, figure(c))
	}
	return s
}

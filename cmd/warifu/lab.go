//go:build lab

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node"
	"github.com/warifu/warifu/share/refresh"
)

// labVariable holds what a test does to a device, as words with commas in
// between:
//
//	clock=-87600h        its clock is off by so much
//	die=before:lock      it dies just before the vote to lock is durable
//	die=after:destroy:2  or just after it has destroyed a second key
//	flood=mix            it floods the others with all that node.Flood knows
//	flood=hello+want     or with some of that
//
// or it names, after an @, a file that holds them, which is read whenever they
// matter: so a test changes its mind while the device runs. It is no part of a
// build without the tag lab.
const labVariable = "WARIFU_LAB"

// Points at which a device may die, besides the names of the journal's buckets:
// its writes. Those of a re-deal's phases are the first with
// which the device is in that phase.
const (
	pointKey     = "key"     // a key for new shares is made
	pointStarted = "started" // the dealing
	pointReady   = "ready"   // the new shares, and the vote that they are there
	pointCommit  = "commit"  // the vote that the epoch stands
	pointAbort   = "abort"   // the vote that it does not
	pointLock    = "lock"    // the vote to stay, and the epoch
	pointRetire  = "retire"  // the vote that its old shares may go
	pointDestroy = "destroy" // the key of old or of dead shares
	pointRetired = "retired" // that they are gone
	pointReturn  = "return"  // the certificate that the re-deal is dead
)

var phasePoints = map[refresh.Phase]string{
	refresh.Dealing: pointStarted, refresh.Prepared: pointReady, refresh.Committed: pointCommit, refresh.Aborted: pointAbort,
	refresh.Locked: pointLock, refresh.Retiring: pointRetire, refresh.Retired: pointRetired, refresh.Returned: pointReturn,
}

// A lab is what labVariable says.
type lab struct {
	offset time.Duration
	flood  string // kinds joined by plus signs, "" for none
	death
}

// A death is the end of a process at a write.
type death struct {
	after bool
	point string // "" to live
	nth   int    // from 1, counted since the test has wished for it
}

func readLab() (lab, error) {
	text := os.Getenv(labVariable)
	if path, isFile := strings.CutPrefix(text, "@"); isFile {
		b, err := os.ReadFile(path)
		if err != nil {
			return lab{}, fmt.Errorf("%s: %w", labVariable, err)
		}
		text = string(b)
	}
	return parseLab(text)
}

func parseLab(text string) (l lab, err error) {
	for word := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "":
		case "clock":
			l.offset, err = time.ParseDuration(value)
		case "die":
			parts := strings.Split(value, ":")
			if len(parts) < 2 || len(parts) > 3 || parts[0] != "before" && parts[0] != "after" {
				return l, fmt.Errorf("%s: die=%q", labVariable, value)
			}
			l.after, l.point, l.nth = parts[0] == "after", parts[1], 1
			if len(parts) == 3 {
				l.nth, err = strconv.Atoi(parts[2])
			}
		case "flood":
			if l.flood = value; value == "mix" {
				l.flood = node.FloodMix
			}
		default:
			return l, fmt.Errorf("%s: %q", labVariable, word)
		}
		if err != nil {
			return l, fmt.Errorf("%s: %w", labVariable, err)
		}
	}
	return l, nil
}

// now is the clock of this machine, as far off as the lab wants it. A mistake in
// the variable shows in [inLab].
func now() time.Time {
	l, err := readLab()
	if err != nil {
		return time.Now()
	}
	return time.Now().Add(l.offset)
}

// besides runs beside a device what the lab wants it to do on its own. A flood
// begins and ends as the variable says.
func besides(ctx context.Context, n *node.Node) error {
	for {
		l, err := readLab()
		if err != nil {
			return err
		}
		if l.flood == "" {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		spell, stop := context.WithTimeout(ctx, 5*time.Second)
		err = n.Flood(spell, l.flood)
		stop()
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// inLab gives the node a disk that kills it.
func inLab(c node.Config) (node.Config, error) {
	if _, err := readLab(); err != nil {
		return c, err
	}
	b := &bomb{}
	c.Journal, c.Keeper = labJournal{c.Journal, b}, labKeeper{c.Keeper, b}
	return c, nil
}

// A bomb counts writes and kills the process at one of them.
type bomb struct {
	mu    sync.Mutex // guards all below
	wish  death
	count int
	phase refresh.Phase
	known bool   // phase is that of the newest state on the disk
	next  string // point of the state that is sealed and not yet written
}

// write carries out do, which names the points that it touches to inside, when
// nothing is durable yet.
func (b *bomb) write(do func(inside func(points ...string)) error) error {
	hit := false
	err := do(func(points ...string) { hit = b.reached(points) })
	if hit && err == nil {
		die()
	}
	return err
}

// reached reports whether the process is to die once the write is durable. If
// it is to die before that, it does.
func (b *bomb) reached(points []string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, err := readLab()
	if err != nil {
		panic(err)
	}
	if l.death != b.wish {
		b.wish, b.count = l.death, 0
	}
	if b.wish.point == "" || !slices.Contains(points, b.wish.point) {
		return false
	}
	if b.count++; b.count != b.wish.nth {
		return false
	}
	if !b.wish.after {
		die()
	}
	return true
}

// die is kill -9: nothing runs any more, no deferred call and no other
// goroutine.
func die() {
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// reads notes the phase of a state that was found on the disk.
func (b *bomb) reads(state []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p, err := refresh.PhaseOf(state); err == nil {
		b.phase, b.known = p, true
	}
}

// seals notes the state that the next write of the journal holds.
func (b *bomb) seals(state []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = ""
	if p, err := refresh.PhaseOf(state); err == nil {
		if !b.known || p != b.phase {
			b.next = phasePoints[p]
		}
		b.phase, b.known = p, true
	}
}

// takes returns the point of the state that was sealed last, once.
func (b *bomb) takes() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { b.next = "" }()
	return b.next
}

type labJournal struct {
	journal.Journal
	bomb *bomb
}

func (j labJournal) Update(f func(journal.Tx) error) error {
	return j.bomb.write(func(inside func(...string)) error {
		return j.Journal.Update(func(tx journal.Tx) error {
			t := &labTx{Tx: tx}
			if err := f(t); err != nil {
				return err
			}
			if slices.Contains(t.points, "attempt") {
				t.points = append(t.points, j.bomb.takes())
			}
			inside(t.points...)
			return nil
		})
	})
}

// A labTx notes which buckets it touches.
type labTx struct {
	journal.Tx
	points []string
}

func (t *labTx) Put(bucket, key string, val []byte) error {
	t.points = append(t.points, bucket)
	return t.Tx.Put(bucket, key, val)
}

func (t *labTx) Delete(bucket, key string) error {
	t.points = append(t.points, bucket)
	return t.Tx.Delete(bucket, key)
}

type labKeeper struct {
	node.Keeper
	bomb *bomb
}

func (k labKeeper) NewEpochKey(id string) error {
	return k.bomb.write(func(inside func(...string)) error {
		inside(pointKey)
		return k.Keeper.NewEpochKey(id)
	})
}

func (k labKeeper) DestroyEpochKey(id string) error {
	return k.bomb.write(func(inside func(...string)) error {
		inside(pointDestroy)
		return k.Keeper.DestroyEpochKey(id)
	})
}

// labRedeal is the name under which the node seals the state of a re-deal.
const labRedeal = "redeal"

func (k labKeeper) SealShare(id, name string, plaintext []byte) ([]byte, error) {
	if name == labRedeal {
		k.bomb.seals(plaintext)
	}
	return k.Keeper.SealShare(id, name, plaintext)
}

func (k labKeeper) OpenShare(id, name string, sealed []byte) ([]byte, error) {
	plain, err := k.Keeper.OpenShare(id, name, sealed)
	if name == labRedeal && err == nil {
		k.bomb.reads(plain)
	}
	return plain, err
}

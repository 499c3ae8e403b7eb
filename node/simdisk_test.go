package node

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/standing"
)

// A simDisk is everything of a device that survives a loss of power: its
// journal and the keys of its keeper. Every write may fail, with or without
// effect, and the power may go before or after it.
type simDisk struct {
	mem     *journaltest.Mem
	keys    map[string]int // epoch keys, each with the number of its making
	made    int
	writes  int                       // asked for, in the journal and in the keeper
	plan    map[int]journaltest.Fault // by number of write, until the next start
	planned map[int]journaltest.Fault // the same, until it happens
	crashed bool                      // the power is gone until the next start

	written func(touched map[string]bool) // after every write that took effect
	destroy func(id string) error         // before a key is destroyed; an error is a finding
	alter   func(tx *simTx) error         // what a wrong driver would write, for twins
	exists  bool                          // a twin: a key that exists is not made again
	unsync  bool                          // a twin: the last writes die with the power
	torn    bool                          // the write that the power failed in was cut in the middle
	before  []simImage                    // what the disk held before the last writes
	nosy    bool                          // note what is written, for O7
	puts    [][]byte                      // values of the last transaction
	sealed  [][]byte                      // all that the keeper has ever sealed
}

// A simImage is a copy of a disk.
type simImage struct {
	mem  *journaltest.Mem
	keys map[string]int
}

func newSimDisk() *simDisk {
	return &simDisk{mem: journaltest.New(), keys: map[string]int{}, plan: map[int]journaltest.Fault{}}
}

// image copies what the disk holds.
func (d *simDisk) image() simImage {
	old := d.mem.Restart()
	d.mem = old.Restart() // both share records that no write changes in place
	return simImage{mem: old, keys: maps.Clone(d.keys)}
}

// restore makes the disk hold what it once held.
func (d *simDisk) restore(i simImage) {
	d.mem, d.keys = i.mem.Restart(), maps.Clone(i.keys)
}

// boot ends a loss of power.
func (d *simDisk) boot() {
	if d.unsync && d.crashed && len(d.before) > 0 {
		d.restore(d.before[0])
	}
	d.before = nil
	d.mem, d.crashed, d.torn = d.mem.Restart(), false, false
	clear(d.plan)
}

// simTorn has the power fail in the middle of a write. Of a transaction of the
// journal nothing is kept then, see [TestCrashTable]; a key that was to be
// destroyed is neither gone nor of any use.
const simTorn journaltest.Fault = 100

// simDamaged stands for such a key.
const simDamaged = -1

var errSimDisk = errors.New("sim: the disk said no")

// write carries out do as the next planned fault has it.
func (d *simDisk) write(do func() error) error {
	if d.crashed {
		return journaltest.ErrCrash
	}
	if d.unsync {
		d.before = append(d.before, d.image())
		d.before = d.before[max(len(d.before)-3, 0):]
	}
	d.writes++
	f := d.plan[d.writes]
	if p, ok := d.planned[d.writes]; ok {
		f = p
	}
	delete(d.plan, d.writes)
	switch f {
	case journaltest.Lost:
		return errSimDisk
	case journaltest.CrashBefore, simTorn:
		d.crashed, d.torn = true, f == simTorn
		return journaltest.ErrCrash
	}
	if err := do(); err != nil {
		return err
	}
	switch f {
	case journaltest.Kept:
		return errSimDisk
	case journaltest.CrashAfter:
		d.crashed = true
		return journaltest.ErrCrash
	}
	return nil
}

// A simJournal is the journal half of a disk.
type simJournal struct{ *simDisk }

func (j simJournal) View(f func(journal.Tx) error) error {
	if j.crashed {
		return journaltest.ErrCrash
	}
	return j.mem.View(f)
}

func (j simJournal) Update(f func(journal.Tx) error) error {
	return j.write(func() error {
		touched := map[string]bool{}
		j.puts = nil
		err := j.mem.Update(func(tx journal.Tx) error {
			s := &simTx{Tx: tx, touched: touched, disk: j.simDisk}
			if err := f(s); err != nil {
				return err
			}
			if j.alter != nil {
				return j.alter(s)
			}
			return nil
		})
		if err == nil && j.written != nil {
			j.written(touched)
		}
		return err
	})
}

// A simTx notes what it writes.
type simTx struct {
	journal.Tx
	touched map[string]bool
	disk    *simDisk
}

func (t *simTx) Put(bucket, key string, val []byte) error {
	t.touched[bucket] = true
	t.touched[bucket+"/"+key] = true
	if t.disk.nosy {
		t.disk.puts = append(t.disk.puts, bytes.Clone(val))
	}
	return t.Tx.Put(bucket, key, val)
}

func (t *simTx) Delete(bucket, key string) error {
	t.touched[bucket] = true
	t.touched["-"+bucket+"/"+key] = true
	return t.Tx.Delete(bucket, key)
}

// A simKeeper is the keeper half of a disk. It seals with a marker instead of a
// cipher, so that an oracle can see which key opens what.
type simKeeper struct {
	*simDisk
	locked bool
}

func (k *simKeeper) NewEpochKey(id string) error {
	if k.keys[id] != 0 {
		if k.exists || k.keys[id] == simDamaged {
			return errors.New("sim: it exists already")
		}
		return nil
	}
	return k.write(func() error {
		k.made++
		k.keys[id] = k.made
		return nil
	})
}

func (k *simKeeper) DestroyEpochKey(id string) error {
	if k.keys[id] == 0 {
		return nil
	}
	off := k.crashed
	err := k.write(func() error {
		if k.destroy != nil {
			if err := k.destroy(id); err != nil {
				return err
			}
		}
		delete(k.keys, id)
		if k.written != nil {
			k.written(map[string]bool{standing.BucketShares: true})
		}
		return nil
	})
	if k.torn && !off {
		k.keys[id] = simDamaged
		if k.written != nil {
			k.written(map[string]bool{standing.BucketShares: true})
		}
	}
	return err
}

func (k *simKeeper) ListEpochKeys() ([]string, error) { return slices.Sorted(maps.Keys(k.keys)), nil }

func (d *simDisk) seal(id, name string) []byte {
	return fmt.Appendf(nil, "%s|%d|%s|", id, d.keys[id], name)
}

// open unseals with the keys of the disk, whether the keeper is locked or not.
func (d *simDisk) open(id, name string, sealed []byte) ([]byte, bool) {
	p, ok := bytes.CutPrefix(sealed, d.seal(id, name))
	return bytes.Clone(p), ok && d.keys[id] > 0
}

func (k *simKeeper) SealShare(id, name string, p []byte) ([]byte, error) {
	if k.locked || k.keys[id] <= 0 {
		return nil, errLabSealed
	}
	s := append(k.seal(id, name), p...)
	if k.nosy {
		k.sealed = append(k.sealed, bytes.Clone(s))
	}
	return s, nil
}

func (k *simKeeper) OpenShare(id, name string, s []byte) ([]byte, error) {
	p, ok := k.open(id, name, s)
	if k.locked || !ok {
		return nil, errLabSealed
	}
	return p, nil
}

func (k *simKeeper) Lock()               { k.locked = true }
func (k *simKeeper) Unlock([]byte) error { k.locked = false; return nil }
func (k *simKeeper) MayUnlock() error    { return nil }
func (k *simKeeper) Prove([]byte) error {
	if k.locked {
		return errLabSealed
	}
	return nil
}
func (k *simKeeper) Locked() bool { return k.locked }

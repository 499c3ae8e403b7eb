// Package journaltest is for tests: a journal in memory that fails when it is
// told to, and the conformance suite that every journal passes.
package journaltest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/warifu/warifu/journal"
)

// A Fault is what may go wrong with one Update.
type Fault uint8

const (
	// Lost: an error, and nothing was written.
	Lost Fault = iota + 1
	// Kept: an error, although everything was written.
	Kept
	// CrashBefore: the power fails just before the write.
	CrashBefore
	// CrashAfter: the power fails just after the write, before the caller
	// hears of it.
	CrashAfter

	faults = int(CrashAfter)
)

func (f Fault) String() string {
	switch f {
	case Lost:
		return "error-without-effect"
	case Kept:
		return "error-with-effect"
	case CrashBefore:
		return "crash-before-write"
	case CrashAfter:
		return "crash-after-write"
	}
	return fmt.Sprintf("fault(%d)", uint8(f))
}

var (
	// ErrDisk is what Lost and Kept return.
	ErrDisk = errors.New("journaltest: the disk said no")

	// ErrCrash is what everything returns from a crash on, until [Mem.Restart].
	ErrCrash = errors.New("journaltest: the power is gone")
)

// A Mem is a [journal.Journal] in memory. The zero Mem is not usable.
type Mem struct {
	mu      sync.RWMutex
	records map[string]map[string][]byte
	writes  int
	plan    map[int]Fault
	rng     *rand.Rand
	chance  float64
	crashed bool
}

// New returns an empty journal without faults.
func New() *Mem {
	return &Mem{records: map[string]map[string][]byte{}, plan: map[int]Fault{}}
}

// At plans a fault for the k-th write, counted from 1 over the journal's life.
// A write is an Update that changes something and whose function agrees.
func (m *Mem) At(k int, f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.plan[k] = f
}

// Shake makes every write that has no planned fault fail with the given
// chance, in a way that rng chooses. Mem owns rng from here on.
func (m *Mem) Shake(rng *rand.Rand, chance float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rng, m.chance = rng, chance
}

// Writes returns how many writes were asked for, failed ones included.
func (m *Mem) Writes() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.writes
}

// Restart returns a new journal with what the disk holds, and freezes m as a
// crash would. Faults that were planned but did not happen are not carried over.
func (m *Mem) Restart() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crashed = true
	return &Mem{records: m.records, plan: map[int]Fault{}}
}

// Copy returns a new journal with what the disk holds, as a backup does. m goes
// on: no write changes in place what both hold.
func (m *Mem) Copy() *Mem {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return &Mem{records: m.records, plan: map[int]Fault{}}
}

// View implements [journal.Journal].
func (m *Mem) View(f func(journal.Tx) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.crashed {
		return ErrCrash
	}
	t := &memTx{records: m.records, readOnly: true}
	defer t.end()
	return f(t)
}

// Update implements [journal.Journal].
func (m *Mem) Update(f func(journal.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashed {
		return ErrCrash
	}
	t := &memTx{records: clone(m.records)}
	defer t.end()
	if err := f(t); err != nil {
		return err
	}
	if !t.changed {
		return nil
	}
	m.writes++
	switch m.fault() {
	case Lost:
		return fmt.Errorf("journaltest: write %d: %w", m.writes, ErrDisk)
	case Kept:
		m.records = t.records
		return fmt.Errorf("journaltest: write %d: %w", m.writes, ErrDisk)
	case CrashBefore:
		m.crashed = true
		return ErrCrash
	case CrashAfter:
		m.records = t.records
		m.crashed = true
		return ErrCrash
	}
	m.records = t.records
	return nil
}

func (m *Mem) fault() Fault {
	if f, ok := m.plan[m.writes]; ok {
		return f
	}
	if m.rng != nil && m.rng.Float64() < m.chance {
		return Fault(1 + m.rng.IntN(faults))
	}
	return 0
}

// clone copies both levels of maps. Values are never changed in place.
func clone(in map[string]map[string][]byte) map[string]map[string][]byte {
	out := make(map[string]map[string][]byte, len(in))
	for name, b := range in {
		out[name] = maps.Clone(b)
	}
	return out
}

type memTx struct {
	records  map[string]map[string][]byte
	readOnly bool
	changed  bool
	over     bool
}

var errOver = errors.New("journaltest: transaction is over")

func (t *memTx) end() { t.over = true }

func (t *memTx) Get(bucket, key string) ([]byte, error) {
	if t.over {
		return nil, errOver
	}
	if err := journal.CheckName(bucket, key); err != nil {
		return nil, err
	}
	v, ok := t.records[bucket][key]
	if !ok {
		return nil, nil
	}
	return append([]byte{}, v...), nil
}

func (t *memTx) Put(bucket, key string, val []byte) error {
	if err := t.writable(bucket, key); err != nil {
		return err
	}
	if err := journal.CheckValue(val); err != nil {
		return err
	}
	if t.records[bucket] == nil {
		t.records[bucket] = map[string][]byte{}
	}
	t.records[bucket][key] = bytes.Clone(val)
	t.changed = true
	return nil
}

func (t *memTx) Delete(bucket, key string) error {
	if err := t.writable(bucket, key); err != nil {
		return err
	}
	if _, ok := t.records[bucket][key]; ok {
		delete(t.records[bucket], key)
		t.changed = true
	}
	return nil
}

func (t *memTx) Keys(bucket string) ([]string, error) {
	if t.over {
		return nil, errOver
	}
	if err := journal.CheckBucket(bucket); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(t.records[bucket])), nil
}

func (t *memTx) writable(bucket, key string) error {
	if t.over {
		return errOver
	}
	if t.readOnly {
		return journal.ErrReadOnly
	}
	return journal.CheckName(bucket, key)
}

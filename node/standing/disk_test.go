package standing

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/say"
)

// A sick disk takes nothing while err is set: neither records nor keys.
type sick struct {
	journal.Journal
	Keeper
	err error
}

func (s *sick) Update(f func(journal.Tx) error) error {
	if s.err != nil {
		return s.err
	}
	return s.Journal.Update(f)
}

func (s *sick) NewEpochKey(string) error     { return s.err }
func (s *sick) DestroyEpochKey(string) error { return s.err }

// TestDiskTrouble: the person learns what is the matter with the disk and what to do, from
// the first write that fails until one has gone well and a while has passed.
func TestDiskTrouble(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	below := &sick{Journal: journaltest.New()}
	d := &Disk{Now: func() time.Time { return now }}
	j, keeper := d.Watched(below, below)
	told := func() string { return strings.Join(d.Warning(now, say.Vocabulary{say.Up: "begin"}), "\n") }
	write := func() error { return j.Update(func(journal.Tx) error { return nil }) }
	if write(); told() != "" {
		t.Errorf("of a disk that is well: %q", told())
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{syscall.ENOSPC, "the disk of this device is full, and it takes part in nothing"},
		{syscall.EDQUOT, "the disk of this device is full, and it takes part in nothing"},
		{syscall.EIO, "cannot write to its disk"},
		{fmt.Errorf("%w, after: %w", journal.ErrStopped, syscall.EFBIG), "is full: free some space, and start begin again"},
		{fmt.Errorf("%w, after: %w", journal.ErrStopped, syscall.EIO), "does nothing any more until begin is started again"},
	} {
		below.err = c.err
		if err := write(); !errors.Is(err, c.err) || !strings.Contains(told(), c.want) || !strings.Contains(told(), c.err.Error()) {
			t.Errorf("%v: %v, %q", c.err, err, told())
		}
		now = now.Add(time.Hour)
		if told() == "" {
			t.Errorf("%v: nothing has gone well since, and nothing is told", c.err)
		}
		if write(); !strings.Contains(told(), c.want) {
			t.Errorf("%v: %q", c.err, told())
		}
		below.err = nil
		if write(); !strings.Contains(told(), c.want) {
			t.Errorf("%v: one write that went well is enough", c.err)
		}
		now = now.Add(diskCalm)
		if told() != "" {
			t.Errorf("%v: it is well again: %q", c.err, told())
		}
	}

	// What the node itself refuses to write is no trouble of the disk, and a keeper has
	// reasons of its own.
	refusal := errors.New("not this")
	if err := j.Update(func(journal.Tx) error { return refusal }); !errors.Is(err, refusal) || told() != "" {
		t.Errorf("a refusal: %v, %q", err, told())
	}
	below.err = errors.New("locked")
	if err := keeper.NewEpochKey("9-9"); !errors.Is(err, below.err) || told() != "" {
		t.Errorf("a locked keeper: %v, %q", err, told())
	}
	below.err = syscall.ENOSPC
	for name, f := range map[string]func(string) error{"made": keeper.NewEpochKey, "destroyed": keeper.DestroyEpochKey} {
		now = now.Add(diskCalm)
		d.wrote(nil)
		if err := f("9-9"); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(told(), "the disk of this device is full") {
			t.Errorf("a key that cannot be %s: %v, %q", name, err, told())
		}
	}
}

package node

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/vigil"
)

// A fullJournal takes nothing while full is set.
type fullJournal struct {
	journal.Journal
	full error
}

func (j *fullJournal) Update(f func(journal.Tx) error) error {
	if j.full != nil {
		return j.full
	}
	return j.Journal.Update(f)
}

// TestFullDiskIsTold: the person of a device whose disk takes nothing learns it
// from the status, until the disk has been well for a while.
func TestFullDiskIsTold(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 36)
	l.found(2, 3)
	d := l.devices[0]
	disk := &fullJournal{Journal: d.journal}
	d.core.Config.Journal, _ = d.core.Disk.Watched(disk, d.core.Config.Keeper)
	for _, x := range []struct {
		err  error
		want string
	}{
		{syscall.ENOSPC, "the disk of this device is full, and"},
		{syscall.EIO, "cannot write to its disk"},
		{fmt.Errorf("%w, after: %w", journal.ErrStopped, syscall.EFBIG), "is full: free some space, and start warifu up again"},
		{fmt.Errorf("%w, after: %w", journal.ErrStopped, syscall.EIO), "does nothing any more until warifu up is started again"},
	} {
		disk.full = x.err
		l.run(10*time.Minute, nil)
		if got := d.warned(x.want); len(got) != 1 || !strings.Contains(got[0], x.err.Error()) {
			t.Errorf("%v: %q", x.err, d.core.Status().Warnings)
		}
		disk.full = nil
		l.run(vigil.SaveRetry+5*time.Second, nil)
		if got := d.warned(x.want); len(got) != 1 {
			t.Error("one write that went well is enough")
		}
		l.run(10*time.Minute, nil)
		if got := d.warned("disk"); got != nil {
			t.Errorf("it is well again: %q", got)
		}
	}
}

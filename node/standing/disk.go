package standing

import (
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/say"
)

// A Disk watches what this device writes. Whatever cannot be made durable is
// not said either, so that a device whose disk takes nothing looks idle to
// everybody else; its own person must learn why.
type Disk struct {
	Now func() time.Time

	mu     sync.Mutex // guards all below: a passphrase is checked outside the loop
	failed error      // of the latest write that failed, nil once that is long ago
	at     time.Time  // when that was
	well   bool       // a later write went well
}

// diskCalm is how long a disk is called in trouble after the last write that
// failed: a full disk may still take something small.
const diskCalm = 2 * time.Minute

// wrote notes the outcome of a write.
func (d *Disk) wrote(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.well = true
		return
	}
	d.failed, d.at, d.well = err, d.Now(), false
}

// trouble returns why the disk takes nothing, or nil.
func (d *Disk) trouble(now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.well && now.Sub(d.at).Abs() >= diskCalm {
		d.failed = nil
	}
	return d.failed
}

// Warning says what is wrong with the disk, and what to do.
func (d *Disk) Warning(now time.Time, words say.Vocabulary) []string {
	err := d.trouble(now)
	if err == nil {
		return nil
	}
	what := say.DiskTroubled
	switch stopped := errors.Is(err, journal.ErrStopped); {
	case isFull(err) && stopped:
		what = say.DiskFullStopped
	case isFull(err):
		what = say.DiskFullHere
	case stopped:
		what = say.DiskStopped
	}
	return []string{words.Say(what, err)}
}

// Watched returns a journal and a keeper that tell d what they write.
func (d *Disk) Watched(j journal.Journal, k Keeper) (journal.Journal, Keeper) {
	return watchedJournal{j, d}, watchedKeeper{k, d}
}

// A watchedJournal tells a [Disk] what it writes.
type watchedJournal struct {
	journal.Journal
	disk *Disk
}

func (j watchedJournal) Update(f func(journal.Tx) error) error {
	refused := false
	err := j.Journal.Update(func(tx journal.Tx) error {
		err := f(tx)
		refused = err != nil // by the caller, not by the disk
		return err
	})
	if !refused {
		j.disk.wrote(err)
	}
	return err
}

type watchedKeeper struct {
	Keeper
	disk *Disk
}

func (k watchedKeeper) NewEpochKey(id string) error {
	return k.wrote(k.Keeper.NewEpochKey(id))
}

func (k watchedKeeper) DestroyEpochKey(id string) error {
	return k.wrote(k.Keeper.DestroyEpochKey(id))
}

// wrote passes on what the system said. A keeper has other reasons to fail, too:
// it may be locked.
func (k watchedKeeper) wrote(err error) error {
	if _, ok := errors.AsType[syscall.Errno](err); ok || err == nil {
		k.disk.wrote(err)
	}
	return err
}

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/warifu/warifu/node/api"
)

const (
	// fullPatience bounds a re-deal of which a member can write nothing. The
	// others give it a minute, and leave it out of the next attempt.
	fullPatience = 5 * patience

	diskIsFull = "the disk of this device is full"
)

// full makes every write of a running daemon fail that ends behind the first
// size bytes of a file, as a full disk does, and so that a test needs no rights:
// the error differs, what is left half done does not. Less than nothing is no
// bound.
func (d *device) full(size int64) {
	d.t.Helper()
	var limit unix.Rlimit
	pid := d.cmd.Process.Pid
	err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &limit)
	if err == nil {
		// The hard limit stays: to raise it again takes a right.
		limit.Cur = limit.Max
		if size >= 0 {
			limit.Cur = uint64(size)
		}
		err = unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil)
	}
	if err != nil {
		d.t.Fatalf("bound the files of %s: %v", d.name, err)
	}
}

// storeSize is the size of the store of d in bytes.
func (d *device) storeSize() int64 {
	d.t.Helper()
	info, err := os.Stat(filepath.Join(d.home, "warifu.db"))
	if err != nil {
		d.t.Fatal(err)
	}
	return info.Size()
}

// TestFullDisk fills the disk of one device. It must say so, forget nothing,
// and go on when there is room again; the others sign without it.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	phone := c.devices[1]
	phone.endures(t, c, func() { phone.full(phone.storeSize()) }, func() { phone.full(-1) })
}

// endures checks what a device does whose disk is full, between fill and clear.
func (d *device) endures(t testing.TB, c *circle, fill, clear func()) {
	t.Helper()
	laptop, tablet := c.devices[0], c.devices[2]
	c.sign(t, "there is room", d, laptop)
	fill()
	// The store has free pages inside, so the first may still fit.
	long := api.SignArgs{Kind: api.KindMessage, Message: bytes.Repeat([]byte("x"), 30<<10), Detach: true}
	eventually(t, d.name+" says that its disk is full", func() bool {
		_, err := d.client.Sign(t.Context(), long, func(api.Event) {})
		if err != nil && api.CodeOf(err) != api.CodeDiskFull {
			t.Fatalf("sign on a full disk: %v", err)
		}
		return err != nil && d.warns(diskIsFull)
	})
	d.command(0, "status").has(t, diskIsFull, "free some space")
	c.sign(t, "the others sign", laptop, tablet)
	clear()
	c.sign(t, "there is room again", d, laptop)
	d.kill()
	d.sound()
	d.up()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, _, err := ask(ctx, "after a restart", d, tablet); err != nil {
		t.Error(err)
	}
}

// TestFullDiskWhileRedealing fills the disk of one device, whichever it is, at a
// random moment of a re-deal: for every write, for those that make a new key
// file or a larger store, or for a larger store alone. The circle goes on
// without it or waits for it, and with room again all are in one epoch and every
// pair signs. Once in a while it is restarted in between.
func TestFullDiskWhileRedealing(t *testing.T) {
	t.Parallel()
	for i := range *circles {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := random(t)
			c := newCircle(t, 2, "laptop", "phone", "tablet")
			for round := range (*rounds + 1) / 2 {
				c.fillIn(t, r, round)
			}
			for _, d := range c.devices {
				d.kill()
				d.sound()
			}
		})
	}
}

func (c *circle) fillIn(t testing.TB, r *rand.Rand, round int) {
	t.Helper()
	asker, victim := c.devices[r.IntN(3)], c.devices[r.IntN(3)]
	size := []int64{0, 4096, victim.storeSize()}[r.IntN(3)]
	moment := time.Duration(r.Int64N(int64(killWithin / 2)))
	t.Logf("round %d: %s asks, the files of %s are bound to %d bytes after %v", round, asker.name, victim.name, size, moment)
	ctx, cancel := context.WithTimeout(t.Context(), fullPatience)
	defer cancel()
	filled := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		_, _, err := tryChange(ctx, func(ctx context.Context, emit func(api.Event)) (api.Changed, error) {
			return asker.refresh()(ctx, func(e api.Event) {
				if e.Event == api.EventRequest {
					time.AfterFunc(moment, func() { close(filled) })
				}
				emit(e)
			})
		})
		ended <- err
	}()
	var err error
	over := false
	select {
	case <-filled:
	case err = <-ended:
		over = true
	}
	if err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
	victim.full(size)
	// Something has to be written, sooner or later: at the latest a request.
	long := api.SignArgs{Kind: api.KindMessage, Message: bytes.Repeat([]byte("x"), 30<<10), Detach: true}
	within(t, fullPatience, victim.name+" says that its disk is full", func() bool {
		if victim.warns(diskIsFull) {
			return true
		}
		_, err := victim.client.Sign(t.Context(), long, func(api.Event) {})
		return victim.warns(diskIsFull) || err != nil && api.CodeOf(err) == api.CodeDiskFull
	})
	for _, d := range c.devices {
		if s := d.status(); s.OldSharesAlive > 0 {
			t.Logf("round %d: %s in epoch %d: %d old shares on %v", round, d.name, s.Epoch, s.OldSharesAlive, s.OldSharesOn)
		}
	}
	if r.IntN(3) == 0 {
		victim.kill()
		victim.sound()
		victim.up()
	} else {
		victim.full(-1)
	}
	if !over {
		select {
		case <-ended: // it came about, or the device was killed that asked
		case <-ctx.Done():
			t.Fatalf("round %d: the call hangs", round)
		}
	}
	within(t, fullPatience, "all are in one epoch, and no change is open", func() bool {
		first := c.devices[0].status().Epoch
		for _, d := range c.devices {
			s := d.status()
			if s.Epoch != first || s.Healing != "" || s.OldSharesAlive > 0 {
				return false
			}
			for _, x := range s.Requests {
				if x.Kind == api.KindRefresh {
					return false
				}
			}
		}
		return true
	})
	for i, asker := range c.devices {
		c.sign(t, fmt.Sprintf("round %d", round), asker, c.devices[(i+1)%3])
	}
}

//go:build netns

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestNetnsFullDisk does what TestFullDisk does with a disk that is really
// full: a small one in memory. To mount it takes root, like a network namespace.
func TestNetnsFullDisk(t *testing.T) {
	t.Parallel()
	disk := tempDir(t)
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	laptop, tablet := newDevice(t, "laptop"), newDevice(t, "tablet")
	phone := newDeviceAt(t, "phone", filepath.Join(disk, "h"))
	for _, d := range []*device{laptop, tablet, phone} {
		d.up()
	}
	c := found(t, 2, laptop, phone, tablet)
	filler := filepath.Join(disk, "filler")
	phone.endures(t, c, func() { fill(t, filler) }, func() {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	})
	// The same in the middle of a re-deal: with no room for a key or a vote
	// it cannot take part, and it catches up.
	fill(t, filler)
	ctx, cancel := context.WithTimeout(t.Context(), fullPatience)
	defer cancel()
	changed, _, err := tryChange(ctx, laptop.refresh())
	if err != nil {
		t.Fatal(err)
	}
	if !phone.warns(diskIsFull) {
		t.Errorf("the phone says nothing of its disk: %q", phone.status().Warnings)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	// The longer the disk was full, the longer is the pause until it is tried again.
	c.settleWithin(t, fullPatience, changed.Epoch)
	c.everyPair(t, "in the end")
}

// fill writes until the disk takes no more.
func fill(t testing.TB, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/warifu/warifu/node/api"
)

// TestFullDisk fills the disk of one device. It must say so, forget nothing,
// and go on when there is room again; the others sign without it.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := tempDir(t)
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Logf("a small disk needs the right to mount one: %v; see also internal/boltstore, whose tests fill disks without", err)
		return
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
	c.sign(t, "there is room", phone, laptop)

	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	// The store has free pages inside, so the first may still fit.
	long := api.SignArgs{Kind: api.KindMessage, Message: bytes.Repeat([]byte("x"), 30<<10), Detach: true}
	eventually(t, "the phone says that its disk is full", func() bool {
		_, err := phone.client.Sign(t.Context(), long, func(api.Event) {})
		if err != nil && api.CodeOf(err) != api.CodeDiskFull {
			t.Fatalf("sign on a full disk: %v", err)
		}
		return err != nil
	})
	c.sign(t, "the others sign", laptop, tablet)
	phone.status()

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	c.sign(t, "there is room again", phone, laptop)
	phone.kill()
	phone.sound()
	phone.up()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, _, err := ask(ctx, "after a restart", phone, tablet); err != nil {
		t.Error(err)
	}
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

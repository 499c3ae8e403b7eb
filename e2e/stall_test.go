//go:build unix

package e2e

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/warifu/warifu/node/api"
)

// TestStalledDeviceIsNamed: a device whose process stops in the middle of its
// life keeps its connections open and says nothing more. Whoever waits for the
// signature is told which device that is, and another takes its place.
func TestStalledDeviceIsNamed(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 3, "laptop", "phone", "tablet", "desktop")
	laptop, phone, tablet, desktop := c.devices[0], c.devices[1], c.devices[2], c.devices[3]
	const text = "without the one that stalls"
	id := strings.TrimSpace(laptop.command(0, "sign", "message", text, "--detach").stdout)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if err := approve(ctx, phone, id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the laptop holds the phone's approval", func() bool {
		r, err := laptop.client.Request(ctx, id)
		return err == nil && slices.Contains(r.ApprovedBy, "phone")
	})
	if err := phone.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wait := laptop.begin("show", id[:8], "--wait")
	if err := approve(ctx, tablet, id); err != nil {
		t.Fatal(err)
	}
	for waits := false; ; {
		e := wait.await(api.EventWaiting)
		waits = waits || e.Reason == "no answer yet" && slices.Equal(e.For, []string{"phone"})
		if strings.Contains(e.Reason, "phone did not answer") && slices.Contains(e.For, "phone") && strings.Contains(e.Reason, "approve on desktop") {
			if !waits {
				t.Error("nobody was told that it waits for the phone")
			}
			break
		}
	}
	if err := approve(ctx, desktop, id); err != nil {
		t.Fatal(err)
	}
	out, failed := wait.end()
	if failed != nil {
		t.Fatal(failed)
	}
	sig := decode[api.Signature](t, out)
	c.check(t, text, sig)
	if slices.Contains(sig.Signers, "phone") {
		t.Errorf("signed by %v", sig.Signers)
	}
	// When it goes on it learns what it missed.
	if err := phone.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the phone knows of the signature", func() bool {
		r, err := phone.client.Request(ctx, id)
		return err == nil && r.State == api.StateSigned
	})
}

// Command warifu is a device's daemon and its command line: keys that a
// person's own devices hold together, and that any quorum of them uses.
//
// The daemon (warifu up) is the only command that talks to other devices and
// the only one that opens shares. The others are clients of its socket, except
// for init, fsck and verify, which need no daemon, and demo, which starts
// three.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	harden()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// What has been asked to stop once and does not is stopped by the second
	// Ctrl-C: nothing is lost by a kill.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

//go:build unix && !linux

package main

import "golang.org/x/sys/unix"

// harden keeps memory that may hold shares out of core dumps. It is best
// effort: a system that refuses still runs us.
func harden() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

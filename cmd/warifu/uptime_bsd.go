//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime is how long this machine has been on. Nobody sets it.
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return sinceStart()
	}
	return time.Duration(t.Nano())
}

package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime is how long this machine has been on, asleep or awake. Nobody sets it.
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return sinceStart()
	}
	return time.Duration(t.Nano())
}

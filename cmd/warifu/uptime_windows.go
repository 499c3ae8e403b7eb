package main

import (
	"time"

	"golang.org/x/sys/windows"
)

// uptime is how long this machine has been on. Nobody sets it.
func uptime() time.Duration { return windows.DurationSinceBoot() }

//go:build unix

package main

import "time"

var started = time.Now()

// sinceStart stands in for [uptime] where the system does not tell: what waits
// begins again with each start of the program then.
func sinceStart() time.Duration { return time.Since(started) }

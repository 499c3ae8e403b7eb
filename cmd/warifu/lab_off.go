//go:build !lab

package main

import (
	"context"
	"time"

	"github.com/warifu/warifu/node"
)

// now is the clock of this machine.
func now() time.Time { return time.Now() }

// inLab is where tests interfere with a device, see lab.go. What people run
// has no such place.
func inLab(c node.Config) (node.Config, error) { return c, nil }

// besides is what the lab has a device do on its own: nothing.
func besides(context.Context, *node.Node) error { return nil }

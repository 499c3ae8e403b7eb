// Package e2e tests the real binary: separate processes, real sockets, real
// disks, and SIGKILL. It has no code of its own outside of its tests.
//
// The tests build cmd/warifu once and run every device below a temporary
// directory, listening on loopback only. Where a test draws at random it
// prints its seed when it fails; -seed gives it back.
package e2e

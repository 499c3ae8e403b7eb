//go:build !unix

package main

// harden has nothing to turn off here.
func harden() {}

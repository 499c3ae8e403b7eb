// Package node is a device at work: it keeps the circle's requests, answers
// and receipts, founds circles, drives protocol machines, and decides what is
// shown to the person.
//
// All of that happens in one goroutine, inside a [Node]'s loop. Everything
// else reaches the loop as an event: a message from a peer, a connection that
// came or went, a tick of the clock, a call of the control API. Within the
// loop nothing waits for a network, so that what a device does is a function
// of its journal and the order of its events; the simulator drives the same
// code with a simulated network, clock and disk.
//
// What a device has told a peer or a person it has first made durable in its
// [journal.Journal]. Signing sessions are the exception that proves the rule:
// they live in memory only, are never resumed, and leave behind just the note
// that a partial signature was released.
package node

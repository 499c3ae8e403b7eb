// Package meet is the room of package node in which devices meet that do not know
// each other yet. A [Greeter] shows invitations and hears whoever comes to the
// throw-away host behind each, or answers the invitation of another device. What
// two devices say to each other until both know that the other knows the secret is
// package pairing's; the room adds who is heard for how long, what is tried next,
// what a person is told meanwhile, and the introduction that follows.
//
// Unlike the rest of a device it works in goroutines that wait for the network: one
// for each visitor, and those that answer late visitors behind calls that have
// ended. It knows the device by the interface [Device] alone, whose methods are
// calls into the device's loop.
package meet

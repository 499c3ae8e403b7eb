// Package inbox is the queue in front of the loop of a device: who is served next, and at
// whose cost.
package inbox

// Package cosign makes the machines of threshold signatures, for requests and for the
// tests of new shares alike, and finds out who lied in one that failed.
package cosign

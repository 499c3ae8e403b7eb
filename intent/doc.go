// Package intent turns what a person wants signed into the canonical payload
// of a request, and a payload back into words that a person can check and the
// bytes that are signed. Every device of the circle runs [Decode] on the
// payload itself, with the account as it derives it, so that what was shown is
// what is signed; nobody's digest is taken on trust.
//
// Four kinds exist: an EIP-191 message, EIP-712 typed data, an Ethereum
// transaction of type 0, 1, 2 or 4, and a file under an SSH signature. The
// digests of messages and transactions come from go-ethereum, that of typed data
// from its Keccak. What is hashed has passed a parser that accepts exactly one
// reading of its input: no duplicate fields, no missing values, no numbers that
// lose digits elsewhere. Fields of typed data that no type declares are not
// signed; [Normalize] leaves them out and names them in the payload.
//
// All text in an [Intent] has passed [Escape]: nothing in it can move the
// cursor, reorder a line or hide. What this package cannot read it calls
// unknown, and it never guesses. It does not simulate transactions, knows no
// prices and does not look at a clock: the dates of a sign-in are compared with
// the time that the request itself names.
//
// This package is the door: each kind of request, and what they have in common,
// is a package below internal.
//
// The words are part of what devices compare before they sign ([Intent.Hash]).
// They depend on the request and the account alone, and every change of them
// makes this release and the last one refuse each other.
package intent

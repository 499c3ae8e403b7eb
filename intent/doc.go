// Package intent turns what a person wants signed into the canonical payload
// of a request, and a payload back into words that a person can check and the
// bytes that are signed. Every device of the circle runs [Decode] on the
// payload itself, with the account as it derives it, so that what was shown is
// what is signed; nobody's digest is taken on trust.
//
// Four kinds exist: an EIP-191 message, EIP-712 typed data, an Ethereum
// transaction of type 0, 1, 2 or 4, and a file under an SSH signature. The
// digests come from go-ethereum; what reaches it has passed a stricter parser
// here, one that accepts exactly one reading of its input: no duplicate or
// unknown fields, no missing values, no numbers that lose digits elsewhere.
//
// All text in an [Intent] has passed [Escape]: nothing in it can move the
// cursor, reorder a line or hide. What this package cannot read it calls
// unknown, and it never guesses. It does not simulate transactions, knows no
// prices and does not look at a clock: an expired sign-in is shown with its
// date.
package intent

// Package ed is the prime-order group of Ed25519 (RFC 8032, RFC 9591 section
// 6.1) over filippo.io/edwards25519, in the shape that package secp has for
// secp256k1.
//
// Three types keep three things apart. A [Scalar] is public: anything may be
// computed from it, at whatever speed. A [Secret] is a scalar that nobody may
// learn: it cannot be printed, compared with == or encoded by accident, and
// every function that takes one runs in constant time. A [Point] is an element
// of the subgroup of order ℓ. Functions whose name ends in Vartime take only
// Scalars, so that the compiler refuses to leak a Secret through their timing.
// [Secret.Public] is the one door from secret to public: a reviewer searches for
// it.
//
// Encodings are canonical. Scalars are 32 bytes, little endian, below
// ℓ = 2²⁵² + 27742317777372353535851937790883648493. Points are the 32 bytes of
// RFC 8032 section 5.1.2; [ParsePoint] refuses what that section's decoder
// would not produce, the identity, and points outside the subgroup.
package ed

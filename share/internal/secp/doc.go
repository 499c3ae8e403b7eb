// Package secp is arithmetic on secp256k1 (SEC 2, section 2.4.1) for protocols
// that mix public and secret values. It keeps the two apart by type:
//
//   - [Scalar] is public. Operations on it may take variable time.
//   - [Secret] is a secret scalar. It cannot be printed, encoded or compared by
//     accident, and no function whose name ends in Vartime accepts it. The only
//     way to make it public is [Secret.Public], which a reviewer can search for.
//   - [Point] is a group element. Points are public in our protocols: what is
//     secret about them is their discrete logarithm.
//
// Scalar and point arithmetic is that of gitlab.com/yawning/secp256k1-voi, which
// runs in constant time (complete formulas of Renes, Costello and Batina 2016,
// fiat-crypto fields, masked table look-ups); it has not been audited. Final
// signatures are therefore checked with a second, unrelated implementation.
//
// All methods return new values and change neither receiver nor arguments, but
// for the Wipe methods.
package secp

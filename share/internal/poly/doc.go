// Package poly is Shamir's secret sharing (1979) with Feldman's public check
// (1987), and Schnorr's proof of knowing what was shared, over either group of
// this module. Party x of a sharing of degree t−1 holds f(x), where x is its
// slot; any t of them determine f(0).
//
// The code is written once, against what packages secp and ed have in common;
// [Secp256k1] and [Ed25519] are the two instances of [Group]. Coefficients and
// values of a polynomial are the Secret of their group and stay in constant
// time. Everything computed from commitments, slots and proofs is public and
// says Vartime where it is.
//
// In the paper's letters: f_i(X) = Σ_k a_{i,k}·X^k is what dealer i shares,
// F_{i,k} = a_{i,k}·G its commitments.
package poly

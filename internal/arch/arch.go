// Package arch holds the policy of the module on its own structure, as tests:
// who may import whom and which libraries, which packages are pure, that each
// package says what it is, that no two hashes share a tag, and that each
// dependency is there for a reason.
package arch

// Package model checks the protocol of a re-deal (docs/adr/0013) by looking
// at every state that it can get into. It holds tests only.
//
// The model has some honest devices, perhaps a thief with the shares of a lost
// one, and perhaps a member that says different things to different peers. All
// messages may be late, reordered or lost; a device may crash and forget what
// it had not stored, lose its disk for good, or be set back to a backup of the
// first epoch. Dealing is one step, for its algebra is share/refresh's to
// test; what is modelled is who may destroy which share when.
//
// A run explores all states breadth first, with devices that behave alike
// being interchangeable, and looks for these:
//
//   - the key is lost: fewer than t shares of every epoch are left, although
//     no device was destroyed or set back;
//   - two epochs are live: t devices would sign in one and t in another;
//   - the thief signs: after an eviction, with devices that never heard of it;
//   - stuck: t usable devices are there that can never sign again, whatever
//     they do.
//
// The runs of the design must find none of them. The others are wrong on
// purpose, each in one rule, and must be caught: they show that the rule is
// needed, and that the checker can see.
package model

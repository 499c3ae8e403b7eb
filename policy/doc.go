// Package policy decides what a device does with a request that it has read:
// allow it by itself, ask its person, or deny it. Every device decides for
// itself, under rules of its own; a signature needs the yes of a quorum, so the
// strictest devices of a circle bound what it does.
//
// [Decide] is one pure function of the facts of the request, the rules and what
// the device remembers. Decisions form a lattice, Allow < Ask < Deny, and the
// result is the maximum over all rules that match, so that the order of rules
// never matters and adding a rule can only be as strict or stricter. Only where
// no rule matches does the default decide, and it is never Allow.
//
// The rules of this version speak of kinds of requests. Amounts, recipients and
// times will be further rules that yield a decision and a reason.
package policy

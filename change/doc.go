// Package change holds the kinds of change of a circle: who comes in, who goes,
// how many must sign, and whether the circle signs at all.
//
// A change is a request like any other: replicated, shown in words, approved,
// denied, expired. What is different is that an approval counts only with the
// presence key of its device, and what comes of it: a re-deal, or a state of the
// circle, instead of a signature.
//
// All that differs from kind to kind stands in one table, [rules]: what the
// payload says, who must agree, who may say no, which re-deal brings it about,
// and when it is in effect. What a rule must know of the circle it asks [Facts].
// What a kind says to persons, and to the judge of who is lost, is said elsewhere.
package change

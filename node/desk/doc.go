// Package desk is the control API of a device. It shows persons what there is to see, in
// words, takes what they ask for into the loop, and waits with them. It is the one room
// that sees all others, and none of them sees it: another desk can stand beside it.
package desk

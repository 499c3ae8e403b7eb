// Package judging is a device's judgement of the others, a [vigil.Vigil] that hears what
// devices and persons say: whom it signs with, whether the circle is frozen, and whether
// it agrees to take a device out.
package judging

// Package standing is a device itself and where it stands: its keys and its share, the
// circle that it is in and its place there, whom it talks to and what it has seen of
// them. It decides nothing. All rooms of a device are above it.
//
// A [Standing] belongs to the loop of its device, as the rooms above it do: nothing in
// them may be called from anywhere else.
package standing

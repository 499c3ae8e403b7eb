package roster

// Limits of what a record may hold. They are part of the format: a parser
// refuses more before it looks at the contents.
const (
	// MaxDevices bounds the members of a circle.
	MaxDevices = 9

	// MinThreshold is the least number of devices that sign. One device alone
	// must never be enough.
	MinThreshold = 2

	// MaxName bounds a device's name in runes.
	MaxName = 32

	// MaxPeer bounds a libp2p peer id in bytes. Those of Ed25519 keys, the
	// only ones we make, have 38.
	MaxPeer = 64
)

// Sizes of encodings in bytes, checked before decoding. A record of nine
// devices with the longest names takes a little over 3 KiB, and each former
// device up to 180 bytes more.
const (
	maxRecord = 16 << 10
	maxEntry  = 18 << 10
	maxCard   = 512
)

// maxMarks bounds the combining marks in a row in a name. Written languages
// need two, seldom three; a hundred of them paint over the lines around.
const maxMarks = 3

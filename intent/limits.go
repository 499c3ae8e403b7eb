package intent

// MaxPayload bounds the canonical payload of a request in bytes. It is half of
// what one message of the sync protocol holds.
const MaxPayload = 128 << 10

// maxInput bounds what [Normalize] and the verifiers read, in bytes: JSON may
// be written with more white space than its canonical form.
const maxInput = 512 << 10

// Limits of JSON before its meaning is looked at. A value takes at least two
// bytes, so that every payload is read whole.
const (
	maxJSONDepth = 32
	maxJSONNodes = MaxPayload / 2
)

// Limits of typed data. How many values there may be is bounded by the payload
// alone: each value and each type is looked at, shown and hashed once. The
// encoding of a type repeats the types that it refers to, so that types take up
// to maxTypes times their own length.
const (
	maxTypes        = 64  // structure types
	maxFields       = 256 // fields of all types together
	maxValueDepth   = 16  // structures and lists inside one another
	maxName         = 128 // bytes of the name of a type or field
	maxUnsigned     = 64  // fields that no type declares
	maxUnsignedName = 256 // bytes of the path to one of them
)

// Limits of transactions.
const (
	maxAccessEntries  = 512
	maxAuthorizations = 64
)

// Limits of file signatures. The namespace keeps what is signed under the 1024
// bytes that package share allows for Ed25519.
const (
	maxNamespace = 255
	maxFileName  = 255
)

// Limits of what is shown. Beyond them an intent says how much is missing and
// warns.
const (
	maxShown     = 2048  // bytes of one value
	maxShownText = 16384 // bytes of a message
	maxShownData = 256   // bytes of unread call data
	maxShortText = 64    // bytes of a name inside a sentence
	maxTextLines = 256   // lines of a message
	maxCallDepth = 2     // calls inside calls
	maxCalls     = 64    // calls inside one call
	maxOrders    = 128   // orders that are signed as one
	maxFindings  = 8     // suspicious words of one value
	maxWarnings  = 64    // of one request
	maxValues    = 4096  // lines of typed data
	maxLabel     = 160   // bytes of the path to a value
	maxProblems  = 16    // of one input, in an error
)

// Sizes in bytes.
const (
	digestSize    = 32
	signatureSize = 65 // r, s and the recovery id
)

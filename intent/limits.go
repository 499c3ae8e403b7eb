package intent

// MaxPayload bounds the canonical payload of a request in bytes. It is half of
// what one message of the sync protocol holds.
const MaxPayload = 128 << 10

// maxInput bounds what [Normalize] and the verifiers read, in bytes: JSON may
// be written with more white space than its canonical form.
const maxInput = 512 << 10

// Limits of JSON before its meaning is looked at.
const (
	maxJSONDepth = 32
	maxJSONNodes = 16384
)

// Limits of typed data. apitypes walks all types once for each structure it
// hashes; these keep the worst case at a fraction of a second.
const (
	maxTypes      = 64   // structure types
	maxFields     = 256  // fields of all types together
	maxValueDepth = 16   // structures and lists inside one another
	maxValues     = 1024 // values, counting structures and lists
	maxName       = 128  // bytes of the name of a type or field
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
	maxFindings  = 8     // suspicious words of one value
	maxWarnings  = 64    // of one request
)

// Sizes in bytes.
const (
	digestSize    = 32
	signatureSize = 65 // r, s and the recovery id
)

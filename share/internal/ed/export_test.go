package ed

// Decode is the decoder before it asks for the order of the point. None of the
// encodings that are not canonical happens to be of order ℓ, so that through
// [ParsePoint] the two refusals cannot be told apart.
func Decode(b []byte) (Point, error) { return decode(b) }

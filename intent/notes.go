package intent

// Notes returns what a person should know of the input itself, in sentences
// that are safe to print: fields of a document that no type declares, which
// [Normalize] leaves out, and a line break at the end of a message, which an
// editor may have put there. Of an input that Normalize refuses it says nothing.
func Notes(in Input) []string {
	switch in.Kind {
	case Message:
		if end := lineBreak(in.Message); end != "" {
			return []string{"the message ends in a line break (" + end + "), which is signed too; without it the signature is another one"}
		}
	case TypedData:
		if td, err := parseTypedData(in.JSON); err == nil && len(td.unsigned) > 0 {
			return []string{unsignedText(td.unsigned)}
		}
	}
	return nil
}

// TypedDigest returns the EIP-712 digest, 32 bytes, of a document as
// [Normalize] reads it. An error is an [*Error].
func TypedDigest(json []byte) ([]byte, error) {
	td, err := parseTypedData(json)
	if err != nil {
		return nil, err
	}
	return td.toSign()
}

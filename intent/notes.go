package intent

import (
	"github.com/warifu/warifu/intent/internal/eip191"
	"github.com/warifu/warifu/intent/internal/eip712"
	"github.com/warifu/warifu/intent/internal/typed"
)

// Notes returns what a person should know of the input itself, in sentences
// that are safe to print: fields of a document that no type declares, which
// [Normalize] leaves out, and a line break at the end of a message, which an
// editor may have put there. Of an input that Normalize refuses it says nothing.
func Notes(in Input) []string {
	switch in.Kind {
	case Message:
		if end := eip191.End(in.Message); end != "" {
			return []string{"the message ends in a line break (" + end + "), which is signed too; without it the signature is another one"}
		}
	case TypedData:
		if td, err := eip712.Parse(in.JSON); err == nil && len(td.Unsigned) > 0 {
			return []string{typed.Unsigned(td.Unsigned)}
		}
	}
	return nil
}

// TypedDigest returns the EIP-712 digest, 32 bytes, of a document as
// [Normalize] reads it. An error is an [*Error].
func TypedDigest(json []byte) ([]byte, error) {
	td, err := eip712.Parse(json)
	if err != nil {
		return nil, err
	}
	return td.Digest(), nil
}

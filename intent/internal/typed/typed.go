// Package typed is typed data (EIP-712) as a request: its payload, and what it
// permits in words. A signature of typed data can move assets by itself, without
// a transaction of this account; what does so is recognised by the names and
// types of its fields, as a contract reads it.
package typed

import (
	"fmt"
	"strings"

	"github.com/warifu/warifu/intent/internal/eip712"
	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/words"
	"github.com/warifu/warifu/wire"
)

// payload is the canonical payload of typed data. Its fields are wire format:
// append only.
type payload struct {
	Version uint8  `cbor:"1,keyasint"` // 2 if Unsigned has something, else 1
	JSON    []byte `cbor:"2,keyasint"` // of eip712.Document.Canonical

	// Unsigned names what the document held besides, sorted: no type declares
	// it, so that no signature covers it. It is what the asking device says;
	// nobody else has the document.
	Unsigned []string `cbor:"3,keyasint,omitempty"`
}

// A Data is typed data that may be signed.
type Data struct{ *eip712.Document }

// Normalize returns the canonical payload of a document. An error is a
// [*request.Error].
func Normalize(json []byte) ([]byte, error) {
	doc, err := eip712.Parse(json)
	if err != nil {
		return nil, err
	}
	p := payload{Version: 1, JSON: doc.Canonical(), Unsigned: doc.Unsigned}
	if len(p.Unsigned) > 0 {
		p.Version = 2
	}
	return wire.Marshal(p), nil
}

// Decode reads a payload that [Normalize] has made. An error is a
// [*request.Error].
func Decode(b []byte) (Data, error) {
	malformed := request.Refuse(request.CodeBadPayload, "malformed payload of typed data")
	var p payload
	if err := wire.Unmarshal(b, &p); err != nil {
		return Data{}, malformed
	}
	switch p.Version {
	case 1:
		if len(p.Unsigned) > 0 {
			return Data{}, malformed
		}
	case 2:
		if err := eip712.CheckUnsigned(p.Unsigned); err != nil {
			return Data{}, err
		}
	default:
		return Data{}, malformed
	}
	doc, err := eip712.Parse(p.JSON)
	if err != nil {
		return Data{}, err
	}
	// Canonical JSON holds nothing that is not signed.
	if string(doc.Canonical()) != string(p.JSON) {
		return Data{}, request.Refuse(request.CodeBadPayload, "the typed data is not in canonical form")
	}
	doc.Unsigned = p.Unsigned
	return Data{doc}, nil
}

// Permitted returns nil: every account may sign typed data.
func (Data) Permitted(request.Context) error { return nil }

// ToSign returns the EIP-712 digest, 32 bytes.
func (d Data) ToSign() []byte { return d.Digest() }

// Finish makes the result of a signature over [Data.ToSign], having verified it.
func (d Data) Finish(ctx request.Context, sig []byte) (request.Result, error) {
	return eth.Personal(ctx, d.ToSign(), sig)
}

// Describe writes the typed data in words.
func (d Data) Describe(w *words.Writer) { (&teller{Document: d.Document}).describe(w) }

// maxListed bounds what one sentence lists.
const maxListed = 8

// Unsigned says what a document held that is not signed, given its paths.
func Unsigned(paths []string) string {
	var names []string
	for i, path := range paths {
		if i == maxListed {
			names = append(names, fmt.Sprintf("and %d more", len(paths)-i))
			break
		}
		names = append(names, text.Quote(path))
	}
	return "the document has fields that no type declares and that are not signed: " + strings.Join(names, ", ")
}

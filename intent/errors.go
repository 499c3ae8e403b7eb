package intent

import "github.com/warifu/warifu/intent/internal/request"

// An Error says why an input or a payload is refused, in words for the person
// who gave it. Names of fields in its Reason are escaped; values are not quoted.
type Error = request.Error

// Codes of [Error].
const (
	CodeTooLarge         = request.CodeTooLarge
	CodeBadJSON          = request.CodeBadJSON
	CodeBadMessage       = request.CodeBadMessage
	CodeBadTypedData     = request.CodeBadTypedData
	CodeBadTransaction   = request.CodeBadTransaction
	CodeBlobTransaction  = request.CodeBlobTransaction
	CodeOwnAuthorization = request.CodeOwnAuthorization
	CodeBadAddress       = request.CodeBadAddress
	CodeBadFile          = request.CodeBadFile
	CodeBadPayload       = request.CodeBadPayload
	CodeWrongAccount     = request.CodeWrongAccount
	CodeBadSignature     = request.CodeBadSignature
	CodeUnknownKind      = request.CodeUnknownKind
)

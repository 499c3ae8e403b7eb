package intent

import (
	"crypto/ed25519"

	"github.com/warifu/warifu/intent/internal/eip191"
	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/intent/internal/sshsig"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/tx"
	"github.com/warifu/warifu/intent/internal/typed"
	"github.com/warifu/warifu/intent/internal/words"
	"github.com/warifu/warifu/wire"
)

// A Kind says what a request asks to sign. Values are wire format.
type Kind string

const (
	Message     Kind = "message"     // EIP-191 personal_sign
	TypedData   Kind = "typed-data"  // EIP-712
	Transaction Kind = "transaction" // types 0, 1, 2 and 4
	SSHFile     Kind = "ssh-file"    // SSHSIG
)

// Kinds returns every kind there is, for whoever must know each of them.
func Kinds() []Kind { return []Kind{Message, TypedData, Transaction, SSHFile} }

// Purposes name the rule by which the signed bytes are made. They are bound
// into the signing session, so that a signature for one purpose is never made
// while the devices think of another.
const (
	PurposeEIP191      = "eip191"
	PurposeEIP712      = "eip712"
	PurposeTransaction = "transaction"
	PurposeSSHSIG      = "sshsig"
)

// An Input is what a person gave. Message belongs to [Message]; JSON to
// [TypedData] and [Transaction]; the others to [SSHFile], for which the file
// itself stays with the device that read it.
type Input struct {
	Kind    Kind
	Message []byte
	JSON    []byte

	Namespace string   // who will read the signature: "file", "git"
	FileName  string   // shown to the person, not signed
	FileHash  [64]byte // SHA-512 of the file
	FileSize  int64    // in bytes; shown, not signed
}

// What the kinds have in common.
type (
	// A Context is the signing account, as the device that decodes derives it,
	// and the time of the request.
	Context = request.Context

	// A Line is one thing that a person should check.
	Line = words.Line

	// A Result is a finished and verified signature.
	Result = request.Result
)

// MaxPayload bounds the canonical payload of a request in bytes.
const MaxPayload = request.MaxPayload

// An Intent is a request in words, and the bytes that would be signed. All
// text in it has passed [Escape].
type Intent struct {
	Kind     Kind
	Account  string
	Purpose  string // one of the Purpose constants, fixed for the kind
	Summary  string // one line
	Lines    []Line
	Warnings []string // sentences, in the order in which they were found

	// ToSign is the 32-byte digest of an Ethereum kind, or the whole signed
	// data of an SSH signature.
	ToSign []byte
}

// tagIntent separates the hash of an intent's words.
const tagIntent wire.Tag = "intent/words"

// Hash returns the hash of everything that a person was shown and of what
// would be signed. Devices bind it into the signing session: one whose release
// words the request in another way does not sign along with the others.
func (in Intent) Hash() wire.Hash {
	type line struct {
		_     struct{} `cbor:",toarray"`
		Label string
		Value string
		Warn  bool
	}
	lines := make([]line, len(in.Lines))
	for i, l := range in.Lines {
		lines[i] = line{Label: l.Label, Value: l.Value, Warn: l.Warn}
	}
	return wire.Sum(tagIntent,
		[]byte(in.Kind), []byte(in.Account), []byte(in.Purpose), []byte(in.Summary),
		wire.Marshal(lines), wire.Marshal(in.Warnings), in.ToSign)
}

// A decoded is the payload of one kind as it was read.
type decoded interface {
	// Permitted refuses what this account must not sign.
	Permitted(ctx Context) error

	// Describe writes the request in words.
	Describe(w *words.Writer)

	// ToSign returns what is signed.
	ToSign() []byte

	// Finish makes the result of a signature over ToSign and verifies it.
	Finish(ctx Context, sig []byte) (Result, error)
}

// A reader is how the requests of one kind are read.
type reader struct {
	purpose   string
	normalize func(in Input) ([]byte, error)
	decode    func(payload []byte) (decoded, error)
}

var readers = map[Kind]reader{
	Message: {
		PurposeEIP191,
		func(in Input) ([]byte, error) { return eip191.Normalize(in.Message) },
		func(payload []byte) (decoded, error) { return eip191.Decode(payload) },
	},
	TypedData: {
		PurposeEIP712,
		func(in Input) ([]byte, error) { return typed.Normalize(in.JSON) },
		func(payload []byte) (decoded, error) { return typed.Decode(payload) },
	},
	Transaction: {
		PurposeTransaction,
		func(in Input) ([]byte, error) { return tx.Normalize(in.JSON) },
		func(payload []byte) (decoded, error) { return tx.Decode(payload) },
	},
	SSHFile: {
		PurposeSSHSIG,
		func(in Input) ([]byte, error) {
			return sshsig.Normalize(in.Namespace, in.FileName, in.FileHash, in.FileSize)
		},
		func(payload []byte) (decoded, error) { return sshsig.Decode(payload) },
	},
}

// Normalize checks what a person gave and returns the canonical payload of the
// request, at most [MaxPayload] bytes: equal inputs have equal payloads. An
// error is an [*Error]. That the account may sign it, which only [Decode]
// knows, is not checked.
func Normalize(in Input) ([]byte, error) {
	k, ok := readers[in.Kind]
	if !ok {
		return nil, request.Refuse(CodeUnknownKind, "unknown kind of request")
	}
	payload, err := k.normalize(in)
	if err != nil {
		return nil, err
	}
	if len(payload) > MaxPayload {
		return nil, request.Refuse(CodeTooLarge, "the request has %d bytes; at most %d can be shown and signed", len(payload), MaxPayload)
	}
	return payload, nil
}

// Decode reads a canonical payload, which may come from a peer, and returns
// what it means and what would be signed. It accepts exactly what [Normalize]
// returns, and refuses what the account of ctx cannot or must not sign. An
// error is an [*Error].
func Decode(kind Kind, payload []byte, ctx Context) (Intent, error) {
	_, in, err := decode(kind, payload, ctx)
	return in, err
}

// Finish turns the raw signature of a session into the form that the kind
// needs, having verified it over the payload with code that took no part in
// making it: go-ethereum's recovery must give the address of ctx, or
// crypto/ed25519 must accept it. sig is r, s and the recovery id 0 or 1 (65
// bytes), or an Ed25519 signature (64 bytes). An error is an [*Error].
func Finish(kind Kind, payload []byte, ctx Context, sig []byte) (Result, error) {
	r, _, err := decode(kind, payload, ctx)
	if err != nil {
		return Result{}, err
	}
	return r.Finish(ctx, sig)
}

// decode is [Decode]; it also returns the decoded request for [Finish].
func decode(kind Kind, payload []byte, ctx Context) (decoded, Intent, error) {
	if len(payload) > MaxPayload {
		return nil, Intent{}, request.Refuse(CodeTooLarge, "a payload of %d bytes; at most %d are allowed", len(payload), MaxPayload)
	}
	k, ok := readers[kind]
	if !ok {
		return nil, Intent{}, request.Refuse(CodeUnknownKind, "unknown kind of request")
	}
	r, err := k.decode(payload)
	if err != nil {
		return nil, Intent{}, err
	}
	if err := fits(kind, ctx); err != nil {
		return nil, Intent{}, err
	}
	if err := r.Permitted(ctx); err != nil {
		return nil, Intent{}, err
	}
	w := &words.Writer{Ctx: ctx}
	account := text.Show(ctx.Account, text.MaxShort)
	w.Line("account", account)
	if kind != SSHFile {
		w.Line("address", eth.Checksum(ctx.Address))
	}
	r.Describe(w)
	toSign := r.ToSign()
	if kind != SSHFile {
		w.Line("digest", text.Hex(toSign, eth.DigestSize))
	}
	return r, Intent{
		Kind:     kind,
		Account:  account,
		Purpose:  k.purpose,
		Summary:  w.Summary,
		Lines:    w.Lines,
		Warnings: w.Warnings,
		ToSign:   toSign,
	}, nil
}

// fits reports whether the key of the account is of the sort that kind needs.
func fits(kind Kind, ctx Context) error {
	if kind == SSHFile {
		if len(ctx.PublicKey) != ed25519.PublicKeySize {
			return request.Refuse(CodeWrongAccount, "the account %s has no Ed25519 key; a file is signed with one", text.Quote(ctx.Account))
		}
		return nil
	}
	if ctx.Address == [20]byte{} || len(ctx.PublicKey) == ed25519.PublicKeySize {
		return request.Refuse(CodeWrongAccount, "the account %s has no Ethereum address; a %s is signed with one", text.Quote(ctx.Account), kind)
	}
	return nil
}

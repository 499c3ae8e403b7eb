package intent

import (
	"slices"

	"github.com/ethereum/go-ethereum/common"

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

// Kinds returns every kind there is.
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

// A Context is the signing account, as the device that decodes derives it, and
// the time of the request.
type Context struct {
	Account   string   // its name, like "ethereum"
	Address   [20]byte // of a secp256k1 key
	PublicKey []byte   // 33 bytes of secp256k1 or 32 bytes of Ed25519

	// Created is when the request was made, in Unix seconds, as it says itself;
	// 0 is unknown. Dates are compared with it and with no clock, so that every
	// device shows the same words at any time.
	Created uint64
}

// A Line is one thing that a person should check. Label and Value are escaped.
type Line struct {
	Label string
	Value string
	Warn  bool // the value deserves a second look
}

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

// A Result is a finished and verified signature.
type Result struct {
	// Signature is r, s and v, 65 bytes: v is 27 or 28 for messages and typed
	// data and the parity 0 or 1 for transactions, whose Raw holds the v of
	// their type. For files it is the armored SSHSIG.
	Signature []byte

	Raw    []byte // the signed transaction as it is broadcast
	TxHash []byte // its hash, 32 bytes

	// Digest is the 32 bytes that were signed, or the SHA-512 of the file.
	Digest []byte

	// PublicKey is 0x and the compressed key, or the line that goes into an
	// allowed_signers or authorized_keys file.
	PublicKey string
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

// Normalize checks what a person gave and returns the canonical payload of the
// request, at most [MaxPayload] bytes: equal inputs have equal payloads. An
// error is an [*Error]. That the account may sign it, which only [Decode]
// knows, is not checked.
func Normalize(in Input) ([]byte, error) {
	var payload []byte
	var err error
	switch in.Kind {
	case Message:
		payload, err = normalizeMessage(in.Message)
	case TypedData:
		payload, err = normalizeTypedData(in.JSON)
	case Transaction:
		payload, err = normalizeTransaction(in.JSON)
	case SSHFile:
		payload, err = normalizeFile(in)
	default:
		return nil, refuse(CodeUnknownKind, "unknown kind of request")
	}
	if err != nil {
		return nil, err
	}
	if len(payload) > MaxPayload {
		return nil, refuse(CodeTooLarge, "the request has %d bytes; at most %d can be shown and signed", len(payload), MaxPayload)
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

// decode is [Decode]; it also returns the decoded request for [Finish].
func decode(kind Kind, payload []byte, ctx Context) (request, Intent, error) {
	if len(payload) > MaxPayload {
		return nil, Intent{}, refuse(CodeTooLarge, "a payload of %d bytes; at most %d are allowed", len(payload), MaxPayload)
	}
	var r request
	var err error
	switch kind {
	case Message:
		r, err = decodeMessage(payload)
	case TypedData:
		r, err = decodeTypedData(payload)
	case Transaction:
		r, err = decodeTransaction(payload)
	case SSHFile:
		r, err = decodeFile(payload)
	default:
		return nil, Intent{}, refuse(CodeUnknownKind, "unknown kind of request")
	}
	if err != nil {
		return nil, Intent{}, err
	}
	if err := fits(kind, ctx); err != nil {
		return nil, Intent{}, err
	}
	if err := r.permitted(ctx); err != nil {
		return nil, Intent{}, err
	}
	w := &writer{ctx: ctx}
	w.line("account", show(ctx.Account, maxShortText))
	if kind != SSHFile {
		w.line("address", checksummed(ctx.Address))
	}
	r.describe(w)
	toSign, err := r.toSign()
	if err != nil {
		return nil, Intent{}, err
	}
	if kind != SSHFile {
		w.line("digest", showHex(toSign, digestSize))
	}
	return r, Intent{
		Kind:     kind,
		Account:  show(ctx.Account, maxShortText),
		Purpose:  r.purpose(),
		Summary:  w.summary,
		Lines:    w.lines,
		Warnings: w.warnings,
		ToSign:   toSign,
	}, nil
}

// fits reports whether the key of the account is of the sort that kind needs.
func fits(kind Kind, ctx Context) error {
	if kind == SSHFile {
		if len(ctx.PublicKey) != ed25519Size {
			return refuse(CodeWrongAccount, "the account %s has no Ed25519 key; a file is signed with one", short(ctx.Account))
		}
		return nil
	}
	if ctx.Address == (common.Address{}) || len(ctx.PublicKey) == ed25519Size {
		return refuse(CodeWrongAccount, "the account %s has no Ethereum address; a %s is signed with one", short(ctx.Account), kind)
	}
	return nil
}

// A request is the decoded payload of one kind.
type request interface {
	// purpose returns the fixed purpose of the kind.
	purpose() string

	// permitted refuses what this account must not sign.
	permitted(ctx Context) error

	// describe writes the request in words.
	describe(w *writer)

	// toSign computes what is signed.
	toSign() ([]byte, error)

	// finish makes the result of a signature over toSign and verifies it.
	finish(ctx Context, sig []byte) (Result, error)
}

// A writer collects the words of an intent. Its methods take text that is
// escaped, except where they say that they escape it.
type writer struct {
	ctx      Context
	summary  string
	lines    []Line
	warnings []string

	// callRead says that the bytes of the field data were read as a call.
	callRead bool
}

func (w *writer) line(label, value string) {
	w.lines = append(w.lines, Line{Label: label, Value: value})
}

// flag writes a line that deserves a second look.
func (w *writer) flag(label, value string) {
	w.lines = append(w.lines, Line{Label: label, Value: value, Warn: true})
}

// text writes a line of foreign text: it escapes and bounds the text, and warns
// if that may mislead.
func (w *writer) text(label, s string) {
	shown := cut(s, maxShown)
	found := Suspicious(shown)
	w.lines = append(w.lines, Line{Label: label, Value: show(s, maxShown), Warn: len(found) > 0 || len(s) > len(shown)})
	for _, f := range found {
		w.warn(label + ": " + f)
	}
	if len(s) > len(shown) {
		w.warn(label + ": too long to be shown whole")
	}
}

// warn adds a sentence once.
func (w *writer) warn(sentence string) {
	if slices.Contains(w.warnings, sentence) || len(w.warnings) > maxWarnings {
		return
	}
	if len(w.warnings) == maxWarnings {
		sentence = "there are more warnings than can be listed"
	}
	w.warnings = append(w.warnings, sentence)
}

// Package sshsig signs files as ssh-keygen does (PROTOCOL.sshsig of OpenSSH), and
// tells them in words.
package sshsig

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/words"
	"github.com/warifu/warifu/wire"
)

// The format is PROTOCOL.sshsig of OpenSSH, version 1, with SHA-512 and an
// Ed25519 key (RFC 8709).
const (
	magic   = "SSHSIG"
	version = 1
	hash    = "sha512"
	keyType = "ssh-ed25519"
	begin   = "-----BEGIN SSH SIGNATURE-----\n"
	end     = "-----END SSH SIGNATURE-----\n"
	columns = 70
)

// Limits of file signatures. The namespace keeps what is signed under the 1024
// bytes that package share allows for Ed25519.
const (
	maxNamespace = 255
	maxFileName  = 255
)

// A File is what an SSH signature covers: the namespace and the hash. The
// name and the size are what the asking device says of it. Its fields are wire
// format: append only.
type File struct {
	Version   uint8    `cbor:"1,keyasint"`
	Namespace string   `cbor:"2,keyasint"`
	SHA512    [64]byte `cbor:"3,keyasint"`
	Name      string   `cbor:"4,keyasint"`
	Size      uint64   `cbor:"5,keyasint"`
}

// Normalize returns the canonical payload of a file: who will read the signature,
// its name, its SHA-512 and its size in bytes. An error is a [*request.Error].
func Normalize(namespace, name string, hash [64]byte, size int64) ([]byte, error) {
	if size < 0 {
		return nil, request.Refuse(request.CodeBadFile, "the size of the file is negative")
	}
	f := &File{
		Version: 1, Namespace: namespace, SHA512: hash,
		Name: name, Size: uint64(size),
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(f), nil
}

// Decode reads a payload that [Normalize] has made. An error is a
// [*request.Error].
func Decode(payload []byte) (*File, error) {
	f := new(File)
	if err := wire.Unmarshal(payload, f); err != nil || f.Version != 1 {
		return nil, request.Refuse(request.CodeBadPayload, "malformed payload of a file")
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) check() error {
	switch {
	case f.Namespace == "":
		return request.Refuse(request.CodeBadFile, "the namespace is missing").
			WithHint(`it names what the signature is for, so that it cannot be used elsewhere: "file", "git", or name@domain`)
	case len(f.Namespace) > maxNamespace:
		return request.Refuse(request.CodeBadFile, "the namespace is longer than %d bytes", maxNamespace)
	case strings.ContainsFunc(f.Namespace, func(r rune) bool { return r <= ' ' || r > '~' }):
		return request.Refuse(request.CodeBadFile, "the namespace has characters other than printable ASCII without spaces")
	case len(f.Name) > maxFileName || !utf8.ValidString(f.Name):
		return request.Refuse(request.CodeBadFile, "the name of the file is longer than %d bytes or not UTF-8", maxFileName)
	case f.Size > 1<<63-1:
		return request.Refuse(request.CodeBadFile, "the size of the file is not possible")
	case f.SHA512 == [64]byte{}:
		return request.Refuse(request.CodeBadFile, "the hash of the file is missing")
	}
	return nil
}

// Permitted returns nil: every account with an Ed25519 key may sign a file.
func (f *File) Permitted(request.Context) error { return nil }

// Describe writes the file in words.
func (f *File) Describe(w *words.Writer) {
	name := "a file"
	if f.Name != "" {
		name = "the file " + text.Quote(f.Name)
		w.Text("file", f.Name)
	}
	w.Summary = fmt.Sprintf("sign %s of %d bytes for %s", name, f.Size, text.Quote(f.Namespace))
	w.Line("size", fmt.Sprintf("%d bytes", f.Size))
	w.Line("namespace", text.Escape(f.Namespace))
	w.Line("sha512", text.Hex(f.SHA512[:], len(f.SHA512)))
	w.Line("note", "name and size are what the asking device says; what is signed is the hash")
	if f.Namespace == "git" {
		w.Line("note", "this is a commit or tag of git; its text is not part of the request")
	}
}

// ToSign returns the signed data: everything but the message, of which it has
// the hash.
func (f *File) ToSign() []byte {
	b := []byte(magic)
	b = appendString(b, f.Namespace)
	b = appendString(b, "") // reserved
	b = appendString(b, hash)
	return appendString(b, string(f.SHA512[:]))
}

// Finish makes the armored signature of a signature over [File.ToSign], having
// verified it.
func (f *File) Finish(ctx request.Context, sig []byte) (request.Result, error) {
	if len(sig) != ed25519.SignatureSize || !ed25519.Verify(ctx.PublicKey, f.ToSign(), sig) {
		return request.Result{}, request.Refuse(request.CodeBadSignature, "the signature of the file does not verify")
	}
	key := appendString(appendString(nil, keyType), string(ctx.PublicKey))

	b := []byte(magic)
	b = binary.BigEndian.AppendUint32(b, version)
	b = appendString(b, string(key))
	b = appendString(b, f.Namespace)
	b = appendString(b, "") // reserved
	b = appendString(b, hash)
	b = appendString(b, string(appendString(appendString(nil, keyType), string(sig))))

	return request.Result{
		Signature: armor(b),
		Digest:    f.SHA512[:],
		PublicKey: keyType + " " + base64.StdEncoding.EncodeToString(key),
	}, nil
}

// appendString appends a string of RFC 4251, section 5: a length of four bytes
// and the bytes.
func appendString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// armor wraps a signature the way ssh-keygen does.
func armor(b []byte) []byte {
	text := base64.StdEncoding.EncodeToString(b)
	out := []byte(begin)
	for len(text) > columns {
		out = append(append(out, text[:columns]...), '\n')
		text = text[columns:]
	}
	return append(append(append(out, text...), '\n'), end...)
}

package intent

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/warifu/warifu/wire"
)

// The format is PROTOCOL.sshsig of OpenSSH, version 1, with SHA-512 and an
// Ed25519 key (RFC 8709).
const (
	sshMagic    = "SSHSIG"
	sshVersion  = 1
	sshHash     = "sha512"
	sshKeyType  = "ssh-ed25519"
	sshBegin    = "-----BEGIN SSH SIGNATURE-----\n"
	sshEnd      = "-----END SSH SIGNATURE-----\n"
	sshColumns  = 70
	ed25519Size = ed25519.PublicKeySize
)

// A file is what an SSH signature covers: the namespace and the hash. The
// name and the size are what the asking device says of it. Its fields are wire
// format: append only.
type file struct {
	Version   uint8    `cbor:"1,keyasint"`
	Namespace string   `cbor:"2,keyasint"`
	SHA512    [64]byte `cbor:"3,keyasint"`
	Name      string   `cbor:"4,keyasint"`
	Size      uint64   `cbor:"5,keyasint"`
}

func normalizeFile(in Input) ([]byte, error) {
	if in.FileSize < 0 {
		return nil, refuse(CodeBadFile, "the size of the file is negative")
	}
	f := &file{
		Version: 1, Namespace: in.Namespace, SHA512: in.FileHash,
		Name: in.FileName, Size: uint64(in.FileSize),
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(f), nil
}

func decodeFile(payload []byte) (request, error) {
	f := new(file)
	if err := wire.Unmarshal(payload, f); err != nil || f.Version != 1 {
		return nil, refuse(CodeBadPayload, "malformed payload of a file")
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *file) check() error {
	switch {
	case f.Namespace == "":
		return refuse(CodeBadFile, "the namespace is missing").
			hint(`it names what the signature is for, so that it cannot be used elsewhere: "file", "git", or name@domain`)
	case len(f.Namespace) > maxNamespace:
		return refuse(CodeBadFile, "the namespace is longer than %d bytes", maxNamespace)
	case strings.ContainsFunc(f.Namespace, func(r rune) bool { return r <= ' ' || r > '~' }):
		return refuse(CodeBadFile, "the namespace has characters other than printable ASCII without spaces")
	case len(f.Name) > maxFileName || !utf8.ValidString(f.Name):
		return refuse(CodeBadFile, "the name of the file is longer than %d bytes or not UTF-8", maxFileName)
	case f.Size > 1<<63-1:
		return refuse(CodeBadFile, "the size of the file is not possible")
	case f.SHA512 == [64]byte{}:
		return refuse(CodeBadFile, "the hash of the file is missing")
	}
	return nil
}

func (f *file) purpose() string         { return PurposeSSHSIG }
func (f *file) permitted(Context) error { return nil }

func (f *file) describe(w *writer) {
	name := "a file"
	if f.Name != "" {
		name = "the file " + short(f.Name)
		w.text("file", f.Name)
	}
	w.summary = fmt.Sprintf("sign %s of %d bytes for %s", name, f.Size, short(f.Namespace))
	w.line("size", fmt.Sprintf("%d bytes", f.Size))
	w.line("namespace", Escape(f.Namespace))
	w.line("sha512", showHex(f.SHA512[:], len(f.SHA512)))
	w.line("note", "name and size are what the asking device says; what is signed is the hash")
	if f.Namespace == "git" {
		w.line("note", "this is a commit or tag of git; its text is not part of the request")
	}
}

// toSign returns the signed data: everything but the message, of which it has
// the hash.
func (f *file) toSign() ([]byte, error) {
	b := []byte(sshMagic)
	b = appendSSH(b, f.Namespace)
	b = appendSSH(b, "") // reserved
	b = appendSSH(b, sshHash)
	return appendSSH(b, string(f.SHA512[:])), nil
}

func (f *file) finish(ctx Context, sig []byte) (Result, error) {
	signed, err := f.toSign()
	if err != nil {
		return Result{}, err
	}
	if len(sig) != ed25519.SignatureSize || !ed25519.Verify(ctx.PublicKey, signed, sig) {
		return Result{}, refuse(CodeBadSignature, "the signature of the file does not verify")
	}
	key := appendSSH(appendSSH(nil, sshKeyType), string(ctx.PublicKey))

	b := []byte(sshMagic)
	b = binary.BigEndian.AppendUint32(b, sshVersion)
	b = appendSSH(b, string(key))
	b = appendSSH(b, f.Namespace)
	b = appendSSH(b, "") // reserved
	b = appendSSH(b, sshHash)
	b = appendSSH(b, string(appendSSH(appendSSH(nil, sshKeyType), string(sig))))

	return Result{
		Signature: armor(b),
		Digest:    f.SHA512[:],
		PublicKey: sshKeyType + " " + base64.StdEncoding.EncodeToString(key),
	}, nil
}

// appendSSH appends a string of RFC 4251, section 5: a length of four bytes
// and the bytes.
func appendSSH(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// armor wraps a signature the way ssh-keygen does.
func armor(b []byte) []byte {
	text := base64.StdEncoding.EncodeToString(b)
	out := []byte(sshBegin)
	for len(text) > sshColumns {
		out = append(append(out, text[:sshColumns]...), '\n')
		text = text[sshColumns:]
	}
	return append(append(append(out, text...), '\n'), sshEnd...)
}

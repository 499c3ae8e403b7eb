package pairing

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/warifu/warifu/wire"
)

// An Invitation says where the showing device waits and carries the secret
// that the two will prove to each other. It prints as a placeholder: show it
// with [Invitation.Text] or [Invitation.QR].
type Invitation struct {
	Peer  []byte   // libp2p peer id of the throw-away host, 1 to 64 bytes
	Addrs [][]byte // binary multiaddrs, 1 to [MaxAddrs] of up to 128 bytes

	// Expires is when the window closes, in Unix seconds by the clock of the
	// device that shows it. The reader's clock may differ: only the shower
	// decides, and the reader may at most warn.
	Expires uint64

	secret Password
}

// The text form is this prefix and, in unpadded base32 (RFC 4648, section 6),
//
//	length of body (2 bytes, big-endian) ‖ body ‖ checksum (4 bytes)
//
// where body is the canonical CBOR array [peer, addrs, secret, expires] and
// the checksum covers all before it. Base32 fits the alphanumeric mode of QR
// codes and survives a change of case. The number in the prefix is the
// version.
const prefix = "warifu1:"

const tagChecksum wire.Tag = "pairing/invitation-checksum"

const (
	checksumSize = 4
	lengthSize   = 2
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

type invitationBody struct {
	_       struct{} `cbor:",toarray"`
	Peer    []byte
	Addrs   [][]byte
	Secret  []byte
	Expires uint64
}

// check reports what is out of bounds, as an *[Error].
func (inv Invitation) check() error {
	if n := len(inv.Peer); n == 0 || n > maxPeer {
		return failure(Malformed, "an invitation with a peer id of %d bytes", n)
	}
	if n := len(inv.Addrs); n == 0 || n > MaxAddrs {
		return failure(Malformed, "an invitation with %d addresses, and it must have 1 to %d", n, MaxAddrs)
	}
	for _, a := range inv.Addrs {
		if n := len(a); n == 0 || n > maxAddr {
			return failure(Malformed, "an invitation with an address of %d bytes", n)
		}
	}
	if inv.secret.empty() {
		return failure(Malformed, "an invitation without a secret")
	}
	return nil
}

// Password returns the password that the invitation carries. They share their
// bytes.
func (inv Invitation) Password() Password { return inv.secret }

// Text returns the invitation as one line of text, "warifu1:…". Whoever reads
// it can pair. It panics on an Invitation that did not come from
// [Window.Invitation] or [ParseInvitation].
func (inv Invitation) Text() string {
	if err := inv.check(); err != nil {
		panic("pairing: internal error: " + err.Error())
	}
	var text string
	if err := inv.secret.use(func(s []byte) error {
		text = encode(invitationBody{Peer: inv.Peer, Addrs: inv.Addrs, Secret: s, Expires: inv.Expires})
		return nil
	}); err != nil {
		panic("pairing: internal error: " + err.Error())
	}
	return text
}

func encode(body invitationBody) string {
	b := append(make([]byte, lengthSize), wire.Marshal(body)...)
	defer clear(b)
	binary.BigEndian.PutUint16(b, uint16(len(b)-lengthSize))
	sum := wire.Sum(tagChecksum, b)
	return prefix + strings.ToLower(base32Text.EncodeToString(append(b, sum[:checksumSize]...)))
}

// Format implements [fmt.Formatter] and prints a placeholder for every verb.
func (Invitation) Format(f fmt.State, _ rune) { io.WriteString(f, "[invitation]") }

// ParseInvitation reads the text form, in any case and however a terminal or a
// mail program has wrapped it. Its error is an *[Error], and tells an
// invitation that is cut short from one with a typing mistake and from one of
// another release.
func ParseInvitation(s string) (Invitation, error) {
	if len(s) > maxTextSize {
		return Invitation{}, failure(Malformed, "this is too long for an invitation")
	}
	s = strings.ToUpper(strings.Join(strings.Fields(s), ""))
	digits, ok := strings.CutPrefix(s, strings.ToUpper(prefix))
	if !ok {
		return Invitation{}, foreign(s)
	}
	for _, c := range []byte(digits) {
		if !(c >= 'A' && c <= 'Z' || c >= '2' && c <= '7') {
			return Invitation{}, failure(Malformed, "the invitation has a character that none has; it was changed or mistyped")
		}
	}

	// The length comes first, so that a part can be told from a typo.
	const head = 4 // digits that hold the length
	if len(digits) < head {
		return Invitation{}, errCut
	}
	first, err := base32Text.DecodeString(digits[:head])
	if err != nil {
		return Invitation{}, errTypo
	}
	n := lengthSize + int(binary.BigEndian.Uint16(first)) + checksumSize
	switch want := base32Text.EncodedLen(n); {
	case len(digits) < want:
		return Invitation{}, errCut
	case len(digits) > want:
		return Invitation{}, failure(Malformed, "the invitation is longer than it says; something was added to it or mistyped")
	}
	b, err := base32Text.DecodeString(digits)
	// The last digit has bits to spare, which must be zero.
	if err != nil || base32Text.EncodeToString(b) != digits {
		return Invitation{}, errTypo
	}
	defer clear(b)
	sum := wire.Sum(tagChecksum, b[:n-checksumSize])
	if string(sum[:checksumSize]) != string(b[n-checksumSize:]) {
		return Invitation{}, errTypo
	}

	var body invitationBody
	if err := wire.Unmarshal(b[lengthSize:n-checksumSize], &body); err != nil || len(body.Secret) != SecretSize {
		return Invitation{}, failure(Malformed, "the invitation was not made by warifu")
	}
	defer clear(body.Secret)
	inv := Invitation{Peer: body.Peer, Addrs: body.Addrs, Expires: body.Expires}
	inv.secret = newPassword(ModeInvitation, body.Secret)
	if err := inv.check(); err != nil {
		return Invitation{}, err
	}
	return inv, nil
}

var (
	errCut  = failure(Malformed, "the invitation is cut short; copy all of it")
	errTypo = failure(Malformed, "the invitation has a typing mistake; its checksum does not match")
)

// foreign says what s is, which does not begin like an invitation of this
// release.
func foreign(s string) *Error {
	ours := strings.Trim(prefix, "warifu:")
	rest, ok := strings.CutPrefix(s, "WARIFU")
	version, _, colon := strings.Cut(rest, ":")
	if ok && colon && version != "" && strings.Trim(version, "0123456789") == "" {
		which := "the other device"
		if len(version) > 1 || version > ours {
			which = "this device"
		}
		return failure(Version, "the invitation is of another release of warifu: it has version %.8s, and this device reads version %s; update %s", version, ours, which)
	}
	if strings.HasPrefix(strings.ToUpper(prefix), s) {
		return errCut
	}
	return failure(Malformed, "this is no invitation; one begins with %q", prefix)
}

package pairing

import (
	"encoding/binary"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/wire"
	"golang.org/x/crypto/nacl/secretbox"
)

// version is the first byte of every message. It changes with anything that
// is said or hashed here.
const version = 1

// A kind is the second byte of a message. Values are wire format: append only,
// never reuse. Behind it come, with fixed lengths:
//
//	hello    mode (1) ‖ sid (16) ‖ Ya (32)
//	answer   Yb (32)
//	prove    Ta (64)
//	confirm  Tb (64)
//	refusal  reason (1) ‖ tries left (1), in clear: a hint
//	sealed   secretbox of what (1) ‖ its body
type kind uint8

const (
	kindHello kind = iota + 1
	kindAnswer
	kindProve
	kindConfirm
	kindRefusal
	kindSealed
)

// A what is the first byte inside a sealed message. Values are wire format.
type what uint8

const (
	whatPayload what = iota + 1 // from the Typist: its payload
	whatAccept                  // from the Shower: its payload
	whatRefuse                  // from either: reason (1)
	whatAck                     // from the Typist: nothing
)

const (
	headerSize     = 2
	helloSize      = 1 + sidSize + shareSize
	refusalSize    = 2
	sealedOverhead = headerSize + secretbox.Overhead + 1
)

func message(k kind, parts ...[]byte) []byte {
	out := []byte{version, byte(k)}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// parse returns the kind and the body of a message, which aliases msg, or an
// *[Error]. It checks all that can be checked without state.
func parse(msg []byte) (kind, []byte, error) {
	if len(msg) < headerSize || len(msg) > wire.MaxPairMessage {
		return 0, nil, failure(Malformed, "the other device sent a message of %d bytes", len(msg))
	}
	if msg[0] != version {
		return 0, nil, VersionError(int(msg[0]), version)
	}
	k, body := kind(msg[1]), msg[headerSize:]
	want := -1
	switch k {
	case kindHello:
		want = helloSize
	case kindAnswer:
		want = shareSize
	case kindProve, kindConfirm:
		want = macSize
	case kindRefusal:
		want = refusalSize
	case kindSealed:
		want = len(body) // opening it will tell
	}
	if len(body) != want {
		return 0, nil, failure(Malformed, "the other device sent a message of kind %d with %d bytes", k, len(body))
	}
	return k, body, nil
}

const (
	tagTranscript wire.Tag = "pairing/transcript"
	tagTypistKey  wire.Tag = "pairing/key-from-typist"
	tagShowerKey  wire.Tag = "pairing/key-from-shower"
)

// The associated data ADa and ADb name the roles. They must differ: see doc.go.
var (
	adTypist = []byte("typist")
	adShower = []byte("shower")
)

// channelID returns CI: protocol, mode and both authenticated ends of the
// connection, initiator first.
func channelID(m Mode, typist, shower []byte) []byte {
	return lvCat([]byte(wire.ProtocolPair), []byte{version, byte(m)}, typist, shower)
}

// A channel is what both sides have after the exchange: one key and one
// message counter for each direction.
type channel struct {
	out, in        secret.Key
	sent, received uint64
}

// newChannel derives the channel from ISK and everything that was said in
// clear. It does not clear isk.
func newChannel(isk, ci, sid, Ya, Yb []byte, typist bool) *channel {
	t := wire.Sum(tagTranscript, ci, sid, Ya, adTypist, Yb, adShower)
	derive := func(tag wire.Tag) secret.Key {
		h := [32]byte(wire.Sum(tag, isk, t[:]))
		return secret.Take(&h)
	}
	c := &channel{out: derive(tagTypistKey), in: derive(tagShowerKey)}
	if !typist {
		c.out, c.in = c.in, c.out
	}
	return c
}

// seal returns the message that says w with the next nonce. A key seals one
// direction of one run, so that a counter is a nonce that never repeats.
func (c *channel) seal(w what, body []byte) []byte {
	out := message(kindSealed)
	n := nonce(c.sent)
	c.sent++
	plain := append([]byte{byte(w)}, body...)
	if err := c.out.Use(func(key *[secret.Size]byte) error {
		out = secretbox.Seal(out, plain, &n, key)
		return nil
	}); err != nil {
		panic("pairing: internal error: " + err.Error())
	}
	return out
}

// open is the inverse of seal. It accepts each message once and in order.
func (c *channel) open(box []byte) (what, []byte, bool) {
	n := nonce(c.received)
	var plain []byte
	var ok bool
	if err := c.in.Use(func(key *[secret.Size]byte) error {
		plain, ok = secretbox.Open(nil, box, &n, key)
		return nil
	}); err != nil {
		panic("pairing: internal error: " + err.Error())
	}
	if !ok || len(plain) == 0 {
		return 0, nil, false
	}
	c.received++
	return what(plain[0]), plain[1:], true
}

func (c *channel) wipe() {
	c.out.Wipe()
	c.in.Wipe()
}

func nonce(n uint64) (b [24]byte) {
	binary.BigEndian.PutUint64(b[16:], n)
	return b
}

package pairing

import (
	"golang.org/x/crypto/nacl/secretbox"

	"github.com/warifu/warifu/internal/secret"
)

// What black-box tests need of the inside.

const (
	KindHello   = byte(kindHello)
	KindAnswer  = byte(kindAnswer)
	KindProve   = byte(kindProve)
	KindConfirm = byte(kindConfirm)
	KindRefusal = byte(kindRefusal)
	KindSealed  = byte(kindSealed)
)

var (
	NewSecret = newSecret
	NewCode   = newCode
	Message   = func(k byte, parts ...[]byte) []byte { return message(kind(k), parts...) }
)

// EncodeInvitation writes the text form of what no Window would hand out.
func EncodeInvitation(peer []byte, addrs [][]byte, secret []byte) string {
	return encode(invitationBody{Peer: peer, Addrs: addrs, Secret: secret})
}

const (
	WhatPayload = byte(whatPayload)
	WhatAccept  = byte(whatAccept)
	WhatRefuse  = byte(whatRefuse)
	WhatAck     = byte(whatAck)
)

// SealTypist and SealShower seal what an honest machine would not say now.
func SealTypist(m *Typist, w byte, body []byte) []byte { return m.ch.seal(what(w), body) }
func SealShower(m *Shower, w byte, body []byte) []byte { return m.ch.seal(what(w), body) }

// SealNothing seals less than any machine does: not even what is said.
func SealNothing(m *Typist) []byte {
	out, n := message(kindSealed), nonce(m.ch.sent)
	m.ch.out.Use(func(key *[secret.Size]byte) error {
		out = secretbox.Seal(out, nil, &n, key)
		return nil
	})
	return out
}

// WipedTypist and WipedShower report whether no secret is left in the machine.
func WipedTypist(m *Typist) bool {
	return wiped(m.ch) && (m.agreed == nil || *m.agreed == agreed{}) && m.ex.y.Equal(zeroScalar) == 1
}

func WipedShower(m *Shower) bool {
	return wiped(m.ch) && (m.agreed == nil || *m.agreed == agreed{})
}

// WipedWindow reports whether the secrets of a window are gone.
func WipedWindow(w *Window) bool {
	return w.secret.equal(newPassword(ModeInvitation, nil)) && w.code.p.equal(newPassword(ModeCode, nil))
}

// WipedCode reports whether the code of a window is gone.
func WipedCode(w *Window) bool { return w.code.p.equal(newPassword(ModeCode, nil)) }

func wiped(c *channel) bool {
	zero := newPassword(ModeCode, nil).key
	return c == nil || c.in.Equal(zero) && c.out.Equal(zero)
}

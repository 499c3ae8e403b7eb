package keygen

import (
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Record returns the record of this run and whether it is known: all devices
// have verified it, whether or not the person has confirmed it yet.
func (m *Machine) Record() (roster.Record, bool) {
	return m.record, m.phase >= awaitPerson && m.phase != over
}

// CertificateFrame returns the frame in which the device in slot from, which
// holds e, brings the whole certificate to a device that has only its own
// part. The machine that receives it checks every signature.
func CertificateFrame(session wire.SessionID, from wire.Slot, e roster.Entry) wire.Frame {
	hash := e.Record.Hash()
	body := hash[:]
	for _, r := range e.Ready {
		body = append(body, r.Sig[:]...)
	}
	return wire.Frame{Session: session, From: from, Kind: kindCertificate, Body: body}
}

// Version is the version of the proposals that this package reads.
const Version = version

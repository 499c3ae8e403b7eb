package cosign

import (
	"fmt"
	"io"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// A SigningSession is what a session signs, with whom, and under which record.
type SigningSession struct {
	Proposal  share.Proposal
	Record    roster.Record
	Self      wire.Slot                        // of this device in it
	Request   wire.RequestID                   // zero of a test of new shares
	Result    func() []byte                    // once it is done
	PassOver  func(slot wire.Slot, why string) // prefer others to the device the next time
	testimony *testimony                       // nil until somebody asks
}

// signs makes what embeds a signing session one that can testify.
func (s *SigningSession) signs() *SigningSession { return s }

// A SignerConfig is what a device brings to one signature.
type SignerConfig struct {
	Proposal share.Proposal
	Record   roster.Record
	Self     wire.Slot
	Share    secret.Key
	Sign     func(msg []byte) [64]byte // with the identity key
	Rand     io.Reader
}

// A NewSigner makes the machine of this device for one signature, and the
// function that reads the signature once the machine is done: r, s, parity (65
// bytes), or an Ed25519 signature (64).
type NewSigner func(SignerConfig) (session.Machine, func() []byte, []session.Effect, error)

// Signer runs DKLs23 or FROST, as the account wants.
func Signer(cfg SignerConfig) (session.Machine, func() []byte, []session.Effect, error) {
	switch cfg.Proposal.Suite {
	case roster.Secp256k1:
		m, effects, err := sign.New(sign.Config{Proposal: cfg.Proposal, Record: cfg.Record, Self: cfg.Self, Share: cfg.Share, Sign: cfg.Sign, Rand: cfg.Rand})
		return m, func() []byte { sig, _ := m.Signature(); return sig[:] }, effects, err
	case roster.Ed25519:
		m, effects, err := frost.New(frost.Config{Proposal: cfg.Proposal, Record: cfg.Record, Self: cfg.Self, Share: cfg.Share, Sign: cfg.Sign, Rand: cfg.Rand})
		return m, func() []byte { sig, _ := m.Signature(); return sig[:] }, effects, err
	}
	return nil, nil, nil, fmt.Errorf("node: account of unknown suite %d", cfg.Proposal.Suite)
}

// Reasons for which a device ends or refuses a session, as they travel.
const (
	RefusedUnknown  = "unknown-request"
	RefusedNotOpen  = "request-closed"
	RefusedUnasked  = "not-approved"
	RefusedLocked   = "locked"
	RefusedProposal = "proposal"
	RefusedWords    = "words"
	RefusedBusy     = "busy"
	RefusedFrozen   = "frozen"
	RefusedExpired  = "expired"
	EndedFault      = "fault"
	EndedSilent     = "silent"
	EndedMismatch   = "view-mismatch"
	EndedOther      = "failed"
	EndedStopped    = "stopped"
)

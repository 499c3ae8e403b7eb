package node

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

// A signingSession is what a session signs, with whom, and under which record.
type signingSession struct {
	proposal  share.Proposal
	record    roster.Record
	self      wire.Slot                        // of this device in it
	request   wire.RequestID                   // zero of a test of new shares
	result    func() []byte                    // once it is done
	passOver  func(slot wire.Slot, why string) // prefer others to the device the next time
	testimony *testimony                       // nil until somebody asks
}

// signs makes what embeds a signing session one that can testify.
func (s *signingSession) signs() *signingSession { return s }

// A signerConfig is what a device brings to one signature.
type signerConfig struct {
	proposal share.Proposal
	record   roster.Record
	self     wire.Slot
	share    secret.Key
	sign     func(msg []byte) [64]byte // with the identity key
	rand     io.Reader
}

// A newSigner makes the machine of this device for one signature, and the
// function that reads the signature once the machine is done: r, s, parity (65
// bytes), or an Ed25519 signature (64).
type newSigner func(signerConfig) (session.Machine, func() []byte, []session.Effect, error)

// signer runs DKLs23 or FROST, as the account wants.
func signer(cfg signerConfig) (session.Machine, func() []byte, []session.Effect, error) {
	switch cfg.proposal.Suite {
	case roster.Secp256k1:
		m, effects, err := sign.New(sign.Config{Proposal: cfg.proposal, Record: cfg.record, Self: cfg.self, Share: cfg.share, Sign: cfg.sign, Rand: cfg.rand})
		return m, func() []byte { sig, _ := m.Signature(); return sig[:] }, effects, err
	case roster.Ed25519:
		m, effects, err := frost.New(frost.Config{Proposal: cfg.proposal, Record: cfg.record, Self: cfg.self, Share: cfg.share, Sign: cfg.sign, Rand: cfg.rand})
		return m, func() []byte { sig, _ := m.Signature(); return sig[:] }, effects, err
	}
	return nil, nil, nil, fmt.Errorf("node: account of unknown suite %d", cfg.proposal.Suite)
}

// Reasons for which a device ends or refuses a session, as they travel.
const (
	refusedUnknown  = "unknown-request"
	refusedNotOpen  = "request-closed"
	refusedUnasked  = "not-approved"
	refusedLocked   = "locked"
	refusedProposal = "proposal"
	refusedWords    = "words"
	refusedBusy     = "busy"
	refusedFrozen   = "frozen"
	refusedExpired  = "expired"
	endedFault      = "fault"
	endedSilent     = "silent"
	endedMismatch   = "view-mismatch"
	endedOther      = "failed"
	endedStopped    = "stopped"
)

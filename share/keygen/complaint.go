package keygen

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

const tagComplaint wire.Tag = "keygen/complaint"

const maxCheck = 40 // bytes of the name of a check

// A Complaint is the error of a run that ends because device By says that
// Against broke the check of the given name. It is a claim: either of the two
// may be lying.
type Complaint struct {
	By, Against wire.Slot
	Check       string
}

func (c *Complaint) Error() string {
	return fmt.Sprintf("keygen: device %d says that device %d broke a check: %s", c.By, c.Against, c.Check)
}

// complaint is the body of the frame. Share is what the accused dealt to the
// sender, or empty if the complaint is about something else. It can be shown
// to all, for the run is over and its polynomials are never used.
type complaint struct {
	_ struct{} `cbor:",toarray"`

	Against wire.Slot
	Check   string
	Share   []byte
	Sig     [sigSize]byte // by the identity key of the sender
}

func (c complaint) message(s wire.SessionID, by wire.Slot) []byte {
	h := wire.Sum(tagComplaint, s[:], wire.U16(by), wire.U16(c.Against), []byte(c.Check), c.Share)
	return h[:]
}

// complain makes the frame that tells the others what f says.
func (m *Machine) complain(f *session.Fault) session.Effect {
	c := complaint{Against: f.Slot, Check: f.Check, Share: []byte{}}
	if f.Check == checkShare {
		c.Share = m.got[kindShare][f.Slot-1]
	}
	c.Sig = m.cfg.Sign(c.message(m.session, m.cfg.Self))
	m.complaint = wire.Marshal(c)
	return m.send(kindComplaint, 0, m.complaint)
}

var (
	errRefuted = errors.New("the share that it shows is right")
	errAccused = errors.New("it accuses this device, which did nothing wrong")
)

// judge returns the error with which a complaint ends the run.
func (m *Machine) judge(by wire.Slot, body []byte) error {
	malformed := &session.Fault{Slot: by, Class: session.Malformed, Check: checkComplaint}
	var c complaint
	if wire.Unmarshal(body, &c) != nil {
		return malformed
	}
	if c.Against == by || !m.member(c.Against) || !kebab(c.Check) ||
		c.Share == nil || len(c.Share) != 0 && len(c.Share) != shareSize {
		return malformed
	}
	id := m.cfg.Proposal.Devices[by-1].Identity
	if !ed25519.Verify(id[:], c.message(m.session, by), c.Sig[:]) {
		return malformed
	}
	if c.Against == m.cfg.Self {
		return &session.Fault{Slot: by, Class: session.Cheat, Check: checkFalseComplaint, Err: errAccused}
	}
	// Whether the accused dealt what is shown is between the two of them. But
	// if it is right, there was nothing to complain about.
	if m.revealed[c.Against-1] != nil && len(c.Share) != 0 && m.rightShare(c.Against, c.Share, by) {
		return &session.Fault{Slot: by, Class: session.Cheat, Check: checkFalseComplaint, Err: errRefuted}
	}
	return &Complaint{By: by, Against: c.Against, Check: c.Check}
}

// kebab reports whether s can be the name of a check, and so can be shown.
func kebab(s string) bool {
	if s == "" || len(s) > maxCheck {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && r != '-' {
			return false
		}
	}
	return true
}

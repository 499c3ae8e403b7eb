package refresh

import (
	"crypto/ed25519"
	"errors"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// TestPurpose is the purpose of the proposals under which the new shares sign
// once before anybody commits to them.
const TestPurpose = "redeal-test"

const tagTestName wire.Tag = "refresh/test-request"

// TestMessage returns what the new shares of an account sign as a test: 32
// bytes of a labelled hash for secp256k1, and 32 bytes behind a plain prefix
// for Ed25519. No message, typed data, transaction or SSH signature hashes or
// begins like it.
func (m *Machine) TestMessage(a roster.Account) []byte {
	var record wire.Hash
	if m.votes.epoch != nil {
		record = m.votes.epoch.hash
	}
	return testMessage(m.attempt, record, a)
}

// TestRequest returns the request id of the test session of an account, which
// no person ever asked for.
func (m *Machine) TestRequest(a roster.Account) wire.RequestID {
	return wire.RequestID(wire.Sum(tagTestName, m.attempt[:], []byte(a.Name)))
}

// NeedsTest reports whether every member is ready and only the test signatures
// are missing.
func (m *Machine) NeedsTest() bool {
	return m.member && m.phase == Prepared && !m.resting && !m.doomed() && m.votes.all(ready, m.p.Members) && !m.votes.testsPass()
}

var errTest = errors.New("refresh: test signatures do not verify")

// Tested brings the test signatures, by account: r ‖ s ‖ v and an Ed25519
// signature.
func (m *Machine) Tested(sigs map[string][]byte) ([]session.Effect, error) {
	if !m.NeedsTest() {
		return nil, nil
	}
	var body []byte
	for _, a := range m.votes.epoch.record.Accounts {
		body = append(body, sigs[a.Name]...)
	}
	list, ok := m.parseTested(body)
	if !ok || !m.votes.epoch.testHolds(list) {
		return nil, errTest
	}
	s := m.say(tested, body)
	out := []session.Effect{m.send(s)}
	more, err := m.advance()
	return append(out, more...), err
}

func testSize(s roster.Suite) int {
	if s == roster.Ed25519 {
		return ed25519.SignatureSize
	}
	return 65
}

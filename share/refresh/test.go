package refresh

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"maps"
	"slices"

	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// TestPurpose is the purpose of the proposals under which the new shares sign
// once before anybody commits to them.
const TestPurpose = "redeal-test"

const (
	tagTest     wire.Tag = "refresh/test"
	tagTestName wire.Tag = "refresh/test-request"
)

// TestMessage returns what the new shares of an account sign as a test: 32
// bytes of a labelled hash for secp256k1, and 32 bytes behind a plain prefix
// for Ed25519. No message, typed data, transaction or SSH signature hashes or
// begins like it.
func (m *Machine) TestMessage(a roster.Account) []byte {
	h := wire.Sum(tagTest, m.attempt[:], m.hash[:], []byte(a.Name))
	if a.Suite == roster.Ed25519 {
		return append([]byte("warifu re-deal test\x00"), h[:]...)
	}
	return h[:]
}

// TestRequest returns the request id of the test session of an account, which
// no person ever asked for.
func (m *Machine) TestRequest(a roster.Account) wire.RequestID {
	return wire.RequestID(wire.Sum(tagTestName, m.attempt[:], []byte(a.Name)))
}

// NeedsTest reports whether every member is ready and only the test signatures
// are missing.
func (m *Machine) NeedsTest() bool {
	return m.member && m.phase == Prepared && !m.resting && !m.doomed() && m.all(ready, m.p.Members) && !m.testsPass()
}

var errTest = errors.New("refresh: test signatures do not verify")

// Tested brings the test signatures, by account: r ‖ s ‖ v and an Ed25519
// signature.
func (m *Machine) Tested(sigs map[string][]byte) ([]session.Effect, error) {
	if !m.NeedsTest() {
		return nil, nil
	}
	var body []byte
	for _, a := range m.record.Accounts {
		body = append(body, sigs[a.Name]...)
	}
	list, ok := m.parseTested(body)
	if !ok || !m.testHolds(list) {
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

func (m *Machine) parseTested(b []byte) (list [][]byte, ok bool) {
	for _, a := range m.parent.Accounts {
		n := testSize(a.Suite)
		if len(b) < n {
			return nil, false
		}
		list, b = append(list, b[:n:n]), b[n:]
	}
	return list, len(b) == 0
}

// testsPass reports whether anybody has shown test signatures that hold. Each
// is verified once.
func (m *Machine) testsPass() bool {
	if m.record == nil {
		return false
	}
	for slot, s := range m.words[tested] {
		if _, known := m.passed[slot]; known {
			continue
		}
		list, _ := m.parseTested(s.Body)
		m.passed[slot] = m.testHolds(list)
		if !m.passed[slot] {
			m.suspect(slot, "showed test signatures that do not verify")
		}
	}
	return slices.Contains(slices.Collect(maps.Values(m.passed)), true)
}

// testHolds verifies one signature per account under the unchanged group keys,
// by implementations that did not make them.
func (m *Machine) testHolds(list [][]byte) bool {
	for a, acc := range m.record.Accounts {
		msg := m.TestMessage(acc)
		switch acc.Suite {
		case roster.Ed25519:
			if !ed25519.Verify(acc.GroupKey(), msg, list[a]) {
				return false
			}
		case roster.Secp256k1:
			if list[a][64] > 3 {
				return false
			}
			compact := append([]byte{27 + 4 + list[a][64]}, list[a][:64]...)
			key, _, err := ecdsa.RecoverCompact(compact, msg)
			if err != nil || !bytes.Equal(key.SerializeCompressed(), acc.GroupKey()) {
				return false
			}
		}
	}
	return true
}

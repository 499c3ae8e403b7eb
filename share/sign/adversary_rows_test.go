package sign_test

import (
	"bytes"
	"fmt"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

type row struct {
	name      string
	threshold int
	state     func(*cheat, *sign.Machine, wire.Kind)
	frame     func(*cheat, *wire.Frame) []wire.Frame
	want      outcome
	after     func(c *cheat)

	victimOnly bool // other honest devices may rightly end with a signature
	first      bool // the cheater's frames come first, never last in a round

	// shown is the check that convicts the cheater once all show what they heard;
	// empty where nobody is convicted.
	shown          string
	show           func(c *cheat, to wire.Slot, all []share.Statement) []share.Statement
	keepsSignature bool // frame signs itself, or does not
}

// neverSent checks that honest devices sent no frame of kind k or later.
func neverSent(k wire.Kind) func(*cheat) {
	return func(c *cheat) {
		c.t.Helper()
		for _, s := range c.honest {
			if c.parties[s].kinds[k] != 0 {
				c.t.Errorf("device %d sent round %d", s, k)
			}
			if c.parties[s].released {
				c.t.Errorf("device %d released its share", s)
			}
		}
	}
}

func rows() []row {
	high := bytes.Repeat([]byte{0xff}, 32)
	out := []row{
		// Checks of R1 and of the views.
		{name: "other-proposal-hash", threshold: 2, frame: inRound(r1, flip("proposal")), want: cheats(session.Cheat, "proposal-hash"), after: neverSent(r2)},
		{name: "other-proposal-hash-of-three", threshold: 3, frame: toOne(r1, flip("proposal")), want: cheats(session.Cheat, "proposal-hash"), shown: "signed-twice"},
		{name: "other-nonce-than-hashed", threshold: 2, frame: inRound(r1, flip("nonce")), want: cheats(session.Cheat, "view"), after: neverSent(r3)},
		{name: "nonces-equivocated", threshold: 3, frame: toOne(r1, flip("nonce")), want: mismatch, after: neverSent(r3), shown: "signed-twice"},
		{name: "nonce-copied", threshold: 2, frame: copyNonce(), want: cheats(session.Cheat, "nonce-echo"), after: neverSent(r2)},
		{name: "nonce-of-a-third-copied", threshold: 3, frame: copyThirdNonce(), want: mismatch, shown: "signed-twice"},
		{name: "commitments-equivocated", threshold: 3, frame: toOne(r3, flip("commitment")), want: mismatch, after: neverSent(r5), shown: "signed-twice"},
		{name: "share-of-the-signature-equivocated", threshold: 3, frame: toOne(r5, flip("w")), want: unattributable, victimOnly: true, shown: "signed-twice"},
		{name: "view-5-to-one-of-three", threshold: 3, frame: toOne(r5, flip("view")), want: mismatch, victimOnly: true, shown: "signed-twice"},
		{name: "statement-forged", threshold: 3, frame: inRound(r2, func(_ *cheat, f *wire.Frame) { f.Body[len(f.Body)-1] ^= 1 }), keepsSignature: true, want: cheats(session.Malformed, "statement"), after: neverSent(r3)},
		{name: "statement-of-another-round", threshold: 3, frame: inRound(r2, func(c *cheat, f *wire.Frame) {
			sig := c.circle.signer(c.cheater)(share.StatementMessage(f.Session, f.From, r3, f.Body[:32]))
			copy(f.Body[len(f.Body)-64:], sig[:])
		}), keepsSignature: true, want: cheats(session.Malformed, "statement"), after: neverSent(r3)},
		{name: "view-lied-and-nothing-shown", threshold: 3, frame: inRound(r5, flip("view")), want: mismatch, shown: "view", show: func(_ *cheat, _ wire.Slot, all []share.Statement) []share.Statement { return nil }},
		{name: "view-lied-and-a-word-forged", threshold: 3, frame: inRound(r5, flip("view")), want: mismatch, shown: "shown-statement", show: func(c *cheat, to wire.Slot, all []share.Statement) []share.Statement {
			for i, s := range all {
				if s.Slot != c.cheater && s.Kind == r3 {
					all[i].Said = bytes.Repeat([]byte{7}, len(s.Said))
				}
			}
			return all
		}},
		{name: "view-lied-and-two-words-shown", threshold: 3, frame: inRound(r5, flip("view")), want: mismatch, shown: "shown-statement", show: func(_ *cheat, _ wire.Slot, all []share.Statement) []share.Statement {
			return append(all, all...)
		}},
		{name: "keys-equivocated", threshold: 3, frame: toOne(r4, func(c *cheat, f *wire.Frame) {
			k := secp.Base().Bytes()
			put(f, "key", k[:])
		}), want: cheats(session.Cheat, "gamma-v"), shown: "signed-twice"},

		// Base transfers.
		{name: "base-point-identity", threshold: 2, frame: inRound(r1, field("point", make([]byte, 32)...)), want: cheats(session.Malformed, "base-ot-point"), after: neverSent(r2)},
		{name: "base-point-non-canonical", threshold: 2, frame: inRound(r1, field("point", high...)), want: cheats(session.Malformed, "base-ot-point")},
		{name: "base-slot-identity", threshold: 2, frame: inRound(r2, field("base", make([]byte, 32)...)), want: cheats(session.Malformed, "base-ot-message"), after: neverSent(r3)},
		{name: "base-slot-non-canonical", threshold: 2, frame: inRound(r2, field("base", high...)), want: cheats(session.Malformed, "base-ot-message")},
		{name: "base-point-of-another", threshold: 2, frame: inRound(r1, func(c *cheat, f *wire.Frame) {
			copy(get(f, "point"), c.anyPoint())
		}), want: cheats(session.Cheat, "ote-check"), after: neverSent(r4)},

		// Extension. Whatever honest devices check comes before any R4.
		{name: "extension-u", threshold: 3, frame: toOne(r3, func(_ *cheat, f *wire.Frame) { get(f, "extension")[7] ^= 1 }), want: cheats(session.Cheat, "ote-check"), after: victimSent(r4)},
		{name: "extension-x-hat", threshold: 2, frame: inRound(r3, func(_ *cheat, f *wire.Frame) { get(f, "extension")[128*80] ^= 1 }), want: cheats(session.Cheat, "ote-check"), after: neverSent(r4)},
		{name: "extension-t-hat", threshold: 2, frame: inRound(r3, flip("extension")), want: cheats(session.Cheat, "ote-check"), after: neverSent(r4)},

		// Check 1: the nonce is the committed one.
		{name: "nonce-changed-after-commitment", threshold: 2, state: in(r3, func(c *cheat, m *sign.Machine) {
			c.shift(m.NonceSecret())
			*m.NoncePoint() = secp.BaseMul(*m.NonceSecret()).Bytes()
		}), frame: inRound(r4, func(c *cheat, f *wire.Frame) {
			// Its own view is of the commitment that it did not send.
			put(f, "view", c.honestView(f))
		}), want: cheats(session.Cheat, "commitment"), after: neverSent(r5)},
		{name: "salt", threshold: 2, frame: inRound(r4, flip("salt")), want: cheats(session.Cheat, "commitment")},
		{name: "commitment-copied", threshold: 3, frame: copyCommitment(), want: cheats(session.Cheat, "commitment")},

		// Check 2: one vector in all rows.
		{name: "rvole-mu", threshold: 2, frame: inRound(r4, flip("rvole")), want: cheats(session.Cheat, "rvole-check"), after: neverSent(r5)},
		{name: "rvole-one-row", threshold: 3, frame: toOne(r4, func(_ *cheat, f *wire.Frame) { get(f, "rvole")[31] ^= 1 }), want: cheats(session.Cheat, "rvole-check")},
		{name: "rvole-eta", threshold: 2, frame: inRound(r4, func(_ *cheat, f *wire.Frame) { get(f, "rvole")[512*128+31] ^= 1 }), want: cheats(session.Cheat, "rvole-check")},
		{name: "rvole-scalar-is-order", threshold: 2, frame: inRound(r4, field("rvole", order...)), want: cheats(session.Malformed, "encoding")},
		{name: "rvole-of-another-pair", threshold: 3, frame: swapRvole(), want: cheats(session.Cheat, "rvole-check")},

		// Checks 3 and 4: what was multiplied is what was published.
		{name: "multiplied-another-nonce", threshold: 2, state: in(r3, func(c *cheat, m *sign.Machine) {
			c.shift(m.NonceSecret())
		}), want: cheats(session.Cheat, "gamma-u"), after: neverSent(r5)},
		{name: "multiplied-another-nonce-of-three", threshold: 3, state: in(r3, func(c *cheat, m *sign.Machine) {
			c.shift(m.NonceSecret())
		}), want: cheats(session.Cheat, "gamma-u"), after: neverSent(r5)},
		{name: "multiplied-another-key", threshold: 2, state: in(r3, func(c *cheat, m *sign.Machine) {
			c.scratch = secp.BaseMul(*m.KeySecret())
			c.shift(m.KeySecret())
		}), frame: inRound(r4, func(c *cheat, f *wire.Frame) {
			k := c.scratch.Bytes()
			put(f, "key", k[:])
		}), want: cheats(session.Cheat, "gamma-v"), after: neverSent(r5)},
		{name: "gamma-u-shifted", threshold: 2, frame: inRound(r4, shiftPoint("gamma-u")), want: cheats(session.Cheat, "gamma-u")},
		{name: "gamma-v-shifted", threshold: 2, frame: inRound(r4, shiftPoint("gamma-v")), want: cheats(session.Cheat, "gamma-v")},

		// Check 5: the keys add up.
		{name: "another-key-throughout", threshold: 2, state: in(r3, func(c *cheat, m *sign.Machine) {
			c.shift(m.KeySecret())
		}), want: cheats(session.Cheat, "public-key-sum"), after: neverSent(r5)},
		{name: "another-key-throughout-of-three", threshold: 3, state: in(r3, func(c *cheat, m *sign.Machine) {
			c.shift(m.KeySecret())
		}), want: unattributable, after: neverSent(r5)},
		{name: "zero-share-changed", threshold: 2, frame: inRound(r1, flip("zero")), want: cheats(session.Cheat, "public-key-sum")},
		{name: "zero-share-changed-of-three", threshold: 3, frame: toOne(r1, flip("zero")), want: unattributable},

		// The signature.
		{name: "psi-shifted", threshold: 2, frame: inRound(r4, flip("psi")), want: cheats(session.Cheat, "signature-share")},
		{name: "psi-shifted-of-three", threshold: 3, frame: toOne(r4, flip("psi")), want: unattributable},
		{name: "another-mask-at-the-end", threshold: 2, state: in(r4, func(c *cheat, m *sign.Machine) {
			c.shift(m.MaskSecret())
		}), want: cheats(session.Cheat, "signature-share")},
		{name: "another-nonce-at-the-end", threshold: 2, state: in(r4, func(c *cheat, m *sign.Machine) {
			c.shift(m.NonceSecret())
		}), want: cheats(session.Cheat, "signature-share")},
		{name: "u", threshold: 2, frame: inRound(r5, flip("u")), want: cheats(session.Cheat, "signature-share")},
		{name: "w", threshold: 2, frame: inRound(r5, flip("w")), want: cheats(session.Cheat, "signature-share")},
		{name: "w-of-three", threshold: 3, frame: inRound(r5, flip("w")), want: unattributable},
		{name: "u-is-order", threshold: 2, frame: inRound(r5, field("u", order...)), want: cheats(session.Malformed, "encoding")},
		{name: "w-is-all-ones", threshold: 2, frame: inRound(r5, field("w", high...)), want: cheats(session.Malformed, "encoding")},
		{name: "u-cancels", threshold: 2, frame: cancelU(), want: cheats(session.Cheat, "signature-share")},
		{name: "psi-is-order", threshold: 2, frame: inRound(r4, field("psi", order...)), want: cheats(session.Malformed, "encoding")},

		// A mask may be anything as long as it is the same to the end.
		{name: "another-mask-throughout-is-harmless", threshold: 2, state: in(r3, func(c *cheat, m *sign.Machine) {
			c.shift(m.MaskSecret())
		}), want: success},
		{name: "duplicates-are-harmless", threshold: 3, frame: func(_ *cheat, f *wire.Frame) []wire.Frame { return []wire.Frame{*f, *f} }, want: success},
		{name: "strangers-are-ignored", threshold: 2, frame: strangers, want: success},
	}
	for k := r2; k <= r5; k++ {
		out = append(out,
			row{name: fmt.Sprintf("view-%d", k), threshold: 2, frame: inRound(k, flip("view")), want: cheats(session.Cheat, "view")},
			row{name: fmt.Sprintf("view-%d-of-three", k), threshold: 3, frame: inRound(k, flip("view")), want: mismatch, shown: "view"},
		)
	}
	for name, b := range badPoints() {
		for _, f := range []string{"key", "gamma-u", "gamma-v"} {
			out = append(out, row{name: f + "-" + name, threshold: 2, frame: inRound(r4, field(f, b...)), want: cheats(session.Malformed, "encoding")})
		}
		// A nonce that is no point but was committed to.
		out = append(out, row{name: "nonce-" + name, threshold: 2, frame: func(c *cheat, f *wire.Frame) []wire.Frame {
			m := c.parties[c.cheater].machine
			if f.Kind == r3 {
				salt := m.Salt()
				com := sign.Commitment(m.Sid(), c.cheater, b, salt[:])
				put(f, "commitment", com[:])
			}
			if f.Kind == r4 {
				put(f, "nonce", b)
				put(f, "view", c.honestView(f))
			}
			return nil
		}, want: cheats(session.Malformed, "encoding")})
	}
	for k := r1; k <= r5; k++ {
		out = append(out,
			row{name: fmt.Sprintf("short-%d", k), threshold: 2, frame: inRound(k, func(_ *cheat, f *wire.Frame) { f.Body = f.Body[1:] }), want: cheats(session.Malformed, "length")},
			row{name: fmt.Sprintf("long-%d", k), threshold: 2, frame: inRound(k, func(_ *cheat, f *wire.Frame) { f.Body = append(f.Body, 0) }), want: cheats(session.Malformed, "length")},
			row{name: fmt.Sprintf("empty-%d", k), threshold: 2, frame: inRound(k, func(_ *cheat, f *wire.Frame) { f.Body = nil }), want: cheats(session.Malformed, "length")},
			row{name: fmt.Sprintf("second-frame-%d", k), threshold: 3, frame: secondFrame(k), victimOnly: true, first: true, want: cheats(session.Equivocation, "second-frame"), shown: "signed-twice"},
		)
	}
	return out
}

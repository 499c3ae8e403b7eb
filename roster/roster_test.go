package roster_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// key returns the identity key of device i.
func key(i int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i)}, 32))
}

func device(i int) roster.Device {
	return roster.Device{
		Slot:     wire.Slot(i),
		Name:     fmt.Sprintf("device %d", i),
		Kind:     roster.Laptop,
		Identity: wire.DeviceID(key(i).Public().(ed25519.PublicKey)),
		Peer:     bytes.Repeat([]byte{byte(i)}, 38),
		Box:      [32]byte{byte(i), 1},
		Presence: [32]byte{byte(i), 2},
	}
}

// record returns a record that passes every check.
func record(threshold, n int) roster.Record {
	r := roster.Record{
		Version:    roster.Version,
		Circle:     wire.CircleID{1},
		Threshold:  threshold,
		Transcript: wire.Hash{2},
		Settings:   roster.DefaultSettings(),
		Accounts: []roster.Account{
			{Name: roster.Ethereum, Suite: roster.Secp256k1, Origin: roster.EthereumOrigin, ChainCode: [32]byte{3}},
			{Name: roster.SSH, Suite: roster.Ed25519},
		},
	}
	for i := range n {
		r.Devices = append(r.Devices, device(i+1))
	}
	for k := range threshold {
		r.Accounts[0].Commitments = append(r.Accounts[0].Commitments, bytes.Repeat([]byte{byte(k + 1)}, 33))
		r.Accounts[1].Commitments = append(r.Accounts[1].Commitments, bytes.Repeat([]byte{byte(k + 1)}, 32))
	}
	return r
}

func entry(r roster.Record) roster.Entry {
	e := roster.Entry{Record: r}
	for _, d := range r.Devices {
		e.Ready = append(e.Ready, ready(r, d.Slot))
	}
	return e
}

func ready(r roster.Record, slot wire.Slot) roster.Signature {
	sig := ed25519.Sign(key(int(slot)), roster.ReadyMessage(r.Hash()))
	return roster.Signature{Slot: slot, Sig: [64]byte(sig)}
}

func card() roster.Card {
	d := device(1)
	return roster.SignCard(roster.Card{
		Name: d.Name, Kind: d.Kind, Identity: d.Identity, Peer: d.Peer, Box: d.Box, Presence: d.Presence, Nonce: [32]byte{9},
	}, signer(1))
}

func signer(i int) func([]byte) [64]byte {
	return func(msg []byte) [64]byte { return [64]byte(ed25519.Sign(key(i), msg)) }
}

// TestGolden pins the bytes that are signed and stored.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, got := range map[string][]byte{
		"record": record(2, 3).Bytes(),
		"entry":  entry(record(2, 2)).Bytes(),
		"card":   card().Bytes(),
		"ready":  roster.ReadyMessage(record(2, 3).Hash()),
	} {
		file := filepath.Join("testdata", name+".hex")
		if *update {
			if err := os.WriteFile(file, []byte(wrap(hex.EncodeToString(got))), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if wrap(hex.EncodeToString(got)) != string(want) {
			t.Errorf("%s: encoding changed:\n%s", name, wrap(hex.EncodeToString(got)))
		}
	}
}

// wrap breaks s into lines of 64.
func wrap(s string) string {
	var b strings.Builder
	for len(s) > 64 {
		b.WriteString(s[:64] + "\n")
		s = s[64:]
	}
	return b.String() + s + "\n"
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ t, n int }{{2, 2}, {2, 3}, {3, 5}, {9, 9}} {
		r := record(c.t, c.n)
		got, err := roster.ParseRecord(r.Bytes())
		if err != nil {
			t.Fatalf("%d of %d: %v", c.t, c.n, err)
		}
		if got.Hash() != r.Hash() || !bytes.Equal(got.Bytes(), r.Bytes()) {
			t.Errorf("%d of %d: changed on the way", c.t, c.n)
		}
	}
}

func TestRecordRejects(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*roster.Record){
		"version-0":            func(r *roster.Record) { r.Version = 0 },
		"version-2":            func(r *roster.Record) { r.Version = 2 },
		"circle-zero":          func(r *roster.Record) { r.Circle = wire.CircleID{} },
		"transcript-zero":      func(r *roster.Record) { r.Transcript = wire.Hash{} },
		"founding-with-parent": func(r *roster.Record) { r.Parent[0] = 1 },
		"epoch-without-parent": func(r *roster.Record) { r.Epoch = 1 },
		"threshold-negative":   func(r *roster.Record) { r.Threshold = -1 },
		"threshold-0":          func(r *roster.Record) { r.Threshold = 0 },
		"threshold-1": func(r *roster.Record) {
			r.Threshold = 1
			for i := range r.Accounts {
				r.Accounts[i].Commitments = r.Accounts[i].Commitments[:1]
			}
		},
		"threshold-above-n": func(r *roster.Record) {
			r.Threshold = 4
			for i, c := range r.Accounts {
				r.Accounts[i].Commitments = append(c.Commitments, c.Commitments...)
			}
		},
		"devices-none": func(r *roster.Record) { r.Devices = nil },
		"devices-one":  func(r *roster.Record) { r.Devices = r.Devices[:1] },
		"devices-ten": func(r *roster.Record) {
			for i := 4; i <= 10; i++ {
				r.Devices = append(r.Devices, device(i))
			}
		},
		"slot-zero":      func(r *roster.Record) { r.Devices[0].Slot = 0 },
		"slot-twice":     func(r *roster.Record) { r.Devices[1].Slot = 1 },
		"slot-order":     func(r *roster.Record) { r.Devices[0], r.Devices[1] = r.Devices[1], r.Devices[0] },
		"name-bad":       func(r *roster.Record) { r.Devices[0].Name = "\x1b[31m" },
		"name-twice":     func(r *roster.Record) { r.Devices[1].Name = r.Devices[0].Name },
		"name-case":      func(r *roster.Record) { r.Devices[1].Name = strings.ToUpper(r.Devices[0].Name) },
		"kind":           func(r *roster.Record) { r.Devices[0].Kind = "toaster" },
		"kind-empty":     func(r *roster.Record) { r.Devices[0].Kind = "" },
		"peer-empty":     func(r *roster.Record) { r.Devices[0].Peer = []byte{} },
		"peer-null":      func(r *roster.Record) { r.Devices[0].Peer = nil },
		"peer-long":      func(r *roster.Record) { r.Devices[0].Peer = make([]byte, 65) },
		"identity-zero":  func(r *roster.Record) { r.Devices[0].Identity = wire.DeviceID{} },
		"box-zero":       func(r *roster.Record) { r.Devices[0].Box = [32]byte{} },
		"presence-zero":  func(r *roster.Record) { r.Devices[0].Presence = [32]byte{} },
		"identity-twice": func(r *roster.Record) { r.Devices[1].Identity = r.Devices[0].Identity },
		"peer-twice":     func(r *roster.Record) { r.Devices[1].Peer = r.Devices[0].Peer },
		"box-twice":      func(r *roster.Record) { r.Devices[1].Box = r.Devices[0].Box },
		"presence-twice": func(r *roster.Record) { r.Devices[1].Presence = r.Devices[0].Presence },
		"presence-is-own-identity": func(r *roster.Record) {
			r.Devices[0].Presence = [32]byte(r.Devices[0].Identity)
		},
		"presence-is-identity-before": func(r *roster.Record) {
			r.Devices[1].Presence = [32]byte(r.Devices[0].Identity)
		},
		"presence-is-identity-after": func(r *roster.Record) {
			r.Devices[0].Presence = [32]byte(r.Devices[1].Identity)
		},
		"accounts-none":        func(r *roster.Record) { r.Accounts = nil },
		"accounts-one":         func(r *roster.Record) { r.Accounts = r.Accounts[:1] },
		"accounts-three":       func(r *roster.Record) { r.Accounts = append(r.Accounts, r.Accounts[1]) },
		"accounts-order":       func(r *roster.Record) { r.Accounts[0], r.Accounts[1] = r.Accounts[1], r.Accounts[0] },
		"account-name":         func(r *roster.Record) { r.Accounts[0].Name = "bitcoin" },
		"account-suite":        func(r *roster.Record) { r.Accounts[0].Suite = roster.Ed25519 },
		"account-origin":       func(r *roster.Record) { r.Accounts[0].Origin = "m/44'/60'/1'" },
		"account-origin-ssh":   func(r *roster.Record) { r.Accounts[1].Origin = "m" },
		"chain-code-zero":      func(r *roster.Record) { r.Accounts[0].ChainCode = [32]byte{} },
		"chain-code-ssh":       func(r *roster.Record) { r.Accounts[1].ChainCode[0] = 1 },
		"commitments-none":     func(r *roster.Record) { r.Accounts[0].Commitments = nil },
		"commitments-fewer":    func(r *roster.Record) { r.Accounts[0].Commitments = r.Accounts[0].Commitments[:1] },
		"commitments-more":     func(r *roster.Record) { c := &r.Accounts[1].Commitments; *c = append(*c, (*c)[0]) },
		"commitment-short":     func(r *roster.Record) { r.Accounts[0].Commitments[1] = make([]byte, 32) },
		"commitment-long":      func(r *roster.Record) { r.Accounts[1].Commitments[1] = make([]byte, 33) },
		"commitment-of-nobody": func(r *roster.Record) { r.Accounts[0].Commitments[0] = nil },
	}
	for name, edit := range tests {
		r := record(2, 3)
		edit(&r)
		if _, err := roster.ParseRecord(r.Bytes()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestBytesReject has what no encoder of ours produces.
func TestBytesReject(t *testing.T) {
	t.Parallel()
	r, e, c := record(2, 2).Bytes(), entry(record(2, 2)).Bytes(), card().Bytes()
	parsers := map[string]struct {
		good  []byte
		parse func([]byte) error
	}{
		"record": {r, func(b []byte) error { _, err := roster.ParseRecord(b); return err }},
		"entry":  {e, func(b []byte) error { _, err := roster.ParseEntry(b); return err }},
		"card":   {c, func(b []byte) error { _, err := roster.ParseCard(b); return err }},
	}
	for name, p := range parsers {
		if err := p.parse(p.good); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for what, b := range map[string][]byte{
			"empty":       nil,
			"truncated":   p.good[:len(p.good)-1],
			"trailing":    append(bytes.Clone(p.good), 0),
			"huge":        make([]byte, 1<<20),
			"indefinite":  append(append([]byte{0x9f}, p.good[1:]...), 0xff),
			"not-minimal": append([]byte{0x98, p.good[0] & 0x1f}, p.good[1:]...),
			"null":        {0xf6},
		} {
			if err := p.parse(b); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
}

func TestEntryRejects(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*roster.Entry){
		"none":       func(e *roster.Entry) { e.Ready = nil },
		"empty":      func(e *roster.Entry) { e.Ready = []roster.Signature{} },
		"one-less":   func(e *roster.Entry) { e.Ready = e.Ready[:2] },
		"one-more":   func(e *roster.Entry) { e.Ready = append(e.Ready, e.Ready[2]) },
		"order":      func(e *roster.Entry) { e.Ready[0], e.Ready[1] = e.Ready[1], e.Ready[0] },
		"twice":      func(e *roster.Entry) { e.Ready[1] = e.Ready[0] },
		"slot":       func(e *roster.Entry) { e.Ready[1].Slot = 7 },
		"signature":  func(e *roster.Entry) { e.Ready[2].Sig[5] ^= 1 },
		"of-another": func(e *roster.Entry) { e.Ready[2].Sig = e.Ready[1].Sig },
		"record":     func(e *roster.Entry) { e.Record.Transcript[0] ^= 1 },
		"bad-record": func(e *roster.Entry) { *e = entry(record(2, 3)); e.Record.Version = 7 },
		"later-epoch": func(e *roster.Entry) {
			r := e.Record
			r.Epoch, r.Parent = 1, wire.Hash{1}
			*e = entry(r)
		},
	}
	for name, edit := range tests {
		e := entry(record(2, 3))
		edit(&e)
		if err := e.Verify(); err == nil {
			t.Errorf("%s: verified", name)
		}
		if _, err := roster.ParseEntry(e.Bytes()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestChain(t *testing.T) {
	t.Parallel()
	e := entry(record(2, 3))
	if _, ok := (roster.Chain{}).Head(); ok {
		t.Error("an empty chain has a head")
	}
	if err := (roster.Chain{}).Verify(); err == nil {
		t.Error("an empty chain is verified")
	}
	c := roster.Chain{e}
	if err := c.Verify(); err != nil {
		t.Error(err)
	}
	if head, ok := c.Head(); !ok || head.Record.Hash() != e.Record.Hash() {
		t.Error("the head is not the last entry")
	}
	if err := (roster.Chain{e, e}).Verify(); err == nil {
		t.Error("a circle founded twice is verified")
	}
	bad := entry(record(2, 3))
	bad.Ready = bad.Ready[:2]
	if err := (roster.Chain{bad}).Verify(); err == nil {
		t.Error("an entry without certificate is verified")
	}
}

func TestLookups(t *testing.T) {
	t.Parallel()
	r := record(2, 3)
	d := r.Devices[1]
	for name, find := range map[string]func() (roster.Device, bool){
		"slot":     func() (roster.Device, bool) { return r.Device(2) },
		"identity": func() (roster.Device, bool) { return r.ByIdentity(d.Identity) },
		"peer":     func() (roster.Device, bool) { return r.ByPeer(d.Peer) },
	} {
		if got, ok := find(); !ok || got.Slot != 2 {
			t.Errorf("%s: %v, %t", name, got.Slot, ok)
		}
	}
	_, bySlot := r.Device(4)
	_, byID := r.ByIdentity(wire.DeviceID{})
	_, byPeer := r.ByPeer(nil)
	_, byName := r.Account("bitcoin")
	if bySlot || byID || byPeer || byName {
		t.Error("found what is not there")
	}
	if a, ok := r.Account(roster.SSH); !ok || !bytes.Equal(a.GroupKey(), a.Commitments[0]) {
		t.Error("no ssh account")
	}
	if err := wire.CheckSlots(r.Slots()); err != nil || len(r.Slots()) != 3 {
		t.Errorf("slots %v", r.Slots())
	}
}

func TestCardRejects(t *testing.T) {
	t.Parallel()
	if got := card().Device(7); got.Slot != 7 || got.Check() != nil {
		t.Errorf("device of a card: %+v", got)
	}
	tests := map[string]func(*roster.Card){
		"name":      func(c *roster.Card) { c.Name = "other" },
		"kind":      func(c *roster.Card) { c.Kind = roster.Phone },
		"identity":  func(c *roster.Card) { c.Identity = device(2).Identity },
		"peer":      func(c *roster.Card) { c.Peer = device(2).Peer },
		"box":       func(c *roster.Card) { c.Box[0] ^= 1 },
		"presence":  func(c *roster.Card) { c.Presence[0] ^= 1 },
		"nonce":     func(c *roster.Card) { c.Nonce[0] ^= 1 },
		"signature": func(c *roster.Card) { c.Sig[0] ^= 1 },
	}
	for name, edit := range tests {
		c := card()
		edit(&c)
		if _, err := roster.ParseCard(c.Bytes()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, edit := range map[string]func(*roster.Card){
		"signed-bad-name": func(c *roster.Card) { c.Name = "a\u202eb" },
		"signed-bad-kind": func(c *roster.Card) { c.Kind = "toaster" },
		"signed-no-peer":  func(c *roster.Card) { c.Peer = nil },
		"signed-no-box":   func(c *roster.Card) { c.Box = [32]byte{} },
		"signed-one-key":  func(c *roster.Card) { c.Presence = [32]byte(c.Identity) },
	} {
		c := card()
		edit(&c)
		if _, err := roster.ParseCard(roster.SignCard(c, signer(1)).Bytes()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	good := []string{"a", "Aki's phone", "書斎の机", "téléphone", "Ноутбук", "ไอโฟน", "desk (2nd)", "한국어", "📱",
		strings.Repeat("x", 32), strings.Repeat("界", 32), "e̋x", "1", "-"}
	for _, s := range good {
		if err := roster.CheckName(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	bad := map[string]string{
		"empty":                "",
		"long":                 strings.Repeat("x", 33),
		"space":                " ",
		"leading-space":        " a",
		"trailing-space":       "a ",
		"two-spaces":           "a  b",
		"newline":              "a\nb",
		"carriage-return":      "a\rb",
		"tab":                  "a\tb",
		"nul":                  "a\x00b",
		"escape":               "a\x1b[2Jb",
		"c1-control":           "a\u009bb",
		"delete":               "a\x7f",
		"not-utf8":             "a\xff",
		"surrogate":            "a\xed\xa0\x80",
		"replacement":          "a\ufffd",
		"object":               "a\ufffc",
		"bidi-override":        "a\u202eb",
		"bidi-isolate":         "a\u2066b",
		"bidi-mark":            "a\u200fb",
		"arabic-letter-mark":   "a\u061cb",
		"zero-width-space":     "a\u200bb",
		"zero-width-joiner":    "a\u200db",
		"word-joiner":          "a\u2060b",
		"byte-order-mark":      "a\ufeffb",
		"soft-hyphen":          "a\u00adb",
		"no-break-space":       "a\u00a0b",
		"ideographic-space":    "a\u3000b",
		"line-separator":       "a\u2028b",
		"variation-selector":   "a\ufe0f",
		"variation-supplement": "a\U000e0100",
		"tag":                  "a\U000e0041",
		"mongolian-selector":   "a\u180b",
		"hangul-filler":        "a\u3164b",
		"half-hangul-filler":   "a\uffa0b",
		"grapheme-joiner":      "a\u034fb",
		"braille-blank":        "a\u2800b",
		"khmer-inherent":       "a\u17b4",
		"private-use":          "a\ue000",
		"unassigned":           "a\u0378",
		"not-nfc":              "e\u0301",
		"mark-first":           "\u0301a",
		"mark-after-space":     "a \u030b\u030b\u030b\u030b",
		"zalgo":                "x\u030b\u030b\u030b\u030b",
	}
	for name, s := range bad {
		if err := roster.CheckName(s); err == nil {
			t.Errorf("%s: %+q accepted", name, s)
		} else if s != "" && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: the error repeats what it refuses: %q", name, err)
		}
	}
}

func TestParseKind(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"phone", "laptop", "tablet", "desktop", "server", "browser"} {
		if k, err := roster.ParseKind(s); err != nil || string(k) != s {
			t.Errorf("%s: %q, %v", s, k, err)
		}
	}
	for _, s := range []string{"", "Phone", "toaster"} {
		if _, err := roster.ParseKind(s); err == nil {
			t.Errorf("%q accepted", s)
		}
	}
}

// TestWords compares with the indices of BIP-39 worked out by hand: "abandon"
// is 0, "zoo" 2047, "legal" 1019, "winner" 2015, and so on as in the vectors
// of BIP-39 for 7f7f… and 8080….
func TestWords(t *testing.T) {
	t.Parallel()
	fill := func(b byte) (h wire.Hash) {
		for i := range h {
			h[i] = b
		}
		return h
	}
	for want, h := range map[string]wire.Hash{
		"abandon abandon abandon abandon abandon abandon": fill(0),
		"zoo zoo zoo zoo zoo zoo":                         fill(0xff),
		"legal winner thank year wave sausage":            fill(0x7f),
		"letter advice cage absurd amount doctor":         fill(0x80),
	} {
		words := roster.Words(h)
		if got := strings.Join(words[:], " "); got != want {
			t.Errorf("%x: %s, want %s", h[:2], got, want)
		}
	}
	// 66 bits count, the 67th does not.
	h := fill(0)
	h[8] = 0x40
	if roster.Words(h) == roster.Words(fill(0)) {
		t.Error("bit 66 does not count")
	}
	h[8] = 0x20
	if roster.Words(h) != roster.Words(fill(0)) {
		t.Error("bit 67 counts")
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	if roster.Secp256k1.PointSize() != 33 || roster.Ed25519.PointSize() != 32 || roster.Suite(3).PointSize() != 0 {
		t.Error("point sizes")
	}
	if roster.Secp256k1.String() != "secp256k1" || roster.Ed25519.String() != "ed25519" || roster.Suite(3).String() != "suite 3" {
		t.Error("names")
	}
}

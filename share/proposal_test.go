package share_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/sharetest"
	"github.com/warifu/warifu/wire"
)

// proposals returns a record with threshold 3 of 5 and a good proposal for
// each account.
func proposals(t testing.TB) (rec roster.Record, eth, ssh share.Proposal) {
	t.Helper()
	rng := source()
	rec, _ = sharetest.Deal(t, rng, 3, 1, 2, 5, 8, 9)
	eth = sharetest.Proposal(t, rng, rec, roster.Ethereum, []uint32{0, 0}, bytes.Repeat([]byte{7}, 32), 1, 5, 8)
	ssh = sharetest.Proposal(t, rng, rec, roster.SSH, nil, []byte("SSHSIG"), 1, 5, 8)
	return rec, eth, ssh
}

// TestCheck has a row for every rule. A row changes one thing of a proposal
// that is good otherwise.
func TestCheck(t *testing.T) {
	t.Parallel()
	rec, eth, ssh := proposals(t)
	ethAccount, _ := rec.Account(roster.Ethereum)
	_, otherChild, _, err := share.Derive(ethAccount, []uint32{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	altered := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)-1] ^= 1
		return b
	}
	type prop = share.Proposal
	tests := []struct {
		name   string
		base   prop
		change func(*prop)
		ok     bool
	}{
		{"ethereum", eth, func(*prop) {}, true},
		{"ssh", ssh, func(*prop) {}, true},
		{"ssh-one-byte", ssh, func(p *prop) { p.Message = []byte{0} }, true},
		{"ssh-longest", ssh, func(p *prop) { p.Message = make([]byte, share.MaxMessage) }, true},
		{"account-key", eth, func(p *prop) { p.Path, p.ChildKey = nil, p.GroupKey }, true},
		{"last-signer-initiates", eth, func(p *prop) { p.Initiator = 8 }, true},
		{"purpose-longest", eth, func(p *prop) { p.Purpose = strings.Repeat("~", share.MaxPurpose) }, true},

		{"version-zero", eth, func(p *prop) { p.Version = 0 }, false},
		{"version-signed", eth, func(p *prop) { p.Version = share.VersionSigned }, true},
		{"version-next", eth, func(p *prop) { p.Version = share.VersionSigned + 1 }, false},
		{"suite-unknown", eth, func(p *prop) { p.Suite = 3 }, false},
		{"suite-other", eth, func(p *prop) { p.Suite = roster.Ed25519 }, false},
		{"suite-of-other-account", eth, func(p *prop) {
			p.Suite, p.GroupKey, p.ChildKey = roster.Ed25519, ssh.GroupKey, ssh.ChildKey
		}, false},
		{"circle", eth, func(p *prop) { p.Circle[0] ^= 1 }, false},
		{"epoch-next", eth, func(p *prop) { p.Epoch++ }, false},
		{"record", eth, func(p *prop) { p.Record[0] ^= 1 }, false},
		{"account-unknown", eth, func(p *prop) { p.Account = "bitcoin" }, false},
		{"account-empty", eth, func(p *prop) { p.Account = "" }, false},
		{"account-other", eth, func(p *prop) { p.Account = roster.SSH }, false},
		{"group-key", eth, func(p *prop) { p.GroupKey = altered(p.GroupKey) }, false},
		{"group-key-empty", eth, func(p *prop) { p.GroupKey = nil }, false},
		{"group-key-is-child", eth, func(p *prop) { p.GroupKey = p.ChildKey }, false},
		{"child-key", eth, func(p *prop) { p.ChildKey = altered(p.ChildKey) }, false},
		{"child-key-long", eth, func(p *prop) { p.ChildKey = append(bytes.Clone(p.ChildKey), 0) }, false},
		{"child-key-of-other-path", eth, func(p *prop) { p.ChildKey = otherChild }, false},
		{"child-key-is-group", eth, func(p *prop) { p.ChildKey = p.GroupKey }, false},
		{"path-other", eth, func(p *prop) { p.Path = []uint32{0, 1} }, false},
		{"path-hardened", eth, func(p *prop) { p.Path = []uint32{1 << 31} }, false},
		{"path-too-deep", eth, func(p *prop) { p.Path = make([]uint32, share.MaxDepth+1) }, false},
		{"path-for-ssh", ssh, func(p *prop) { p.Path = []uint32{0} }, false},
		{"signers-empty", eth, func(p *prop) { p.Signers = nil }, false},
		{"signers-too-few", eth, func(p *prop) { p.Signers = []wire.Slot{1, 5} }, false},
		{"signers-too-many", eth, func(p *prop) { p.Signers = []wire.Slot{1, 2, 5, 8} }, false},
		{"signers-duplicate", eth, func(p *prop) { p.Signers = []wire.Slot{1, 5, 5} }, false},
		{"signers-unsorted", eth, func(p *prop) { p.Signers = []wire.Slot{5, 1, 8} }, false},
		{"signers-slot-zero", eth, func(p *prop) { p.Signers = []wire.Slot{0, 1, 5} }, false},
		{"signers-stranger", eth, func(p *prop) { p.Signers = []wire.Slot{1, 5, 7} }, false},
		{"initiator-not-a-signer", eth, func(p *prop) { p.Initiator = 2 }, false},
		{"initiator-zero", eth, func(p *prop) { p.Initiator = 0 }, false},
		{"purpose-empty", eth, func(p *prop) { p.Purpose = "" }, false},
		{"purpose-long", eth, func(p *prop) { p.Purpose = strings.Repeat("a", share.MaxPurpose+1) }, false},
		{"purpose-space", eth, func(p *prop) { p.Purpose = "a b" }, false},
		{"purpose-control", eth, func(p *prop) { p.Purpose = "a\x1b[2J" }, false},
		{"purpose-not-ascii", eth, func(p *prop) { p.Purpose = "lоgin" }, false},
		{"digest-short", eth, func(p *prop) { p.Message = make([]byte, 31) }, false},
		{"digest-long", eth, func(p *prop) { p.Message = make([]byte, 33) }, false},
		{"digest-empty", eth, func(p *prop) { p.Message = nil }, false},
		{"message-empty", ssh, func(p *prop) { p.Message = nil }, false},
		{"message-long", ssh, func(p *prop) { p.Message = make([]byte, share.MaxMessage+1) }, false},
		{"no-request", eth, func(p *prop) { p.Request = wire.RequestID{} }, false},
		{"no-intent", eth, func(p *prop) { p.Intent = wire.Hash{} }, false},
		{"no-expiry", eth, func(p *prop) { p.Expires = 0 }, false},
		{"no-nonce", eth, func(p *prop) { p.Nonce = [32]byte{} }, false},
	}
	for _, tt := range tests {
		p := tt.base
		tt.change(&p)
		if err := p.Check(rec); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestCheckAgainstOtherRecords keeps the proposal and changes the epoch.
func TestCheckAgainstOtherRecords(t *testing.T) {
	t.Parallel()
	rec, eth, ssh := proposals(t)
	tests := []struct {
		name   string
		change func(*roster.Record)
	}{
		{"transcript", func(r *roster.Record) { r.Transcript[0] ^= 1 }},
		{"device-renamed", func(r *roster.Record) { r.Devices[1].Name = "other" }},
		{"two-devices-of-one-name", func(r *roster.Record) { r.Devices[1].Name = r.Devices[0].Name }},
		{"empty", func(r *roster.Record) { *r = roster.Record{} }},
	}
	for _, tt := range tests {
		r := rec
		r.Devices = slices.Clone(rec.Devices)
		tt.change(&r)
		for _, p := range []share.Proposal{eth, ssh} {
			if err := p.Check(r); err == nil {
				t.Errorf("%s: accepted for %s", tt.name, p.Account)
			}
			// Naming the changed record does not help where it is not one.
			if p.Record = r.Hash(); r.Check() != nil && p.Check(r) == nil {
				t.Errorf("%s: accepted for %s by its hash", tt.name, p.Account)
			}
		}
	}
}

// TestSessionCoversEveryField changes each field in turn: two proposals that
// differ must never share a session.
func TestSessionCoversEveryField(t *testing.T) {
	t.Parallel()
	_, eth, _ := proposals(t)
	seen := map[wire.SessionID]string{eth.Session(): "none"}
	typ := reflect.TypeFor[share.Proposal]()
	for i := range typ.NumField() {
		if typ.Field(i).Name == "_" {
			continue
		}
		p := eth
		change(t, reflect.ValueOf(&p).Elem().Field(i))
		id := p.Session()
		if other, ok := seen[id]; ok {
			t.Errorf("changing %s gives the session of changing %s", typ.Field(i).Name, other)
		}
		seen[id] = typ.Field(i).Name
	}
}

func change(t testing.TB, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(v.Uint() ^ 1)
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Array:
		change(t, v.Index(v.Len()-1))
	case reflect.Slice:
		fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(fresh, v)
		v.Set(fresh)
		change(t, v.Index(v.Len()-1))
	default:
		t.Fatalf("field of kind %v", v.Kind())
	}
}

// TestEmptyPathHasOneForm: nil and empty are the same path and must be the
// same session.
func TestEmptyPathHasOneForm(t *testing.T) {
	t.Parallel()
	_, _, p := proposals(t)
	q := p
	p.Path, q.Path = nil, []uint32{}
	if p.Session() != q.Session() {
		t.Error("two sessions for one path")
	}
	// The form with null, which nobody writes, is refused.
	null := bytes.Replace(p.Bytes(), append([]byte{0x80, 0x58, 0x20}, p.ChildKey...), append([]byte{0xf6, 0x58, 0x20}, p.ChildKey...), 1)
	if bytes.Equal(null, p.Bytes()) {
		t.Fatal("the empty path is not where this test looks for it")
	}
	if _, err := share.ParseProposal(null); err == nil {
		t.Error("null accepted as a path")
	}
}

func TestParseProposal(t *testing.T) {
	t.Parallel()
	rec, eth, ssh := proposals(t)
	for _, p := range []share.Proposal{eth, ssh} {
		b := p.Bytes()
		got, err := share.ParseProposal(b)
		if err != nil || !bytes.Equal(got.Bytes(), b) || got.Session() != p.Session() {
			t.Fatalf("%s: %v", p.Account, err)
		}
		if err := got.Check(rec); err != nil {
			t.Errorf("%s: %v", p.Account, err)
		}
		for name, bad := range map[string][]byte{
			"empty": nil, "truncated": b[:len(b)-1], "trailing": append(bytes.Clone(b), 0), "huge": make([]byte, 1<<20),
		} {
			if _, err := share.ParseProposal(bad); err == nil {
				t.Errorf("%s: %s accepted", p.Account, name)
			}
		}
	}
	// Rules of the format hold for what is parsed, before any record is known.
	for name, change := range map[string]func(*share.Proposal){
		"version":   func(p *share.Proposal) { p.Version = share.VersionSigned + 1 },
		"suite":     func(p *share.Proposal) { p.Suite = 3 },
		"purpose":   func(p *share.Proposal) { p.Purpose = "" },
		"hardened":  func(p *share.Proposal) { p.Path = []uint32{1 << 31} },
		"depth":     func(p *share.Proposal) { p.Path = make([]uint32, share.MaxDepth+1) },
		"signers":   func(p *share.Proposal) { p.Signers = []wire.Slot{1, 2, 3, 4, 5, 6, 7, 8, 9, 10} },
		"initiator": func(p *share.Proposal) { p.Initiator = 9 },
	} {
		p := eth
		change(&p)
		if _, err := share.ParseProposal(p.Bytes()); err == nil {
			t.Errorf("a proposal with a wrong %s is parsed", name)
		}
	}
	// Everything at its limit fits.
	ssh.Message, ssh.Purpose = make([]byte, share.MaxMessage), strings.Repeat("p", share.MaxPurpose)
	ssh.Epoch, ssh.Expires = 1<<64-1, 1<<64-1
	ssh.Signers = []wire.Slot{65527, 65528, 65529, 65530, 65531, 65532, 65533, 65534, 65535}
	ssh.Initiator = 65535
	ssh.Path = []uint32{1<<31 - 1, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1}
	if _, err := share.ParseProposal(ssh.Bytes()); err != nil {
		t.Errorf("%d bytes: %v", len(ssh.Bytes()), err)
	}
}

func TestSessionGolden(t *testing.T) {
	t.Parallel()
	p := share.Proposal{
		Version: 1, Suite: roster.Ed25519, Circle: wire.CircleID{1}, Epoch: 2, Record: wire.Hash{3}, Account: "ssh",
		GroupKey: []byte{4}, Signers: []wire.Slot{1, 3}, ChildKey: []byte{4}, Purpose: "p", Message: []byte{5},
		Request: wire.RequestID{6}, Intent: wire.Hash{7}, Initiator: 3, Expires: 8, Nonce: [32]byte{9},
	}
	zeros := func(first string) string { return first + strings.Repeat("00", 31) }
	want := "91" + // array of 17
		"01" + "02" + // version, suite
		"5820" + zeros("01") + // circle
		"02" + // epoch
		"5820" + zeros("03") + // record
		"63737368" + // account "ssh"
		"4104" + // group key
		"820103" + // signers
		"80" + // path
		"4104" + // child key
		"6170" + // purpose "p"
		"4105" + // message
		"5820" + zeros("06") + // request
		"5820" + zeros("07") + // intent
		"03" + "08" + // initiator, expires
		"5820" + zeros("09") // nonce
	if got := p.Bytes(); !bytes.Equal(got, unhex(t, want)) {
		t.Errorf("bytes are %x", got)
	}
}

func TestPublicShare(t *testing.T) {
	t.Parallel()
	rec, shares := sharetest.Deal(t, source(), 3, 1, 2, 5, 8, 65535)
	for _, acc := range rec.Accounts {
		for slot, key := range shares[acc.Name] {
			got, err := share.PublicShare(acc, slot)
			if err != nil || !bytes.Equal(got, publicKey(t, acc.Suite, key)) {
				t.Errorf("seed %d: %s, slot %d: %x, %v", seed, acc.Name, slot, got, err)
			}
		}
	}
}

func TestPublicShareRefuses(t *testing.T) {
	t.Parallel()
	rec, _ := sharetest.Deal(t, source(), 2, 1, 2)
	eth, _ := rec.Account(roster.Ethereum)
	ssh, _ := rec.Account(roster.SSH)
	with := func(acc roster.Account, c ...[]byte) roster.Account {
		acc.Commitments = c
		return acc
	}
	unknown := eth
	unknown.Suite = 9
	torsion := unhex(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	tests := []struct {
		name string
		acc  roster.Account
		slot wire.Slot
	}{
		{"slot-zero", eth, 0},
		{"unknown-suite", unknown, 1},
		{"no-commitments", with(eth), 1},
		{"not-a-point", with(eth, eth.GroupKey(), make([]byte, 33)), 1},
		{"points-of-other-suite", with(eth, ssh.Commitments...), 1},
		{"ed25519-torsion", with(ssh, ssh.GroupKey(), torsion), 1},
		// f(x) = a − a·x has the value 0 at slot 1.
		{"identity", with(eth, eth.GroupKey(), negate(eth.GroupKey())), 1},
	}
	for _, tt := range tests {
		if y, err := share.PublicShare(tt.acc, tt.slot); err == nil {
			t.Errorf("%s: %x", tt.name, y)
		}
	}
	if _, err := share.PublicShare(with(eth, eth.GroupKey(), negate(eth.GroupKey())), 2); err != nil {
		t.Errorf("slot 2 of the identity row: %v", err)
	}
}

func negate(compressed []byte) []byte {
	b := bytes.Clone(compressed)
	b[0] ^= 1
	return b
}

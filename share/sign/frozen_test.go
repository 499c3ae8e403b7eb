package sign_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

var update = flag.Bool("update", false, "write testdata")

// TestFrozen pins the bytes of one whole session of three, all randomness of
// which is ChaCha8 of fixed seeds: a hash of every frame, the public values in
// the clear, and the signature. A change here is a change of protocol.
func TestFrozen(t *testing.T) {
	t.Parallel()
	t.Run("unsigned", func(t *testing.T) { frozen(t, share.Version, "testdata/frozen.json") })
	t.Run("signed", func(t *testing.T) { frozen(t, share.VersionSigned, "testdata/frozen-signed.json") })
}

func frozen(t *testing.T, version uint8, file string) {
	const tag wire.Tag = "sign/test"
	circle := newCircle(t, 3, 4, 8000)
	p := circle.proposal(t, 0, 5)
	// The proposal names a record of no circle, so that the bytes here do not
	// depend on what records come to hold.
	p.Record, p.Version = wire.Hash{1}, version
	got := map[string]string{}
	r := &run{t: t, circle: circle, slots: p.Signers, parties: map[wire.Slot]*party{}}
	for _, s := range p.Signers {
		m, effects, err := sign.NewUnchecked(circle.config(p, s))
		if err != nil {
			t.Fatal(err)
		}
		r.parties[s] = &party{machine: m}
		r.carry(s, effects)
	}
	r.rewrite = func(f wire.Frame) []wire.Frame {
		name := fmt.Sprintf("round %d from %d to %d", f.Kind, f.From, f.To)
		got[name] = wire.Sum(tag, f.Body).Hex()
		if f.Kind == r4 {
			got[fmt.Sprintf("nonce of %d", f.From)] = hex.EncodeToString(get(&f, "nonce"))
		}
		return []wire.Frame{f}
	}
	r.finish()
	r.wantSignature(p)
	sig, _ := r.parties[p.Signers[0]].machine.Signature()
	got["proposal"] = hex.EncodeToString(p.Bytes())
	got["session id"] = r.parties[p.Signers[0]].machine.Sid().Hex()
	got["signature"] = hex.EncodeToString(sig[:])
	if *update {
		b, _ := json.MarshalIndent(got, "", "\t")
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(got) {
		t.Errorf("%d values, want %d", len(got), len(want))
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s = %s, want %s", name, got[name], want[name])
		}
	}
}

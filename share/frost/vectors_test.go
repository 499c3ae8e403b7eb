package frost_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"testing"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/sharetest"
	"github.com/warifu/warifu/wire"
)

// hexBytes is how the RFC's file writes bytes.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// vector is the file of RFC 9591, appendix E.1; see testdata/README.md.
type vector struct {
	Inputs struct {
		Participants []wire.Slot `json:"participant_list"`
		Key          hexBytes    `json:"group_public_key"`
		Message      hexBytes    `json:"message"`
		Coefficients []hexBytes  `json:"share_polynomial_coefficients"`
		Shares       []struct {
			Slot  wire.Slot `json:"identifier"`
			Share hexBytes  `json:"participant_share"`
		} `json:"participant_shares"`
	} `json:"inputs"`
	RoundOne struct {
		Outputs []struct {
			Slot              wire.Slot `json:"identifier"`
			HidingRandomness  hexBytes  `json:"hiding_nonce_randomness"`
			BindingRandomness hexBytes  `json:"binding_nonce_randomness"`
			HidingNonce       hexBytes  `json:"hiding_nonce"`
			BindingNonce      hexBytes  `json:"binding_nonce"`
			HidingCommitment  hexBytes  `json:"hiding_nonce_commitment"`
			BindingCommitment hexBytes  `json:"binding_nonce_commitment"`
			Factor            hexBytes  `json:"binding_factor"`
		} `json:"outputs"`
	} `json:"round_one_outputs"`
	RoundTwo struct {
		Outputs []struct {
			Slot  wire.Slot `json:"identifier"`
			Share hexBytes  `json:"sig_share"`
		} `json:"outputs"`
	} `json:"round_two_outputs"`
	Final struct {
		Signature hexBytes `json:"sig"`
	} `json:"final_output"`
}

func loadVector(t testing.TB) (v vector) {
	t.Helper()
	b, err := os.ReadFile("testdata/frost-ed25519-sha512.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.RoundOne.Outputs) != 2 || len(v.RoundTwo.Outputs) != 2 || len(v.Inputs.Shares) != 3 {
		t.Fatal("the file does not hold what it should")
	}
	return v
}

func (v vector) share(t testing.TB, slot wire.Slot) []byte {
	t.Helper()
	for _, s := range v.Inputs.Shares {
		if s.Slot == slot {
			return s.Share
		}
	}
	t.Fatalf("no share of %d", slot)
	return nil
}

// TestRFCVectors checks every intermediate value that RFC 9591 publishes.
func TestRFCVectors(t *testing.T) {
	t.Parallel()
	v := loadVector(t)
	var nonces []*frost.Nonces
	var pairs []frost.Pair
	for _, out := range v.RoundOne.Outputs {
		random := io.MultiReader(bytes.NewReader(out.HidingRandomness), bytes.NewReader(out.BindingRandomness))
		n, err := frost.Commit(out.Slot, parseSecret(t, v.share(t, out.Slot)), random)
		if err != nil {
			t.Fatal(err)
		}
		d, e := n.Secrets()
		if !d.Equal(parseSecret(t, out.HidingNonce)) || !e.Equal(parseSecret(t, out.BindingNonce)) {
			t.Errorf("nonces of %d differ", out.Slot)
		}
		if want := append(bytes.Clone(out.HidingCommitment), out.BindingCommitment...); !bytes.Equal(n.Commitment().Bytes, want) {
			t.Errorf("commitment of %d is %x", out.Slot, n.Commitment().Bytes)
		}
		nonces, pairs = append(nonces, n), append(pairs, n.Commitment())
	}
	s, err := frost.NewSigning(v.Inputs.Participants, pairs, [32]byte(v.Inputs.Key), v.Inputs.Message)
	if err != nil {
		t.Fatal(err)
	}
	var z []ed.Scalar
	for i, out := range v.RoundTwo.Outputs {
		if rho := s.Factor(i).Bytes(); !bytes.Equal(rho[:], v.RoundOne.Outputs[i].Factor) {
			t.Errorf("binding factor of %d is %x", out.Slot, rho)
		}
		share := parseSecret(t, v.share(t, out.Slot))
		zi, err := s.Sign(nonces[i], share)
		if err != nil {
			t.Fatal(err)
		}
		if b := zi.Bytes(); !bytes.Equal(b[:], out.Share) {
			t.Errorf("signature share of %d is %x", out.Slot, b)
		}
		if !s.Verify(i, zi, ed.BaseMul(share)) {
			t.Errorf("signature share of %d does not verify", out.Slot)
		}
		z = append(z, zi)
	}
	if sig := s.Aggregate(z); !bytes.Equal(sig[:], v.Final.Signature) {
		t.Errorf("signature is %x", sig)
	}
}

// TestRFCVectorsThroughMachines runs the same numbers through whole machines:
// what is around the RFC must not change what is in it.
func TestRFCVectorsThroughMachines(t *testing.T) {
	t.Parallel()
	v := loadVector(t)
	rng := source(1)
	rec, _ := sharetest.Deal(t, rng, 2, 1, 2, 3)
	slope := ed.BaseMul(parseSecret(t, v.Inputs.Coefficients[0])).Bytes()
	for i := range rec.Accounts {
		if rec.Accounts[i].Name == roster.SSH {
			rec.Accounts[i].Commitments = [][]byte{v.Inputs.Key, slope[:]}
		}
	}
	p := sharetest.Proposal(t, rng, rec, roster.SSH, nil, v.Inputs.Message, v.Inputs.Participants...)
	var net network
	for _, out := range v.RoundOne.Outputs {
		own := [32]byte(v.share(t, out.Slot))
		m, eff, err := frost.NewWith(frost.Config{Proposal: p, Record: rec, Self: out.Slot, Share: secret.Take(&own)},
			io.MultiReader(io.LimitReader(rng, 32), bytes.NewReader(out.HidingRandomness), bytes.NewReader(out.BindingRandomness)))
		if err != nil {
			t.Fatal(err)
		}
		net.join(t, out.Slot, m, eff)
	}
	net.run(t)
	for i, out := range v.RoundTwo.Outputs {
		body := net.sent[out.Slot][frost.KindResponse].Body
		if !bytes.Equal(body[32:], out.Share) {
			t.Errorf("signature share of %d is %x", out.Slot, body[32:])
		}
		first := v.RoundOne.Outputs[i]
		body = net.sent[out.Slot][frost.KindCommit].Body
		if want := append(bytes.Clone(first.HidingCommitment), first.BindingCommitment...); !bytes.Equal(body[64:], want) {
			t.Errorf("commitment of %d is %x", out.Slot, body[64:])
		}
		if sig, ok := net.machines[out.Slot].Signature(); !ok || !bytes.Equal(sig[:], v.Final.Signature) {
			t.Errorf("signature of %d is %x (%t)", out.Slot, sig, ok)
		}
	}
}

func parseSecret(t testing.TB, b []byte) ed.Secret {
	t.Helper()
	s, err := ed.ParseSecret(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

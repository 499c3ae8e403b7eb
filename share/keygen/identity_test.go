package keygen_test

import (
	"errors"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/share/keygen"
)

// TestSumIsASharing: contributions that are good one by one, and whose sum has a
// commitment or a device's public share that is the identity. Only all devices
// together can bring it about, or chance.
func TestSumIsASharing(t *testing.T) {
	t.Parallel()
	type points struct{ p, minusP, q, minusQ []byte }
	one, two := secp.NewScalar(1), secp.NewScalar(2)
	p, q := secp.BaseMulVartime(one), secp.BaseMulVartime(two)
	pb, pn, qb, qn := p.Bytes(), p.Neg().Bytes(), q.Bytes(), q.Neg().Bytes()
	b := ed.Base()
	eb, en, fb, fn := b.Bytes(), b.Neg().Bytes(), b.Add(b).Bytes(), b.Add(b).Neg().Bytes()
	for suite, x := range map[roster.Suite]points{
		roster.Secp256k1: {pb[:], pn[:], qb[:], qn[:]},
		roster.Ed25519:   {eb[:], en[:], fb[:], fn[:]},
	} {
		for _, tt := range []struct {
			name    string
			dealers [][][]byte
			want    error
		}{
			{"good", [][][]byte{{x.p, x.q}, {x.q, x.q}}, nil},
			{"no-key", [][][]byte{{x.p, x.q}, {x.minusP, x.q}}, keygen.ErrIdentity},
			{"lower-degree", [][][]byte{{x.p, x.q}, {x.p, x.minusQ}}, keygen.ErrIdentity},
			// f(x) = 2 - x
			{"share-of-device-2", [][][]byte{{x.q, x.minusP}}, keygen.ErrIdentity},
		} {
			if err := keygen.Add(suite, tt.dealers, 3); !errors.Is(err, tt.want) {
				t.Errorf("%v, %s: %v, want %v", suite, tt.name, err, tt.want)
			}
		}
	}
}

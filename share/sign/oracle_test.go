package sign_test

import (
	"math/big"
	"testing"

	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// The oracle knows every secret of every device, and computes on math/big what
// the devices compute together.

var modulus = decred.Params().N

func num(x secp.Secret) *big.Int {
	b := x.Bytes()
	return new(big.Int).SetBytes(b[:])
}

func mod(n *big.Int) *big.Int { return n.Mod(n, modulus) }

func mul(a, b *big.Int) *big.Int { return mod(new(big.Int).Mul(a, b)) }

// secrets of one device, taken when it has all it needs for its share.
type secrets struct {
	r, phi, sk *big.Int
	chi        map[wire.Slot]*big.Int    // its factor toward each
	c          map[wire.Slot][2]*big.Int // its shares as Alice with each
}

func TestSignatureIsTheOneOfItsSecrets(t *testing.T) {
	t.Parallel()
	for seed, threshold := range []int{2, 3, 5} {
		circle := newCircle(t, threshold, threshold+1, 5000+uint64(seed))
		p := circle.proposal(t, 1, 9)
		r := circle.start(t, p)
		all := map[wire.Slot]secrets{}
		shares := map[wire.Slot]finishShare{}
		r.before = func(f wire.Frame) {
			m := r.parties[f.To].machine
			if m.Round() != r4 {
				return
			}
			s := secrets{num(*m.NonceSecret()), num(*m.MaskSecret()), num(*m.KeySecret()), map[wire.Slot]*big.Int{}, map[wire.Slot][2]*big.Int{}}
			for _, j := range p.Signers {
				if j != f.To {
					c := m.Shares(j)
					s.chi[j], s.c[j] = num(m.Factor(j)), [2]*big.Int{num(c[0]), num(c[1])}
				}
			}
			all[f.To] = s
		}
		r.rewrite = func(f wire.Frame) []wire.Frame {
			if f.Kind == r5 {
				shares[f.From] = finishShare{new(big.Int).SetBytes(get(&f, "u")), new(big.Int).SetBytes(get(&f, "w"))}
			}
			return []wire.Frame{f}
		}
		r.finish()
		r.wantSignature(p)

		// The addends of the key make the child key, and each is λ·(s + Δ) + ζ.
		acc, _ := circle.record.Account(roster.Ethereum)
		tweak, _, _, err := share.Derive(acc, p.Path)
		if err != nil {
			t.Fatal(err)
		}
		key := mod(new(big.Int).Add(num(circle.key), new(big.Int).SetBytes(tweak[:])))
		k, phi, sk, zeta := new(big.Int), new(big.Int), new(big.Int), new(big.Int)
		for _, i := range p.Signers {
			s := all[i]
			k.Add(k, s.r)
			phi.Add(phi, s.phi)
			sk.Add(sk, s.sk)
			lambda := sign.Lagrange(i, p.Signers).Bytes()
			plain := new(big.Int).Add(num(circle.shares[i]), new(big.Int).SetBytes(tweak[:]))
			z := mod(new(big.Int).Sub(s.sk, mul(plain, new(big.Int).SetBytes(lambda[:]))))
			if z.Sign() == 0 {
				t.Fatalf("seed %d: device %d signs with its bare share", seed, i)
			}
			zeta.Add(zeta, z)
		}
		mod(k)
		mod(phi)
		if mod(sk).Cmp(key) != 0 || mod(zeta).Sign() != 0 {
			t.Fatalf("seed %d: addends do not make the key", seed)
		}

		// Every share of every device, from the paper's equations. What Bob
		// gets is the product minus what Alice has.
		var jac decred.JacobianPoint
		var ks decred.ModNScalar
		ks.SetByteSlice(k.Bytes())
		decred.ScalarBaseMultNonConst(&ks, &jac)
		jac.ToAffine()
		xb := jac.X.Bytes()
		rx := mod(new(big.Int).SetBytes(xb[:]))
		m := mod(new(big.Int).SetBytes(p.Message))
		sumU, sumW := new(big.Int), new(big.Int)
		for _, i := range p.Signers {
			mine := all[i]
			phiPrime := new(big.Int).Set(mine.phi)
			var cd [2]big.Int
			for _, j := range p.Signers {
				if j == i {
					continue
				}
				theirs := all[j]
				phiPrime.Add(phiPrime, new(big.Int).Sub(theirs.phi, theirs.chi[i])) // ψ_{j→i}
				d := [2]*big.Int{
					new(big.Int).Sub(mul(theirs.r, mine.chi[j]), theirs.c[i][0]),
					new(big.Int).Sub(mul(theirs.sk, mine.chi[j]), theirs.c[i][1]),
				}
				for x := range cd {
					cd[x].Add(&cd[x], mine.c[j][x])
					cd[x].Add(&cd[x], d[x])
				}
			}
			mod(phiPrime)
			u := mod(new(big.Int).Add(mul(mine.r, phiPrime), &cd[0]))
			v := mod(new(big.Int).Add(mul(mine.sk, phiPrime), &cd[1]))
			w := mod(new(big.Int).Add(mul(m, mine.phi), mul(rx, v)))
			if u.Cmp(shares[i].u) != 0 || w.Cmp(shares[i].w) != 0 {
				t.Fatalf("seed %d: share of device %d", seed, i)
			}
			sumU.Add(sumU, u)
			sumW.Add(sumW, w)
		}
		if mod(sumU).Cmp(mul(k, phi)) != 0 {
			t.Fatalf("seed %d: u does not add up to r·φ", seed)
		}

		// ECDSA with the nonce k and the key.
		s := mul(new(big.Int).ModInverse(k, modulus), mod(new(big.Int).Add(m, mul(rx, key))))
		if s.Cmp(new(big.Int).Rsh(modulus, 1)) > 0 {
			s.Sub(modulus, s)
		}
		sig, _ := r.parties[p.Signers[0]].machine.Signature()
		if new(big.Int).SetBytes(sig[:32]).Cmp(rx) != 0 || new(big.Int).SetBytes(sig[32:64]).Cmp(s) != 0 {
			t.Fatalf("seed %d: signature is not ECDSA with the nonce of the devices", seed)
		}
	}
}

type finishShare struct{ u, w *big.Int }

// TestCombine covers all four recovery identifiers and both halves of s. A
// point whose x is above the group order cannot be found as a multiple of G, but
// any point is the nonce of a signature under the key that it recovers to.
func TestCombine(t *testing.T) {
	t.Parallel()
	x := new(big.Int).Set(modulus)
	var large []byte
	for large == nil {
		x.Add(x, big.NewInt(1))
		b := append([]byte{2}, x.FillBytes(make([]byte, 32))...)
		if _, err := secp.ParsePoint(b); err == nil {
			large = b
		}
	}
	small := secp.BaseMulVartime(secp.NewScalar(7)).Bytes()
	rng := newRNG(1, "combine")
	seen := map[byte]bool{}
	for _, point := range [][]byte{small[:], large} {
		for _, prefix := range []byte{2, 3} {
			point[0] = prefix
			nonce, err := secp.ParsePoint(point)
			if err != nil {
				t.Fatal(err)
			}
			for range 6 {
				var b [32]byte
				rng.Read(b[:])
				w := secp.ReduceScalar(&b)
				rng.Read(b[:])
				u := secp.ReduceScalar(&b)
				digest := random32(rng)
				sig, err := sign.Combine(nonce, u, w)
				if err != nil {
					t.Fatal(err)
				}
				// Q = r⁻¹(sR - mG) with s = w/u before it was made low.
				r, overflow, _ := nonce.X()
				m := secp.ReduceScalar(&digest)
				rInv := r.Inv()
				key := secp.MulVartime(w.Mul(u.Inv()).Mul(rInv), nonce).Sub(secp.BaseMulVartime(m.Mul(rInv))).Bytes()
				if err := sign.Verify(sig, digest[:], key[:]); err != nil {
					t.Fatalf("seed 1: nonce %x, sig %x: %v", point, sig, err)
				}
				if sig[64] > 3 || overflow != (sig[64]&2 != 0) {
					t.Fatalf("seed 1: recovery identifier %d, overflow %v", sig[64], overflow)
				}
				seen[sig[64]] = true
				for i := range sig {
					bad := sig
					bad[i] ^= 1
					if sign.Verify(bad, digest[:], key[:]) == nil {
						t.Fatalf("seed 1: accepts a signature with byte %d changed", i)
					}
				}
				highS, _ := secp.ParseScalar(sig[32:64])
				hb := highS.Neg().Bytes()
				high := sig
				copy(high[32:64], hb[:])
				high[64] ^= 1
				if sign.Verify(high, digest[:], key[:]) == nil {
					t.Fatal("seed 1: accepts high s")
				}
			}
		}
	}
	if len(seen) != 4 {
		t.Fatalf("seed 1: recovery identifiers %v", seen)
	}
	if _, err := sign.Combine(secp.Base(), secp.Scalar{}, secp.NewScalar(1)); err == nil {
		t.Error("divides by zero")
	}
	if _, err := sign.Combine(secp.Base(), secp.NewScalar(1), secp.Scalar{}); err == nil {
		t.Error("s is zero")
	}
	if _, err := sign.Combine(secp.Identity(), secp.NewScalar(1), secp.NewScalar(1)); err == nil {
		t.Error("r is zero")
	}
}

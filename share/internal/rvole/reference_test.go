package rvole_test

import (
	"crypto/sha3"
	"encoding/binary"
	"math/big"

	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// This file is a second, slow implementation of the multiplication, on math/big
// and indices, written from the equations of the paper and not from the package.

var order = decred.Params().N

const (
	refXi  = 512
	refEll = 2
	refRho = 2
)

// refHash is H[tag](parts...): cSHAKE256 over length-prefixed parts.
func refHash(tag string, n int, parts ...[]byte) []byte {
	h := sha3.NewCSHAKE256(nil, []byte("warifu/v1/"+tag))
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	out := make([]byte, n)
	h.Read(out)
	return out
}

func refMod(n *big.Int) *big.Int { return n.Mod(n, order) }

func refInt(b []byte) *big.Int { return refMod(new(big.Int).SetBytes(b)) }

func refBytes(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }

func refGadget(psid []byte, j int) *big.Int {
	return refInt(refHash("rvole/gadget", 32, psid, binary.BigEndian.AppendUint32(nil, uint32(j))))
}

func refTheta(psid, tilde []byte) (th [refEll][refRho]*big.Int) {
	b := refHash("rvole/theta", 32*refEll*refRho, psid, tilde)
	for i := range refEll {
		for k := range refRho {
			th[i][k] = refInt(b[32*(i*refRho+k):][:32])
		}
	}
	return th
}

// refAlice is her message and shares. at says which a is used in row j, which
// is how a test cheats.
func refAlice(psid []byte, pads0, pads1 []byte, at func(j int) [refEll]*big.Int, a [refEll]*big.Int, hat [refRho]*big.Int) (msg []byte, c [refEll]*big.Int) {
	alpha := func(pads []byte, j, k int) *big.Int { return refInt(pads[128*j+32*k:][:32]) }
	for j := range refXi {
		row := at(j)
		for k := range refEll + refRho {
			x := new(big.Int).Sub(alpha(pads0, j, k), alpha(pads1, j, k))
			if k < refEll {
				x.Add(x, row[k])
			} else {
				x.Add(x, hat[k-refEll])
			}
			msg = append(msg, refBytes(refMod(x))...)
		}
	}
	th := refTheta(psid, msg)
	for i := range refEll {
		c[i] = new(big.Int)
		for j := range refXi {
			c[i].Sub(c[i], new(big.Int).Mul(refGadget(psid, j), alpha(pads0, j, i)))
		}
		refMod(c[i])
	}
	for k := range refRho {
		eta := new(big.Int).Set(hat[k])
		for i := range refEll {
			eta.Add(eta, new(big.Int).Mul(th[i][k], a[i]))
		}
		msg = append(msg, refBytes(refMod(eta))...)
	}
	var mu []byte
	for j := range refXi {
		for k := range refRho {
			x := alpha(pads0, j, refEll+k)
			for i := range refEll {
				x.Add(x, new(big.Int).Mul(th[i][k], alpha(pads0, j, i)))
			}
			mu = append(mu, refBytes(refMod(x))...)
		}
	}
	return append(msg, refHash("rvole/mu", 32, psid, mu)...), c
}

// refBob is his factor and shares, and whether the check holds.
func refBob(psid, beta, pads, msg []byte) (b *big.Int, d [refEll]*big.Int, ok bool) {
	const tilde = refXi * 128
	th := refTheta(psid, msg[:tilde])
	b = new(big.Int)
	for i := range d {
		d[i] = new(big.Int)
	}
	var mu []byte
	for j := range refXi {
		bit := beta[j/8] >> (j % 8) & 1
		var dot [refEll + refRho]*big.Int
		for k := range dot {
			dot[k] = refInt(pads[128*j+32*k:][:32])
			if bit == 1 {
				dot[k].Add(dot[k], refInt(msg[128*j+32*k:][:32]))
			}
		}
		g := refGadget(psid, j)
		if bit == 1 {
			b.Add(b, g)
		}
		for i := range d {
			d[i].Add(d[i], new(big.Int).Mul(g, dot[i]))
		}
		for k := range refRho {
			x := new(big.Int).Set(dot[refEll+k])
			for i := range refEll {
				x.Add(x, new(big.Int).Mul(th[i][k], dot[i]))
			}
			if bit == 1 {
				x.Sub(x, refInt(msg[tilde+32*k:][:32]))
			}
			mu = append(mu, refBytes(refMod(x))...)
		}
	}
	for i := range d {
		refMod(d[i])
	}
	return refMod(b), d, string(refHash("rvole/mu", 32, psid, mu)) == string(msg[tilde+64:])
}

package poly

// Schnorr's proof of knowledge of the discrete logarithm a of A = a·G (Schnorr
// 1991), with the challenge computed by the caller from a hash of T, A and
// everything that the proof is bound to.
//
// The prover commits to T = κ·G for a fresh secret κ and answers a challenge c
// with z = κ + c·a. Two answers under one κ reveal a, so that [Group.Prove]
// wipes it.

// Prove returns z = κ + c·a and wipes κ.
func (g Group[S, K, P]) Prove(kappa, a K, c S) S {
	prod := a.MulPublic(c)
	sum := kappa.Add(prod)
	// z is the answer that the proof publishes; κ, uniform and used once,
	// hides a in it.
	z := sum.Public()
	prod.Wipe()
	sum.Wipe()
	kappa.Wipe()
	return z
}

// VerifyVartime reports whether z·G = T + c·A.
func (g Group[S, K, P]) VerifyVartime(z S, t, a P, c S) bool {
	return g.baseMulVartime(z).Equal(t.Add(g.mulVartime(c, a)))
}

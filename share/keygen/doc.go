// Package keygen founds a circle: n devices make the keys of all its accounts
// together, so that no device ever holds one, and end with a certificate that
// every one of them has its share.
//
// It is Pedersen's distributed key generation with committed contributions and
// proofs of knowledge, finished by a certificate as ChillDKG does
// (docs/crypto.md, "Which paper" and "Deviations"). One run makes every account
// of a [roster.Record], over both groups. All messages go from each device to
// all others; only shares are private.
//
//	hello     nonce_i
//	          sid = H(session, nonce_1 … nonce_n)
//	commit    com_i = H(sid, i, F_i, T_i, cc_i, salt_i)
//	          view = H(sid, com_1 … com_n)
//	reveal    view, salt_i, cc_i, and per account F_i, T_i, z_i
//	share     to j alone, per account f_i(x_j)
//	          every check; the record of epoch 0
//	verified  H(record)
//	          the person compares names and six words: [Machine.Confirm]
//	ready     H(record), signature          after the share is durable
//	          n signatures: the certificate
//
// F_{i,k} = a_{i,k}·G commits dealer i to its polynomial f_i of degree t−1.
// (T_i, z_i) proves that it knows a_{i,0}. cc_i is its part of the chain code.
// The share of device j is s_j = Σ_i f_i(x_j), the group key Σ_i F_{i,0}.
//
// Each step is there for a reason. The nonces make every run new to everybody
// in it. Commitments come before anything that they hide, so that nobody can
// choose a key in the knowledge of the others'; proofs stop a key that cancels
// the others' out, even where all but one device collude. The view, the record
// and the certificate make devices that were told different things find out
// before an address exists. "verified" comes before the person is asked, so
// that a device that crashes after its yes never has anything to repeat but
// the hash and its signature.
//
// # Durability
//
// The only states are PENDING (share and own signature) and certified. A run
// that loses power before PENDING is dead at that device, and the founding
// starts afresh under another proposal: to answer a second challenge with the
// nonce of a proof would give the secret away. A PENDING share is never given
// up by the machine, whatever it hears, for the others may hold a certificate
// that counts on it.
//
// # Blame
//
// Who breaks a check is named by a [session.Fault]. The device that found it
// says so to all others in a signed complaint, which ends their run with a
// [*Complaint]: a claim by one device about another. Only the two of them can
// know who is right about a private share; where the evidence is public the
// complaint is judged.
//
// # What this is not
//
// Any device can stall a founding or make it fail. The proof is Schnorr's with
// Fiat–Shamir, which cannot be extracted from without rewinding: it is meant for
// ceremonies that people start one at a time. Nothing here hides who the
// members are. Shares travel in the clear inside the frames: the transport must
// be confidential and authenticated.
package keygen

// Package refresh re-deals the shares of a circle: the one machine for every
// change of who holds what. Fresh shares, a lost device out, a new one in, one
// in the place of another, another threshold: in each case members of the old
// epoch deal their own shares anew to the devices of the next one, for all
// accounts in one attempt. The keys stay as they are, no device ever holds one,
// and what a device that was left out still has is worth nothing.
//
// It is verifiable secret redistribution (Desmedt and Jajodia 1997; Wong, Wang
// and Wing 2002) with each dealer's constant term pinned to the record
// (docs/crypto.md, "Re-deals"), under write-once votes (docs/adr/0013) that
// internal/model checks state by state.
// A [Proposal] names W, the members that take part; Q, the t of them that deal;
// and the sleepers, who stay in the circle and are not awake. Its hash names the
// attempt.
//
//	deal    i in Q: g_i of degree t'−1 with g_i(0) = s_i; C_{i,k}; g_i(x_j)
//	        sealed to each member and sleeper j
//	        C_{i,0} = Y_i of the record; own parts fit; Σ_i λ_i·g_i(x_j) is s'_j,
//	        Σ_i λ_i·C_{i,k} are the commitments of the record to be
//	ready   in W: H(record), proofs that j has s'_j
//	        all of W ready: any t' of them sign a test with the new shares
//	tested  the test signatures
//	commit  in W: H(record); from now on this device signs in the new epoch
//	        all of W committed: the certificate of the epoch
//	lock    in W, and sleepers that found their share: the certificate;
//	        this device never goes back
//	        all locked: every device destroys its old shares
//	abort   in W: instead of commit; after it only with the abort of another,
//	        and never after lock. |W|−t'+1 aborts leave too few to sign in the
//	        new epoch: everybody returns to the old one
//
// Everything that is said is a statement signed by the identity key of who said
// it, sent to all, and passed on by all: it does not matter who brings it, nor
// whether its maker is still there. That is how a sleeper that wakes among
// devices of which some have died finds its share and the votes.
//
// Quorums do the rest. W has so many holders of the old epoch that those left
// outside cannot sign ([roster.Record.RedealQuorum]), and thresholds are majorities
// of what they count, so that whatever happens on the way only one of the two
// epochs can sign.
//
// # Parts
//
// A [Machine] takes the steps, and connects what they rest on:
//
//	terms     what the attempt is about; the form of every statement
//	dealings  what this device deals, and what all that was dealt adds up to
//	epoch     the record to be: proofs and test signatures of its shares
//	votes     who said what; when the attempt is certified or dead; evidence
//	state     what is durable
//
// # Durability
//
// A vote is durable before it is said, together with all that it rests on:
// commit with the readies of all, lock with the commits of all, a flip from
// commit to abort with the abort that allows it. A [Resume] checks that it is
// so. Old shares are destroyed only after every device that will sign, or may
// wake to sign, has locked, and has its new share on disk; new shares only
// after so many aborted that nobody can need them. Both are effects of their
// own, [session.Erase] and [session.Discard], and are repeated until they are
// known to have happened. A dealing cannot be made twice, because HPKE draws its
// own randomness: it is durable before it is sent, and resent as it is.
//
// A device that has returned keeps answering Resend: those who come late need
// the aborts it knows. A driver that drops it must not let it vote again, for
// its memory is gone. A device that is shown a vote of its own that it does not
// remember was set back to an older copy of its disk, and stops for good
// ([ErrRolledBack]).
//
// # Blame
//
// No error of a machine names a device, because a device that gave up on its
// own could strand the others. [Machine.Suspects] says who broke which rule;
// where two signed statements of one device contradict each other
// [Machine.Evidence] convinces anybody. What a dealer sealed to one device is
// known to those two only: [Machine.Complaints] are claims. Nobody is blamed
// for silence, for a split view, or for what this device cannot open itself;
// [Machine.Apart] says who is ready for something else than this device knows.
//
// A member that says commit to some and abort to others can make the attempt
// hang: one honest device may have locked and another returned. Nothing is
// lost, for nobody erases; but it takes the owner to go on.
//
// # What this is not
//
// Any member can make an attempt fail. t devices that are dishonest together
// have the key before and after. Old shares die on honest devices only: t copies
// of one old epoch, in backups or at thieves, are the key for ever. A member
// that falls silent for good between its ready and its commit leaves the others
// signing in an epoch without a certificate, which no further re-deal can follow
// before it is back: docs/adr/0017 says why those who are left cannot decide it
// with one more vote, and what could. Who the members are, and when they change, is not hidden
// from whoever sees the frames.
package refresh

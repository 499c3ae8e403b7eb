package model

import "testing"

// TestKnownBad explores designs that are wrong in one rule. Each must do the
// harm that the rule is there to prevent.
func TestKnownBad(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		design
		why   string
		harm  violation // 0 if none but stuck states
		stuck bool      // needs the whole exploration
	}{
		{design: design{name: "X2", n: 3, t: 2, attempts: 1, liar: 0b100},
			why: "without LOCK, a member that votes for it to one and against it to another", harm: keyLost},
		{design: design{name: "X6", n: 3, t: 2, members: 0b101, attempts: 1, liar: 0b100, lock: true},
			why: "the parent retires although a sleeper still signs in it", harm: keyLost},
		{design: design{name: "E2", n: 4, t: 2, attempts: 1, quorumT: true},
			why: "t members are enough: the others go on in the parent", harm: split},
		{design: design{name: "E3", n: 4, t: 2, lost: 1, attempts: 1, quorumT: true},
			why: "t members are enough: a sleeper and the thief sign in the parent", harm: thiefSigns},
		{design: design{name: "E4", n: 3, t: 2, lost: 1, attempts: 1, retireAtC: true},
			why: "the share of the parent dies with the device's own vote", harm: keyLost, stuck: true},
		{design: design{name: "E5", n: 3, t: 2, lost: 1, attempts: 1, freeFlip: true},
			why: "a vote for it can be taken back for no reason", harm: keyLost, stuck: true},
		{design: design{name: "E6", n: 4, t: 2, attempts: 1, members: 0b0111, anyAbort: true, fence: byEpoch},
			why: "one vote against it frees whoever is ready, where t may still vote for it", harm: twoEpochs},
		{design: design{name: "E7", n: 4, t: 3, attempts: 1, deaths: 1, everybody: true, noAbort: true, fence: byEpoch},
			why: "two-phase commit: whoever is ready waits for a device that is gone", stuck: true},
		{design: design{name: "F3", n: 3, t: 2, attempts: 1, deaths: 1},
			why: "sleepers find no share: one device is in the old epoch, one in the new", stuck: true},
		{design: design{name: "H1", n: 3, t: 2, attempts: 1, deaths: 1, resume: true},
			why: "t devices agree to go back while another already destroys the parent", stuck: true},
		{design: design{name: "M1", n: 3, t: 2, attempts: 1, deaths: 1, resume: true, mailbox: true},
			why: "the same, although sleepers find a share", stuck: true},
		{design: design{name: "gone", n: 3, t: 2, attempts: 1, deaths: 1, members: 0b111, lock: true, mailbox: true, await: true, hold: true},
			why: "members do without one that is gone after READY: one has voted against it unheard, one holds, the third dies", stuck: true},
		{design: design{name: "D6", n: 4, t: 2, lost: 1, attempts: 1, deaths: 1, everybody: true, fence: byEpoch},
			why: "who is ready does not sign in the parent, and does again after an abort", harm: thiefSigns},
		{design: design{name: "B1", n: 3, t: 2, lost: 1, attempts: 1, readyEarly: true},
			why: "READY before the share is durable", harm: keyLost},
		{design: design{name: "B6", n: 3, t: 2, lost: 1, attempts: 1, zeroAtReady: true},
			why: "the share of the parent is zeroed before everybody has the new one", harm: keyLost, stuck: true},
		{design: design{name: "B8", n: 3, t: 2, lost: 1, attempts: 1, restores: 1},
			why: "a backup of the parent is used as if nothing had happened", harm: thiefSigns},
		{design: design{name: "half", n: 4, t: 2, attempts: 1, lock: true, mailbox: true, await: true},
			why: "half of the devices can sign: two halves do, while an attempt is open", harm: twoEpochs},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var until []violation
			if !r.stuck {
				until = []violation{r.harm}
			}
			got := explore(&r.design, limit, false, until...)
			t.Logf("%v: %s: %d states, %d stuck", &r.design, r.why, got.states, got.stuck)
			if i, ok := got.first[r.harm]; ok {
				t.Logf("%v:%s", r.harm, got.x.path(i))
			} else if r.harm != 0 {
				t.Errorf("%v was not found", r.harm)
			}
			if r.stuck && got.stuck == 0 {
				t.Errorf("no state is stuck (explored to the end: %v)", got.complete)
			}
		})
	}
}

package node

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

func mustProposal(t *testing.T, o message.Open) share.Proposal {
	t.Helper()
	p, err := share.ParseProposal(o.Proposal)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSetBackDeviceSaysOtherWords: a machine is resumed twice from one snapshot, with
// its disk and a source that gives the same bytes in both lives, and is shown the
// opening of the same session in both. In the second life it must draw other secrets:
// what it says with the same ones is a second equation about its share. The clock of
// the wall, the boot id, or one draw more is enough.
func TestSetBackDeviceSaysOtherWords(t *testing.T) {
	t.Parallel()
	life := func(later time.Duration, boot byte, extra int) map[wire.SessionID][32]byte {
		l := newLab(t, 3, 2702) // one seed decides everything: the laptop's source as well
		l.found(2, 3)
		phone, laptop := l.devices[0], l.devices[1]
		r := phone.ask("signed after a snapshot")
		r.NotUntil = l.now.Add(standing.LongestPause)
		laptop.approves(r.ID)
		if !l.run(time.Minute, func() bool { return len(r.Approved) == 2 }) {
			t.Fatal("no approvals")
		}
		p, err := phone.core.Proposal(r, []wire.Slot{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		h, ok := laptop.core.Config.Rand.(*standing.HedgedSource)
		if !ok {
			t.Fatalf("the machines draw from a %T", laptop.core.Config.Rand)
		}
		h.Boot[0] ^= boot
		for range extra {
			// Drawn by another machine of this process, and the source is set back.
			h.Drawn++
		}
		l.now = l.now.Add(later)
		laptop.core.Now = l.now
		if err := laptop.core.OnOpen(1, message.Open{Proposal: p.Bytes(), Approvals: []message.Item{r.Approved[1], r.Approved[2]}}); err != nil {
			t.Fatal(err)
		}
		laptop.core.Flush()
		words := map[wire.SessionID][32]byte{}
		for _, x := range l.wire {
			if x.from == laptop && x.protocol == wire.ProtocolSession {
				f, err := wire.ParseFrame(x.msg)
				if err != nil {
					t.Fatal(err)
				}
				words[f.Session] = sha256.Sum256(x.msg)
			}
		}
		if len(words) != 1 {
			t.Fatalf("%d first words", len(words))
		}
		return words
	}
	first := life(0, 0, 0)
	for id, word := range life(0, 0, 0) {
		if first[id] != word {
			t.Fatal("two lives that differ in nothing differ: this test shows nothing")
		}
	}
	for name, second := range map[string]map[wire.SessionID][32]byte{
		"clock": life(time.Nanosecond, 0, 0), "boot": life(0, 1, 0), "draw": life(0, 0, 1),
	} {
		for id, word := range second {
			before, ok := first[id]
			if !ok {
				t.Fatalf("%s: not the same session", name)
			}
			if before == word {
				t.Errorf("%s: the same first word in both lives", name)
			}
		}
	}
}

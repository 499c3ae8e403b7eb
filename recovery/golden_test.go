package recovery_test

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"hash"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew; say in the commit why the bytes or the rules changed")

// TestGolden holds the bytes of a judge, a beat and a suspicion. They are
// stored, or wire format: a change needs a new version.
func TestGolden(t *testing.T) {
	t.Parallel()
	l := busy(t)
	s := recovery.Suspicion{Version: recovery.Version, Circle: l.rec.Circle, Record: l.rec.Hash(), By: 2, About: 5, Last: 3, Beat: 4, Silent: 7 * day, Agree: true}
	golden(t, "testdata/bytes.golden", strings.Join([]string{
		"judge", hex.EncodeToString(l.Bytes()),
		"beat", hex.EncodeToString(l.beat(2, func(b *recovery.Beat) { b.Seen = []recovery.Seen{{Slot: 1, Seq: 1}, {Slot: 3, Seq: 1}} }).Bytes()),
		"suspicion", hex.EncodeToString(recovery.SignSuspicion(s, signer(2)).Bytes()),
	}, "\n")+"\n")
}

// TestRunsEndAsBefore has judges live through anything at all, and holds a hash
// of everything that they store, decide and say on the way: a change of the
// inside alone must leave all of it as it is.
func TestRunsEndAsBefore(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for seed := range uint64(48) {
		fmt.Fprintln(&out, seed, anything(t, seed))
	}
	golden(t, "testdata/runs.golden", out.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not as it was:\n%s", name, got)
	}
}

// A chaos is a judge to which anything happens, and a hash of what came of it.
type chaos struct {
	*lab
	r    *rand.Rand
	sum  hash.Hash
	dumb wire.Slot // never heard, and all know it; 0 for none
}

// anything returns the hash of one run.
func anything(t *testing.T, seed uint64) string {
	shape := [][2]int{{2, 3}, {2, 2}, {3, 5}, {3, 4}}[seed%4]
	r := rng(seed)
	c := chaos{newLab(t, shape[0], shape[1], func(s *roster.Settings) { s.NoSpareAuto = seed/4%2 == 0 }), r, sha256.New(), 0}
	if seed%3 == 0 {
		c.dumb = wire.Slot(shape[1])
	}
	for i := range 250 {
		c.happen(i)
		c.show()
	}
	return hex.EncodeToString(c.sum.Sum(nil)[:16])
}

func (c *chaos) log(what ...any) { fmt.Fprintln(c.sum, what...) }

// show puts all that a judge has to say on record.
func (c *chaos) show() {
	fmt.Fprintf(c.sum, "%x %d %v %d\n", c.Bytes(), c.Revision(), c.Proposals(), c.Spare())
	for s := range wire.Slot(7) {
		v, ok := c.View(s)
		why := []any{s, v, ok, c.Banned(s), c.Muted(s), c.Copied(s), c.Confirmed(s)}
		for _, state := range []roster.FormerState{roster.Silent, roster.Stolen} {
			may, word := c.MayEvict(recovery.Removal{Slot: s, State: state})
			why = append(why, may, word)
		}
		frozen, word := c.FrozenBeside(s)
		c.log(append(why, frozen, word, c.MayVeto(2, s), c.MayVacation(2, s, day))...)
	}
	frozen, word := c.Frozen()
	c.log(frozen, word)
	for _, n := range append(c.Notices(3), c.Current(c.wall-3*day)...) {
		c.log(n.N, n.At, c.Words(n))
	}
	for _, s := range c.Suspicions() {
		fmt.Fprintf(c.sum, "%x\n", s.Bytes())
	}
}

// slot returns any device, most often one of the circle.
func (c *chaos) slot() wire.Slot { return wire.Slot(1 + c.r.IntN(len(c.rec.Devices)+c.r.IntN(2))) }

func (c *chaos) happen(i int) {
	what := c.r.IntN(20)
	if c.dumb > 0 && isMember(c.rec, c.dumb) && what >= 11 && what <= 15 && c.r.IntN(8) > 0 {
		what = 2 + what%2*7 // time passes, or one says that the silent one is
	}
	switch what {
	case 0, 1, 2, 3:
		c.pass(c.r.Uint64N(3*day), c.slot(), c.slot())
	case 4:
		c.pass(c.r.Uint64N(20*day), 2)
	case 5:
		c.wall += c.r.Uint64N(10 * day)
		c.Tick(c.wall, c.r.Uint64N(2*hour))
	case 6, 7, 8:
		c.hearOne(c.slot())
	case 9, 10:
		c.suspect(c.slot(), c.slot())
		for s := wire.Slot(2); s < c.dumb; s++ {
			c.suspect(s, c.dumb)
		}
	case 11:
		c.log(c.Lost(c.word(), c.slot()))
	case 12:
		c.log(c.Thaw(c.word()))
	case 13:
		if c.r.IntN(3) == 0 {
			c.log(c.Freeze(c.word()))
		}
	case 14:
		c.log(c.Vacation(c.word(), c.slot(), c.r.Uint64N(100*day)))
		c.log(c.TakenBack(recovery.Word{By: c.slot()}, c.slot()))
	case 15:
		c.log(c.Veto(c.word(), c.slot()))
	case 16:
		c.log(c.Confirm(c.word(), c.slot()))
	case 17:
		c.log(c.NextBeat(c.r.IntN(2) == 0, true, 5))
		c.Aborted(c.slot(), c.slot())
	case 18:
		j, err := recovery.ParseJudge(c.Bytes(), c.rec, [8]byte{byte(c.r.IntN(4))})
		c.ok(err)
		c.Judge = j
	case 19:
		if c.r.IntN(3) == 0 {
			c.move(i)
		}
	}
}

// word is mostly new, and sometimes one that was said before.
func (c *chaos) word() recovery.Word {
	w := c.says(c.slot())
	if c.r.IntN(8) == 0 {
		w.ID[7]--
	}
	return w
}

// pass lets time pass in which some are heard and whoever suspects says so.
func (c *chaos) pass(seconds uint64, heard ...wire.Slot) {
	for ; seconds > 6*hour; seconds -= 6 * hour {
		for range 6 {
			c.wall += hour
			c.Tick(c.wall, hour)
		}
		for _, s := range heard {
			c.hearOne(s)
		}
	}
}

// hearOne delivers a beat that may be old, of another epoch, of another boot,
// of another circle or without a share.
func (c *chaos) hearOne(slot wire.Slot) {
	if slot == c.self || slot == c.dumb || int(slot) >= len(names) {
		return
	}
	b := c.beat(slot, func(b *recovery.Beat) {
		switch c.r.IntN(12) {
		case 0:
			b.Holds = false
		case 1:
			b.Epoch++
		case 2:
			b.Record = wire.Hash{}
		case 3:
			b.Boot[1] = byte(c.r.IntN(3))
		case 4:
			b.Seq = 1 + c.r.Uint64N(b.Seq)
		case 5:
			b.Circle = wire.CircleID{7}
		}
		for s := wire.Slot(1); s < 6; s++ {
			if s != slot && c.r.IntN(2) == 0 {
				b.Seen = append(b.Seen, recovery.Seen{Slot: s, Seq: c.seq[s] + 1})
			}
		}
	})
	if c.r.IntN(20) == 0 {
		b.Sig[3] ^= 1
	}
	news, err := c.Heard(b)
	c.log(c.News(b), news, err)
}

func (c *chaos) suspect(by, about wire.Slot) {
	if by == about {
		return // ParseSuspicion lets none of these in
	}
	s := recovery.Suspicion{Version: recovery.Version, Circle: c.rec.Circle, Record: c.rec.Hash(), By: by, About: about,
		Last: c.seq[about], Beat: c.seq[by], Silent: c.rec.Settings.Suspect, Agree: c.r.IntN(4) > 0}
	switch c.r.IntN(10) {
	case 0:
		s.Silent--
	case 1:
		s.Record = wire.Hash{}
	case 2:
		s.Last -= min(s.Last, 3)
	case 3:
		s.Beat -= min(s.Beat, 3)
	}
	c.log(c.Suspected(recovery.SignSuspicion(s, signer(by))))
}

// move goes on to another epoch: with everybody, without one, or with one who
// slept.
func (c *chaos) move(i int) {
	rec, slot := c.rec, c.slot()
	switch in := len(c.rec.Devices) > c.rec.Threshold && slot != c.self && isMember(c.rec, slot); {
	case in && c.r.IntN(4) == 0:
		states := []roster.FormerState{roster.Silent, roster.Stolen, roster.Left}
		rec = next(c.rec, states[c.r.IntN(3)], []wire.Slot{slot})
	case in && c.r.IntN(2) == 0:
		rec = next(c.rec, 0, nil, slot)
	default:
		rec = next(c.rec, 0, nil)
	}
	rec.Change.Attempt = wire.Hash{byte(i)}
	if err := c.SetRecord(rec); err != nil {
		c.log(err)
		return
	}
	c.rec = rec
}

func isMember(r roster.Record, slot wire.Slot) bool {
	_, ok := r.Device(slot)
	return ok
}

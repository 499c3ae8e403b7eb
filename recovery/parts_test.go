package recovery

import (
	"slices"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

func TestClockPassesAsTheSlowerOne(t *testing.T) {
	t.Parallel()
	c := clock{Wall: 1000}
	for _, r := range []struct {
		wall, awake, now uint64
		why              string
	}{
		{1600, 600, 600, "both agree"},
		{9000, 60, 660, "suspended: the wall clock runs ahead"},
		{9000, 600, 720, "of what it ran ahead a minute is carried over"},
		{5000, 600, 720, "set back"},
		{1 << 40, 1 << 40, 720 + maxOwed + maxTick, "a tick counts for an hour at most"},
	} {
		c.tick(r.wall, r.awake)
		if c.Now != r.now {
			t.Errorf("%s: %d, want %d", r.why, c.Now, r.now)
		}
	}
	if c.since(c.Now+1) != 0 || c.until(c.Now-1) != 0 || c.after(^uint64(0)) != ^uint64(0) {
		t.Error("time wraps")
	}
}

func TestLineEcho(t *testing.T) {
	t.Parallel()
	l := line{Seq: 5}
	if !l.silent(Unheard) || l.silent(Unheard+1) || !l.Unheard {
		t.Error("silence is told once, after a day")
	}
	if forgotten, back := l.echo(5, Unheard+2); forgotten || !back || l.Unheard {
		t.Error("an echo of what was sent ends it")
	}
	if forgotten, back := l.echo(4, Unheard+3); forgotten || back || l.EchoAt != Unheard+2 {
		t.Error("an older echo is no news")
	}
	if forgotten, _ := l.echo(9, Unheard+4); !forgotten || l.next() != 10 {
		t.Error("an echo of what this device does not remember")
	}
	if forgotten, _ := l.echo(l.Seq+maxEcho+1, 0); forgotten || l.Seq != 10 {
		t.Error("one device's word moved the sequence without bound")
	}
	if l.start(l.Boot) || !l.start([8]byte{1}) || l.Seq != 10+bootStride {
		t.Error("a start makes the numbers skip ahead, once")
	}
	if l.company(100, 50) != 0 || l.company(140, 50) != 40 {
		t.Error("a pause that is too long was time online")
	}
	if !l.doubt(2) || l.doubt(2) {
		t.Error("a doubt is new once")
	}
	if l.trust(2); l.Doubts != nil {
		t.Error("nothing left has two encodings")
	}
}

func TestTraceOfADeviceThatRunsTwice(t *testing.T) {
	t.Parallel()
	a, b, c := [8]byte{1}, [8]byte{2}, [8]byte{3}
	x := newTrace(0)
	for i, r := range []struct {
		boot  [8]byte
		twice bool
	}{{a, false}, {a, false}, {b, false}, {c, false}, {b, true}, {c, true}} {
		if x.started(r.boot) != r.twice {
			t.Errorf("boot %d: %v, want %v", i, !r.twice, r.twice)
		}
		x.Seq++
	}
}

func TestDossierCountdown(t *testing.T) {
	t.Parallel()
	d := dossier{GraceAt: 100}
	if d.deadline(day) != 100+day {
		t.Error("deadline")
	}
	d.Confirmed = true
	if d.object(); d.Confirmed || d.deadline(day) != 100+day+Objection {
		t.Error("an objection makes it later and takes the agreement back")
	}
	for _, r := range []struct {
		left uint64
		tell bool
	}{{7 * day, true}, {6 * day, false}, {3 * day, true}, {2 * day, false}, {day, true}, {hour, false}, {0, false}} {
		if d.tell(r.left) != r.tell {
			t.Errorf("%d hours left: %v", r.left/hour, !r.tell)
		}
	}
	set := roster.DefaultSettings()
	for _, wait := range []uint64{10 * 60, hour, 6 * hour, 6 * hour} {
		if d.failed(1000, set); d.NextTry != 1000+wait {
			t.Errorf("after %d attempts %d seconds, want %d", d.Tries, d.NextTry-1000, wait)
		}
	}
}

func TestDossierClaims(t *testing.T) {
	t.Parallel()
	var d dossier
	d.claim(claim{By: 3, Last: 7, Beat: 2, Agree: true})
	d.claim(claim{By: 2, Last: 7, Beat: 1})
	d.claim(claim{By: 3, Beat: 1}) // older
	if !d.agrees(3) || d.agrees(2) || d.agrees(4) || d.Claims[0].By != 2 {
		t.Errorf("%+v", d.Claims)
	}
	d.refute(3, 7)
	if !d.agrees(3) {
		t.Error("a beat that it knew when it claimed refutes nothing")
	}
	if d.refute(3, 8); d.agrees(3) {
		t.Error("it has heard it since")
	}
	if d.refute(2, 8); d.Claims != nil {
		t.Error("nothing left has two encodings")
	}
}

func TestFreezeMutesWhoWasThawed(t *testing.T) {
	t.Parallel()
	var f freeze
	if fresh, muted := f.charge(1, 0, 10); !fresh || muted {
		t.Fatal("a first word")
	}
	if fresh, _ := f.charge(1, 0, 11); fresh {
		t.Error("a word counts once")
	}
	f.want(2)
	if f.charge(2, 3, 12); f.Thaws != nil {
		t.Error("who wanted an end did not know of the second word")
	}
	f.thaw(20)
	if len(f.Charges) != 0 {
		t.Error("a thaw ends everything")
	}
	if _, muted := f.charge(1, 0, 30); !muted || len(f.accusers(0)) != 0 || !f.said(1, 0) {
		t.Error("who was thawed counts alone")
	}
	if _, muted := f.charge(2, 0, 31); muted || !slices.Equal(f.accusers(0), []wire.Slot{1, 2}) {
		t.Error("a second device that joins unmutes both, though it is muted itself")
	}
	f = freeze{Mutes: []mute{{By: 1, Until: 50}}}
	f.charge(1, 0, 40)
	f.tick(49)
	if !f.stands(1, 0, true) {
		t.Error("forgotten too early")
	}
	if f.tick(50); f.said(1, 0) || f.Mutes != nil {
		t.Error("what was said alone meanwhile is forgotten with the mute")
	}
}

func TestFreezeAccusations(t *testing.T) {
	t.Parallel()
	var f freeze
	f.charge(1, 2, 10)
	f.charge(3, 2, 20)
	if f.mutual(2) || f.firstAt(2) != 10 || f.firstAt(1) != 0 {
		t.Error("two accuse 2")
	}
	f.charge(2, 3, 30)
	if !f.mutual(2) || !f.mutual(3) || f.mutual(1) {
		t.Error("2 and 3 accuse each other")
	}
	f.takeBack(1, 10+Alone-1)
	if !f.said(1, 2) {
		t.Error("taken back alone before 24 hours were over")
	}
	if f.takeBack(1, 10+Alone); f.said(1, 2) {
		t.Error("not taken back")
	}
	if f.strike(2); f.said(2, 3) || !f.said(3, 2) {
		t.Error("what was said on 2, and nothing else, is forgotten")
	}
	if f.keep(func(s wire.Slot) bool { return s != 2 }); f.Charges != nil {
		t.Error("2 has left: nobody accuses it")
	}
}

func TestBudgetWaits(t *testing.T) {
	t.Parallel()
	var b budget
	if b.wait(5, 100) != 0 {
		t.Error("nobody was removed yet")
	}
	b.spend(5)
	if b.wait(6, 100) != 99 || b.wait(105, 100) != 0 {
		t.Error("wrong pause")
	}
}

func TestBoardKeepsTheLatest(t *testing.T) {
	t.Parallel()
	var b board
	for range maxNotices + 2 {
		b.post(Notice{Step: StepCopied, Slot: 2}, 1000)
	}
	if len(b.Notices) != maxNotices || b.Notices[0].N != 3 || len(b.after(maxNotices)) != 2 {
		t.Errorf("%d notices from number %d", len(b.Notices), b.Notices[0].N)
	}
	if !b.copied(2) || b.copied(3) || !b.copiedToday(2, 1000+day-1) || b.copiedToday(2, 1000+day) {
		t.Error("copies")
	}
}

// TestRemovalsReadTheirOwnFacts has the rules of removal decide over facts that
// are put together here, one thing wrong at a time.
func TestRemovalsReadTheirOwnFacts(t *testing.T) {
	t.Parallel()
	facts := func() removals {
		rec := roster.Record{Threshold: 2, Settings: roster.DefaultSettings()}
		rs := removals{circle: &circle{Record: rec}, self: 1, now: 1000 * day}
		for s := wire.Slot(1); s <= 4; s++ {
			rs.circle.Devices = append(rs.circle.Devices, roster.Device{Slot: s, Name: "a device"})
			if s != rs.self {
				rs.peers.add(s, Live, 0)
			}
		}
		x := rs.peers.of(4)
		x.State, x.GraceAt = Grace, 900*day
		x.Claims = []claim{{By: 2, Agree: true}, {By: 3, Agree: true}}
		return rs
	}
	rs := facts()
	if ok, why := rs.allowed(Removal{4, roster.Silent}); !ok {
		t.Fatal(why)
	}
	if !rs.covered(rs.peers.of(4), func(c claim) bool { return c.Agree }) || len(rs.able([]Removal{{4, roster.Silent}})) != 3 {
		t.Fatal("1, 2 and 3 are able to remove 4")
	}
	for name, change := range map[string]func(rs *removals, x *peer){
		"heard":     func(_ *removals, x *peer) { x.State = Live },
		"countdown": func(rs *removals, x *peer) { x.GraceAt = rs.now },
		"objection": func(_ *removals, x *peer) { x.GraceAt, x.Vetoes = 950*day, 2 },
		"frozen":    func(_ *removals, x *peer) { x.State = Frozen },
		"due":       func(_ *removals, x *peer) { x.Due = true },
		"budget":    func(rs *removals, _ *peer) { rs.budget.spend(rs.now) },
		"itself":    func(rs *removals, _ *peer) { rs.self = 4 },
		"gone":      func(rs *removals, _ *peer) { rs.circle.Devices = rs.circle.Devices[:3] },
		"too few":   func(rs *removals, _ *peer) { rs.circle.Threshold = 4 },
	} {
		rs := facts()
		change(&rs, rs.peers.of(4))
		if ok, _ := rs.allowed(Removal{4, roster.Silent}); ok {
			t.Errorf("%s: allowed", name)
		}
	}
}

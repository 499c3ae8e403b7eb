package node

import (
	"slices"

	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/cosign"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/signing"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// wired makes the rooms of a device, and tells each of those below it.
func wired(cfg standing.Config) (*core, error) {
	c := &core{Counter: &desk.Counter{}}
	w := wiring{c}
	me, err := standing.New(cfg, w)
	if err != nil {
		return nil, err
	}
	j, d := judging.New(me), drive.New(me, w)
	l := ledger.New(me, j, w)
	a, s, rm := ledger.NewAnswers(me, j, l), cosign.New(me, d), redeal.NewRemains(me)
	rd := redeal.New(me, j, d, rm, l, a, w)
	*c.Counter = desk.Counter{
		Standing: me, Judging: j, Drive: d, Ledger: l, Answers: a, Cosign: s, Remains: rm, Redeals: rd,
		Trials:    redeal.NewTrials(me, d, s, rd),
		Signings:  signing.New(me, j, d, l, a, s),
		Changes:   changes.New(me, j, d, rm, l, rd),
		Foundings: founding.New(me, j, d, l, c.EndWaits),
	}
	c.Open()
	return c, nil
}

// The rooms of a device know each other in one direction only. Where one below needs
// to hear of one above, or of one beside, it says in an interface what it wants to
// know, and the answer is here.
type wiring struct{ c *core }

var (
	_ standing.Company = wiring{}
	_ drive.Lookout    = wiring{}
	_ ledger.Sequel    = wiring{}
	_ redeal.Around    = wiring{}
)

func (w wiring) Founding() bool { return w.c.Founding != nil || w.c.Joining != nil }

func (w wiring) Founders() []roster.Device {
	if f := w.c.Founding; f != nil && f.Proposal != nil {
		return f.Proposal.Devices
	}
	return nil
}

func (w wiring) Pending() (record wire.Hash, ok bool) {
	if f := w.c.Founding; f != nil && f.Pending {
		return f.RecordHash(), true
	}
	return wire.Hash{}, false
}

func (w wiring) Staying() (out []roster.Device) {
	a := w.c.Attempt
	if a == nil || a.Machine.Settled() {
		return nil
	}
	for _, d := range slices.Concat(w.c.ParentOf(a).Devices, a.Proposal.Added) {
		if !slices.ContainsFunc(a.Proposal.Removed, func(x refresh.Removal) bool { return x.Slot == d.Slot }) {
			out = append(out, d)
		}
	}
	return out
}

func (w wiring) MayRunAgain(id wire.RequestID) bool {
	if r := w.c.Requests[id]; r != nil {
		return r.Open()
	}
	return w.c.TestsFor(id)
}

func (w wiring) Stray(id wire.SessionID, from wire.Slot) bool {
	return w.c.TellDead(id, from, w.c.ToMember(from))
}

func (w wiring) Arrived(r *ledger.Request)          { w.c.ApplyPolicy(r) }
func (w wiring) Stop(r *ledger.Request, why string) { w.c.StopSigning(r, why) }
func (w wiring) Interrupted() bool                  { return w.c.Interrupted() }
func (w wiring) ShareAwaited() bool                 { return w.c.ShareAwaited() }
func (w wiring) AwaitedWords() string               { return w.c.AwaitedWords() }
func (w wiring) Test()                              { w.c.StartTest() }
func (w wiring) Failed(a *redeal.Attempt)           { w.c.RedealFailed(a) }
func (w wiring) Succeeded()                         { clear(w.c.Grudges) }
func (w wiring) Blame(slot wire.Slot, why string)   { w.c.Blame(slot, why) }

func (w wiring) Entered() { w.c.Founding, w.c.Joining = nil, nil }

package desk

import (
	"strconv"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/recovery"
)

// What a change of the circle says to persons. It is made here, on each device,
// out of the request and of the circle as that device knows it, and is the same
// for whoever asks and whoever approves: what warns the one warns the other.

// changeWords says a change in words. One that took effect, or cannot any more,
// warns of nothing.
func (vw *Views) changeWords(r *ledger.Request) intent.Intent {
	in := intent.Intent{Kind: intent.Kind(r.Request.Kind), Purpose: "circle", Summary: vw.changeSummary(r), Lines: vw.changeLines(r)}
	if r.Open() && !vw.ledger.InEffect(r) {
		in.Warnings = vw.changeWarnings(r)
	}
	return in
}

// newcomer is what a change calls the device that comes in: one that is about to
// be invited has no name yet.
func (vw *Views) newcomer(r *ledger.Request) string {
	if r.Change.Newcomer == nil {
		return vw.say(say.NewcomerUnnamed)
	}
	return vw.say(say.NewcomerNamed, r.Change.Newcomer.Name)
}

func (vw *Views) changeSummary(r *ledger.Request) string {
	switch r.Change.Kind {
	case change.Add:
		return vw.say(say.ToAdd, vw.newcomer(r))
	case change.Replace:
		return vw.say(say.ToReplace, vw.ledger.SubjectName(r), vw.newcomer(r))
	case change.Lost:
		return vw.say(say.ToRemoveLost, vw.ledger.SubjectName(r))
	case change.Refresh:
		return vw.say(say.ToRefresh)
	case change.Leave:
		return vw.say(say.ToLeave, vw.me.Name(r.From()))
	case change.Threshold:
		return vw.say(say.ToRequire, r.Change.Threshold)
	case change.Remove:
		return vw.say(say.ToRemoveSilent, vw.ledger.SubjectName(r))
	case change.Freeze:
		return vw.say(say.ToFreeze)
	case change.Thaw:
		return vw.say(say.ToThaw)
	case change.Vacation:
		return vw.say(say.ToBeAway, vw.ledger.SubjectName(r), time.Unix(int64(min(r.Change.Until, 1<<40)), 0).UTC().Format(time.DateTime+" UTC"))
	}
	return vw.say(say.ToKeepSilent, vw.ledger.SubjectName(r))
}

func (vw *Views) changeLines(r *ledger.Request) (lines []intent.Line) {
	line := func(label say.ID, value string) {
		lines = append(lines, intent.Line{Label: vw.say(label), Value: value})
	}
	if card := r.Change.Newcomer; card != nil {
		line(say.LabelNewcomer, vw.say(say.DeviceOfKind, card.Name, card.Kind))
		line(say.LabelFingerprint, standing.Fingerprint(card.Device(0)))
	}
	if r.Change.Slot != 0 {
		line(say.LabelDevice, vw.introduces(r))
	}
	line(say.LabelAsker, vw.me.Name(r.From()))
	if !r.Open() || vw.ledger.InEffect(r) {
		return lines // it is told of another circle by now
	}
	for _, effect := range vw.effects(r) {
		line(say.LabelEffect, effect)
	}
	return lines
}

// introduces says which device r is about, so that it cannot be taken for another.
func (vw *Views) introduces(r *ledger.Request) string {
	slot := vw.ledger.Subject(r)
	d, ok := vw.me.EverDevice(slot)
	if !ok {
		return vw.ledger.SubjectName(r)
	}
	text := vw.say(say.Introduced, vw.me.Name(slot), d.Kind, slot, standing.Fingerprint(d))
	_, in := vw.me.Device(slot)
	switch p := vw.me.Peers[slot]; {
	case !in:
	case slot == vw.me.Circle.Slot:
		text = vw.say(say.IntroducedThis, text)
	case p != nil && p.Online:
		text = vw.say(say.IntroducedOnline, text)
	case p != nil && !p.LastSeen.IsZero():
		text = vw.say(say.IntroducedSeen, text, p.LastSeen.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return text
}

// effects says what follows if enough persons agree.
func (vw *Views) effects(r *ledger.Request) (out []string) {
	add := func(id say.ID, args ...any) { out = append(out, vw.say(id, args...)) }
	t := vw.me.Circle.Record.Threshold
	stay := standing.List(vw.staying(r))
	switch r.Change.Kind {
	case change.Lost:
		add(say.LostFreezes, vw.ledger.SubjectName(r))
		add(say.LostIsRemoved, t, stay)
		add(say.BackAsNew)
	case change.Replace:
		add(say.ReplacedIsRemoved, vw.ledger.SubjectName(r))
	case change.Leave:
		add(say.LeaverIsOut, stay)
		add(say.BackAsNew)
	case change.Threshold:
		spare := vw.say(say.None)
		if n := len(vw.me.Circle.Record.Devices) - int(r.Change.Threshold); n > 0 {
			spare = strconv.Itoa(n)
		}
		add(say.NewThreshold, len(vw.me.Circle.Record.Devices), r.Change.Threshold, t, spare)
	case change.Remove:
		add(say.SilentIsRemoved)
	case change.Freeze:
		add(say.FreezeLasts, t)
		add(say.RedealsGoOn)
	case change.Thaw:
		if why := vw.judging.Frozen(); why != "" {
			add(say.ThawEndsFreeze, why)
		}
		add(say.RedealsGoOn)
	case change.Vacation:
		add(say.AwayIsKept)
	case change.Veto:
		add(say.VetoPutsOff)
	}
	if r.Change.ByRedeal() {
		add(say.KeysStay)
	}
	return out
}

// staying names the devices that are in the circle after a change, without the
// newcomer.
func (vw *Views) staying(r *ledger.Request) (names []string) {
	goes := r.Change.Out(r.From(), vw.ledger.Subject(r))
	for _, d := range vw.me.Circle.Record.Devices {
		if d.Slot != goes {
			names = append(names, vw.me.Name(d.Slot))
		}
	}
	return names
}

// changeWarnings says what deserves a second thought before anybody agrees.
func (vw *Views) changeWarnings(r *ledger.Request) (w []string) {
	add := func(id say.ID, args ...any) { w = append(w, vw.say(id, args...)) }
	if vw.ledger.AboutUnknown(r) {
		add(say.AgreesToNothing)
		return w
	}
	if vw.judging.Accused(r.From()) {
		add(say.AskerAccused, vw.me.Name(r.From()))
	}
	subject := vw.ledger.Subject(r)
	switch r.Change.Kind {
	case change.Lost, change.Replace:
		switch {
		case subject == vw.me.Circle.Slot:
			add(say.ThisIsRemoved)
		case vw.me.Online(subject):
			add(say.ConnectedNow, vw.me.Name(subject))
		}
	case change.Thaw:
		w = append(w, vw.thawWarnings()...)
	}
	if why := vw.ledger.NameTrouble(r); why != "" {
		add(say.NothingUnderName, why)
	}
	return append(w, vw.numberWarnings(r)...)
}

// numberWarnings says what a change does to how many devices there are and how
// many of them must sign.
func (vw *Views) numberWarnings(r *ledger.Request) (w []string) {
	add := func(id say.ID, args ...any) { w = append(w, vw.say(id, args...)) }
	if r.Change.Goes() == change.Nobody && !r.Change.Has(change.Card) && !r.Change.Has(change.Signers) {
		return nil
	}
	stay := vw.staying(r)
	before, now := len(vw.me.Circle.Record.Devices), vw.me.Circle.Record.Threshold
	added := 0
	if r.Change.Has(change.Card) {
		added = 1
	}
	n, t := len(stay)+added, vw.ledger.ThresholdAfter(r, before-len(stay), added)
	if added > 0 {
		stay = append(stay, vw.newcomer(r))
	}
	switch {
	case n < t:
		add(say.TooFewWouldStay, standing.List(stay), t)
	case n == t && n < before:
		add(say.AllMustSignAddOne, standing.List(stay))
	case n == t && t != now:
		add(say.AllMustSign, standing.List(stay))
	}
	switch {
	case t < now:
		add(say.ThievesNeedFewer, t, n, now)
	case t > now && added > 0:
		add(say.MoreMustSign, t, n, now)
	}
	return w
}

// thawWarnings names the devices that were called lost and would sign again.
func (vw *Views) thawWarnings() (w []string) {
	if vw.judging.Vigil.Judge == nil {
		return nil
	}
	for _, d := range vw.me.Circle.Record.Devices {
		switch v, _ := vw.judging.Vigil.Judge.View(d.Slot); {
		case v.State != recovery.Frozen && v.State != recovery.Disputed:
		case d.Slot == vw.me.Circle.Slot:
			w = append(w, vw.say(say.ThawKeepsThis, v.Words))
		default:
			w = append(w, vw.say(say.ThawKeeps, vw.me.Name(d.Slot), v.Words))
		}
	}
	return w
}

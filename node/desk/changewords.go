package desk

import (
	"fmt"
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
func newcomer(r *ledger.Request) string {
	if r.Change.Newcomer == nil {
		return "a new device"
	}
	return "the device " + r.Change.Newcomer.Name
}

func (vw *Views) changeSummary(r *ledger.Request) string {
	switch r.Change.Kind {
	case change.Add:
		return "add " + newcomer(r) + " to the circle"
	case change.Replace:
		return "replace " + vw.ledger.SubjectName(r) + " by " + newcomer(r)
	case change.Lost:
		return vw.ledger.SubjectName(r) + " is lost: remove it and deal fresh shares without it"
	case change.Refresh:
		return "deal fresh shares to the same devices"
	case change.Leave:
		return vw.me.Name(r.From()) + " leaves the circle"
	case change.Threshold:
		return fmt.Sprintf("from now on %d devices must sign", r.Change.Threshold)
	case change.Remove:
		return vw.ledger.SubjectName(r) + " is silent, and may be removed"
	case change.Freeze:
		return "freeze the circle: it signs nothing"
	case change.Thaw:
		return "thaw the circle: it signs again"
	case change.Vacation:
		return fmt.Sprintf("%s will be away until %s", vw.ledger.SubjectName(r), time.Unix(int64(min(r.Change.Until, 1<<40)), 0).UTC().Format(time.DateTime+" UTC"))
	}
	return "do not remove " + vw.ledger.SubjectName(r) + " although it is silent"
}

func (vw *Views) changeLines(r *ledger.Request) (lines []intent.Line) {
	add := func(label, format string, args ...any) {
		lines = append(lines, intent.Line{Label: label, Value: fmt.Sprintf(format, args...)})
	}
	if card := r.Change.Newcomer; card != nil {
		add("new device", "%s (%s)", card.Name, card.Kind)
		add("fingerprint", "%s", standing.Fingerprint(card.Device(0)))
	}
	if r.Change.Slot != 0 {
		add("device", "%s", vw.introduces(r))
	}
	add("asked by", "%s", vw.me.Name(r.From()))
	if !r.Open() || vw.ledger.InEffect(r) {
		return lines // it is told of another circle by now
	}
	for _, effect := range vw.effects(r) {
		add("effect", "%s", effect)
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
	text := fmt.Sprintf("%s (%s), slot %d, fingerprint %s", vw.me.Name(slot), d.Kind, slot, standing.Fingerprint(d))
	_, in := vw.me.Device(slot)
	switch p := vw.me.Peers[slot]; {
	case !in:
	case slot == vw.me.Circle.Slot:
		text += ", this device"
	case p != nil && p.Online:
		text += ", online"
	case p != nil && !p.LastSeen.IsZero():
		text += ", last seen " + p.LastSeen.UTC().Format("2006-01-02 15:04 UTC")
	}
	return text
}

// effects says what follows if enough persons agree.
func (vw *Views) effects(r *ledger.Request) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	t := vw.me.Circle.Record.Threshold
	stay := standing.List(vw.staying(r))
	switch r.Change.Kind {
	case change.Lost:
		add("at once the circle is frozen, and no device signs with %s again", vw.ledger.SubjectName(r))
		add("once %d persons have said so, or nobody has heard it for 24 hours, %s get fresh shares without it", t, stay)
		add("it can come back only as a new device")
	case change.Replace:
		add("%s is removed when the new device is in, and can come back only as a new one", vw.ledger.SubjectName(r))
	case change.Leave:
		add("%s get fresh shares without it, and it signs for the circle no more", stay)
		add("it can come back only as a new device")
	case change.Threshold:
		spare := "none"
		if n := len(vw.me.Circle.Record.Devices) - int(r.Change.Threshold); n > 0 {
			spare = strconv.Itoa(n)
		}
		add("of the %d devices %d must sign, instead of %d: you may lose %s of them", len(vw.me.Circle.Record.Devices), r.Change.Threshold, t, spare)
	case change.Remove:
		add("it is removed when its countdown is over, also where the circle would ask first")
	case change.Freeze:
		add("nothing is signed on any device until %d persons have said \"%s\"", t, vw.do(say.Thaw))
		add("re-deals go on either way")
	case change.Thaw:
		if why := vw.judging.Frozen(); why != "" {
			add("ends the freeze: %s", why)
		}
		add("re-deals go on either way")
	case change.Vacation:
		add("until then it is not removed for its silence; if it is lost, say so: \"%s\"", vw.do(say.Lost))
	case change.Veto:
		add("its removal is put off by 30 days, twice at most; if it is lost, say so: \"%s\"", vw.do(say.Lost))
	}
	if r.Change.ByRedeal() {
		add("all keys and addresses stay; previous shares are destroyed")
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
	add := func(format string, args ...any) { w = append(w, fmt.Sprintf(format, args...)) }
	if vw.ledger.AboutUnknown(r) {
		add("this device does not know the device that is meant, and agrees to nothing about it")
		return w
	}
	if vw.judging.Accused(r.From()) {
		add("%s, which asks for it, was itself reported lost", vw.me.Name(r.From()))
	}
	subject := vw.ledger.Subject(r)
	switch r.Change.Kind {
	case change.Lost, change.Replace:
		switch {
		case subject == vw.me.Circle.Slot:
			add("it is this device that is to be removed")
		case vw.me.Online(subject):
			add("%s is connected at this moment: make sure that it is the one that is meant", vw.me.Name(subject))
		}
	case change.Thaw:
		w = append(w, vw.thawWarnings()...)
	}
	if why := vw.ledger.NameTrouble(r); why != "" {
		add("%s, and this device agrees to nothing under that name", why)
	}
	return append(w, vw.numberWarnings(r)...)
}

// numberWarnings says what a change does to how many devices there are and how
// many of them must sign.
func (vw *Views) numberWarnings(r *ledger.Request) (w []string) {
	add := func(format string, args ...any) { w = append(w, fmt.Sprintf(format, args...)) }
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
		stay = append(stay, newcomer(r))
	}
	switch {
	case n < t:
		add("only %s would be left, and %d must sign: nothing comes of it before another device is in; add one: \"%s\"", standing.List(stay), t, vw.do(say.Invite))
	case n == t && (n < before || t != now):
		more := ""
		if n < before {
			more = "; add one soon: \"" + vw.do(say.Invite) + "\""
		}
		add("all of %s must sign then: losing one loses the accounts%s", standing.List(stay), more)
	}
	switch {
	case t < now:
		add("thieves need only %d of the %d devices then, instead of %d", t, n, now)
	case t > now && added > 0:
		add("%d of the %d devices must sign then, instead of %d", t, n, now)
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
			w = append(w, v.Words+": once the circle is thawed, it stays and signs again")
		default:
			w = append(w, fmt.Sprintf("%s was %s: once the circle is thawed, it stays and signs again", vw.me.Name(d.Slot), v.Words))
		}
	}
	return w
}

package changes

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A Plan is what a re-deal is to bring about.
type Plan struct {
	Kind    roster.ChangeKind
	Removed []refresh.Removal
	Card    *roster.Card
	Addrs   []string
	Request *ledger.Request // that asks for it, nil for what devices do by themselves
	Agree   []wire.Slot     // who is known to agree to that, if nobody asks
}

// proposeChange starts the re-deal that a granted request asks for.
func (cg *Changes) proposeChange(r *ledger.Request) {
	kind, removed, card := cg.ledger.Wanted(r)
	err := cg.StartRedeal(Plan{Kind: kind, Removed: removed, Card: card, Addrs: r.Change.Addrs, Request: r})
	r.Failed = nil
	if err != nil {
		r.Trouble, r.Failed = err.Error(), err
		r.Attempts++
		cg.ledger.BackOff(r)
	}
}

// StartRedeal chooses who takes part and starts the attempt.
func (cg *Changes) StartRedeal(want Plan) error {
	if cg.me.Config.Keeper.Locked() {
		return errors.New("this device is locked")
	}
	if cg.redeals.Interrupted() {
		return errors.New("the last re-deal was interrupted by a failed write")
	}
	key, nonce, err := cg.me.FreshDiscovery()
	if err != nil {
		return err
	}
	p, err := cg.Plan(want, nonce)
	if err != nil {
		return err
	}
	a := &redeal.Attempt{Proposal: p, Discovery: key, Addrs: map[wire.Slot][]string{}, Grounds: []message.Item{}}
	// Whoever goes is not dialled again, and with its addresses there would be one
	// more than anybody reads, if a full circle replaces it.
	for s, addrs := range cg.me.Circle.Addrs {
		if !slices.ContainsFunc(p.Removed, func(x refresh.Removal) bool { return x.Slot == s }) {
			a.Addrs[s] = addrs
		}
	}
	a.Addrs[cg.me.Circle.Slot] = cg.me.Link.Addrs()
	for _, d := range p.Added {
		a.Addrs[d.Slot] = want.Addrs
	}
	if r := want.Request; r != nil {
		a.Request = r.ID
		a.Grounds = append(a.Grounds, r.Item)
		for _, s := range standing.SortedSlots(r.Approved) {
			a.Grounds = append(a.Grounds, r.Approved[s])
		}
	}
	if err := cg.redeals.TakeUp(a, cg.me.Circle.Head().Record, cg.me.Circle.Slot); err != nil {
		return err
	}
	cg.redeals.TellRedeal(a, p.Members)
	return nil
}

// Plan fills in a proposal: everybody who is here takes part, the first of
// them who hold a share deal, and who is not here finds its share when it wakes.
func (cg *Changes) Plan(want Plan, nonce [32]byte) (refresh.Proposal, error) {
	head := cg.me.Circle.Head().Record
	p := refresh.Proposal{
		Version: refresh.Version, Circle: head.Circle, Parent: head.Hash(), Epoch: max(cg.me.Circle.Highest, head.Epoch) + 1,
		Kind: want.Kind, Threshold: head.Threshold, Removed: want.Removed, Settings: head.Settings,
		Proposer: cg.me.Circle.Slot, Expires: standing.Unix(cg.me.Now.Add(redeal.AttemptLife)), Nonce: nonce,
	}
	if why := cg.judging.FrozenFor(p); why != "" {
		return p, judging.FrozenError(why)
	}
	var away []wire.Slot
	for _, d := range head.Devices {
		goes := slices.ContainsFunc(want.Removed, func(x refresh.Removal) bool { return x.Slot == d.Slot })
		if !goes && d.Slot != cg.me.Circle.Slot && cg.judging.Banned(d.Slot) {
			return p, say.New(say.WouldDealToAccused, cg.me.Name(d.Slot))
		}
		pr := cg.me.Peers[d.Slot]
		here := d.Slot == cg.me.Circle.Slot || cg.me.Online(d.Slot) && pr.Told && pr.Record == cg.me.Circle.Hash && !pr.Locked
		// A countdown that is not over everywhere would end in a refusal.
		agrees := want.Request != nil || slices.Contains(want.Agree, d.Slot)
		switch {
		case goes:
		case here && agrees:
			p.Members = append(p.Members, d.Slot)
		default:
			p.Sleepers, away = append(p.Sleepers, d.Slot), append(away, d.Slot)
		}
	}
	added := 0
	if want.Card != nil {
		added = 1
	}
	p.Threshold = cg.ledger.ThresholdAfter(want.Request, len(want.Removed), added)
	enough := max(head.RedealQuorum(), p.Threshold-added) // who is new takes part, too
	cg.leaveOut(&p, head, enough)
	if deal := cg.mayDeal(p.Members); len(deal) >= head.Threshold {
		p.Dealers = deal[:head.Threshold]
		slices.Sort(p.Dealers)
	}
	if n := len(p.Members); n < enough || len(p.Dealers) < head.Threshold {
		if n >= enough {
			return p, say.New(say.TooFewDealers, head.Threshold, len(cg.mayDeal(p.Members))).Hinted(head.Epoch)
		}
		return p, say.New(say.TooFewMembers, enough, n).Hinted(standing.Either(cg.me.Names(away)))
	}
	if want.Card != nil {
		d := want.Card.Device(head.NextSlot())
		if !cg.me.Link.Connected(d.Peer) {
			return p, say.New(say.NotConnected, d.Name)
		}
		p.Added = []roster.Device{d}
		p.Members = append(p.Members, d.Slot)
	}
	return p, p.Check(head)
}

// OnRedeal hears of an attempt: takes part, wakes up into it, or refuses.
func (cg *Changes) OnRedeal(from wire.Slot, m message.Redeal) error {
	if cg.me.Circle == nil || cg.redeals.Interrupted() {
		return nil
	}
	p, err := redeal.ProposalOf(m)
	if err != nil {
		return err
	}
	if a := cg.redeals.Attempt; a != nil && a.Proposal.Attempt() == p.Attempt() || cg.redeals.TellDead(p.Session(), from, cg.redeals.ToMember(from)) {
		return nil
	}
	addrs, err := standing.UnpackAddrs(m.Addrs)
	if err != nil {
		return err
	}
	parent := cg.me.Circle.Head().Record
	if last, ok := cg.mailbox(p); ok {
		parent = last
	} else if p.Parent != parent.Hash() {
		// Whoever is behind will be told. If that does not help, asking at once
		// and again would go on for ever.
		if pr := cg.me.Peer(from); p.Epoch > parent.Epoch && cg.me.Now.Sub(pr.AskedAt).Abs() >= cg.me.Config.Timings.Resend {
			pr.AskedAt = cg.me.Now
			cg.me.Sync(from, message.MsgHello, cg.me.Hello())
		}
		return nil
	}
	self, in := redeal.SelfIn(p, parent, cg.me.Self.Public)
	if err := p.Check(parent); err != nil || !in {
		return errors.Join(errors.New("node: a re-deal that this device has no part in"), err)
	}
	if len(m.Grounds) > redeal.MaxGrounds {
		return fmt.Errorf("node: a re-deal on %d grounds: %w", len(m.Grounds), wire.ErrMalformed)
	}
	for _, it := range m.Grounds {
		// A bad one is nobody's fault but its maker's: whoever holds the request
		// already does not look at it again before it passes the message on.
		if err := cg.ledger.Take(it); err != nil {
			cg.me.Log.Debug("ground refused", "err", err)
		}
	}
	// What is passed on with the proposal is what was found to hold.
	grounds := slices.DeleteFunc(slices.Clone(m.Grounds), func(it message.Item) bool { return !cg.ledger.Stock.Has(it.ID()) })
	a := &redeal.Attempt{Proposal: p, Discovery: m.Discovery, Request: m.Request, Grounds: grounds, Addrs: addrs}
	if slices.Contains(p.Sleepers, self) {
		return cg.wakeUp(from, a, parent, self)
	}
	if why := cg.Objection(p, m.Request); why != "" {
		if ok, kept := cg.me.Peer(from).Deals.Say(cg.me.Now, standing.MaxRefusals); ok {
			cg.me.Log.Warn("re-deal refused", "proposer", cg.me.Name(p.Proposer), "why", why, "others", kept)
		}
		cg.noteNumber(p.Epoch)
		if !cg.redeals.MayRefuse(from) {
			return nil
		}
		return cg.redeals.Refuse(cg.redeals.RedealConfig(p, parent, self))
	}
	return cg.redeals.TakeUp(a, parent, self)
}

// Objection says why this device does not take part in a re-deal that another
// proposes, or "".
func (cg *Changes) Objection(p refresh.Proposal, request wire.RequestID) string {
	switch {
	case cg.redeals.Redealing():
		return "another re-deal is under way"
	case cg.me.Config.Keeper.Locked():
		return "this device is locked"
	case p.Epoch > cg.topNumber():
		return "the number of its epoch is too high"
	case p.Epoch <= cg.me.Circle.Highest:
		return "the number of its epoch was used before"
	}
	for _, s := range slices.Concat(p.Members, p.Sleepers) {
		if s != cg.me.Circle.Slot && !slices.ContainsFunc(p.Added, func(d roster.Device) bool { return d.Slot == s }) && cg.judging.Banned(s) {
			return cg.me.Name(s) + " is reported lost or is being removed, and would get a fresh share"
		}
	}
	r := cg.ledger.Requests[request]
	if r != nil && r.Change == nil {
		return "nobody asked for it"
	}
	if p.Threshold != cg.ledger.ThresholdAfter(r, len(p.Removed), len(p.Added)) {
		return "it changes how many must sign, which the persons have not agreed to"
	}
	if p.Settings != cg.me.Circle.Head().Record.Settings {
		return "it changes the settings of the circle"
	}
	if why := cg.judging.ObjectionToEviction(p); why != "" || request == (wire.RequestID{}) {
		if why == "" && (p.Kind != roster.Remove || len(p.Removed) == 0) {
			return "nobody asked for it"
		}
		return why
	}
	if r == nil || !r.Open() || !cg.ledger.Granted(r) {
		return "not enough persons have agreed to it"
	}
	kind, removed, card := cg.ledger.Wanted(r)
	switch {
	case p.Kind != kind || !slices.Equal(p.Removed, removed):
		return "it is not what the persons have agreed to"
	case card == nil && len(p.Added) > 0 || card != nil && (len(p.Added) != 1 || !standing.SameCard(p.Added[0], *card)):
		return "it adds another device than the persons have agreed to"
	}
	if why := cg.judging.FrozenFor(p); why != "" {
		return "the circle is frozen: " + why
	}
	return ""
}

// deliverCertificate tells an attempt what the certificate of its epoch proves:
// that every member has committed. Whoever else knew may have gone on to the
// next re-deal, and a member that has committed too must not wait for ever.
func (cg *Changes) deliverCertificate(a *redeal.Attempt, e roster.Entry) {
	effects, err := a.Machine.Certified(e)
	cg.drive.CarryOut(a.Live, effects)
	if err != nil {
		cg.drive.FailSession(a.Live, err)
		return
	}
	cg.redeals.RedealStep()
}

// ErrCameToNothing says that a re-deal was begun and was given up.
var ErrCameToNothing = errors.New("node: the re-deal came to nothing")

// RedealFailed lets the request behind a dead attempt try again later.
func (cg *Changes) RedealFailed(a *redeal.Attempt) {
	for slot, what := range a.Machine.Suspects() {
		cg.me.Log.Error("a device broke the rules of a re-deal", "device", cg.me.Name(slot), "what", what)
		if slot != cg.me.Circle.Slot {
			cg.me.Alarm(slot, what)
		}
	}
	cg.blameFor(a)
	if r := cg.ledger.Requests[a.Request]; r != nil {
		r.Attempts++
		r.Failed = ErrCameToNothing
		r.Trouble = strings.Join(append([]string{"the last attempt was given up"}, cg.WhyDied()...), "; ")
		cg.ledger.BackOff(r)
	}
	cg.evictionFailed(a)
}

package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A plan is what a re-deal is to bring about.
type plan struct {
	kind    roster.ChangeKind
	removed []refresh.Removal
	card    *roster.Card
	addrs   []string
	request *openRequest // that asks for it, nil for what devices do by themselves
	agree   []wire.Slot  // who is known to agree to that, if nobody asks
}

// proposeChange starts the re-deal that a granted request asks for.
func (cg *changes) proposeChange(r *openRequest) {
	kind, removed, card := cg.ledger.wanted(r)
	err := cg.startRedeal(plan{kind: kind, removed: removed, card: card, addrs: r.change.Addrs, request: r})
	r.failed = ""
	if err != nil {
		r.trouble, r.failed = err.Error(), api.CodeOf(err)
		r.attempts++
		cg.ledger.backOff(r)
	}
}

// startRedeal chooses who takes part and starts the attempt.
func (cg *changes) startRedeal(want plan) error {
	if cg.me.cfg.Keeper.Locked() {
		return errors.New("this device is locked")
	}
	if cg.redeals.interrupted() {
		return errors.New("the last re-deal was interrupted by a failed write")
	}
	key, nonce, err := cg.me.freshDiscovery()
	if err != nil {
		return err
	}
	p, err := cg.plan(want, nonce)
	if err != nil {
		return err
	}
	a := &attempt{proposal: p, discovery: key, addrs: map[wire.Slot][]string{}, grounds: []item{}}
	// Whoever goes is not dialled again, and with its addresses there would be one
	// more than anybody reads, if a full circle replaces it.
	for s, addrs := range cg.me.circle.addrs {
		if !slices.ContainsFunc(p.Removed, func(x refresh.Removal) bool { return x.Slot == s }) {
			a.addrs[s] = addrs
		}
	}
	a.addrs[cg.me.circle.slot] = cg.me.link.Addrs()
	for _, d := range p.Added {
		a.addrs[d.Slot] = want.addrs
	}
	if r := want.request; r != nil {
		a.request = r.id
		a.grounds = append(a.grounds, r.item)
		for _, s := range sortedSlots(r.approved) {
			a.grounds = append(a.grounds, r.approved[s])
		}
	}
	if err := cg.redeals.takeUp(a, cg.me.circle.head().Record, cg.me.circle.slot); err != nil {
		return err
	}
	cg.redeals.tellRedeal(a, p.Members)
	return nil
}

// plan fills in a proposal: everybody who is here takes part, the first of
// them who hold a share deal, and who is not here finds its share when it wakes.
func (cg *changes) plan(want plan, nonce [32]byte) (refresh.Proposal, error) {
	head := cg.me.circle.head().Record
	p := refresh.Proposal{
		Version: refresh.Version, Circle: head.Circle, Parent: head.Hash(), Epoch: max(cg.me.circle.highest, head.Epoch) + 1,
		Kind: want.kind, Threshold: head.Threshold, Removed: want.removed, Settings: head.Settings,
		Proposer: cg.me.circle.slot, Expires: unix(cg.me.now.Add(attemptLife)), Nonce: nonce,
	}
	if why := cg.judging.frozenFor(p); why != "" {
		return p, frozenError(why)
	}
	var away []wire.Slot
	for _, d := range head.Devices {
		goes := slices.ContainsFunc(want.removed, func(x refresh.Removal) bool { return x.Slot == d.Slot })
		if !goes && d.Slot != cg.me.circle.slot && cg.judging.banned(d.Slot) {
			return p, api.Errorf(api.CodeFrozen, "%s is reported lost or is being removed, and would get a fresh share", cg.me.name(d.Slot)).
				WithHint("remove it, or thaw")
		}
		pr := cg.me.peers[d.Slot]
		here := d.Slot == cg.me.circle.slot || cg.me.online(d.Slot) && pr.told && pr.record == cg.me.circle.hash && !pr.locked
		// A countdown that is not over everywhere would end in a refusal.
		agrees := want.request != nil || slices.Contains(want.agree, d.Slot)
		switch {
		case goes:
		case here && agrees:
			p.Members = append(p.Members, d.Slot)
		default:
			p.Sleepers, away = append(p.Sleepers, d.Slot), append(away, d.Slot)
		}
	}
	added := 0
	if want.card != nil {
		added = 1
	}
	p.Threshold = cg.ledger.thresholdAfter(want.request, len(want.removed), added)
	enough := max(head.Quorum(), p.Threshold-added) // who is new takes part, too
	cg.leaveOut(&p, head, enough)
	if deal := cg.mayDeal(p.Members); len(deal) >= head.Threshold {
		p.Dealers = deal[:head.Threshold]
		slices.Sort(p.Dealers)
	}
	if n := len(p.Members); n < enough || len(p.Dealers) < head.Threshold {
		if n >= enough {
			return p, api.Errorf(api.CodeTooFew, "%d devices must deal their shares, and only %d that can take part hold one", head.Threshold, len(cg.mayDeal(p.Members))).
				WithHint("start those that hold a share of epoch %d", head.Epoch)
		}
		return p, api.Errorf(api.CodeTooFew, "%d devices must take part, and only %d can", enough, n).
			WithHint("start %s", either(cg.me.names(away)))
	}
	if want.card != nil {
		d := want.card.Device(head.NextSlot())
		if !cg.me.link.Connected(d.Peer) {
			return p, api.Errorf(api.CodeUnreachable, "%s is not connected", d.Name)
		}
		p.Added = []roster.Device{d}
		p.Members = append(p.Members, d.Slot)
	}
	return p, p.Check(head)
}

// onRedeal hears of an attempt: takes part, wakes up into it, or refuses.
func (cg *changes) onRedeal(from wire.Slot, m redeal) error {
	if cg.me.circle == nil || cg.redeals.interrupted() {
		return nil
	}
	p, err := proposalOf(m)
	if err != nil {
		return err
	}
	if a := cg.redeals.attempt; a != nil && a.proposal.Attempt() == p.Attempt() || cg.redeals.tellDead(p.Session(), from, cg.redeals.toMember(from)) {
		return nil
	}
	addrs, err := unpackAddrs(m.Addrs)
	if err != nil {
		return err
	}
	parent := cg.me.circle.head().Record
	if last, ok := cg.mailbox(p); ok {
		parent = last
	} else if p.Parent != parent.Hash() {
		// Whoever is behind will be told. If that does not help, asking at once
		// and again would go on for ever.
		if pr := cg.me.peer(from); p.Epoch > parent.Epoch && cg.me.now.Sub(pr.askedAt).Abs() >= cg.me.cfg.Timings.Resend {
			pr.askedAt = cg.me.now
			cg.me.sync(from, msgHello, cg.me.hello())
		}
		return nil
	}
	self, in := selfIn(p, parent, cg.me.self.public)
	if err := p.Check(parent); err != nil || !in {
		return errors.Join(errors.New("node: a re-deal that this device has no part in"), err)
	}
	if len(m.Grounds) > maxGrounds {
		return fmt.Errorf("node: a re-deal on %d grounds: %w", len(m.Grounds), wire.ErrMalformed)
	}
	for _, it := range m.Grounds {
		// A bad one is nobody's fault but its maker's: whoever holds the request
		// already does not look at it again before it passes the message on.
		if err := cg.ledger.take(it); err != nil {
			cg.me.log.Debug("ground refused", "err", err)
		}
	}
	// What is passed on with the proposal is what was found to hold.
	grounds := slices.DeleteFunc(slices.Clone(m.Grounds), func(it item) bool { return !cg.ledger.stock.has(it.id()) })
	a := &attempt{proposal: p, discovery: m.Discovery, request: m.Request, grounds: grounds, addrs: addrs}
	if slices.Contains(p.Sleepers, self) {
		return cg.wakeUp(from, a, parent, self)
	}
	if why := cg.objection(p, m.Request); why != "" {
		if ok, kept := cg.me.peer(from).deals.say(cg.me.now, maxRefusals); ok {
			cg.me.log.Warn("re-deal refused", "proposer", cg.me.name(p.Proposer), "why", why, "others", kept)
		}
		cg.noteNumber(p.Epoch)
		if !cg.redeals.mayRefuse(from) {
			return nil
		}
		return cg.redeals.refuse(cg.redeals.redealConfig(p, parent, self))
	}
	return cg.redeals.takeUp(a, parent, self)
}

// objection says why this device does not take part in a re-deal that another
// proposes, or "".
func (cg *changes) objection(p refresh.Proposal, request wire.RequestID) string {
	switch {
	case cg.redeals.redealing():
		return "another re-deal is under way"
	case cg.me.cfg.Keeper.Locked():
		return "this device is locked"
	case p.Epoch > cg.topNumber():
		return "the number of its epoch is too high"
	case p.Epoch <= cg.me.circle.highest:
		return "the number of its epoch was used before"
	}
	for _, s := range slices.Concat(p.Members, p.Sleepers) {
		if s != cg.me.circle.slot && !slices.ContainsFunc(p.Added, func(d roster.Device) bool { return d.Slot == s }) && cg.judging.banned(s) {
			return cg.me.name(s) + " is reported lost or is being removed, and would get a fresh share"
		}
	}
	r := cg.ledger.requests[request]
	if r != nil && r.change == nil {
		return "nobody asked for it"
	}
	if p.Threshold != cg.ledger.thresholdAfter(r, len(p.Removed), len(p.Added)) {
		return "it changes how many must sign, which the persons have not agreed to"
	}
	if p.Settings != cg.me.circle.head().Record.Settings {
		return "it changes the settings of the circle"
	}
	if why := cg.judging.objectionToEviction(p); why != "" || request == (wire.RequestID{}) {
		if why == "" && (p.Kind != roster.Remove || len(p.Removed) == 0) {
			return "nobody asked for it"
		}
		return why
	}
	if r == nil || !r.open() || !cg.ledger.granted(r) {
		return "not enough persons have agreed to it"
	}
	kind, removed, card := cg.ledger.wanted(r)
	switch {
	case p.Kind != kind || !slices.Equal(p.Removed, removed):
		return "it is not what the persons have agreed to"
	case card == nil && len(p.Added) > 0 || card != nil && (len(p.Added) != 1 || !sameCard(p.Added[0], *card)):
		return "it adds another device than the persons have agreed to"
	}
	if why := cg.judging.frozenFor(p); why != "" {
		return "the circle is frozen: " + why
	}
	return ""
}

// deliverCertificate tells an attempt what the certificate of its epoch proves:
// that every member has committed. Whoever else knew may have gone on to the
// next re-deal, and a member that has committed too must not wait for ever.
func (cg *changes) deliverCertificate(a *attempt, e roster.Entry) {
	effects, err := a.machine.Certified(e)
	cg.drive.carryOut(a.live, effects)
	if err != nil {
		cg.drive.failSession(a.live, err)
		return
	}
	cg.redeals.redealStep()
}

// redealFailed lets the request behind a dead attempt try again later.
func (cg *changes) redealFailed(a *attempt) {
	for slot, what := range a.machine.Suspects() {
		cg.me.log.Error("a device broke the rules of a re-deal", "device", cg.me.name(slot), "what", what)
		if slot != cg.me.circle.slot {
			cg.me.alarm(slot, what)
		}
	}
	cg.blameFor(a)
	if r := cg.ledger.requests[a.request]; r != nil {
		r.attempts++
		r.failed = api.CodeRedealFailed
		r.trouble = strings.Join(append([]string{"the last attempt was given up"}, cg.whyDied()...), "; ")
		cg.ledger.backOff(r)
	}
	cg.evictionFailed(a)
}

package node

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/mr-tron/base58"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// What a person sees. Everything here reads the core and changes nothing.

// A views shows persons what there is to see.
type views struct {
	me        *standing
	judging   *judging
	remains   *remains
	ledger    *ledger
	redeals   *redeals
	changes   *changes
	foundings *foundings
}

// defaultPath is the address that is shown and used unless another is named.
var defaultPath = []uint32{0, 0}

func (vw *views) viewDevice(d roster.Device) api.Device {
	v := api.Device{
		Slot: int(d.Slot), Device: d.Identity.Hex(), Name: d.Name, Kind: string(d.Kind), Fingerprint: fingerprint(d),
		This: d.Identity == vw.me.self.public,
	}
	if v.This {
		v.Online = true
		if vw.me.circle != nil {
			v.Epoch = vw.me.circle.record.Epoch
		}
		return v
	}
	if p := vw.me.peers[d.Slot]; p != nil {
		v.Online, v.Epoch = vw.me.hears(d.Slot), p.epoch
		if !p.lastSeen.IsZero() {
			t := p.lastSeen.UTC().Truncate(time.Second)
			v.LastSeen = &t
		}
	}
	vw.viewJudged(&v, d.Slot)
	return v
}

// viewJudged adds what the judge thinks of a device.
func (vw *views) viewJudged(v *api.Device, slot wire.Slot) {
	if vw.judging.vigil.Judge == nil {
		return
	}
	j, ok := vw.judging.vigil.Judge.View(slot)
	switch {
	case !ok:
		return
	case j.State == recovery.Frozen:
		v.State = api.DeviceAccused
	case j.State != recovery.Live:
		v.State = j.State.String()
	case vw.twice(slot):
		v.State, j.Words = api.DeviceTwice, "seems to run twice"
	}
	v.Why = j.Words
	if j.Left > 0 {
		t := vw.me.now.Add(time.Duration(min(j.Left, 1<<33)) * time.Second).UTC().Truncate(time.Second)
		v.Until = &t
	}
}

// twice reports whether a device was noticed lately to run twice.
func (vw *views) twice(slot wire.Slot) bool {
	return slices.ContainsFunc(vw.notices(), func(n recovery.Notice) bool { return n.Step == recovery.StepCopied && n.Slot == slot })
}

func (vw *views) viewDevices(devices []roster.Device) []api.Device {
	out := make([]api.Device, 0, len(devices))
	for _, d := range devices {
		out = append(out, vw.viewDevice(d))
	}
	return out
}

func viewAccounts(rec roster.Record) []api.Account {
	out := make([]api.Account, 0, len(rec.Accounts))
	for _, a := range rec.Accounts {
		v := api.Account{Name: a.Name}
		switch a.Suite {
		case roster.Secp256k1:
			_, child, _, err := share.Derive(a, defaultPath)
			if err == nil {
				var addr [20]byte
				if addr, err = share.EthereumAddress(child); err == nil {
					v.Address = share.FormatAddress(addr)
				}
			}
			if err != nil {
				continue // one index in 2^127 has no key; a record that has it is not used
			}
			v.Path = fullPath(a, defaultPath)
			v.Xpub, _ = share.ExtendedKey(a) // it has a key: an address came of it
		case roster.Ed25519:
			v.PublicKey = authorizedKey(a.GroupKey())
		}
		out = append(out, v)
	}
	return out
}

func fullPath(a roster.Account, path []uint32) string {
	switch {
	case a.Origin == "":
		return ""
	case len(path) == 0:
		return a.Origin
	}
	return a.Origin + "/" + share.FormatPath(path)
}

// authorizedKey writes an Ed25519 key as an authorized_keys line (RFC 8709,
// section 4).
func authorizedKey(key []byte) string {
	const name = "ssh-ed25519"
	b := binary.BigEndian.AppendUint32(nil, uint32(len(name)))
	b = append(b, name...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(key)))
	b = append(b, key...)
	return name + " " + base64.StdEncoding.EncodeToString(b)
}

func (vw *views) viewCircle() api.Circle {
	rec := vw.me.circle.record
	return api.Circle{
		Circle: rec.Circle.Hex(), Device: vw.me.self.public.Hex(), Epoch: rec.Epoch, Threshold: rec.Threshold,
		Devices: vw.viewDevices(rec.Devices), Accounts: viewAccounts(rec),
	}
}

func (vw *views) viewQuestion() *api.Question {
	f := vw.foundings.founding
	words := roster.Words(f.recordHash())
	var warnings []string
	for _, d := range f.review.Devices {
		warnings = append(warnings, doubtsAbout(d.Name)...)
	}
	return &api.Question{
		Session: f.session.Hex(), Threshold: f.review.Threshold, Devices: vw.viewDevices(f.review.Devices), Words: words[:],
		Warnings: warnings,
	}
}

// doubtsAbout says how the name of a device may look like another one: whoever
// compares names compares what they look like.
func doubtsAbout(name string) (out []string) {
	for _, found := range intent.Suspicious(name) {
		out = append(out, "the name "+name+": "+found)
	}
	return out
}

func (vw *views) viewFounding() *api.Founding {
	if j := vw.foundings.joining; j != nil { // nothing happens before the sponsor says so
		return &api.Founding{State: api.FoundingInviting, Missing: []string{j.sponsor.Card.Name}}
	}
	f := vw.foundings.founding
	if f == nil {
		return nil
	}
	v := &api.Founding{State: f.state(), Missing: []string{}}
	if f.proposal != nil {
		v.Session = f.session.Hex()
	}
	if m := vw.foundings.foundingMissing(); m != nil {
		v.Missing = m
	}
	if f.review != nil {
		words := roster.Words(f.recordHash())
		v.Words = words[:]
	}
	return v
}

func (vw *views) status() api.Status {
	s := api.Status{
		Version: api.Version, Device: vw.me.self.public.Hex(), Name: vw.me.self.name, Kind: string(vw.me.self.kind),
		Locked: vw.me.cfg.Keeper.Locked(), Addresses: vw.addresses(), Devices: []api.Device{}, Accounts: []api.Account{},
		Requests: []api.Request{}, Founding: vw.viewFounding(),
	}
	if vw.me.circle != nil {
		rec := vw.me.circle.record
		s.Circle, s.Threshold, s.Epoch = rec.Circle.Hex(), rec.Threshold, rec.Epoch
		s.Devices, s.Accounts, s.Former = vw.viewDevices(rec.Devices), viewAccounts(rec), vw.viewFormer()
		if vw.me.circle.evicted == nil { // who is out is told nothing of them any more
			old := vw.oldShares()
			s.OldSharesAlive, s.OldSharesOn, s.Frozen = len(old.alive), vw.me.names(old.alive), vw.judging.frozen()
			s.OldSharesOut, s.OldSharesKey = len(old.out), old.key
			open := vw.openRequests()
			slices.Reverse(open)
			s.Requests = vw.viewList(open)
		}
		if a := vw.redeals.attempt; a != nil && !a.machine.Settled() {
			s.Healing = fmt.Sprintf("%v: %s", a.proposal.Kind, phaseWords(a.machine.Phase()))
		} else if vw.redeals.shareAwaited() {
			s.Healing = fmt.Sprintf("%v: this device waits for its share", rec.Change.Kind)
		}
	}
	s.Warnings, s.Strangers = vw.warnings(), vw.viewStrangers()
	return s
}

func (vw *views) addresses() []string {
	addrs := vw.me.link.Addrs()
	out := make([]string, 0, len(addrs))
	for _, a := range addrs {
		out = append(out, a+"/p2p/"+base58.Encode(vw.me.link.ID()))
	}
	return out
}

// warnings lists what needs the person, most important first.
func (vw *views) warnings() []string {
	w := append([]string{}, vw.me.disk.warning(vw.me.now)...)
	for _, slot := range sortedSlots(vw.me.alarms) {
		n := vw.me.alarms[slot]
		if _, in := vw.me.device(slot); !in {
			continue // it is out of the circle
		}
		text := fmt.Sprintf("%s failed a check of the protocol %d times: it may be compromised", vw.me.name(slot), n)
		if n == 1 {
			text = fmt.Sprintf("%s failed a check of the protocol: it may be compromised or broken", vw.me.name(slot))
		}
		w = append(w, text)
	}
	if f := vw.foundings.founding; f != nil && f.trouble != "" {
		w = append(w, "the founding is in trouble: "+f.trouble)
	}
	if f := vw.foundings.founding; f != nil && f.state() == api.FoundingConfirming {
		w = append(w, "compare names and six words with the other devices: warifu found or warifu join asks you")
	}
	if vw.me.cfg.Keeper.Locked() {
		w = append(w, "this device is locked and signs nothing: warifu unlock")
	}
	w = append(w, vw.strangerWarnings()...)
	if vw.me.circle == nil {
		return w
	}
	w = append(w, vw.faultWarnings()...)
	w = append(w, vw.circleWarnings()...)
	if vw.me.circle.evicted != nil {
		return w
	}
	online := 0
	for _, d := range vw.me.circle.record.Devices {
		if d.Slot == vw.me.circle.slot || vw.me.hears(d.Slot) {
			online++
		}
		p := vw.me.peers[d.Slot]
		if p == nil {
			continue
		}
		if text := p.misfit.words(d.Name, vw.me.now); text != "" {
			w = append(w, text)
		}
		if off := p.skew.Abs(); off > clockTolerance {
			way := "ahead of"
			if p.skew < 0 {
				way = "behind"
			}
			w = append(w, fmt.Sprintf("the clock of %s is %s %s this device's: set the one that is wrong", vw.me.name(d.Slot), roughly(off), way))
		}
		if p.locked && p.online {
			w = append(w, vw.me.name(d.Slot)+" is locked and signs nothing: unlock it there")
		}
	}
	if t := vw.me.circle.record.Threshold; online < t {
		w = append(w, fmt.Sprintf("only %d of %d devices are connected and %d must sign: start another one", online, len(vw.me.circle.record.Devices), t))
	}
	if n := len(vw.me.circle.record.Devices); n == vw.me.circle.record.Threshold && !vw.hadSpare() {
		w = append(w, "every device must sign: losing one loses the accounts")
	}
	return w
}

// noticeFor is how long status repeats a notice whose matter has not ended.
const noticeFor = 3 * 24 * time.Hour

// notices returns what the judge has noticed that still matters.
func (vw *views) notices() []recovery.Notice {
	if vw.judging.vigil.Judge == nil {
		return nil
	}
	return vw.judging.vigil.Judge.Current(unix(vw.me.now.Add(-noticeFor)))
}

// circleWarnings lists what is wrong with the circle as a whole.
func (vw *views) circleWarnings() (w []string) {
	if vw.me.circle.evicted != nil {
		return []string{vw.remains.outWords()}
	}
	if why := vw.judging.frozen(); why != "" {
		w = append(w, "the circle is frozen and signs nothing: "+why)
	}
	if why := vw.redeals.awaitedWords(); why != "" {
		w = append(w, why)
	} else if !vw.me.hasShare() {
		w = append(w, "this device holds no share of the current epoch: \"warifu refresh\" on another device deals it one")
	}
	if vw.judging.vigil.Judge != nil {
		for _, n := range vw.notices() {
			w = append(w, vw.judging.vigil.Judge.Words(n))
		}
		w = append(w, vw.spareWarning()...)
	}
	if vw.redeals.redealTrouble != "" {
		w = append(w, "a re-deal is in trouble: "+vw.redeals.redealTrouble)
	}
	if gone := vw.goneWords(); gone != "" {
		w = append(w, gone)
	}
	for _, why := range vw.changes.whyDied() {
		w = append(w, "a re-deal failed: "+why+"; the next goes on without it, if enough others are here")
	}
	return append(append(w, vw.redealWarnings()...), vw.oldWarning()...)
}

// spareWarning says that the circle has no device to lose. While two devices
// accuse each other it says nothing: one of them is there.
func (vw *views) spareWarning() []string {
	for _, d := range vw.me.circle.record.Devices {
		if v, ok := vw.judging.vigil.Judge.View(d.Slot); ok && v.State == recovery.Disputed {
			return nil
		}
	}
	switch spare := vw.judging.vigil.Judge.Spare(); {
	case spare < 0:
		return []string{"stranded: fewer devices are left than must sign; nothing is deleted, and only devices that come back can help"}
	case spare == 0 && len(vw.me.circle.record.Devices) > vw.me.circle.record.Threshold:
		return []string{"degraded: no spare device; the loss of one more stops the circle"}
	case spare == 0 && vw.hadSpare():
		return []string{"degraded: no spare device is left, and the loss of one more loses the accounts: add one with \"warifu invite\""}
	}
	return nil
}

// hadSpare reports whether there was ever a device more than must sign: else
// the persons chose to have none.
func (vw *views) hadSpare() bool {
	return slices.ContainsFunc(vw.me.circle.chain, func(e roster.Entry) bool { return len(e.Record.Devices) > e.Record.Threshold })
}

// openRequests and closedRequests list newest first.
func (vw *views) openRequests() (out []*openRequest) {
	for _, r := range vw.ledger.byAge() {
		if s := r.state(); s == api.StatePending || s == api.StateSigning || s == api.StateReleased {
			out = append(out, r)
		}
	}
	return out
}

func (vw *views) closedRequests() (out []*openRequest) {
	for _, r := range vw.ledger.byAge() {
		if s := r.state(); s == api.StateSigned || s == api.StateDenied || s == api.StateExpired || s == api.StateDone {
			out = append(out, r)
		}
	}
	return out
}

// apiKind names a kind as the control API does.
func apiKind(k string) string {
	switch intent.Kind(k) {
	case intent.Message:
		return api.KindMessage
	case intent.TypedData:
		return api.KindTypedData
	case intent.Transaction:
		return api.KindTx
	case intent.SSHFile:
		return api.KindFile
	}
	return intent.Escape(k)
}

func (vw *views) viewRequest(r *openRequest) api.Request {
	vw.ledger.decoded(r)
	in := r.intent
	if r.change != nil && r.unclear == nil {
		in = vw.changeWords(r)
	}
	v := api.Request{
		ID: r.id.Hex(), Kind: apiKind(r.request.Kind), Account: intent.Escape(r.request.Account), Path: fullPath(r.account, r.path),
		Summary: in.Summary, Lines: []api.Line{}, Warnings: []string{}, From: vw.me.name(r.from()), State: r.state(),
		ApprovedBy: vw.me.names(sortedSlots(r.approved)), DeniedBy: vw.me.names(sortedSlots(r.denied)),
		Created: time.Unix(int64(min(r.request.Created, 1<<40)), 0).UTC(), Expires: r.expires().UTC(),
	}
	if r.unclear != nil {
		v.Summary = "this device cannot tell what the request means"
		v.Warnings = append(v.Warnings, "not decoded, and never approved here: "+r.unclear.Error())
	} else if r.change == nil {
		v.Address = accountLabel(r)
	}
	v.Lines = viewLines(in.Lines)
	if r.change != nil && r.change.Slot != 0 {
		if d, ok := vw.me.everDevice(vw.ledger.subject(r)); ok {
			v.Device = d.Identity.Hex()
		}
	}
	v.Warnings = append(v.Warnings, in.Warnings...)
	switch {
	case has(r.denied, vw.me.circle.slot):
		v.Answer = api.AnswerDenied
	case has(r.approved, vw.me.circle.slot):
		v.Answer = api.AnswerApproved
	}
	if r.receipt != nil {
		s := vw.viewSignature(r)
		v.Signature = &s
	}
	return v
}

func accountLabel(r *openRequest) string {
	if r.account.Suite == roster.Ed25519 {
		return authorizedKey(r.child)
	}
	return share.FormatAddress(r.context.Address)
}

func (vw *views) viewSignature(r *openRequest) api.Signature {
	v := api.Signature{Request: r.id.Hex(), Kind: apiKind(r.request.Kind)}
	if r.receipt == nil {
		return v
	}
	vw.ledger.decoded(r)
	v.Account, v.Path = r.account.Name, fullPath(r.account, r.path)
	v.Digest, v.Raw, v.Hash = r.result.Digest, r.result.Raw, r.result.TxHash
	if r.account.Suite == roster.Ed25519 {
		v.Signature, v.PublicKey = string(r.result.Signature), r.result.PublicKey
	} else {
		v.Signature, v.Address = api.Bytes(r.result.Signature).String(), share.FormatAddress(r.context.Address)
	}
	v.Epoch = r.receipt.Epoch
	for _, s := range r.receipt.Signers {
		v.Signers = append(v.Signers, vw.me.name(wire.Slot(s)))
	}
	if !r.started.IsZero() {
		v.Elapsed = api.Duration(r.elapsed.Round(time.Millisecond))
	}
	return v
}

// viewFormer lists the devices that are out.
func (vw *views) viewFormer() []api.Former {
	out := []api.Former{}
	for _, f := range vw.me.circle.record.Former {
		v := api.Former{Slot: int(f.Slot), Device: f.Identity.Hex(), Name: f.Name, Called: vw.me.formerName(f), State: f.State.String(), Epoch: f.Epoch, Since: vw.me.sinceOf(f.Epoch)}
		if d, ok := vw.me.everDevice(f.Slot); ok {
			v.Fingerprint = fingerprint(d)
		}
		out = append(out, v)
	}
	return out
}

func viewLines(lines []intent.Line) []api.Line {
	out := []api.Line{}
	for _, l := range lines {
		text := l.Value
		if l.Warn {
			text = "! " + text
		}
		out = append(out, api.Line{Label: l.Label, Text: text})
	}
	return out
}

func previewOf(in intent.Intent) api.Preview {
	return api.Preview{Summary: in.Summary, Lines: viewLines(in.Lines), Warnings: append([]string{}, in.Warnings...)}
}

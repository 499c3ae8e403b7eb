package desk

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"github.com/mr-tron/base58"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// What a person sees. Everything here reads the core and changes nothing.

// Views shows persons what there is to see.
type Views struct {
	me        *standing.Standing
	judging   *judging.Judging
	remains   *redeal.Remains
	ledger    *ledger.Ledger
	redeals   *redeal.Redeals
	changes   *changes.Changes
	foundings *founding.Foundings
}

// newViews shows what the rooms of a counter hold.
func newViews(c *Counter) *Views {
	return &Views{c.Standing, c.Judging, c.Remains, c.Ledger, c.Redeals, c.Changes, c.Foundings}
}

// defaultPath is the address that is shown and used unless another is named.
var defaultPath = []uint32{0, 0}

// ViewDevice shows a device, as this one sees it.
func (vw *Views) ViewDevice(d roster.Device) api.Device {
	v := api.Device{
		Slot: int(d.Slot), Device: d.Identity.Hex(), Name: d.Name, Kind: string(d.Kind), Fingerprint: standing.Fingerprint(d),
		This: d.Identity == vw.me.Self.Public,
	}
	if v.This {
		v.Online = true
		if vw.me.Circle != nil {
			v.Epoch = vw.me.Circle.Record.Epoch
		}
		return v
	}
	if p := vw.me.Peers[d.Slot]; p != nil {
		v.Online, v.Epoch = vw.me.Hears(d.Slot), p.Epoch
		if !p.LastSeen.IsZero() {
			t := p.LastSeen.UTC().Truncate(time.Second)
			v.LastSeen = &t
		}
	}
	vw.viewJudged(&v, d.Slot)
	return v
}

// viewJudged adds what the judge thinks of a device.
func (vw *Views) viewJudged(v *api.Device, slot wire.Slot) {
	if vw.judging.Vigil.Judge == nil {
		return
	}
	j, ok := vw.judging.Vigil.Judge.View(slot)
	switch {
	case !ok:
		return
	case j.State == recovery.Frozen:
		v.State = api.DeviceAccused
	case j.State != recovery.Live:
		v.State = j.State.String()
	case vw.twice(slot):
		v.State, j.Words = api.DeviceTwice, vw.say(say.SeemsTwice)
	}
	v.Why = j.Words
	if j.Left > 0 {
		t := vw.me.Now.Add(time.Duration(min(j.Left, 1<<33)) * time.Second).UTC().Truncate(time.Second)
		v.Until = &t
	}
}

// twice reports whether a device was noticed lately to run twice.
func (vw *Views) twice(slot wire.Slot) bool {
	return slices.ContainsFunc(vw.notices(), func(n recovery.Notice) bool { return n.Step == recovery.StepCopied && n.Slot == slot })
}

func (vw *Views) viewDevices(devices []roster.Device) []api.Device {
	out := make([]api.Device, 0, len(devices))
	for _, d := range devices {
		out = append(out, vw.ViewDevice(d))
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

func (vw *Views) viewCircle() api.Circle {
	rec := vw.me.Circle.Record
	return api.Circle{
		Circle: rec.Circle.Hex(), Device: vw.me.Self.Public.Hex(), Epoch: rec.Epoch, Threshold: rec.Threshold,
		Devices: vw.viewDevices(rec.Devices), Accounts: viewAccounts(rec),
	}
}

func (vw *Views) viewQuestion() *api.Question {
	f := vw.foundings.Founding
	words := roster.Words(f.RecordHash())
	var warnings []string
	for _, d := range f.Review.Devices {
		warnings = append(warnings, vw.DoubtsAbout(d.Name)...)
	}
	return &api.Question{
		Session: f.Session.Hex(), Threshold: f.Review.Threshold, Devices: vw.viewDevices(f.Review.Devices), Words: words[:],
		Warnings: warnings,
	}
}

// DoubtsAbout says how the name of a device may look like another one: whoever
// compares names compares what they look like.
func (vw *Views) DoubtsAbout(name string) (out []string) {
	for _, found := range intent.Suspicious(name) {
		out = append(out, vw.say(say.NameLooksLike, name, found))
	}
	return out
}

func (vw *Views) viewFounding() *api.Founding {
	if j := vw.foundings.Joining; j != nil { // nothing happens before the sponsor says so
		return &api.Founding{State: api.FoundingInviting, Missing: []string{j.Sponsor.Card.Name}}
	}
	f := vw.foundings.Founding
	if f == nil {
		return nil
	}
	v := &api.Founding{State: string(f.State()), Missing: []string{}}
	if f.Proposal != nil {
		v.Session = f.Session.Hex()
	}
	if m := vw.foundings.FoundingMissing(); m != nil {
		v.Missing = m
	}
	if f.Review != nil {
		words := roster.Words(f.RecordHash())
		v.Words = words[:]
	}
	return v
}

// Status shows everything that there is to see, as `status` does.
func (vw *Views) Status() api.Status {
	s := api.Status{
		Version: api.Version, Device: vw.me.Self.Public.Hex(), Name: vw.me.Self.Name, Kind: string(vw.me.Self.Kind),
		Locked: vw.me.Config.Keeper.Locked(), Addresses: vw.addresses(), Devices: []api.Device{}, Accounts: []api.Account{},
		Requests: []api.Request{}, Founding: vw.viewFounding(),
	}
	if vw.me.Circle != nil {
		rec := vw.me.Circle.Record
		s.Circle, s.Threshold, s.Epoch = rec.Circle.Hex(), rec.Threshold, rec.Epoch
		s.Devices, s.Accounts, s.Former = vw.viewDevices(rec.Devices), viewAccounts(rec), vw.viewFormer()
		if vw.me.Circle.Evicted == nil { // who is out is told nothing of them any more
			old := vw.OldShares()
			s.OldSharesAlive, s.OldSharesOn, s.Frozen = len(old.Alive), vw.me.Names(old.Alive), vw.judging.Frozen()
			s.OldSharesOut, s.OldSharesKey = len(old.Out), old.Key
			open := vw.OpenRequests()
			slices.Reverse(open)
			s.Requests = vw.ViewList(open)
		}
		if a := vw.redeals.Attempt; a != nil && !a.Machine.Settled() {
			s.Healing = vw.say(say.HealingNow, a.Proposal.Kind, vw.phase(a.Machine.Phase()))
		} else if vw.redeals.ShareAwaited() {
			s.Healing = vw.say(say.HealingWaits, rec.Change.Kind)
		}
	}
	s.Warnings, s.Strangers = vw.Warnings(), vw.viewStrangers()
	return s
}

func (vw *Views) addresses() []string {
	addrs := vw.me.Link.Addrs()
	out := make([]string, 0, len(addrs))
	for _, a := range addrs {
		out = append(out, a+"/p2p/"+base58.Encode(vw.me.Link.ID()))
	}
	return out
}

// Warnings lists what needs the person, most important first.
func (vw *Views) Warnings() []string {
	w := append([]string{}, vw.me.Disk.Warning(vw.me.Now, vw.me.Config.Words)...)
	for _, slot := range standing.SortedSlots(vw.me.Alarms) {
		n := vw.me.Alarms[slot]
		if _, in := vw.me.Device(slot); !in {
			continue // it is out of the circle
		}
		text := vw.say(say.FailedChecks, vw.me.Name(slot), n)
		if n == 1 {
			text = vw.say(say.FailedACheck, vw.me.Name(slot))
		}
		w = append(w, text)
	}
	if f := vw.foundings.Founding; f != nil && f.Trouble != "" {
		w = append(w, vw.say(say.FoundingInTrouble, f.Trouble))
	}
	if f := vw.foundings.Founding; f != nil && f.State() == api.FoundingConfirming {
		w = append(w, vw.say(say.CompareNames))
	}
	if vw.me.Config.Keeper.Locked() {
		w = append(w, vw.say(say.ThisIsLocked))
	}
	w = append(w, vw.strangerWarnings()...)
	if vw.me.Circle == nil {
		return w
	}
	w = append(w, vw.faultWarnings()...)
	w = append(w, vw.circleWarnings()...)
	if vw.me.Circle.Evicted != nil {
		return w
	}
	online := 0
	for _, d := range vw.me.Circle.Record.Devices {
		if d.Slot == vw.me.Circle.Slot || vw.me.Hears(d.Slot) {
			online++
		}
		p := vw.me.Peers[d.Slot]
		if p == nil {
			continue
		}
		if text := p.Misfit.Words(d.Name, vw.me.Now); text != "" {
			w = append(w, text)
		}
		if off := p.Skew.Abs(); off > standing.ClockTolerance {
			way := say.ClockAhead
			if p.Skew < 0 {
				way = say.ClockBehind
			}
			w = append(w, vw.say(way, vw.me.Name(d.Slot), standing.Roughly(off)))
		}
		if p.Locked && p.Online {
			w = append(w, vw.say(say.OtherIsLocked, vw.me.Name(d.Slot)))
		}
	}
	if t := vw.me.Circle.Record.Threshold; online < t {
		w = append(w, vw.say(say.TooFewConnected, online, len(vw.me.Circle.Record.Devices), t))
	}
	if n := len(vw.me.Circle.Record.Devices); n == vw.me.Circle.Record.Threshold && !vw.hadSpare() {
		w = append(w, vw.say(say.EveryDeviceMustSign))
	}
	return w
}

// NoticeFor is how long status repeats a notice whose matter has not ended.
const NoticeFor = 3 * 24 * time.Hour

// notices returns what the judge has noticed that still matters.
func (vw *Views) notices() []recovery.Notice {
	if vw.judging.Vigil.Judge == nil {
		return nil
	}
	return vw.judging.Vigil.Judge.Current(standing.Unix(vw.me.Now.Add(-NoticeFor)))
}

// circleWarnings lists what is wrong with the circle as a whole.
func (vw *Views) circleWarnings() (w []string) {
	if vw.me.Circle.Evicted != nil {
		return []string{vw.remains.OutWords()}
	}
	if why := vw.judging.Frozen(); why != "" {
		w = append(w, vw.say(say.CircleFrozen, why))
	}
	if why := vw.redeals.AwaitedWords(); why != "" {
		w = append(w, why)
	} else if !vw.me.HasShare() {
		w = append(w, vw.say(say.NoCurrentShare))
	}
	if vw.judging.Vigil.Judge != nil {
		for _, n := range vw.notices() {
			w = append(w, vw.judging.Vigil.Judge.Words(n))
		}
		w = append(w, vw.spareWarning()...)
	}
	if vw.redeals.RedealTrouble != "" {
		w = append(w, vw.say(say.RedealInTrouble, vw.redeals.RedealTrouble))
	}
	if gone := vw.GoneWords(); gone != "" {
		w = append(w, gone)
	}
	for _, why := range vw.changes.WhyDied() {
		w = append(w, vw.say(say.RedealDied, why))
	}
	return append(append(w, vw.redealWarnings()...), vw.oldWarning()...)
}

// spareWarning says that the circle has no device to lose. While two devices
// accuse each other it says nothing: one of them is there.
func (vw *Views) spareWarning() []string {
	for _, d := range vw.me.Circle.Record.Devices {
		if v, ok := vw.judging.Vigil.Judge.View(d.Slot); ok && v.State == recovery.Disputed {
			return nil
		}
	}
	switch spare := vw.judging.Vigil.Judge.Spare(); {
	case spare < 0:
		return []string{vw.say(say.Stranded)}
	case spare == 0 && len(vw.me.Circle.Record.Devices) > vw.me.Circle.Record.Threshold:
		return []string{vw.say(say.NoSpareHere)}
	case spare == 0 && vw.hadSpare():
		return []string{vw.say(say.NoSpareLeft)}
	}
	return nil
}

// hadSpare reports whether there was ever a device more than must sign: else
// the persons chose to have none.
func (vw *Views) hadSpare() bool {
	return slices.ContainsFunc(vw.me.Circle.Chain, func(e roster.Entry) bool { return len(e.Record.Devices) > e.Record.Threshold })
}

// OpenRequests and closedRequests list newest first.
func (vw *Views) OpenRequests() (out []*ledger.Request) {
	for _, r := range vw.ledger.ByAge() {
		if s := r.State(); s == api.StatePending || s == api.StateSigning || s == api.StateReleased {
			out = append(out, r)
		}
	}
	return out
}

// closedRequests lists those that are closed, the newest first.
func (vw *Views) closedRequests() (out []*ledger.Request) {
	for _, r := range vw.ledger.ByAge() {
		if s := r.State(); s == api.StateSigned || s == api.StateDenied || s == api.StateExpired || s == api.StateDone {
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

// ViewRequest shows a request.
func (vw *Views) ViewRequest(r *ledger.Request) api.Request {
	vw.ledger.Decoded(r)
	in := r.Intent
	if r.Change != nil && r.Unclear == nil {
		in = vw.changeWords(r)
	}
	v := api.Request{
		ID: r.ID.Hex(), Kind: apiKind(r.Request.Kind), Account: intent.Escape(r.Request.Account), Path: fullPath(r.Account, r.Path),
		Summary: in.Summary, Lines: []api.Line{}, Warnings: []string{}, From: vw.me.Name(r.From()), State: string(r.State()),
		ApprovedBy: vw.me.Names(standing.SortedSlots(r.Approved)), DeniedBy: vw.me.Names(standing.SortedSlots(r.Denied)),
		Created: time.Unix(int64(min(r.Request.Created, 1<<40)), 0).UTC(), Expires: r.Expires().UTC(),
	}
	if r.Unclear != nil {
		v.Summary = vw.say(say.UnclearRequest)
		v.Warnings = append(v.Warnings, vw.say(say.NotDecoded, r.Unclear))
	} else if r.Change == nil {
		v.Address = accountLabel(r)
	}
	v.Lines = viewLines(in.Lines)
	if r.Change != nil && r.Change.Slot != 0 {
		if d, ok := vw.me.EverDevice(vw.ledger.Subject(r)); ok {
			v.Device = d.Identity.Hex()
		}
	}
	v.Warnings = append(v.Warnings, in.Warnings...)
	switch {
	case ledger.Has(r.Denied, vw.me.Circle.Slot):
		v.Answer = api.AnswerDenied
	case ledger.Has(r.Approved, vw.me.Circle.Slot):
		v.Answer = api.AnswerApproved
	}
	if r.Receipt != nil {
		s := vw.ViewSignature(r)
		v.Signature = &s
	}
	return v
}

func accountLabel(r *ledger.Request) string {
	if r.Account.Suite == roster.Ed25519 {
		return authorizedKey(r.Child)
	}
	return share.FormatAddress(r.Context.Address)
}

// ViewSignature shows the signature of a request, if it has one.
func (vw *Views) ViewSignature(r *ledger.Request) api.Signature {
	v := api.Signature{Request: r.ID.Hex(), Kind: apiKind(r.Request.Kind)}
	if r.Receipt == nil {
		return v
	}
	vw.ledger.Decoded(r)
	v.Account, v.Path = r.Account.Name, fullPath(r.Account, r.Path)
	v.Digest, v.Raw, v.Hash = r.Result.Digest, r.Result.Raw, r.Result.TxHash
	if r.Account.Suite == roster.Ed25519 {
		v.Signature, v.PublicKey = string(r.Result.Signature), r.Result.PublicKey
	} else {
		v.Signature, v.Address = api.Bytes(r.Result.Signature).String(), share.FormatAddress(r.Context.Address)
	}
	v.Epoch = r.Receipt.Epoch
	for _, s := range r.Receipt.Signers {
		v.Signers = append(v.Signers, vw.me.Name(wire.Slot(s)))
	}
	if !r.Started.IsZero() {
		v.Elapsed = api.Duration(r.Elapsed.Round(time.Millisecond))
	}
	return v
}

// viewFormer lists the devices that are out.
func (vw *Views) viewFormer() []api.Former {
	out := []api.Former{}
	for _, f := range vw.me.Circle.Record.Former {
		v := api.Former{Slot: int(f.Slot), Device: f.Identity.Hex(), Name: f.Name, Called: vw.me.FormerName(f), State: f.State.String(), Epoch: f.Epoch, Since: vw.me.SinceOf(f.Epoch)}
		if d, ok := vw.me.EverDevice(f.Slot); ok {
			v.Fingerprint = standing.Fingerprint(d)
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

// say says a message in the words of whoever reads this.
func (vw *Views) say(id say.ID, args ...any) string { return vw.me.Config.Words.Say(id, args...) }

package change_test

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// circle is a [change.Facts] of a circle in epoch 5 in which 3 of the devices 1 to
// 4 sign. Device 1 looks at what device 2 asks for, and hears of it in that epoch.
// Device 9 is former.
type circle struct {
	record      roster.Record
	heard       uint64
	subject     wire.Slot
	present     []wire.Slot
	accused     wire.Slot
	removable   bool
	confirmed   bool
	frozen      bool
	interrupted bool
	takenBack   map[[2]wire.Slot]bool // by, about
}

const (
	self  wire.Slot = 1
	asker wire.Slot = 2
	other wire.Slot = 3
	gone  wire.Slot = 9
)

func at(f func(*circle)) *circle {
	c := &circle{record: roster.Record{
		Epoch: 5, Threshold: 3,
		Devices: []roster.Device{{Slot: 1, Identity: id(1)}, {Slot: 2, Identity: id(2)}, {Slot: 3, Identity: id(3)}, {Slot: 4, Identity: id(4)}},
		Former:  []roster.Former{{Slot: gone, Identity: id(9), State: roster.Stolen, Epoch: 3}},
	}, heard: 5, subject: other}
	f(c)
	return c
}

func id(n byte) wire.DeviceID { return wire.DeviceID{n} }

func (c *circle) Record() roster.Record    { return c.record }
func (c *circle) Heard() uint64            { return c.heard }
func (c *circle) Self() wire.Slot          { return self }
func (c *circle) Asker() wire.Slot         { return asker }
func (c *circle) Subject() wire.Slot       { return c.subject }
func (c *circle) Present() []wire.Slot     { return c.present }
func (c *circle) Accused(s wire.Slot) bool { return s == c.accused }
func (c *circle) MayRemove(s wire.Slot, as roster.FormerState) bool {
	return c.removable && s == c.subject && as == roster.Stolen
}
func (c *circle) Confirmed(s wire.Slot) bool         { return c.confirmed && s == c.subject }
func (c *circle) Frozen() bool                       { return c.frozen }
func (c *circle) Interrupted() bool                  { return c.interrupted }
func (c *circle) TakenBack(by, about wire.Slot) bool { return c.takenBack[[2]wire.Slot{by, about}] }

// payloads are what each kind says at least, and who shows a card.
var payloads = map[change.Kind]change.Payload{
	change.Add:       {Card: card().Bytes()},
	change.Replace:   {Slot: uint16(other), Card: card().Bytes()},
	change.Lost:      {Slot: uint16(other)},
	change.Refresh:   {Epoch: 5},
	change.Leave:     {},
	change.Freeze:    {},
	change.Thaw:      {},
	change.Vacation:  {Slot: uint16(other), Until: 1_900_000_000},
	change.Veto:      {Slot: uint16(other)},
	change.Remove:    {Slot: uint16(other)},
	change.Threshold: {Threshold: 4},
}

func card() roster.Card {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	box, err := ecdh.X25519().NewPrivateKey(append(make([]byte, 31), 1))
	if err != nil {
		panic(err)
	}
	c := roster.Card{Name: "watch", Kind: roster.Phone, Peer: []byte("the peer id of a watch"),
		Identity: wire.DeviceID(key.Public().(ed25519.PublicKey)), Box: [32]byte(box.PublicKey().Bytes()),
		Presence: [32]byte(ed25519.NewKeyFromSeed(append(make([]byte, 31), 2)).Public().(ed25519.PublicKey))}
	return roster.SignCard(c, func(msg []byte) [64]byte { return [64]byte(ed25519.Sign(key, msg)) })
}

// of is the change of that kind, about device 3 if about any.
func of(t testing.TB, kind change.Kind) *change.Change {
	t.Helper()
	ch := change.New(kind, payloads[kind])
	if err := ch.ReadCard(); err != nil {
		t.Fatal(err)
	}
	return ch
}

// TestKinds writes the table down a second time, as docs/protocol.md has it: no
// value changes by accident, for all devices must go by the same.
func TestKinds(t *testing.T) {
	t.Parallel()
	rows := []struct {
		kind     change.Kind
		wire     string
		fields   change.Fields
		consent  change.Consent
		goes     change.Party
		byRedeal bool
		accuses  bool
		muted    bool // does not say again what it said
	}{
		{change.Add, "add", change.Card, change.OfThreshold, change.Nobody, true, false, false},
		{change.Replace, "replace", change.Device | change.Card, change.OfThreshold, change.Subject, true, true, false},
		{change.Lost, "lost", change.Device, change.OfJudge, change.Subject, true, true, false},
		{change.Refresh, "refresh", change.Epoch, change.OfAsker, change.Nobody, true, false, false},
		{change.Leave, "leave", 0, change.OfAsker, change.Asker, true, false, false},
		{change.Freeze, "freeze", 0, change.OfAsker, change.Nobody, false, false, true},
		{change.Thaw, "thaw", 0, change.OfThreshold, change.Nobody, false, false, false},
		{change.Vacation, "vacation", change.Device | change.Until, change.OfAsker, change.Nobody, false, false, false},
		{change.Veto, "veto", change.Device, change.OfAsker, change.Nobody, false, false, false},
		{change.Remove, "remove", change.Device, change.OfAsker, change.Subject, false, false, false},
		{change.Threshold, "threshold", change.Signers, change.OfThreshold, change.Nobody, true, false, false},
	}
	all := change.Device | change.Card | change.Until | change.Epoch | change.Signers
	for i, r := range rows {
		if change.Kinds()[i] != r.kind || string(r.kind) != r.wire || !r.kind.Known() {
			t.Errorf("row %d is %s, want %s", i, change.Kinds()[i], r.wire)
		}
		for f := change.Device; f <= change.Signers; f <<= 1 {
			if got := r.kind.Has(f); got != (r.fields&f != 0) {
				t.Errorf("%s has field %d: %v", r.kind, f, got)
			}
		}
		if r.kind.Has(all) {
			t.Errorf("%s has all fields", r.kind)
		}
		if got := r.kind.Consent(); got != r.consent {
			t.Errorf("%s needs the consent %d, want %d", r.kind, got, r.consent)
		}
		if got := r.kind.Goes(); got != r.goes {
			t.Errorf("%s lets %d go, want %d", r.kind, got, r.goes)
		}
		if got := r.kind.ByRedeal(); got != r.byRedeal {
			t.Errorf("%s by a re-deal: %v", r.kind, got)
		}
		if got := r.kind.Accuses(); got != r.accuses {
			t.Errorf("%s accuses: %v", r.kind, got)
		}
		if got := r.kind.Repeated(true); got == r.muted || !r.kind.Repeated(false) {
			t.Errorf("%s is said again: %v", r.kind, got)
		}
	}
	if len(rows) != len(change.Kinds()) {
		t.Errorf("%d kinds, want %d", len(change.Kinds()), len(rows))
	}
	for _, k := range []change.Kind{"", "message", "Lost", "lost "} {
		if k.Known() || k.ByRedeal() || k.Accuses() || k.Has(change.Device) {
			t.Errorf("%q is a kind", k)
		}
	}
}

// TestGranted: whose yes is enough for what.
func TestGranted(t *testing.T) {
	t.Parallel()
	byAsker := []change.Kind{change.Refresh, change.Leave, change.Freeze, change.Vacation, change.Veto, change.Remove}
	byQuorum := []change.Kind{change.Add, change.Replace, change.Thaw, change.Threshold}
	byJudge := []change.Kind{change.Lost}
	for name, c := range map[string]struct {
		f    func(*circle)
		want []change.Kind
	}{
		"nobody":            {func(*circle) {}, nil},
		"the judge alone":   {func(c *circle) { c.removable = true }, nil},
		"who asked":         {func(c *circle) { c.present = []wire.Slot{asker} }, byAsker},
		"another":           {func(c *circle) { c.present = []wire.Slot{other} }, nil},
		"two others":        {func(c *circle) { c.present = []wire.Slot{other, 4} }, nil},
		"a quorum":          {func(c *circle) { c.present = []wire.Slot{self, other, 4} }, byQuorum},
		"all of a quorum":   {func(c *circle) { c.present = []wire.Slot{self, asker, 4} }, slices.Concat(byAsker, byQuorum)},
		"and the judge":     {func(c *circle) { c.present, c.removable = []wire.Slot{4}, true }, byJudge},
		"what is not known": {func(c *circle) { c.present, c.removable, c.subject = []wire.Slot{self, asker, 4}, true, 0 }, []change.Kind{change.Add, change.Refresh, change.Leave, change.Freeze, change.Thaw, change.Threshold}},
	} {
		for _, k := range change.Kinds() {
			if got := of(t, k).Granted(at(c.f)); got != slices.Contains(c.want, k) {
				t.Errorf("%s: %s is granted: %v", name, k, got)
			}
		}
	}
}

// TestCounts: only where a person calls a device lost that device's yes is none.
func TestCounts(t *testing.T) {
	t.Parallel()
	for _, k := range change.Kinds() {
		if got := of(t, k).Counts(other, other); got != (k != change.Lost) {
			t.Errorf("%s: the yes of the device that it is about counts: %v", k, got)
		}
		if !of(t, k).Counts(asker, other) {
			t.Errorf("%s: the yes of another does not count", k)
		}
	}
}

// TestDeniable: who may say no to what.
func TestDeniable(t *testing.T) {
	t.Parallel()
	deniable := []change.Kind{change.Add, change.Replace, change.Leave, change.Threshold}
	for name, c := range map[string]struct {
		slot wire.Slot
		f    func(*circle)
		want []change.Kind
	}{
		"who asked":         {asker, func(*circle) {}, change.Kinds()},
		"who asked, though": {asker, func(c *circle) { c.accused = asker }, change.Kinds()},
		"another":           {4, func(*circle) {}, deniable},
		"one that is lost":  {4, func(c *circle) { c.accused = 4 }, nil},
		"whom it is about":  {other, func(*circle) {}, nil},
	} {
		for _, k := range change.Kinds() {
			if got := of(t, k).Deniable(c.slot, at(c.f)); got != slices.Contains(c.want, k) {
				t.Errorf("%s: may deny %s: %v", name, k, got)
			}
		}
	}
}

// TestRedeal: what a re-deal must bring about.
func TestRedeal(t *testing.T) {
	t.Parallel()
	for k, want := range map[change.Kind]change.Redeal{
		change.Add:       {Kind: roster.Add},
		change.Replace:   {Kind: roster.Replace, Goes: other, As: roster.Stolen},
		change.Lost:      {Kind: roster.Remove, Goes: other, As: roster.Stolen},
		change.Refresh:   {Kind: roster.Refresh},
		change.Leave:     {Kind: roster.Leave, Goes: asker, As: roster.Left},
		change.Threshold: {Kind: roster.Rethreshold},
		change.Freeze:    {Kind: roster.Refresh},
		change.Thaw:      {Kind: roster.Refresh},
		change.Vacation:  {Kind: roster.Refresh},
		change.Veto:      {Kind: roster.Refresh},
		change.Remove:    {Kind: roster.Refresh},
	} {
		ch := of(t, k)
		want.Comes = ch.Newcomer
		if got := ch.Redeal(asker, other); got != want {
			t.Errorf("%s wants %+v, want %+v", k, got, want)
		}
		if got := ch.Newcomer != nil; got != k.Has(change.Card) {
			t.Errorf("%s: somebody comes in: %v", k, got)
		}
		out := map[change.Kind]wire.Slot{change.Leave: asker, change.Lost: other, change.Replace: other, change.Remove: other}[k]
		if got := ch.Out(asker, other); got != out {
			t.Errorf("%s: %d is out, want %d", k, got, out)
		}
	}
}

// TestSigners: how many must sign afterwards.
func TestSigners(t *testing.T) {
	t.Parallel()
	var own *change.Change
	for _, c := range []struct {
		ch             *change.Change
		removed, added int
		want           int
	}{
		{own, 1, 0, 3}, {own, 0, 2, 4}, {of(t, change.Threshold), 0, 0, 4}, {of(t, change.Threshold), 0, 3, 4},
		{of(t, change.Lost), 1, 0, 3}, {of(t, change.Add), 0, 1, 3}, {of(t, change.Add), 0, 2, 4}, {of(t, change.Replace), 1, 1, 3},
	} {
		if got := c.ch.Signers(at(func(*circle) {}).record, c.removed, c.added); got != c.want {
			t.Errorf("%+v with %d out and %d in: %d, want %d", c.ch, c.removed, c.added, got, c.want)
		}
	}
}

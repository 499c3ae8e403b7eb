package change_test

import (
	"slices"
	"testing"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// TestInEffect: when the circle is as a change wants it.
func TestInEffect(t *testing.T) {
	t.Parallel()
	quorum := []wire.Slot{self, asker, 4}
	comesIn := func(c *circle) {
		c.record.Devices = append(c.record.Devices, roster.Device{Slot: 5, Identity: card().Identity})
	}
	goes := func(s wire.Slot) func(*circle) {
		return func(c *circle) {
			c.record.Former = append(c.record.Former, roster.Former{Slot: s, Identity: id(byte(s))})
		}
	}
	for name, c := range map[string]struct {
		f    func(*circle)
		want []change.Kind
	}{
		"nothing":        {func(*circle) {}, []change.Kind{}},
		"somebody comes": {comesIn, []change.Kind{change.Add}},
		"and one goes":   {func(c *circle) { comesIn(c); goes(other)(c) }, []change.Kind{change.Add, change.Replace, change.Lost, change.Remove}},
		"one goes":       {goes(other), []change.Kind{change.Lost, change.Remove}},
		"another goes":   {goes(4), []change.Kind{}},
		"who asked goes": {goes(asker), []change.Kind{change.Leave}},
		"an epoch":       {func(c *circle) { c.record.Epoch = 6 }, []change.Kind{change.Refresh}},
		"heard after it": {func(c *circle) { c.record.Epoch, c.heard = 6, 6 }, []change.Kind{change.Refresh}},
		"four sign":      {func(c *circle) { c.record.Threshold = 4 }, []change.Kind{change.Threshold}},
		"a word":         {func(c *circle) { c.present = []wire.Slot{asker} }, []change.Kind{change.Vacation, change.Veto}},
		"of another":     {func(c *circle) { c.present = []wire.Slot{other} }, []change.Kind{}},
		"it may go":      {func(c *circle) { c.present, c.confirmed = []wire.Slot{asker}, true }, []change.Kind{change.Vacation, change.Veto, change.Remove}},
		"nobody said so": {func(c *circle) { c.confirmed = true }, []change.Kind{}},
		"a quorum":       {func(c *circle) { c.present = quorum }, []change.Kind{change.Thaw, change.Vacation, change.Veto}},
		"frozen":         {func(c *circle) { c.present, c.frozen = quorum, true }, []change.Kind{change.Vacation, change.Veto}},
		"interrupted":    {func(c *circle) { c.present, c.interrupted = quorum, true }, []change.Kind{change.Vacation, change.Veto}},
		"not known here": {func(c *circle) { c.present, c.confirmed, c.subject = []wire.Slot{asker}, true, 0 }, []change.Kind{}},
	} {
		for _, k := range change.Kinds() {
			if got := of(t, k).InEffect(at(c.f)); got != slices.Contains(c.want, k) {
				t.Errorf("%s: %s is in effect: %v", name, k, got)
			}
		}
	}
	// Without a card it is an invitation that nobody has answered.
	if change.New(change.Add, change.Payload{}).InEffect(at(comesIn)) {
		t.Error("nobody has come in")
	}
}

// own is a circle as the device that asks sees it.
type own struct{ *circle }

func (own) Self() wire.Slot { return asker }

// TestThawOfTheAsker: who asked for a thaw needs no more than to be thawed.
func TestThawOfTheAsker(t *testing.T) {
	t.Parallel()
	ch := of(t, change.Thaw)
	if !ch.InEffect(own{at(func(*circle) {})}) {
		t.Error("not thawed")
	}
	if ch.InEffect(own{at(func(c *circle) { c.frozen = true })}) || ch.InEffect(own{at(func(c *circle) { c.interrupted = true })}) {
		t.Error("thawed")
	}
}

// TestMoot: what was taken back is over, if all who said it are heard to have
// taken it back.
func TestMoot(t *testing.T) {
	t.Parallel()
	both := []wire.Slot{asker, 4}
	about := func(s wire.Slot) map[[2]wire.Slot]bool {
		return map[[2]wire.Slot]bool{{asker, s}: true, {4, s}: true}
	}
	for name, c := range map[string]struct {
		f    func(*circle)
		want []change.Kind
	}{
		"nothing":           {func(*circle) {}, nil},
		"of a device":       {func(c *circle) { c.present, c.takenBack = both, about(other) }, []change.Kind{change.Lost, change.Replace}},
		"of the circle":     {func(c *circle) { c.present, c.takenBack = both, about(0) }, []change.Kind{change.Freeze}},
		"nobody said it":    {func(c *circle) { c.takenBack = about(0) }, nil},
		"by one of two":     {func(c *circle) { c.present, c.takenBack = both, about(0); delete(c.takenBack, [2]wire.Slot{4, 0}) }, nil},
		"still frozen":      {func(c *circle) { c.present, c.takenBack, c.frozen = both, about(0), true }, nil},
		"the device is out": {func(c *circle) { c.present, c.takenBack, c.record.Former[0].Slot = both, about(other), other }, []change.Kind{change.Replace}},
		"not known here":    {func(c *circle) { c.present, c.takenBack, c.subject = both, about(0), 0 }, []change.Kind{change.Freeze}},
	} {
		for _, k := range change.Kinds() {
			if got := of(t, k).Moot(at(c.f)); got != slices.Contains(c.want, k) {
				t.Errorf("%s: %s is moot: %v", name, k, got)
			}
		}
	}
}

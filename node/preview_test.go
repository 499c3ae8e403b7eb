package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
)

// TestEverybodyIsWarned: for each kind of change the asker is shown beforehand what
// every device shows of the request, warnings included, and each kind warns of what
// is special about it.
func TestEverybodyIsWarned(t *testing.T) {
	t.Parallel()
	const allSign = "must sign then: losing one loses the accounts"
	for _, tc := range []struct {
		name     string
		of, must int
		kind     string
		about    int // device, from 1
		to       int // threshold
		frozen   bool
		card     string
		warns    []string // each in one warning, and no others
	}{
		{name: "threshold up to all", of: 3, must: 2, kind: api.KindThreshold, to: 3, warns: []string{"all of phone, laptop and tablet " + allSign}},
		{name: "threshold up", of: 4, must: 3, kind: api.KindThreshold, to: 4, warns: []string{allSign}},
		{name: "threshold down", of: 3, must: 3, kind: api.KindThreshold, to: 2, warns: []string{"thieves need only 2 of the 3 devices then, instead of 3"}},
		{name: "lost", of: 3, must: 2, kind: api.KindLost, about: 3,
			warns: []string{"tablet is connected at this moment", "all of phone and laptop " + allSign + "; add one soon"}},
		{name: "lost with a spare", of: 4, must: 3, kind: api.KindLost, about: 3, warns: []string{"tablet is connected", "all of phone, laptop and desktop " + allSign}},
		{name: "replace", of: 3, must: 2, kind: api.KindReplace, about: 3, card: "tablet", warns: []string{"tablet is connected at this moment"}},
		{name: "add", of: 3, must: 2, kind: api.KindAdd, card: "watch", warns: []string{"3 of the 4 devices must sign then, instead of 2"}},
		{name: "leave", of: 3, must: 2, kind: api.KindLeave, warns: []string{"all of laptop and tablet " + allSign}},
		{name: "refresh", of: 3, must: 2, kind: api.KindRefresh},
		{name: "freeze", of: 3, must: 2, kind: api.KindFreeze},
		{name: "thaw", of: 3, must: 2, kind: api.KindThaw, frozen: true, warns: []string{"tablet was reported lost on laptop: once the circle is thawed, it stays and signs again"}},
		{name: "vacation", of: 3, must: 2, kind: api.KindVacation, about: 3},
		{name: "veto", of: 3, must: 2, kind: api.KindVeto, about: 3},
		{name: "remove", of: 3, must: 2, kind: api.KindRemove, about: 3, warns: []string{"all of phone and laptop " + allSign}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tc.of, 321)
			l.found(tc.must, tc.of)
			asker, others := l.devices[0], l.devices[1:]
			if tc.frozen {
				others[0].change(change.Lost, change.Payload{Slot: 3})
				if !l.run(time.Minute, func() bool { return l.all(tc.of, func(c *core) bool { return c.Frozen() != "" }) }) {
					t.Fatal("not frozen")
				}
			}
			args := api.PreviewArgs{Kind: tc.kind, Threshold: tc.to}
			ch := change.Payload{Threshold: uint16(tc.to), Slot: uint16(tc.about)}
			if tc.about > 0 {
				args.Device = idOf(l, tc.about-1)
			}
			if tc.kind == api.KindVacation {
				args.Until = l.now.Add(48 * time.Hour)
				ch.Until = standing.Unix(args.Until)
			}
			if tc.card != "" {
				ch.Card, ch.Addrs = l.stranger(func(c *roster.Card) { c.Name = tc.card }).Card.Bytes(), []string{}
			}
			asker.core.Now = l.now
			before, err := asker.core.Preview(args)
			if err != nil {
				t.Fatal(err)
			}
			if len(before.Warnings) != len(tc.warns) {
				t.Errorf("the asker is warned of %q", before.Warnings)
			}
			for _, w := range tc.warns {
				if !slices.ContainsFunc(before.Warnings, func(s string) bool { return strings.Contains(s, w) }) {
					t.Errorf("the asker is not warned that %s: %q", w, before.Warnings)
				}
			}
			for _, d := range others { // so that nothing takes effect
				d.keeper.locked = true
			}
			asker.core.Link = deaf{asker.core.Link}
			r := asker.change(change.Kind(tc.kind), ch)
			asker.core.Link = asker.core.Link.(deaf).Link
			for i, d := range l.devices {
				if i > 0 {
					d.core.Now = l.now
					if err := d.core.Take(r.Item); err != nil {
						t.Fatal(err)
					}
				}
				v := d.core.ViewRequest(d.request(r.ID))
				warned := v.Warnings
				if i+1 == tc.about {
					warned = slices.DeleteFunc(warned, func(w string) bool { return strings.Contains(w, "it is this device") })
				}
				want := slices.Clone(before.Warnings)
				if i+1 == tc.about {
					want = slices.DeleteFunc(want, func(w string) bool { return strings.Contains(w, "is connected at this moment") })
				}
				if tc.frozen && i+1 == 3 {
					want[0] = "this device was reported lost on laptop: once the circle is thawed, it stays and signs again"
				}
				for k := range want {
					want[k] = strings.ReplaceAll(want[k], "a new device", "the device "+tc.card)
				}
				if change.Kind(tc.kind).Consent() == change.OfAsker && d == asker {
					continue // it took effect
				}
				if !slices.Equal(warned, want) {
					t.Errorf("%s warns of %q, the asker was warned of %q", d.name, warned, want)
				}
				if v.Summary != strings.ReplaceAll(before.Summary, "a new device", "the device "+tc.card) && tc.kind != api.KindLeave {
					t.Errorf("%s shows %q, the asker was shown %q", d.name, v.Summary, before.Summary)
				}
			}
		})
	}
}

// A deaf link sends nothing.
type deaf struct{ standing.Link }

func (deaf) Send([]byte, string, []byte) error { return nil }

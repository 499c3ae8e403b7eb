package node

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// forge makes a certificate for the epoch that an attempt is to make: each
// device in it has a key that the forger has drawn, and has signed with it.
func forge(t *testing.T, rec roster.Record) message.Chain {
	t.Helper()
	e := roster.Entry{Record: rec}
	e.Record.Devices = slices.Clone(rec.Devices)
	keys := map[wire.Slot]ed25519.PrivateKey{}
	for i, d := range rec.Devices {
		keys[d.Slot] = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(1 + i)}, ed25519.SeedSize))
		e.Record.Devices[i].Identity = wire.DeviceID(keys[d.Slot].Public().(ed25519.PublicKey))
	}
	for _, s := range rec.Change.Members {
		e.Ready = append(e.Ready, roster.Signature{Slot: s, Sig: [64]byte(ed25519.Sign(keys[s], roster.CommitMessage(rec.Change.Attempt, e.Record.Hash())))})
	}
	if err := e.Verify(); err != nil {
		t.Fatalf("a forgery that shows at once tests nothing: %v", err)
	}
	return message.Chain{Entries: [][]byte{e.Bytes()}}
}

// TestForgedCertificateStopsNobody: one member of a re-deal shows the others a
// certificate of its epoch that is by keys of its own, with commits in their
// names that they do not remember. Nobody takes itself for set back, which would
// cost it its share, nobody is blamed, and they sign.
func TestForgedCertificateStopsNobody(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 94)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	l.tamper = func(_, _ *labDevice, b []byte) []byte {
		if typ, body, err := message.SplitMessage(b); err == nil && typ == message.MsgTest {
			var m message.Test
			if wire.Unmarshal(body, &m) == nil {
				return nil // so that they stay ready and do not commit
			}
		}
		return b
	}
	phone.change(change.Refresh, change.Payload{})
	ready := func(c *core) bool { return c.Attempt != nil && c.Attempt.Machine.Phase() == refresh.Prepared }
	if !l.run(time.Minute, func() bool { return l.all(3, ready) }) {
		t.Fatalf("they are not ready\n%s", l.logs())
	}
	rec, known := tablet.core.Attempt.Machine.Record()
	if !known {
		t.Fatal("no record to forge")
	}
	m := forge(t, rec)
	for _, s := range []wire.Slot{1, 2} {
		tablet.core.Sync(s, message.MsgChain, m)
	}
	l.run(time.Second, nil)
	for _, d := range []*labDevice{phone, laptop} {
		if !ready(d.core) || d.core.RedealTrouble != "" || !d.core.HasShare() {
			t.Errorf("%s: trouble %q, a share: %v", d.name, d.core.RedealTrouble, d.core.HasShare())
		}
	}
	l.tamper = nil
	if !l.run(10*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("the refresh does not come about\n%s", l.logs())
	}
	for _, d := range []*labDevice{phone, laptop} {
		if len(d.core.Alarms) > 0 {
			t.Errorf("%s blames %v", d.name, d.core.Alarms)
		}
	}
	l.signsWith(phone, laptop)
}

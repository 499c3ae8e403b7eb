package refresh_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/warifu/warifu/session"
)

// TestRunsEndAsBefore runs worlds of which a hash of every effect is on record,
// byte by byte, with whom each device suspects and why: a change of the inside
// alone must leave all of it as it is. HPKE draws its own randomness, so that
// one world after the other has the process for itself.
func TestRunsEndAsBefore(t *testing.T) {
	var out strings.Builder
	for seed := range uint64(104) {
		cryptotest.SetGlobalRandom(t, seed)
		fmt.Fprintln(&out, seed, runHash(t, seed))
	}
	const name = "testdata/runs.golden"
	if *update {
		if err := os.WriteFile(name, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("%s is not as it was:\n%s", name, out.String())
	}
}

func runHash(t *testing.T, seed uint64) string {
	list, lies := shapes, seed%2 == 1
	if lies {
		list = liars
	}
	s := list[seed/2%uint64(len(list))]
	c := newCircle(t, s.t, s.n, seed)
	w := newWorld(c, c.propose(s.plan), seed)
	w.power, w.disk, w.impatient = 40, 40, 60
	if lies {
		w.liar = 2
	} else {
		w.mortal = s.mortal
		w.presence = s.mortal == 0
	}
	sum := sha256.New()
	w.twist = func(d *device, effects []session.Effect) []session.Effect {
		m := d.machine
		fmt.Fprintln(sum, d.slot, m.Phase(), m.Waiting(), m.NeedsTest(), m.InForce(), m.Settled(), m.AllLocked(),
			m.Suspects(), m.Evidence(), m.Complaints(), m.Apart(), m.Against(), m.LastWords(), m.MayRetire())
		if e, ok := m.Entry(); ok {
			fmt.Fprintf(sum, "%x\n", e.Bytes())
		}
		for _, e := range effects {
			fmt.Fprintf(sum, "%T %v\n", e, e)
		}
		return effects
	}
	if err := w.run(steps / 2); err != nil {
		t.Fatalf("seed %d: %s: %v", seed, s.name, err)
	}
	for _, slot := range w.slots() {
		fmt.Fprintf(sum, "%d %x\n", slot, w.devices[slot].state)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

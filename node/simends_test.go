package node

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/standing"
)

// A change of the inside alone must leave all that a peer, a store or a script sees
// as it is. testdata/ends has a hash of that for many seeds: of every message, in
// order and byte by byte, and at the end of what every device has stored and of the
// status that it shows.

var (
	simEnds  = flag.Bool("sim.ends", false, "write testdata/ends anew, after a change of what devices do")
	simEnded = flag.Uint64("sim.ended", 24, "compare so many of the seeds whose end is on record, from the first")
)

const (
	endsFile    = "testdata/ends"
	endSeeds    = 160
	endReal     = 8 // of them, with the real signing protocols
	endTestRand = 0x51
)

// TestSeedsEndAsBefore runs seeds whose end is on record. HPKE draws its own
// randomness, so that one world after the other has the process for itself.
func TestSeedsEndAsBefore(t *testing.T) {
	templates.Clear()
	defer templates.Clear() // they are like those of no other process
	for i := range simShapes[:5] {
		for _, long := range []bool{false, true} {
			cryptotest.SetGlobalRandom(t, endTestRand)
			templateOf(t, simShapes[i], long)
		}
	}
	want := readEnds(t)
	var out strings.Builder
	n := min(*simEnded, endSeeds)
	if *simEnds {
		n = endSeeds
	}
	for seed := range n {
		cryptotest.SetGlobalRandom(t, seed)
		w := newWorld(t, seed, nil)
		w.real = seed%(endSeeds/endReal) == 5
		w.wire = sha256.New()
		if err := w.live(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got := w.end(t)
		if got != want[seed] && !*simEnds {
			t.Errorf("seed %d ends with %s, on record is %s", seed, got, want[seed])
		}
		fmt.Fprintln(&out, seed, got)
	}
	if *simEnds && !t.Failed() {
		if err := os.WriteFile(endsFile, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func readEnds(t *testing.T) map[uint64]string {
	t.Helper()
	f, err := os.Open(endsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[uint64]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		number, hash, _ := strings.Cut(s.Text(), " ")
		seed, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		out[seed] = hash
	}
	return out
}

var buckets = []string{
	standing.BucketDevice, standing.BucketChain, standing.BucketCircle, standing.BucketFenced, standing.BucketShares, standing.BucketAttempt, standing.BucketDead,
	standing.BucketFounding, standing.BucketAside, standing.BucketItems, standing.BucketMeta, standing.BucketAlarms, standing.BucketBegun,
}

// end hashes what a world came to.
func (w *world) end(t *testing.T) string {
	t.Helper()
	h := w.wire
	fmt.Fprintln(h, w.sent, w.truth.made, len(w.truth.epochs), w.truth.evictions)
	for _, d := range w.devices {
		fmt.Fprintln(h, d.name, d.gone, d.core != nil)
		if err := d.disk.mem.View(func(tx journal.Tx) error {
			for _, bucket := range buckets {
				keys, err := tx.Keys(bucket)
				if err != nil {
					return err
				}
				for _, k := range keys {
					v, err := tx.Get(bucket, k)
					if err != nil {
						return err
					}
					fmt.Fprintf(h, "%s %s %x\n", bucket, k, v)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if d.core != nil {
			b, err := json.Marshal(d.core.Status())
			if err != nil {
				t.Fatal(err)
			}
			h.Write(b)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Command bench measures warifu, as ratios against tss-lib where that can do
// the same, and whole daemons against what we aim at. It is a module of its
// own so that users of warifu never download tss-lib.
//
// Both sides run in the same process in turns. CPU is process time, collection
// of garbage included, of a run in which the parties take turns on one thread,
// divided by their number; wall is a run with all parties at the same time and
// no network between them; bytes are what a party sends, a broadcast once for
// every receiver; rounds are the longest chain of messages each of which had
// to wait for the one before.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/bnb-chain/tss-lib/v2/ecdsa/keygen"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == deriveArg {
		if err := deriveOnce(os.Stdout, os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.BoolVar(&o.peers, "peers", true, "measure tss-lib, too, which takes minutes")
	flag.BoolVar(&o.protocols, "protocols", true, "measure the protocols themselves")
	flag.BoolVar(&o.daemons, "daemons", true, "measure whole daemons")
	flag.BoolVar(&o.flood, "flood", true, "measure whole daemons of which one floods the others")
	flag.StringVar(&o.lab, "lab", "", "the program for that, built with the tag lab (default this source)")
	flag.DurationVar(&o.primes, "primes", 8*time.Minute, "give up making safe primes after this long")
	flag.StringVar(&o.profile, "profile", "", "instead write a CPU profile of 2-of-3 signatures to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := o.run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	peers, protocols, daemons, flood bool
	primes                           time.Duration
	profile, lab                     string
}

func (o options) run(ctx context.Context, w io.Writer) error {
	if o.profile != "" {
		return profile(o.profile)
	}
	t := &table{w: w}
	t.heading(fmt.Sprintf("warifu on %s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()))
	defer t.print() // what there is, if something goes wrong
	if o.daemons {
		if err := daemons(ctx, t); err != nil {
			return fmt.Errorf("daemons: %w", err)
		}
	}
	if o.flood {
		if err := flooded(ctx, t, o.lab); err != nil {
			return fmt.Errorf("flood: %w", err)
		}
	}
	if o.protocols {
		if err := o.measure(t); err != nil {
			return fmt.Errorf("protocols: %w", err)
		}
	}
	return nil
}

// A size is a circle, and how often each duel about it is fought.
type size struct{ threshold, n, founds, signs int }

// measure measures the protocols themselves. Founding five is measured once:
// tss-lib takes a minute or two for it.
func (o options) measure(t *table) error {
	var pre []keygen.LocalPreParams
	if o.peers {
		const most = 5 // devices in the largest circle
		t.progress("tss-lib's safe primes for %d parties", most)
		began := time.Now()
		var cpu sample
		var err error
		if pre, cpu, err = prepare(most, o.primes); err != nil {
			return err
		}
		t.note("tss-lib's safe primes, made once before it can found, take CPU s per party %v, and took %v of wall time; they are not in its figures above",
			cpu, time.Since(began).Round(time.Second))
	}
	t.note("a founding of ours makes two accounts (secp256k1 and Ed25519) and a certificate; one of tss-lib makes one account")
	t.note("a re-deal of ours is of both accounts and ends when the old shares may be erased, after a test signature with each; tss-lib's ends with new shares")
	for _, s := range []size{{2, 3, 3, 15}, {3, 5, 1, 5}} {
		if err := s.measure(t, pre); err != nil {
			return fmt.Errorf("%d-of-%d: %w", s.threshold, s.n, err)
		}
	}
	return nil
}

func (s size) measure(t *table, pre []keygen.LocalPreParams) error {
	name := fmt.Sprintf("%d-of-%d", s.threshold, s.n)
	var ours *circle
	var theirs *tssCircle
	versus := func(theirs func() ([]party, error)) func() ([]party, error) {
		if pre == nil {
			return nil
		}
		return theirs
	}
	found := duel{
		ours: func() (_ []party, err error) {
			if ours, err = newCircle(s.threshold, s.n); err != nil {
				return nil, err
			}
			return ours.found(), nil
		},
		theirs: versus(func() (parties []party, _ error) {
			theirs, parties = tssFound(s.threshold, s.n, pre)
			return parties, nil
		}),
	}
	if err := t.duel(name+" key generation", found, s.founds, nil); err != nil {
		return err
	}
	sign := duel{ours: func() ([]party, error) { return ours.signature() }, theirs: versus(func() ([]party, error) { return theirs.sign() })}
	var aims map[string]aim
	if s.n == 3 {
		aims = map[string]aim{"CPU": atMost(40)}
	}
	if err := t.duel(name+" signature", sign, s.signs, aims); err != nil {
		return err
	}
	if s.n != 3 {
		return nil
	}
	redeal := duel{ours: func() ([]party, error) { return ours.redeal() }, theirs: versus(func() ([]party, error) { return theirs.reshare(pre) })}
	return t.duel(name+" re-deal without one", redeal, s.founds, map[string]aim{"CPU": below(100), "wall": below(1000)})
}

// profile spends its time in 2-of-3 signatures and nothing else.
func profile(path string) error {
	c, err := newCircle(2, 3)
	if err != nil {
		return err
	}
	if _, err := inTurn(c.found()); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	for range 200 {
		parties, err := c.signature()
		if err != nil {
			return err
		}
		if _, err := inTurn(parties); err != nil {
			return err
		}
	}
	return nil
}

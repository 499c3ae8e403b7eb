package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

const (
	foundings = 5 // each healed once
	requests  = 20
	restarts  = 10
	idle      = 30 * time.Second
	settle    = 10 * time.Second // after which a daemon is called idle
)

// daemons measures three processes on loopback.
func daemons(ctx context.Context, t *table) error {
	dir, err := os.MkdirTemp("", "wb") // short, because a socket's path must be
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	exe, err := build(ctx, dir)
	if err != nil {
		return err
	}
	var all, dkg sample
	var heals healing
	var trio []*daemon
	defer func() { stopAll(trio) }()
	for i := range foundings {
		stopAll(trio)
		if trio, err = threeDaemons(ctx, exe, filepath.Join(dir, strconv.Itoa(i))); err != nil {
			return err
		}
		whole, protocol, err := foundCircle(ctx, trio)
		if err != nil {
			return fmt.Errorf("found: %w", err)
		}
		all, dkg = append(all, ms(whole)), append(dkg, ms(protocol))
		if i == foundings-1 {
			t.plain("three daemons: found to circle stands, two pairings included, ms", all)
			t.figure("three daemons: key generation, from its start to all durable, ms", dkg, below(1000))
			if err := living(ctx, t, trio); err != nil {
				return err
			}
		}
		if err := heals.heal(ctx, trio); err != nil {
			return fmt.Errorf("heal: %w", err)
		}
	}
	heals.report(t)
	return nil
}

// living measures what a circle does every day.
func living(ctx context.Context, t *table, trio []*daemon) error {
	if err := signatures(ctx, t, trio); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if err := idleness(ctx, t, trio); err != nil {
		return fmt.Errorf("idle: %w", err)
	}
	if err := readiness(ctx, t, trio[2]); err != nil {
		return fmt.Errorf("ready: %w", err)
	}
	return nil
}

func threeDaemons(ctx context.Context, exe, dir string) ([]*daemon, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	var trio []*daemon
	for _, name := range []string{"a", "b", "c"} {
		d, err := newDaemon(ctx, exe, dir, name)
		if err == nil {
			trio = append(trio, d)
			_, err = d.up()
		}
		if err != nil {
			stopAll(trio)
			return nil, err
		}
	}
	return trio, nil
}

func stopAll(list []*daemon) {
	for _, d := range list {
		d.client.Close()
		d.stop()
	}
}

// foundCircle founds 2-of-3 with persons who say yes at once. It returns what
// the founder waited, and what the protocol took by the daemons' logs.
func foundCircle(ctx context.Context, trio []*daemon) (whole, protocol time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, ctx := errgroup.WithContext(ctx)
	yes := func(d *daemon, q *api.Question) {
		if q != nil {
			all.Go(func() error { return d.client.Confirm(ctx, api.ConfirmArgs{Session: q.Session, Yes: true}) })
		}
	}
	began := time.Now()
	next := 1
	all.Go(func() error {
		_, err := trio[0].client.Found(ctx, api.FoundArgs{Threshold: 2, Devices: 3}, func(e api.Event) {
			yes(trio[0], e.Question)
			if e.Event == api.EventInvitation && next < len(trio) {
				d := trio[next]
				next++
				all.Go(func() error {
					_, err := d.client.Join(ctx, api.JoinArgs{Invitation: e.Invitation}, func(e api.Event) { yes(d, e.Question) })
					return err
				})
			}
		})
		return err
	})
	if err := all.Wait(); err != nil {
		return 0, 0, err
	}
	whole = time.Since(began)
	protocol, err = between(began, trio, "founding started", trio, "the circle stands")
	return whole, protocol, err
}

// between returns the time from when the first of some devices logged
// something to when the last of some devices logged something else.
func between(since time.Time, begin []*daemon, started string, end []*daemon, stopped string) (time.Duration, error) {
	var first, last time.Time
	for _, d := range begin {
		at, err := d.logged(since, started)
		if err != nil {
			return 0, err
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	for _, d := range end {
		at, err := d.logged(since, stopped)
		if err != nil {
			return 0, err
		}
		if at.After(last) {
			last = at
		}
	}
	return last.Sub(first), nil
}

// signatures measures from the call that approves, on one device, to the
// verified signature in the hands of the caller on another.
func signatures(ctx context.Context, t *table, trio []*daemon) error {
	var wall, cpu sample
	for i := range requests {
		asker, approver := trio[i%3], trio[(i+1)%3]
		before, err := processorTime(trio)
		if err != nil {
			return err
		}
		took, err := signOnce(ctx, asker, approver, fmt.Sprint("message ", i))
		if err != nil {
			return err
		}
		after, err := processorTime(trio)
		if err != nil {
			return err
		}
		wall, cpu = append(wall, ms(took)), append(cpu, ms(after-before)/2)
	}
	t.figure("three daemons: last approval to verified signature, p50, ms", wall, atMost(150))
	t.figure("three daemons: last approval to verified signature, p90, ms", sample{wall.quantile(0.9)}, atMost(150))
	t.plain("three daemons: CPU of a request from asking to signed, ms per signer", cpu)
	return nil
}

func signOnce(ctx context.Context, asker, approver *daemon, message string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var approved atomic.Int64
	all, ctx := errgroup.WithContext(ctx)
	var done time.Time
	all.Go(func() error {
		_, err := asker.client.Sign(ctx, api.SignArgs{Kind: api.KindMessage, Message: []byte(message)}, func(e api.Event) {
			if e.Event != api.EventRequest {
				return
			}
			all.Go(func() error {
				if err := heard(ctx, approver, e.ID); err != nil {
					return err
				}
				approved.Store(time.Now().UnixNano())
				_, err := approver.client.Approve(ctx, e.ID)
				return err
			})
		})
		done = time.Now()
		return err
	})
	err := all.Wait()
	return done.Sub(time.Unix(0, approved.Load())), err
}

// heard waits until a request has reached d.
func heard(ctx context.Context, d *daemon, id string) error {
	for {
		_, err := d.client.Request(ctx, id)
		if err == nil || api.CodeOf(err) != api.CodeUnknownRequest {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// idleness measures daemons that have signed and now have nothing to do.
func idleness(ctx context.Context, t *table, trio []*daemon) error {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	var before [3]time.Duration
	for i, d := range trio {
		var err error
		if before[i], err = processorTime([]*daemon{d}); err != nil {
			return err
		}
	}
	if err := pause(ctx, idle); err != nil {
		return err
	}
	var rss, peak, share sample
	for i, d := range trio {
		after, err := processorTime([]*daemon{d})
		if err != nil {
			return err
		}
		now, err := d.memory("VmRSS:")
		if err != nil {
			return err
		}
		most, err := d.memory("VmHWM:")
		if err != nil {
			return err
		}
		rss, peak = append(rss, now), append(peak, most)
		share = append(share, 100*float64(after-before[i])/float64(idle))
	}
	t.figure("idle daemon that has signed: resident, MiB", rss, below(64))
	t.plain("the same daemon: most resident ever, passphrase derivation included, MiB", peak)
	t.figure(fmt.Sprintf("idle daemon: CPU over %v, %% of a core", idle), share, below(0.5))
	return nil
}

// readiness measures restarts of a member of the circle. Deriving is measured
// in a process of its own, beside each restart, and the least of it taken off,
// so that what is left is too much rather than too little.
func readiness(ctx context.Context, t *table, d *daemon) error {
	var derived, whole, rest sample
	for range restarts {
		d.stop()
		derive, err := d.derive(ctx)
		if err != nil {
			return err
		}
		took, err := d.up()
		if err != nil {
			return err
		}
		derived, whole = append(derived, ms(derive)), append(whole, ms(took))
	}
	for _, took := range whole {
		rest = append(rest, took-derived.min())
	}
	t.plain("restart: start of the process to ready, ms", whole)
	t.plain("restart: deriving the key from the passphrase alone, ms", derived)
	t.figure("restart: start of the process to ready, less the least of that, ms", rest, atMost(500))
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// processorTime returns what the threads of the daemons have used.
func processorTime(list []*daemon) (sum time.Duration, err error) {
	for _, d := range list {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", d.cmd.Process.Pid))
		if err != nil {
			return 0, err
		}
		for _, path := range threads {
			b, err := os.ReadFile(path)
			if err != nil {
				return 0, err
			}
			on, _, _ := strings.Cut(string(b), " ")
			ns, err := strconv.ParseInt(on, 10, 64)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(ns)
		}
	}
	return sum, nil
}

// memory returns a figure of the daemon's memory in MiB.
func (d *daemon) memory(name string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s in the status of process %d", name, d.cmd.Process.Pid)
}

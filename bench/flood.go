package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/warifu/warifu/node/api"
)

// How long a member floods the others, of which the first part does not count,
// and how often status is asked for meanwhile.
const (
	floodSettle = 20 * time.Second
	floodFor    = 30 * time.Second
	floodAsk    = 500 * time.Millisecond

	floodPatience = time.Minute // with status
)

// floods are what the hostile member sends, see node.Flood: one that gets it cut
// off again and again, and one that does not.
var floods = []string{"mix", "forged"}

// flooded measures what a member that floods the others costs one of them. The
// program is built with the tag lab, or is the one at path.
func flooded(ctx context.Context, t *table, path string) error {
	dir, err := os.MkdirTemp("", "wf")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	exe := path
	if exe == "" {
		if exe, err = build(ctx, dir, "-tags", "lab"); err != nil {
			return err
		}
	}
	for _, kind := range floods {
		if err := flood(ctx, t, exe, filepath.Join(dir, kind), kind); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

func flood(ctx context.Context, t *table, exe, dir, kind string) error {
	trio, err := threeDaemons(ctx, exe, dir)
	defer func() { stopAll(trio) }()
	if err != nil {
		return err
	}
	if _, _, err := foundCircle(ctx, trio); err != nil {
		return err
	}
	for i := range 3 { // there is something to repeat
		if _, err := signOnce(ctx, trio[i], trio[(i+1)%3], fmt.Sprint("before the flood ", i)); err != nil {
			return err
		}
	}
	hostile := trio[2]
	hostile.stop()
	hostile.env = []string{"WARIFU_LAB=flood=" + kind}
	if _, err := hostile.up(); err != nil {
		return err
	}
	if err := pause(ctx, floodSettle); err != nil {
		return err
	}
	victim := trio[0]
	before, err := processorTime([]*daemon{victim})
	if err != nil {
		return err
	}
	var answers sample
	began := time.Now()
	for time.Since(began) < floodFor {
		asked := time.Now()
		patient, stop := context.WithTimeout(ctx, floodPatience)
		s, err := victim.client.Status(patient)
		late := patient.Err() != nil
		stop()
		if err != nil && !late {
			return err
		}
		answers = append(answers, ms(time.Since(asked)))
		if time.Since(began) >= floodFor-floodAsk {
			for _, w := range s.Warnings {
				t.note("flood %s: status says: %s", kind, w)
			}
		}
		if err := pause(ctx, floodAsk); err != nil {
			return err
		}
	}
	took := time.Since(began)
	after, err := processorTime([]*daemon{victim})
	if err != nil {
		return err
	}
	most, err := victim.memory("VmHWM:")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("a member floods (%s)", kind)
	t.figure(name+": CPU of another, % of a core", sample{100 * float64(after-before) / float64(took)}, below(20))
	t.figure(name+": status of that one, slowest, ms", sample{answers.max()}, below(1000))
	t.plain(name+": status of that one, ms", answers)
	t.plain(name+": most resident ever, passphrase derivation included, MiB", sample{most})
	began = time.Now()
	if err := expel(ctx, trio); err != nil {
		t.note("flood %s: it could not be taken out: %v", kind, err)
	} else {
		t.plain(name+": `lost` on the two others until the re-deal is over, ms", sample{ms(time.Since(began))})
	}
	return nil
}

// expel has the persons of the first two call the third lost while it floods.
func expel(ctx context.Context, trio []*daemon) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	teller, other, bad := trio[0], trio[1], trio[2]
	said := make(chan string, 1)
	approved := make(chan error, 1)
	go func() {
		id := <-said
		err := heard(ctx, other, id)
		if err == nil {
			_, err = other.client.ApprovePresent(ctx, id, []byte(passphrase))
		}
		approved <- err
	}()
	args := api.DeviceArgs{PresenceArgs: api.PresenceArgs{Passphrase: []byte(passphrase)}, Device: bad.name}
	_, err := teller.client.Lost(ctx, args, func(e api.Event) {
		if e.Event == api.EventRequest {
			said <- e.ID
		}
	})
	if err != nil {
		return err
	}
	return <-approved
}

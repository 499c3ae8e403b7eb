package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

// A story is one run of the demo.
type story struct {
	Config
	began   time.Time
	steps   int
	summary Summary

	laptop, phone, tablet *device
	second                *device // the phone after the phone
}

const (
	chapters = 13

	// alone is how long the demo lets one device wait in vain.
	alone = 2 * time.Second

	// poll is how often the demo looks at what a device shows.
	poll = 50 * time.Millisecond
)

// tell is the story. It ends at the first step that goes wrong.
func (s *story) tell(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		s.begin, s.found, s.signWithPhone, s.oneAlone, s.losePhone, s.signWithTablet, s.phoneBack, s.summarize,
		s.stolen, s.lost, s.thief, s.newPhone, s.everyPair,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// chapter begins a step.
func (s *story) chapter(format string, args ...any) {
	s.steps++
	s.line(api.Event{Step: s.steps, Of: chapters, Text: fmt.Sprintf(format, args...)})
}

// say tells a detail of the step.
func (s *story) say(format string, args ...any) {
	s.line(api.Event{Text: fmt.Sprintf(format, args...)})
}

// line passes on a line, in which devices may be quoted.
func (s *story) line(e api.Event) {
	e.Event, e.Text = api.EventProgress, s.Escape(e.Text)
	s.Tell(e)
}

// until looks, time and again, whether something has come about. Late says what
// was missing when ctx ends first.
func until(ctx context.Context, come func() (bool, error), late func() string) error {
	for {
		if ok, err := come(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", late(), ctx.Err())
		case <-time.After(poll):
		}
	}
}

func (s *story) devices() []*device {
	return slices.DeleteFunc([]*device{s.laptop, s.phone, s.tablet, s.second}, func(d *device) bool { return d == nil })
}

func (s *story) stopAll() {
	var stopping sync.WaitGroup
	for _, d := range s.devices() {
		stopping.Go(func() {
			d.client.Close()
			d.stop()
		})
	}
	stopping.Wait()
}

// explain adds to err what devices said that ended on their own.
func (s *story) explain(err error) error {
	for _, d := range s.devices() {
		if d.cmd == nil {
			continue
		}
		select {
		case <-d.exited:
			err = errors.Join(err, fmt.Errorf("%s stopped: %s", d.name, d.lastWords()))
		default:
		}
	}
	return err
}

func (s *story) begin(ctx context.Context) error {
	s.chapter("Three devices of one person, three processes. No key exists yet.")
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	made := make([]*device, 3)
	events := make([]api.Event, 3)
	var all errgroup.Group
	for i, name := range []string{"laptop", "phone", "tablet"} {
		all.Go(func() (err error) {
			if made[i], err = s.makeDevice(ctx, exe, name, name); err != nil {
				return err
			}
			events[i], err = made[i].up(ctx)
			return err
		})
	}
	err = all.Wait()
	s.laptop, s.phone, s.tablet = made[0], made[1], made[2]
	if err != nil {
		return err
	}
	for i, d := range made {
		where := ""
		if len(events[i].Addresses) > 0 {
			where, _, _ = strings.Cut(events[i].Addresses[0], "/p2p/")
		}
		s.say("%-7s process %d, device %s, at %s", d.name, d.cmd.Process.Pid, d.shortID(), where)
	}
	return nil
}

func (s *story) signWithPhone(ctx context.Context) error {
	s.chapter("Two devices sign: laptop and phone.")
	return s.ask(ctx, s.laptop, s.phone, "I am the owner of this circle")
}

func (s *story) oneAlone(ctx context.Context) error {
	s.chapter("One device alone cannot, however long it tries: a thief's laptop, say.")
	began := time.Now()
	id, err := s.laptop.tries(ctx, "send everything to the thief", alone)
	if err == nil {
		return errors.New("one device signed alone")
	}
	if code := api.CodeOf(err); code != api.CodeTimeout && code != api.CodeNoQuorum {
		return err
	}
	s.say("after %v: %s", time.Since(began).Round(100*time.Millisecond), err.Error())
	if _, err := awaitRequest(ctx, s.phone, id); err != nil {
		return err
	}
	if _, err := s.phone.client.Deny(ctx, id); err != nil {
		return fmt.Errorf("phone denies: %w", err)
	}
	s.say("the phone shows the request, and its person denies it: closed on every device")
	return until(ctx, func() (bool, error) {
		r, err := s.laptop.client.Request(ctx, id)
		return r.State == api.StateDenied, err
	}, func() string { return "the denial has not reached the laptop" })
}

func (s *story) losePhone(context.Context) error {
	s.chapter("The phone is gone: its process %d is killed with SIGKILL.", s.phone.cmd.Process.Pid)
	s.phone.kill()
	s.say("laptop and tablet are still two of three")
	return nil
}

func (s *story) signWithTablet(ctx context.Context) error {
	s.chapter("The other pair signs, at the same address: laptop and tablet.")
	return s.ask(ctx, s.laptop, s.tablet, "The phone is lost and nothing else is")
}

func (s *story) phoneBack(ctx context.Context) error {
	s.chapter("The phone is found and started again: it knows its circle, and signs.")
	if _, err := s.phone.up(ctx); err != nil {
		return err
	}
	s.say("phone   process %d, device %s", s.phone.cmd.Process.Pid, s.phone.shortID())
	return s.ask(ctx, s.phone, s.tablet, "The phone is back")
}

func (s *story) summarize(ctx context.Context) error {
	s.chapter("All three agree on what happened, the phone too, which missed some of it.")
	for _, d := range s.devices() {
		if err := s.agrees(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// agrees waits until d knows of every signature and of the denial.
func (s *story) agrees(ctx context.Context, d *device) error {
	var signed, denied int
	err := until(ctx, func() (bool, error) {
		list, err := d.client.Requests(ctx)
		if err != nil {
			return false, fmt.Errorf("requests of %s: %w", d.name, err)
		}
		signed, denied = 0, 0
		for _, r := range list {
			switch r.State {
			case api.StateSigned:
				signed++
			case api.StateDenied:
				denied++
			}
		}
		return signed == len(s.summary.Signatures) && denied == 1 && len(list) == signed+denied, nil
	}, func() string { return fmt.Sprintf("%s knows of %d signatures and %d denials", d.name, signed, denied) })
	if err != nil {
		return err
	}
	s.say("%-7s %d signed, %d denied", d.name, signed, denied)
	return nil
}

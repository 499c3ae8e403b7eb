package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/accounts"
	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

// A story is one run of the demo.
type story struct {
	app     *app
	dir     string
	began   time.Time
	steps   int
	summary demoSummary

	laptop, phone, tablet *demoDevice
	second                *demoDevice // the phone after the phone
}

const (
	demoSteps = 13

	// demoAlone is how long the demo lets one device wait in vain.
	demoAlone = 2 * time.Second

	// demoPoll is how often the demo looks at what a device shows.
	demoPoll = 50 * time.Millisecond
)

// tell is the story. It ends at the first step that goes wrong.
func (s *story) tell(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		s.begin, s.found, s.signWithPhone, s.oneAlone, s.losePhone, s.signWithTablet, s.phoneBack, s.summarize,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return s.heal(ctx)
}

// chapter begins a step.
func (s *story) chapter(format string, args ...any) {
	s.steps++
	text := fmt.Sprintf(format, args...)
	if s.app.json {
		s.app.event(api.Event{Event: api.EventProgress, Step: s.steps, Of: demoSteps, Text: text})
		return
	}
	fmt.Fprintf(s.app.stdout, "\n%d. %s\n", s.steps, text)
}

// say tells a detail of the step.
func (s *story) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if s.app.json {
		s.app.event(api.Event{Event: api.EventProgress, Text: text})
		return
	}
	fmt.Fprintf(s.app.stdout, "   %s\n", text)
}

func (s *story) devices() []*demoDevice {
	return slices.DeleteFunc([]*demoDevice{s.laptop, s.phone, s.tablet, s.second}, func(d *demoDevice) bool { return d == nil })
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
	made := make([]*demoDevice, 3)
	events := make([]api.Event, 3)
	var all errgroup.Group
	for i, name := range []string{"laptop", "phone", "tablet"} {
		all.Go(func() (err error) {
			if made[i], err = makeDevice(ctx, exe, s.dir, name, name); err != nil {
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
		s.say("%-7s process %d, device %s, at %s", d.name, d.cmd.Process.Pid, shortID(events[i].Device), where)
	}
	return nil
}

// A person answers the question of a founding once all devices have asked,
// and says yes only if they ask the same.
type person struct {
	mu    sync.Mutex // guards asked
	asked map[*demoDevice]api.Question
	want  int
	all   chan struct{} // closed once all have asked
}

func (p *person) hear(d *demoDevice, q api.Question) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[d] = q
	if len(p.asked) == p.want {
		close(p.all)
	}
}

// same reports whether all devices showed the same words and names.
func (p *person) same() (api.Question, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var first api.Question
	for _, q := range p.asked {
		if first.Session == "" {
			first = q
		}
		if !slices.Equal(q.Words, first.Words) || len(q.Devices) != len(first.Devices) {
			return first, false
		}
		for i, d := range q.Devices {
			if d.Name != first.Devices[i].Name || d.Fingerprint != first.Devices[i].Fingerprint {
				return first, false
			}
		}
	}
	return first, true
}

func (s *story) found(ctx context.Context) error {
	s.chapter("The laptop founds a circle of three of which any two sign.")
	p := &person{asked: map[*demoDevice]api.Question{}, want: 3, all: make(chan struct{})}
	circles := make([]api.Circle, 3)
	joining := []*demoDevice{s.phone, s.tablet}
	began := time.Now()
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() (err error) {
		circles[0], err = s.laptop.client.Found(ctx, api.FoundArgs{Threshold: 2, Devices: 3}, func(e api.Event) {
			switch e.Event {
			case api.EventInvitation:
				if len(joining) == 0 {
					return
				}
				d, i := joining[0], 3-len(joining)
				joining = joining[1:]
				s.say("the laptop shows an invitation, the %s takes it: %s", d.name, brief(e.Invitation))
				all.Go(func() (err error) {
					circles[i], err = d.client.Join(ctx, api.JoinArgs{Invitation: e.Invitation}, func(e api.Event) {
						if e.Question != nil {
							p.hear(d, *e.Question)
						}
					})
					if err != nil {
						return fmt.Errorf("%s joins: %w", d.name, err)
					}
					return nil
				})
			case api.EventConfirm:
				p.hear(s.laptop, *e.Question)
			}
		})
		if err != nil {
			return fmt.Errorf("laptop founds: %w", err)
		}
		return nil
	})
	all.Go(func() error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.all:
		}
		q, same := p.same()
		if !same {
			return errors.New("the devices show different names or words")
		}
		s.say("the key is generated on all three at once, in parts; every device shows the same names and words:")
		s.say("    %s", strings.Join(q.Words, " "))
		for _, d := range s.devices() {
			if err := d.client.Confirm(ctx, api.ConfirmArgs{Session: p.asked[d].Session, Yes: true}); err != nil {
				return fmt.Errorf("confirm on %s: %w", d.name, err)
			}
		}
		return nil
	})
	if err := all.Wait(); err != nil {
		return err
	}
	return s.standing(circles, time.Since(began))
}

// standing checks that all devices hold the same circle.
func (s *story) standing(circles []api.Circle, took time.Duration) error {
	c := circles[0]
	for _, acc := range c.Accounts {
		if acc.Address != "" {
			s.summary.Address = acc.Address
		}
	}
	if s.summary.Address == "" {
		return errors.New("the circle has no address")
	}
	for _, other := range circles[1:] {
		if other.Circle != c.Circle || len(other.Accounts) != len(c.Accounts) || !slices.Equal(other.Accounts, c.Accounts) {
			return errors.New("the devices hold different circles")
		}
	}
	s.summary.Circle, s.summary.Threshold, s.summary.Epochs = c.Circle, c.Threshold, 1
	for _, d := range c.Devices {
		s.summary.Devices = append(s.summary.Devices, d.Name)
	}
	s.say("the circle stands after %v, with the Ethereum address", took.Round(time.Millisecond))
	s.say("    %s", s.summary.Address)
	return nil
}

// ask lets asker ask for a signature and approver approve it, and checks it.
func (s *story) ask(ctx context.Context, asker, approver *demoDevice, message string) error {
	s.say("%s asks: sign %q", asker.name, message)
	ids := make(chan string, 1)
	var sig api.Signature
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() (err error) {
		sig, err = asker.client.Sign(ctx, api.SignArgs{Kind: api.KindMessage, Message: []byte(message)}, func(e api.Event) {
			if e.Event == api.EventRequest {
				ids <- e.ID
			}
		})
		return err
	})
	all.Go(func() error {
		var id string
		select {
		case <-ctx.Done():
			return ctx.Err()
		case id = <-ids:
		}
		r, err := awaitRequest(ctx, approver, id)
		if err != nil {
			return err
		}
		s.say("%s shows: %s", approver.name, esc(r.Summary))
		if _, err := approver.client.Approve(ctx, r.ID); err != nil {
			return fmt.Errorf("%s approves: %w", approver.name, err)
		}
		s.say("%s approves", approver.name)
		return nil
	})
	if err := all.Wait(); err != nil {
		return err
	}
	return s.check(message, sig)
}

// awaitRequest waits until the request has reached d.
func awaitRequest(ctx context.Context, d *demoDevice, id string) (api.Request, error) {
	for {
		r, err := d.client.Request(ctx, id)
		if err == nil || api.CodeOf(err) != api.CodeUnknownRequest {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, fmt.Errorf("%s has not heard of the request: %w", d.name, ctx.Err())
		case <-time.After(demoPoll):
		}
	}
}

// check recovers who signed with go-ethereum alone.
func (s *story) check(message string, sig api.Signature) error {
	var raw api.Bytes
	if err := raw.UnmarshalText([]byte(sig.Signature)); err != nil {
		return err
	}
	signer, err := recoverSigner(accounts.TextHash([]byte(message)), raw)
	if err != nil {
		return fmt.Errorf("the signature is not valid: %w", err)
	}
	if signer.Hex() != s.summary.Address {
		return fmt.Errorf("the signature is by %s, not by %s", signer.Hex(), s.summary.Address)
	}
	s.summary.Signatures = append(s.summary.Signatures, demoSignature{message, sig.Signature, sig.Signers, true})
	s.say("signed by %s in %v: %s", strings.Join(sig.Signers, " and "), time.Duration(sig.Elapsed).Round(time.Millisecond), brief(sig.Signature))
	s.say("go-ethereum recovers %s: valid", signer.Hex())
	return nil
}

func (s *story) signWithPhone(ctx context.Context) error {
	s.chapter("Two devices sign: laptop and phone.")
	return s.ask(ctx, s.laptop, s.phone, "I am the owner of this circle")
}

func (s *story) oneAlone(ctx context.Context) error {
	s.chapter("One device alone cannot, however long it tries: a thief's laptop, say.")
	var id string
	began := time.Now()
	_, err := s.laptop.client.Sign(ctx, api.SignArgs{
		Kind: api.KindMessage, Message: []byte("send everything to the thief"), Timeout: api.Duration(demoAlone),
	}, func(e api.Event) {
		if e.Event == api.EventRequest {
			id = e.ID
		}
	})
	if err == nil {
		return errors.New("one device signed alone")
	}
	if code := api.CodeOf(err); code != api.CodeTimeout && code != api.CodeNoQuorum {
		return err
	}
	s.say("after %v: %s", time.Since(began).Round(100*time.Millisecond), esc(err.Error()))
	if _, err := awaitRequest(ctx, s.phone, id); err != nil {
		return err
	}
	if _, err := s.phone.client.Deny(ctx, id); err != nil {
		return fmt.Errorf("phone denies: %w", err)
	}
	s.say("the phone shows the request, and its person denies it: closed on every device")
	for {
		r, err := s.laptop.client.Request(ctx, id)
		if err != nil {
			return err
		}
		if r.State == api.StateDenied {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the denial has not reached the laptop: %w", ctx.Err())
		case <-time.After(demoPoll):
		}
	}
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
	e, err := s.phone.up(ctx)
	if err != nil {
		return err
	}
	s.say("phone   process %d, device %s", s.phone.cmd.Process.Pid, shortID(e.Device))
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
func (s *story) agrees(ctx context.Context, d *demoDevice) error {
	for {
		list, err := d.client.Requests(ctx)
		if err != nil {
			return fmt.Errorf("requests of %s: %w", d.name, err)
		}
		signed, denied := 0, 0
		for _, r := range list {
			switch r.State {
			case api.StateSigned:
				signed++
			case api.StateDenied:
				denied++
			}
		}
		if signed == len(s.summary.Signatures) && denied == 1 && len(list) == signed+denied {
			s.say("%-7s %d signed, %d denied", d.name, signed, denied)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s knows of %d signatures and %d denials: %w", d.name, signed, denied, ctx.Err())
		case <-time.After(demoPoll):
		}
	}
}

// brief cuts what nobody reads to the end.
func brief(s string) string {
	if len(s) > 44 {
		return esc(s[:40]) + "…"
	}
	return esc(s)
}

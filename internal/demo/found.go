package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

// A person answers the question of a founding once all devices have asked,
// and says yes only if they ask the same.
type person struct {
	mu    sync.Mutex // guards asked
	asked map[*device]api.Question
	want  int
	all   chan struct{} // closed once all have asked
}

func (p *person) hear(d *device, q api.Question) {
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
	p := &person{asked: map[*device]api.Question{}, want: 3, all: make(chan struct{})}
	circles := make([]api.Circle, 3)
	joining := []*device{s.phone, s.tablet}
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

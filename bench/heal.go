package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

// A healing is what losing a device costs, several times.
type healing struct{ wall, cpu, back sample }

// heal kills the last device and lets the other two persons declare it lost
// and approve that at once.
func (h *healing) heal(ctx context.Context, trio []*daemon) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	teller, other, lost := trio[0], trio[1], trio[2]
	stay := trio[:2]
	lost.stop()
	began := time.Now()
	var before time.Duration
	all, ctx2 := errgroup.WithContext(ctx)
	all.Go(func() error {
		s, err := teller.client.Status(ctx2)
		if err != nil {
			return err
		}
		args := api.DeviceArgs{PresenceArgs: api.PresenceArgs{Passphrase: []byte(passphrase)}}
		for _, d := range s.Devices {
			if d.Name == lost.name {
				args.Device = d.Device
			}
		}
		_, err = teller.client.Lost(ctx2, args, func(e api.Event) {
			if e.Event != api.EventRequest {
				return
			}
			all.Go(func() error {
				if err := heard(ctx2, other, e.ID); err != nil {
					return err
				}
				_, err := other.client.ApprovePresent(ctx2, e.ID, []byte(passphrase))
				if err != nil {
					return err
				}
				before, err = processorTime(stay)
				return err
			})
		})
		return err
	})
	if err := all.Wait(); err != nil {
		return err
	}
	wall, err := between(began, stay[1:], "approved", stay, "old shares destroyed")
	if err != nil {
		return err
	}
	after, err := processorTime(stay)
	if err != nil {
		return err
	}
	if _, err := signOnce(ctx, teller, other, "healed"); err != nil {
		return err
	}
	h.wall, h.cpu = append(h.wall, ms(wall)), append(h.cpu, ms(after-before)/float64(len(stay)))
	h.back = append(h.back, ms(time.Since(began)))
	return nil
}

func (h *healing) report(t *table) {
	t.figure("two daemons: re-deal without the third, last approval to old shares destroyed on both, ms", h.wall, below(1000))
	t.figure("two daemons: CPU of that, two test signatures included, ms per device", h.cpu, below(100))
	t.plain("two daemons: `lost` to a new signature, two passphrases derived, ms", h.back)
}

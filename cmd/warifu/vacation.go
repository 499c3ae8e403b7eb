package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// maxVacation is the longest announced absence: what is silent for longer may
// be lost, whatever was announced.
const maxVacation = 90 * 24 * time.Hour

func vacationCmd(a *app) *cobra.Command {
	ch := &change{app: a}
	var end, length string
	cmd := &cobra.Command{
		Use:   "vacation [DEVICE]",
		Short: "Announce that a device will be silent for some time",
		Long: `Vacation tells the circle that a device, this one unless another is named, will
be silent up to some time, 90 days at most, and is not to be taken for lost.`,
		Example: `  warifu vacation --for 14d
  warifu vacation tablet --until 2026-12-24`,
		Args:              atMostOne,
		ValidArgsFunction: deviceArgs(a, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			until, err := vacationEnd(now(), end, length)
			if err != nil {
				return err
			}
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return ch.run(cmd.Context(), func(c *api.Client, s api.Status) error {
				return ch.vacation(cmd.Context(), c, s, name, until)
			})
		},
	}
	ch.flags(cmd)
	cmd.Flags().StringVar(&end, "until", "", "a day (2026-12-24, all of it), or a time (2026-12-24T18:00:00Z)")
	cmd.Flags().StringVar(&length, "for", "", "so long from now: 14d, 2w or 36h")
	return cmd
}

// vacation announces the absence of the device that name means, or of this one
// without a name.
func (ch *change) vacation(ctx context.Context, c *api.Client, s api.Status, name string, until time.Time) error {
	d, err := thisDevice(s)
	if name != "" {
		d, err = findDevice(s, name)
	}
	if err != nil {
		return err
	}
	what := api.PreviewArgs{Kind: api.KindVacation, Device: d.Device, Until: until.UTC()}
	r, err := carryOut(ctx, ch, c, what, "", func(p api.PresenceArgs) (api.Request, error) {
		return c.Vacation(ctx, api.VacationArgs{DeviceArgs: api.DeviceArgs{PresenceArgs: p, Device: d.Device}, Until: until.UTC()})
	})
	if err != nil {
		return err
	}
	return ch.app.con.result(epochResult{s.Epoch, r}, func(w io.Writer) {
		fmt.Fprintf(w, "%s may be silent until %s\n", esc(d.Name), date(until))
	})
}

// vacationEnd reads --until or --for.
func vacationEnd(now time.Time, end, length string) (time.Time, error) {
	if (end == "") == (length == "") {
		return time.Time{}, usagef("say how long, either with --until or with --for")
	}
	until, err := parseEnd(now, end)
	if end == "" {
		var d time.Duration
		if d, err = parseLength("--for", length); err == nil {
			until = now.Add(d)
		}
	}
	switch {
	case err != nil:
		return time.Time{}, err
	case !until.After(now):
		return time.Time{}, usagef("the vacation would be over already")
	case until.Sub(now) > maxVacation:
		return time.Time{}, usagef("a vacation lasts 90 days at most: a device that is silent for longer may be lost")
	}
	return until, nil
}

// parseEnd reads a day, which means up to its end here, or a time.
func parseEnd(now time.Time, text string) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usagef("--until is neither a day (2026-12-24) nor a time (2026-12-24T18:00:00Z)")
}

// parseLength reads days and weeks, too, which Go's durations do not have.
func parseLength(flag, text string) (time.Duration, error) {
	for unit, hours := range map[string]int{"d": 24, "w": 7 * 24} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			if n, err := strconv.ParseUint(digits, 10, 16); err == nil {
				// Ten thousand weeks fit into a Duration, and are too long
				// for anything.
				return time.Duration(min(n, 10_000)) * time.Duration(hours) * time.Hour, nil
			}
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, usagef("%s is no length of time such as 14d, 2w or 36h", flag)
	}
	return d, nil
}

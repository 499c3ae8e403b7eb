package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/warifu/warifu/node/api"
)

// timers are the flags that say when a silent device is removed. They are
// texts because weeks and days are what they are given in.
type timers struct{ quiet, suspect, grace, online string }

func (t *timers) flags(f *pflag.FlagSet) {
	f.StringVar(&t.quiet, "quiet", "", "silent for so long, a device is shown as quiet: 48h, 2d or 1w (default 2d)")
	f.StringVar(&t.suspect, "suspect", "", "silent for so long, it may be lost (default 7d)")
	f.StringVar(&t.online, "online", "", "how much of that the device that judges must have been online (default 3d)")
	f.StringVar(&t.grace, "grace", "", "from then to its removal; twice that if no spare device remains (default 7d)")
}

// into sets those that were given.
func (t *timers) into(args *api.FoundArgs) error {
	for _, f := range []struct {
		name, text string
		to         *api.Duration
	}{
		{"--quiet", t.quiet, &args.Quiet},
		{"--suspect", t.suspect, &args.Suspect},
		{"--online", t.online, &args.Online},
		{"--grace", t.grace, &args.Grace},
	} {
		if f.text == "" {
			continue
		}
		d, err := parseLength(f.name, f.text)
		if err != nil {
			return err
		}
		// Devices count in whole seconds, and 0 would mean the default.
		if d < time.Second || d%time.Second != 0 {
			return usagef("%s is in whole seconds, and at least one", f.name)
		}
		*f.to = api.Duration(d)
	}
	return nil
}

package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
)

func statusCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show devices, accounts, requests and what needs you",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(func(c *api.Client) error {
				s, err := c.Status(cmd.Context())
				if err != nil {
					return err
				}
				return a.con.result(s, func(w io.Writer) { printStatus(w, s, a.con.verbose) })
			})
		},
	}
}

// printStatus says where the device and its circle stand, and with all also what
// few want to know.
func printStatus(w io.Writer, s api.Status, all bool) {
	lock := "unlocked"
	if s.Locked {
		lock = "locked"
	}
	fmt.Fprintf(w, "%s (%s), %s, device %s\n", esc(s.Name), esc(s.Kind), lock, shortID(s.Device))
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "! %s\n", esc(warning))
	}
	if all {
		for _, addr := range s.Addresses {
			fmt.Fprintf(w, "  at %s\n", esc(addr))
		}
	}
	if x := s.Strangers; x != nil && (all || x.Refused+x.Unheard+x.TurnedAway >= notableStrangers && time.Since(x.Last) < 24*time.Hour) {
		fmt.Fprintf(w, "  strangers: %d refused, %d said nothing, %d found no place, last %s\n", x.Refused, x.Unheard, x.TurnedAway, ago(x.Last))
	}
	if f := s.Founding; f != nil {
		fmt.Fprintf(w, "\n%s\n", foundingText(*f))
	}
	if s.Circle == "" {
		if s.Founding == nil {
			fmt.Fprintln(w, "\nin no circle yet: `warifu found` makes one, `warifu join` answers an invitation")
		}
		return
	}
	in := slices.ContainsFunc(s.Devices, func(d api.Device) bool { return d.This })
	if in {
		fmt.Fprintf(w, "\ncircle %s: %d devices, any %d of which sign, epoch %d\n", shortID(s.Circle), len(s.Devices), s.Threshold, s.Epoch)
	} else {
		fmt.Fprintf(w, "\ncircle %s without this device: %d devices, any %d of which sign, since epoch %d\n", shortID(s.Circle), len(s.Devices), s.Threshold, s.Epoch)
	}
	var rows [][]string
	for _, d := range s.Devices {
		name := esc(d.Name)
		if slices.ContainsFunc(s.Former, func(f api.Former) bool { return roster.SameName(f.Name, d.Name) }) {
			name += " (" + esc(d.Fingerprint) + ")" // another device was called so
		}
		row := []string{"  " + name, esc(d.Kind), presence(d)}
		if in {
			row = append(row, deviceState(s.Devices, d), ownEpoch(d, s.Epoch), deviceLoad(d))
		}
		rows = append(rows, row)
	}
	table(w, rows)
	if in && s.OldSharesAlive > 0 {
		fmt.Fprintf(w, "\nold shares %s\n", oldShares(s.OldSharesAlive, s.OldSharesOut, s.OldSharesKey, s.OldSharesOn))
	}
	if s.Healing != "" {
		fmt.Fprintf(w, "healing: %s\n", esc(s.Healing))
	}
	fmt.Fprintln(w, "\naccounts")
	printAccounts(w, s.Accounts, all)
	if len(s.Requests) > 0 {
		fmt.Fprintln(w, "\nrequests")
		printRequests(w, s.Requests)
	}
}

func presence(d api.Device) string {
	switch {
	case d.This:
		return "this device"
	case d.Online:
		return "online"
	case d.LastSeen == nil:
		return "not seen yet"
	}
	return "last seen " + day(*d.LastSeen) + ", " + ago(*d.LastSeen)
}

// deviceState says what the circle thinks of a device that is not simply
// there or not.
func deviceState(devices []api.Device, d api.Device) string {
	text := esc(d.Why)
	if text == "" {
		text = esc(d.State)
	}
	switch d.State {
	case api.DeviceSuspect, api.DeviceGrace:
		if d.Until != nil && d.State == api.DeviceGrace {
			text += " (" + date(*d.Until) + ")"
		}
		return text + "; `warifu veto " + esc(designation(devices, d)) + "` postpones its removal"
	case api.DeviceVacation:
		if d.Until != nil {
			return "on vacation, ends " + date(*d.Until) + ", " + until(*d.Until)
		}
	case api.DeviceTwice:
		return text + ": `warifu lost " + esc(designation(devices, d)) + "` if you did not copy it"
	}
	return text
}

// notableStrangers is how many connections of strangers are worth a line: a few are
// devices that came before they were let in.
const notableStrangers = 10

// notableLoad is the share of this device's time, in percent, from which on a
// person is told what another device costs.
const notableLoad = 5

// deviceLoad says that a device costs this one much.
func deviceLoad(d api.Device) string {
	if d.Load < notableLoad && !d.HeldBack {
		return ""
	}
	text := fmt.Sprintf("takes %d %% of this device's time", d.Load)
	if d.HeldBack {
		text += ", held back"
	}
	return text
}

// ownEpoch says that a device is not where the circle is.
func ownEpoch(d api.Device, epoch uint64) string {
	if d.Epoch == epoch || d.LastSeen == nil {
		return ""
	}
	return fmt.Sprintf("in epoch %d", d.Epoch)
}

// foundingText says how far a device is on its way into a circle. One that was
// invited does not know yet whether that is being founded or lives already.
func foundingText(f api.Founding) string {
	if f.State == api.FoundingInviting && len(f.Missing) > 0 {
		return "invited by " + escAll(f.Missing) + ": it goes on there, when others have joined or its circle has agreed"
	}
	text := map[string]string{
		api.FoundingInviting:   "devices are being invited",
		api.FoundingGenerating: "the keys are being generated",
		api.FoundingConfirming: "waiting for your yes to names and words",
		api.FoundingPending:    "this device is ready, others are not; `warifu found --abandon` sets it aside",
	}[f.State]
	if text == "" {
		text = esc(f.State)
	}
	if len(f.Missing) > 0 {
		text += "; missing: " + escAll(f.Missing)
	}
	return "a founding is under way: " + text
}

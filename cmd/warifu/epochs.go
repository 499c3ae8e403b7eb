package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

func epochsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "epochs",
		Short: "Show how the circle came to be what it is, verified",
		Long: `Epochs shows every change of who holds what, from the founding on. The device
has verified each signature and that each follows from the one before. The six
words at the end are the same on all devices that know the same story.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(func(c *api.Client) error {
				list, err := c.Epochs(cmd.Context())
				if err != nil {
					return err
				}
				out := struct {
					Epoch  uint64              `json:"epoch"`
					Epochs api.List[api.Epoch] `json:"epochs"`
				}{Epochs: list}
				if len(list) > 0 {
					out.Epoch = list[len(list)-1].Epoch
				}
				return a.con.result(out, func(w io.Writer) { printEpochs(w, list) })
			})
		},
	}
}

func printEpochs(w io.Writer, list []api.Epoch) {
	if len(list) == 0 {
		fmt.Fprintln(w, "this device is in no circle")
		return
	}
	for _, e := range list {
		fmt.Fprintf(w, "epoch %d, %s: any %d of %d devices sign\n", e.Epoch, esc(e.Kind), e.Threshold, len(e.Devices))
		var rows [][]string
		add := func(label string, names []string) {
			if len(names) > 0 {
				rows = append(rows, []string{"  " + label, escAll(names)})
			}
		}
		if e.Since != nil {
			add("here since", []string{date(*e.Since)})
		}
		add("devices", e.Devices)
		add("added", e.Added)
		add("removed", e.Removed)
		if len(e.Sleepers) > 0 {
			add("took part", e.Members)
			add("asleep", e.Sleepers)
		}
		add("certified by", e.Signers)
		rows = append(rows, []string{"  record", shortID(e.Record)})
		table(w, rows)
	}
	if words, ok := recordWords(list[len(list)-1].Record); ok {
		fmt.Fprintf(w, "\n  %s\n", words)
	}
}

// recordWords are the six words of a record's hash.
func recordWords(text string) (string, bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(wire.Hash{}) {
		return "", false
	}
	words := roster.Words(wire.Hash(raw))
	return strings.Join(words[:], " "), true
}

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func requestsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "requests",
		Short: "List what the circle is asked",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(func(c *api.Client) error {
				list, err := c.Requests(cmd.Context())
				if err != nil {
					return err
				}
				out := struct {
					Requests api.List[api.Request] `json:"requests"`
				}{list}
				return a.con.result(out, func(w io.Writer) {
					if len(list) == 0 {
						fmt.Fprintln(w, "no requests")
						return
					}
					printRequests(w, list)
				})
			})
		},
	}
}

func printRequests(w io.Writer, list []api.Request) {
	var rows [][]string
	for _, r := range list {
		rows = append(rows, []string{"  " + shortID(r.ID), stateText(r), "asked " + day(r.Created), "from " + esc(r.From), esc(r.Summary)})
	}
	var b strings.Builder
	table(&b, rows)
	width := columns(w)
	i := 0
	for line := range strings.Lines(b.String()) {
		sentence(w, strings.TrimSuffix(line, "\n"), width)
		if r := list[i]; r.State == api.StatePending {
			for _, warning := range r.Warnings {
				sentence(w, "            ! "+esc(warning), width)
			}
		}
		i++
	}
}

// stateText says where a request stands.
func stateText(r api.Request) string {
	switch r.State {
	case api.StatePending:
		if r.Answer == "" {
			return "needs your answer"
		}
		return "waits for others"
	case api.StateDone:
		return "took effect"
	case api.StateReleased:
		return "may be signed"
	case api.StateDenied:
		if len(r.DeniedBy) > 0 {
			return "denied by " + escAll(r.DeniedBy)
		}
	}
	return esc(r.State)
}

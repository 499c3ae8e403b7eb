package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func (a *app) showCmd() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a request in words, and what came of it",
		Long: `Show prints what a request asks, as this device understands it. ID may be the
first digits of the id, four at least. With --wait it goes on waiting for the
signature of a request whose "warifu sign" was interrupted.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.requestIDs(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(func(c *api.Client) error {
				if wait {
					sig, err := c.Wait(cmd.Context(), args[0], a.event)
					if err != nil {
						return stillOpen(err, args[0])
					}
					return a.printSignature(sig)
				}
				r, err := c.Request(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.result(r, func(w io.Writer) { printRequest(w, r) })
			})
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for the signature and print it")
	return cmd
}

func printRequest(w io.Writer, r api.Request) {
	fmt.Fprintf(w, "%s\n\n", esc(r.Summary))
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "! %s\n", esc(warning))
	}
	if len(r.Warnings) > 0 {
		fmt.Fprintln(w)
	}
	var rows [][]string
	add := func(label, text string) {
		if text != "" {
			rows = append(rows, []string{"  " + esc(label), esc(text)})
		}
	}
	for _, l := range r.Lines {
		add(l.Label, l.Text)
	}
	table(w, rows)
	fmt.Fprintln(w)
	rows = nil
	add("request", r.ID)
	add("signs with", r.Account+" "+r.Address)
	add("asked by", r.From)
	add("asked", r.Created.Local().Format(time.DateTime))
	rows = append(rows, []string{"  state", stateText(r)})
	if len(r.ApprovedBy) > 0 {
		rows = append(rows, []string{"  approved by", escAll(r.ApprovedBy)})
	}
	if len(r.DeniedBy) > 0 {
		rows = append(rows, []string{"  denied by", escAll(r.DeniedBy)})
	}
	if r.State == api.StatePending {
		add("expires", until(r.Expires))
	}
	if s := r.Signature; s != nil {
		rows = append(rows, []string{"  signed by", escAll(s.Signers)})
		if s.Kind != api.KindFile {
			add("signature", s.Signature)
		}
		if len(s.Hash) > 0 {
			add("hash", s.Hash.String())
		}
	}
	table(w, rows)
	if s := r.Signature; s != nil && s.Kind == api.KindFile {
		fmt.Fprintf(w, "\n%s\n", escLines(s.Signature))
	}
}

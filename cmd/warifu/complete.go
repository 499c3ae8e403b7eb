package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// complete offers the values of a flag.
func complete[T ~string](cmd *cobra.Command, flag string, values ...T) {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic("warifu: internal error: " + err.Error())
	}
}

// completeFrom completes the one argument of a command with what the daemon
// knows. Without an answer within a second it offers nothing.
func completeFrom(a *app, list func(context.Context, *api.Client) ([]cobra.Completion, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const none = cobra.ShellCompDirectiveNoFileComp
		if len(args) > 0 || a.findHome() != nil {
			return nil, none
		}
		c, err := a.client()
		if err != nil {
			return nil, none
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
		defer cancel()
		out, err := list(ctx, c)
		if err != nil {
			return nil, none
		}
		return out, none
	}
}

// deviceArgs completes the names of devices, without this one if others is
// set.
func deviceArgs(a *app, others bool) cobra.CompletionFunc {
	return completeFrom(a, func(ctx context.Context, c *api.Client) (out []cobra.Completion, err error) {
		s, err := c.Status(ctx)
		for _, d := range s.Devices {
			if !others || !d.This {
				out = append(out, cobra.CompletionWithDesc(designation(s.Devices, d), esc(d.Kind)+", "+presence(d)))
			}
		}
		return out, err
	})
}

// requestIDs completes ids of requests, open ones only if open is set.
func requestIDs(a *app, open bool) cobra.CompletionFunc {
	return completeFrom(a, func(ctx context.Context, c *api.Client) (out []cobra.Completion, err error) {
		list, err := c.Requests(ctx)
		for _, r := range list {
			if !open || r.State == api.StatePending {
				out = append(out, cobra.CompletionWithDesc(shortID(r.ID), esc(r.Summary)))
			}
		}
		return out, err
	})
}

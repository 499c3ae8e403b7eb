package main

import (
	_ "embed"
	"io"

	"github.com/spf13/cobra"
)

// thirdParty is made by tools/notices: the terms of all that is linked.
//
//go:embed third-party.txt
var thirdParty string

func licensesCmd(con *console) *cobra.Command {
	return &cobra.Command{
		Use:   "licenses",
		Short: "Print the licences of everything that this binary is made of",
		Args:  nothing,
		RunE: func(*cobra.Command, []string) error {
			out := struct {
				License    string `json:"license"`
				ThirdParty string `json:"third_party"`
			}{"Apache-2.0", thirdParty}
			return con.result(out, func(w io.Writer) {
				_, _ = io.WriteString(w, "warifu itself is under the Apache License 2.0.\n\n"+thirdParty)
			})
		},
	}
}

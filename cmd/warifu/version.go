package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which warifu this is",
		Args:  nothing,
		RunE: func(*cobra.Command, []string) error {
			out := struct {
				Version  string `json:"version"`
				Revision string `json:"revision,omitempty"`
				API      int    `json:"api"`
				Go       string `json:"go"`
				Platform string `json:"platform"`
			}{Version: "devel", API: api.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				if v := info.Main.Version; v != "" && v != "(devel)" {
					out.Version = v
				}
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						out.Revision = s.Value
					}
				}
			}
			return a.result(out, func(w io.Writer) {
				fmt.Fprintf(w, "warifu %s", out.Version)
				if out.Revision != "" {
					fmt.Fprintf(w, " (%s)", shortID(out.Revision))
				}
				fmt.Fprintf(w, ", %s, %s\n", out.Go, out.Platform)
			})
		},
	}
}

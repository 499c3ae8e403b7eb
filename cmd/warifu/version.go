package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// A build says what was built. The Go tool stamps revision, time and state of the
// working tree into what `go build` and `go install` make in a repository;
// `go install` of a version has the version alone, and `go run` nothing.
type build struct {
	Version  string `json:"version"` // of the module, "devel" if not known
	Revision string `json:"revision,omitempty"`
	Time     string `json:"revision_time,omitempty"` // RFC 3339
	Dirty    *bool  `json:"dirty,omitempty"`         // it was changed after the revision; nil if not known
	API      int    `json:"api"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// thisBuild reads what the Go tool put into the program, if anything.
func thisBuild(info *debug.BuildInfo) build {
	b := build{Version: "devel", API: api.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			dirty := s.Value == "true"
			b.Dirty = &dirty
		}
	}
	return b
}

// String says it in one line.
func (b build) String() string {
	revision := "revision not recorded"
	switch {
	case b.Revision != "":
		revision = "revision " + b.Revision[:min(len(b.Revision), 12)]
		if b.Dirty != nil && *b.Dirty {
			revision += " with changes"
		}
	case b.Version != "devel":
		revision = "released version"
	}
	return fmt.Sprintf("warifu %s, %s, %s, %s", b.Version, revision, b.Go, b.Platform)
}

func printVersion(con *console) error {
	info, _ := debug.ReadBuildInfo()
	b := thisBuild(info)
	return con.result(b, func(w io.Writer) { fmt.Fprintln(w, b) })
}

func versionCmd(con *console) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which warifu this is, and from what it was built",
		Args:  nothing,
		RunE:  func(*cobra.Command, []string) error { return printVersion(con) },
	}
}

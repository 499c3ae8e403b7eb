package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"testing"
)

// TestBuildSaysWhatWasBuilt, with what the Go tool records in each way to build.
func TestBuildSaysWhatWasBuilt(t *testing.T) {
	t.Parallel()
	const revision = "7f9270dce554a1b2c3d4e5f60718293a4b5c6d7e"
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "CGO_ENABLED", Value: "0"}, {Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: revision},
			{Key: "vcs.time", Value: "2026-11-30T18:10:26Z"}, {Key: "vcs.modified", Value: modified}}
	}
	end := ", " + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH
	platform := `"api":1,"go":"` + runtime.Version() + `","platform":"` + runtime.GOOS + "/" + runtime.GOARCH + `"}`
	for name, tc := range map[string]struct {
		info       *debug.BuildInfo
		text, json string
	}{
		"go build": {&debug.BuildInfo{Main: debug.Module{Version: "v0.0.0-20261130181026-7f9270dce554"}, Settings: vcs("false")},
			"warifu v0.0.0-20261130181026-7f9270dce554, revision 7f9270dce554", `{"version":"v0.0.0-20261130181026-7f9270dce554","revision":"` + revision + `","revision_time":"2026-11-30T18:10:26Z","dirty":false,`},
		"go build with changes": {&debug.BuildInfo{Main: debug.Module{Version: "v1.0.1-0.20261130181026-7f9270dce554+dirty"}, Settings: vcs("true")},
			"warifu v1.0.1-0.20261130181026-7f9270dce554+dirty, revision 7f9270dce554 with changes", `{"version":"v1.0.1-0.20261130181026-7f9270dce554+dirty","revision":"` + revision + `","revision_time":"2026-11-30T18:10:26Z","dirty":true,`},
		"go install of a version": {&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3", Sum: "h1:x"}}, "warifu v1.2.3, released version", `{"version":"v1.2.3",`},
		"go run":                  {&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "warifu devel, revision not recorded", `{"version":"devel",`},
		"nothing":                 {nil, "warifu devel, revision not recorded", `{"version":"devel",`},
	} {
		b := thisBuild(tc.info)
		if b.String() != tc.text+end {
			t.Errorf("%s: %s, want %s", name, b, tc.text+end)
		}
		if got, err := json.Marshal(b); err != nil || string(got) != tc.json+platform {
			t.Errorf("%s: %s, want %s (%v)", name, got, tc.json+platform, err)
		}
	}
}

// TestVersionFlag: --version is the same as the command, also in JSON, and needs no
// home.
func TestVersionFlag(t *testing.T) {
	t.Parallel()
	for _, format := range [][]string{nil, {"--json"}} {
		flag, cmd := warifu(t, t.Context(), "", append(format, "--version")...), warifu(t, t.Context(), "", append(format, "version")...)
		if flag != cmd || flag.code != exitDone || flag.stdout == "" || flag.stderr != "" {
			t.Errorf("%+v and %+v", flag, cmd)
		}
	}
}

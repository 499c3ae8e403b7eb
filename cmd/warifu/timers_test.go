package main

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

func TestTimers(t *testing.T) {
	t.Parallel()
	got := api.FoundArgs{Threshold: 2}
	if err := (&timers{quiet: "2s", suspect: "90m", grace: "14d", online: "1w"}).into(&got); err != nil {
		t.Fatal(err)
	}
	want := api.FoundArgs{Threshold: 2, Quiet: api.Duration(2 * time.Second), Suspect: api.Duration(90 * time.Minute),
		Grace: api.Duration(14 * 24 * time.Hour), Online: api.Duration(7 * 24 * time.Hour)}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	// The product of 30501 weeks overflows into two days.
	if err := (&timers{quiet: "30501w"}).into(&got); err != nil || time.Duration(got.Quiet) < 100*365*24*time.Hour {
		t.Errorf("30501w: %v, %v", got.Quiet, err)
	}
	got = api.FoundArgs{}
	if err := (&timers{}).into(&got); err != nil || got != (api.FoundArgs{}) {
		t.Errorf("nothing given: %+v, %v", got, err)
	}
	for _, tc := range []struct {
		timers
		says string
	}{
		{timers{quiet: "999ms"}, "--quiet is in whole seconds"},
		{timers{suspect: "1500ms"}, "--suspect is in whole seconds"},
		{timers{grace: "0s"}, "--grace is in whole seconds"},
		{timers{grace: "-7d"}, "--grace is no length of time"},
		{timers{online: "-1h"}, "--online is in whole seconds"},
		{timers{online: "3"}, "--online is no length of time"},
	} {
		if err := tc.into(&api.FoundArgs{}); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%+v: %v", tc.timers, err)
		}
	}
}

// TestFoundTimers checks that the flags are read before anything begins.
func TestFoundTimers(t *testing.T) {
	t.Parallel()
	home := serve(t, foundingFake())
	o := warifu(t, t.Context(), "", "--home", home, "found", "--threshold", "2", "--devices", "2", "--grace", "10ms")
	if o.code != exitUsage || o.stdout != "" {
		t.Errorf("%+v", o)
	}
	has(t, "stderr", o.stderr, "--grace is in whole seconds")
}

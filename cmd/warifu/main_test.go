package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this package's main as the command warifu.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"warifu": main})
}

// TestScripts runs the stories that need no other device.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// Short, because a socket's path must be.
			env.Setenv("WARIFU_HOME", env.WorkDir+"/h")
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
	})
}

// TestCircleScripts runs the stories of a device in a circle, with a backend
// that answers as one would.
func TestCircleScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/circle",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			home := env.WorkDir + "/h"
			env.Setenv("WARIFU_HOME", home)
			env.Setenv("HOME", env.WorkDir)
			if err := os.Mkdir(home, 0o700); err != nil {
				return err
			}
			serveAt(t, home, &healFake{fake: fake{status: healStatus(), requests: healRequests(), answers: make(chan bool, 1)}})
			return nil
		},
	})
}

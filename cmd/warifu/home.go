package main

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/warifu/warifu/node/api"
)

// findHome settles a.home: the flag, else the environment, else the
// platform's directory for a user's data.
func (a *app) findHome() error {
	if a.home == "" {
		a.home = os.Getenv("WARIFU_HOME")
	}
	if a.home == "" {
		data, err := dataDir()
		if err != nil {
			return err
		}
		a.home = filepath.Join(data, "warifu")
	}
	abs, err := filepath.Abs(a.home)
	if err != nil {
		return api.Errorf(api.CodeBadArgument, "the home cannot be located: %v", err)
	}
	a.home = abs
	return nil
}

// dataDir is where programs keep a user's data.
func dataDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" && filepath.IsAbs(dir) {
		return dir, nil
	}
	if dir := os.Getenv("LocalAppData"); runtime.GOOS == "windows" && dir != "" {
		return dir, nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", api.Errorf(api.CodeBadArgument, "there is no home directory to put the device in").
			WithHint("say where with --home or WARIFU_HOME")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(user, "Library", "Application Support"), nil
	}
	return filepath.Join(user, ".local", "share"), nil
}

func homeInWords() string {
	switch runtime.GOOS {
	case "windows":
		return `%LocalAppData%\warifu`
	case "darwin":
		return "~/Library/Application Support/warifu"
	}
	return "~/.local/share/warifu"
}

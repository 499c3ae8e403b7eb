//go:build race

package e2e

// raceFlags build daemons that report data races, if the tests do.
var raceFlags = []string{"-race"}

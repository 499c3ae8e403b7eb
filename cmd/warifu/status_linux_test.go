package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestStatusFitsItsTerminal: on terminals of all widths no word of status is
// broken, and keys stand in one piece, from the left of the screen if need be.
func TestStatusFitsItsTerminal(t *testing.T) {
	t.Parallel()
	s := quietStatus(time.Now().Add(-50 * time.Hour))
	s.Warnings = append(s.Warnings, "only 1 of 3 devices are connected and 2 must sign: start another one, or type `warifu status --verbose` there")
	for _, columns := range []uint16{40, 60, 80, 120, 200} {
		out := onTerminal(t, columns, 24, func(f *os.File) {
			printStatus(onScreen(f), s, true)
		})
		for line := range strings.Lines(out) {
			line = strings.TrimSuffix(line, "\n")
			if word := strings.TrimSpace(line); across(line) > int(columns) && word != sampleAddress && word != sampleXpub && !strings.HasPrefix(word, sampleSSH) {
				t.Errorf("%d columns: %q", columns, line)
			}
		}
		for _, word := range []string{sampleAddress, samplePath, sampleXpub, sampleSSH, "`warifu status --verbose`", "connected", "unlocked,"} {
			if !strings.Contains(out, word) {
				t.Errorf("%d columns: %q is broken:\n%s", columns, word, out)
			}
		}
	}
}

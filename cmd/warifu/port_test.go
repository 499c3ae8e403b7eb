package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/p2p"
)

// The port of a home is what its file says. A file that says something else is
// told of, once, and costs nothing but the port.
func TestLastPort(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint16{"20001\n": 20001, "20001": 20001, "": 0, "many\n": 0, "65536\n": 0, "-1\n": 0, "1 2\n": 0} {
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, portName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		got := lastPort(home, slog.New(slog.NewTextHandler(&log, nil)))
		if said := strings.Count(log.String(), "cannot be read"); got != want || said != 0 && want != 0 || said != 1 && want == 0 {
			t.Errorf("%q: port %d, want %d; it says %q", text, got, want, log.String())
		}
	}
	var log bytes.Buffer
	if got := lastPort(t.TempDir(), slog.New(slog.NewTextHandler(&log, nil))); got != 0 || log.Len() > 0 {
		t.Errorf("without a file: port %d, %q", got, log.String())
	}
}

// The port that was had is kept. Whoever wanted another one is told.
func TestKeepPort(t *testing.T) {
	t.Parallel()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	link, err := p2p.New(p2p.Config{Key: key, Listen: []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}, Protocols: map[string]int{"/test/1": 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stopLink(t.Context(), link); err != nil {
			t.Error(err)
		}
	})
	port := link.Port()
	for _, tc := range []struct {
		name     string
		want     uint16
		home     string
		kept     bool
		warnings []string
	}{
		{"the first", 0, t.TempDir(), true, nil},
		{"the same", port, t.TempDir(), false, nil}, // it is in the file
		{"another", port + 1, t.TempDir(), true, []string{"another program holds the port"}},
		{"no disk", port + 1, filepath.Join(t.TempDir(), "none"), false, []string{"another program holds the port", "the port is not kept"}},
	} {
		var log bytes.Buffer
		keepPort(tc.home, tc.want, link, slog.New(slog.NewTextHandler(&log, nil)))
		b, _ := os.ReadFile(filepath.Join(tc.home, portName))
		if kept := string(b) == fmt.Sprintln(port); kept != tc.kept {
			t.Errorf("%s: the file says %q, the port is %d", tc.name, b, port)
		}
		if strings.Count(log.String(), "level=WARN") != len(tc.warnings) {
			t.Errorf("%s: it says %q", tc.name, log.String())
		}
		for _, w := range tc.warnings {
			if !strings.Contains(log.String(), w) {
				t.Errorf("%s: it does not say %q", tc.name, w)
			}
		}
	}
}

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts"

	"github.com/warifu/warifu/node/api"
)

// TestDemo runs the demo as a script would and believes nothing that it says of
// itself: every signature recovers to the one address, each was made by two
// devices, every pair of those that were there signs, and nothing is left behind.
// It does not run beside others, for it has a time limit of its own.
func TestDemo(t *testing.T) {
	long(t)
	dir := filepath.Join(tempDir(t), "demo")
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, "demo", "--json", "--dir", dir)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	type signature struct {
		Message   string   `json:"message"`
		Signature string   `json:"signature"`
		Signers   []string `json:"signers"`
		Valid     bool     `json:"valid"`
	}
	got := decode[struct {
		Address    string      `json:"address"`
		Signatures []signature `json:"signatures"`
		Epochs     int         `json:"epochs"`
		Seconds    float64     `json:"seconds"`
	}](t, stdout.String())
	pairs := map[string]bool{}
	for _, s := range got.Signatures {
		if !s.Valid || len(s.Signers) != 2 {
			t.Errorf("%+v", s)
		}
		if who := recovered(t, accounts.TextHash([]byte(s.Message)), s.Signature); who != got.Address {
			t.Errorf("%q is signed by %s, want %s", s.Message, who, got.Address)
		}
		pairs[strings.Join(s.Signers, " ")] = true
	}
	if len(pairs) < 3 || got.Epochs < 3 || got.Seconds <= 0 {
		t.Errorf("%d pairs, %d epochs, %v seconds", len(pairs), got.Epochs, got.Seconds)
	}
	for line := range strings.Lines(stderr.String()) {
		var e api.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event == "" {
			t.Errorf("stderr has a line that is no event: %s", line)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the demo leaves its directory: %v", err)
	}
}

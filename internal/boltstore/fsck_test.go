package boltstore_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/boltstore"
)

func TestFsckOfASoundStore(t *testing.T) {
	t.Parallel()
	path, _ := populated(t, rand.New(rand.NewChaCha8([32]byte{8})))
	before := digest(t, path)
	headerSeen := false
	for _, checks := range []boltstore.Checks{
		{},
		{Records: newSealer(t, 1), Header: func(b []byte) error {
			headerSeen = string(b) == string(header)
			return nil
		}},
	} {
		findings, err := boltstore.Fsck(path, checks)
		if err != nil || len(findings) > 0 {
			t.Errorf("fsck: %v, %v", findings, err)
		}
	}
	if !headerSeen {
		t.Error("fsck did not show the header to its check")
	}
	if digest(t, path) != before {
		t.Error("fsck changed the file")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("fsck left files: %v, %v", entries, err)
	}
}

func TestFsckFinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		do     func(t *testing.T, path string)
		checks boltstore.Checks
		want   string
	}{
		{"bad-header", func(*testing.T, string) {}, boltstore.Checks{Header: func([]byte) error { return errors.New("torn") }}, "header: torn"},
		{"newer-format", func(t *testing.T, path string) { rewrite(t, path, setPlain("format", []byte{0, 0, 0, 9})) }, boltstore.Checks{}, "newer version"},
		{"empty", func(t *testing.T, path string) { write(t, path, nil) }, boltstore.Checks{}, "empty"},
		{"other-key", func(*testing.T, string) {}, boltstore.Checks{Records: newSealer(t, 9)}, "record device/n0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path, _ := populated(t, rand.New(rand.NewChaCha8([32]byte{9})))
			tt.do(t, path)
			before := digest(t, path)
			findings, err := boltstore.Fsck(path, tt.checks)
			if err != nil {
				t.Fatal(err)
			}
			said := ""
			for _, f := range findings {
				if !f.Damage || f.Hint == "" {
					t.Errorf("finding without weight or hint: %+v", f)
				}
				said += f.What + "\n"
			}
			if !strings.Contains(said, tt.want) {
				t.Errorf("fsck said %q, want %q", said, tt.want)
			}
			if digest(t, path) != before {
				t.Error("fsck changed the file")
			}
		})
	}
	if _, err := boltstore.Fsck(filepath.Join(t.TempDir(), "none"), boltstore.Checks{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("fsck of nothing: %v", err)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// demoLimit is how long the demo may take. It takes less than half a minute; the
// rest is for machines that are slow or busy.
const demoLimit = 3 * time.Minute

func (a *app) demoCmd() *cobra.Command {
	var dir string
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See three devices found a circle, sign, lose one and heal",
		Long: `Demo starts three real devices as separate processes on this machine's loopback,
founds a circle of which any two sign, has one of them stolen, heals without it,
lets the thief try, lets a new device in, and checks every signature with
go-ethereum's own recovery. It needs nothing set up, touches no other device of
yours, and removes what it made.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), demoLimit)
			defer cancel()
			return a.demo(ctx, dir, keep)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "put the devices into this new or empty directory")
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the devices' homes in place")
	return cmd
}

// A demoSignature is one line of the summary.
type demoSignature struct {
	Message   string   `json:"message"`
	Signature string   `json:"signature"`
	Signers   []string `json:"signers"`
	Valid     bool     `json:"valid"`
}

// A demoSummary is the demo's result.
type demoSummary struct {
	Address     string          `json:"address"`
	Circle      string          `json:"circle"`
	Threshold   int             `json:"threshold"`
	Devices     []string        `json:"devices"`
	Signatures  []demoSignature `json:"signatures"`
	Epochs      int             `json:"epochs"`
	HealSeconds float64         `json:"heal_seconds"` // from "it is lost" to shares without it
	Seconds     float64         `json:"seconds"`
	Dir         string          `json:"dir,omitempty"` // with --keep
}

// demo prepares the directory, runs the story and cleans up.
func (a *app) demo(ctx context.Context, dir string, keep bool) (err error) {
	dir, err = demoDir(dir)
	if err != nil {
		return err
	}
	s := &story{app: a, dir: dir, began: time.Now()}
	defer func() {
		s.stopAll()
		if !keep {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := s.tell(ctx); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = api.Errorf(api.CodeTimeout, "the demo takes longer than %v: %v", demoLimit, err)
		}
		return s.explain(err)
	}
	s.summary.Seconds = time.Since(s.began).Round(time.Millisecond).Seconds()
	if keep {
		s.summary.Dir = dir
	}
	return a.result(s.summary, func(w io.Writer) {
		fmt.Fprintf(w, "\ndone in %.1f s: %d signatures of %s, each by two devices, each valid, and no device ever had the key\n",
			s.summary.Seconds, len(s.summary.Signatures), s.summary.Address)
		if keep {
			fmt.Fprintf(w, "the devices' homes are in %s, with their passphrases beside them\n", esc(dir))
		}
	})
}

// demoDir makes a directory that is ours alone.
func demoDir(dir string) (string, error) {
	if dir == "" {
		// Not below TMPDIR's own subdirectories: a socket's path is short.
		out, err := os.MkdirTemp("", "warifu-demo-")
		if err != nil {
			return "", fmt.Errorf("make a directory: %w", err)
		}
		return out, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory: %w", err)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("read the directory: %w", err)
	}
	if len(there) > 0 {
		return "", api.Errorf(api.CodeBadArgument, "the directory %s is not empty", dir).
			WithHint("the demo removes its directory in the end, so it wants one of its own")
	}
	return filepath.Abs(dir)
}

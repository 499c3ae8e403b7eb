// Package demo tells the story of a circle with real devices: three processes
// of this program found one on the loopback, sign, have one of them stolen, heal
// without it, let the thief try and let a new device in. Every step is checked,
// and the story ends at the first that goes wrong.
//
// A device is this program again, run with init and with up, so that only a
// program that has these commands can show it. What happens is told as events,
// which whoever shows it prints as it likes.
package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/warifu/warifu/node/api"
)

// limit is how long the demo may take. It takes less than half a minute; the
// rest is for machines that are slow or busy.
const limit = 3 * time.Minute

// A Config is what the demo wants from the program that shows it.
type Config struct {
	Dir  string // new or empty, for the devices' homes; "" for one of our own
	Keep bool   // leave it in place

	// Tell takes a line of the story: an [api.EventProgress], numbered if it
	// begins a step. It is called from several goroutines.
	Tell func(api.Event)

	// Escape makes safe to print what a device or its process says.
	Escape func(string) string

	// Signer returns the address whose key made a signature (r‖s‖v) of a
	// message (EIP-191), or why none can have made it. It must not be the code
	// that made it.
	Signer func(message, signature []byte) (address string, err error)
}

// A Signature is one line of the summary.
type Signature struct {
	Message   string   `json:"message"`
	Signature string   `json:"signature"`
	Signers   []string `json:"signers"`
	Valid     bool     `json:"valid"`
}

// A Summary is the demo's result.
type Summary struct {
	Address     string      `json:"address"`
	Circle      string      `json:"circle"`
	Threshold   int         `json:"threshold"`
	Devices     []string    `json:"devices"`
	Signatures  []Signature `json:"signatures"`
	Epochs      int         `json:"epochs"`
	HealSeconds float64     `json:"heal_seconds"` // from "it is lost" to shares without it
	Seconds     float64     `json:"seconds"`
	Dir         string      `json:"dir,omitempty"` // with Keep
}

// Run prepares the directory, runs the story, has show show what came of it and
// cleans up. Of a story that went wrong the error holds what devices said that
// ended on their own.
func Run(ctx context.Context, c Config, show func(Summary) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if c.Dir, err = ownDir(c.Dir); err != nil {
		return err
	}
	s := &story{Config: c, began: time.Now()}
	defer func() {
		s.stopAll()
		if !c.Keep {
			err = errors.Join(err, os.RemoveAll(c.Dir))
		}
	}()
	if err := s.tell(ctx); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = api.Errorf(api.CodeTimeout, "the demo takes longer than %v: %v", limit, err)
		}
		return s.explain(err)
	}
	s.summary.Seconds = time.Since(s.began).Round(time.Millisecond).Seconds()
	if c.Keep {
		s.summary.Dir = c.Dir
	}
	return show(s.summary)
}

// ownDir makes a directory that is ours alone.
func ownDir(dir string) (string, error) {
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

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/warifu/warifu/internal/p2p"
)

// portName is a file in the home: the port at which the others last met this
// device, in decimal digits. Off the local network they know no other.
const portName = "port"

// lastPort returns the port that the home keeps, 0 if there is none.
func lastPort(home string, log *slog.Logger) uint16 {
	b, err := os.ReadFile(filepath.Join(home, portName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	var n uint64
	if err == nil {
		n, err = strconv.ParseUint(strings.TrimSpace(string(b)), 10, 16)
	}
	if err != nil {
		log.Warn("the port of last time cannot be read; another one is taken", "err", err)
		return 0
	}
	return uint16(n)
}

// keepPort makes the port of link the one that the home keeps, and says so if it
// is not the one that was wanted.
func keepPort(home string, want uint16, link *p2p.Link, log *slog.Logger) {
	got := link.Port()
	if got == want {
		return
	}
	if want != 0 {
		log.Warn("another program holds the port at which the others last met this device; until they see it on the local network, or it has reached them, they look for it there",
			"held", want, "port", got)
	}
	if got == 0 {
		return // it has several
	}
	if err := writePort(home, got); err != nil {
		log.Warn("the port is not kept: the next start will have another one", "err", err)
	}
}

// writePort replaces the file in one step, durably.
func writePort(home string, port uint16) error {
	path := filepath.Join(home, portName)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, port)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(home)
}

package p2p

import (
	"log"
	"log/slog"

	"github.com/libp2p/go-libp2p/gologshim"
)

// RedirectLibraryLogs hands to h what libp2p logs and, at level debug, what its
// and the beacon's libraries write through package log. By default all that
// goes to stderr, in forms of their own. It is for main to call, before
// anything else of this package, as it is process-wide.
func RedirectLibraryLogs(h slog.Handler) {
	gologshim.SetDefaultHandler(h)
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(h, slog.LevelDebug).Writer())
}

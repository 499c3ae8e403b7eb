package meet

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/warifu/warifu/node/say"
)

// Config is what a [Greeter] works with. All of it is needed, and is safe for
// concurrent use.
type Config struct {
	Device  Device
	Inviter Inviter
	Now     func() time.Time
	Rand    io.Reader // cryptographically secure
	Log     *slog.Logger
	Words   say.Vocabulary
}

// A Greeter meets devices that this one does not know yet, by invitations that it
// shows ([Greeter.Receive]) or answers ([Greeter.Answer]).
type Greeter struct {
	cfg  Config
	late latecare
}

// New returns a Greeter that must be ended.
func New(cfg Config) *Greeter { return &Greeter{cfg: cfg} }

// End shows the last late visitors out and waits until they have gone. Invitations
// that are to be shown from now on fail with cause.
func (g *Greeter) End(cause error) { g.late.end(cause) }

// unix returns t in Unix seconds, as invitations have it.
func unix(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }

func writeAll(s Stream, msgs [][]byte) error {
	for _, b := range msgs {
		if err := s.WriteMessage(b); err != nil {
			return fmt.Errorf("node: write to the other device: %w", err)
		}
	}
	return nil
}

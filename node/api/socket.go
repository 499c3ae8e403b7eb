package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// socketName is the name of the socket in a device's home.
const socketName = "warifu.sock"

// maxSocketPath is the longest path, in bytes, that every system we build for
// can bind a unix socket to: sun_path is 104 bytes on macOS and 108 on Linux,
// with a zero at its end.
const maxSocketPath = 103

// SocketPath returns the path of the socket in home. A home whose path leaves
// no room for it is refused with CodeHomeTooLong, on every system alike: a
// socket somewhere else would be one more place whose permissions must be
// right.
func SocketPath(home string) (string, error) {
	abs, err := filepath.Abs(home)
	if err != nil {
		return "", fmt.Errorf("api: locate socket: %w", err)
	}
	path := filepath.Join(abs, socketName)
	if len(path) > maxSocketPath {
		return "", Errorf(CodeHomeTooLong, "the path of the home is %d bytes long and a unix socket leaves room for %d",
			len(abs), maxSocketPath-len(socketName)-1).WithHint("choose a shorter one with --home or WARIFU_HOME")
	}
	return path, nil
}

// Listen opens the socket in home, which must be closed to other users. It
// removes the socket of a daemon that died, so the caller must hold the lock
// of the home's store. Closing the listener removes the socket.
func Listen(home string) (net.Listener, error) {
	path, err := SocketPath(home)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(home)
	if err != nil {
		return nil, fmt.Errorf("api: listen: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, Errorf(CodeRefused, "the home %s is open to other users (mode %04o)", home, info.Mode().Perm()).
			WithHint("chmod 700 %s", home)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// The home's mode keeps others out between bind and chmod.
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("api: listen: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, fmt.Errorf("api: listen: %w", err)
	}
	return ln, nil
}

// removeStale removes a socket that nobody listens at, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("api: listen: %w", err)
	}
	// Windows has no mode bit for its sockets.
	if runtime.GOOS != "windows" && info.Mode().Type() != fs.ModeSocket {
		return Errorf(CodeRefused, "%s is in the way and is not a socket", path).WithHint("look at it, then move it away")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return errAlreadyRunning()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) && runtime.GOOS != "windows" {
		return fmt.Errorf("api: listen: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("api: remove stale socket: %w", err)
	}
	return nil
}

func errAlreadyRunning() *Error {
	return Errorf(CodeAlreadyRunning, "another daemon runs in this home").
		WithHint("use it, or stop it first; `warifu status` shows it")
}

// dialSocket connects to the daemon, and says in words why it cannot.
func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, syscall.EAGAIN):
		return nil, errNoAnswer() // it accepts nothing any more
	case errors.Is(err, fs.ErrPermission):
		return nil, Errorf(CodeNotRunning, "the socket %s belongs to another user", path).
			WithHint("run warifu as the user whose device this is")
	default:
		return nil, Errorf(CodeNotRunning, "no daemon runs in %s", filepath.Dir(path)).
			WithHint("start it with `warifu up` in another terminal")
	}
}

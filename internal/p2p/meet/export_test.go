package meet

import (
	"errors"
	"net"
)

// WriteRaw writes bytes that need not be a message.
func WriteRaw(p *Stream, b []byte) error {
	_, err := p.s.Write(b)
	return err
}

// TimedOut reports whether err is a deadline's, of either stream muxer.
func TimedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

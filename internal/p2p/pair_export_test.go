package p2p

const (
	MaxPairGuests   = maxPairGuests
	MaxPairPerGuest = maxPairPerGuest
)

// WriteRaw writes bytes that need not be a message.
func WriteRaw(p *PairStream, b []byte) error {
	_, err := p.s.Write(b)
	return err
}

// TimedOut reports whether err is a deadline's, of either stream muxer.
func TimedOut(err error) bool { return timedOut(err) }

package p2p

const (
	MaxPairStreams = maxPairStreams
	MaxPairPerPeer = maxPairPerPeer
)

// WriteRaw writes bytes that need not be a message.
func WriteRaw(p *PairStream, b []byte) error {
	_, err := p.s.Write(b)
	return err
}

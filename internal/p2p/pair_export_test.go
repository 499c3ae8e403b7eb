package p2p

// WriteRaw writes bytes that need not be a message.
func WriteRaw(p *PairStream, b []byte) error {
	_, err := p.s.Write(b)
	return err
}

package node

// A Desk is the control API of a device: it takes what persons ask for into the
// loop, shows them what is there, and waits with them. Its methods may be called
// from any goroutine while the node runs.
type Desk struct{ *Node }

// Desk returns the control API of this device.
func (n *Node) Desk() *Desk { return &Desk{n} }

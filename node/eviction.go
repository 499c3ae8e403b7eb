package node

import "github.com/warifu/warifu/share/refresh"

// objectionToEviction says why this device does not agree to the removal of a
// silent device.
func (c *core) objectionToEviction(refresh.Proposal) string { return "nobody asked for it" }

func (c *core) evictionFailed(*attempt) {}

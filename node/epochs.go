package node

import (
	"context"
	"fmt"

	"github.com/warifu/warifu/node/api"
)

// Epochs implements [api.Healing].
func (n *Desk) Epochs(ctx context.Context) (out []api.Epoch, err error) {
	err = n.look(ctx, func(c *counter) error {
		if c.circle == nil {
			return c.ready()
		}
		if err := c.circle.chain.Verify(); err != nil {
			return fmt.Errorf("node: the chain does not verify: %w", err)
		}
		for _, e := range c.circle.chain {
			v := c.viewEpoch(e)
			v.Since = c.sinceOf(v.Epoch)
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

package desk

import (
	"context"
	"fmt"

	"github.com/warifu/warifu/node/api"
)

// Epochs implements [api.Healing].
func (n *Desk) Epochs(ctx context.Context) (out []api.Epoch, err error) {
	err = n.look(ctx, func(c *Counter) error {
		if c.Circle == nil {
			return c.Ready()
		}
		if err := c.Circle.Chain.Verify(); err != nil {
			return fmt.Errorf("node: the chain does not verify: %w", err)
		}
		for _, e := range c.Circle.Chain {
			v := c.ViewEpoch(e)
			v.Since = c.SinceOf(v.Epoch)
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

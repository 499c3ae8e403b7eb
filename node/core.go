package node

import (
	"errors"
	"time"

	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/standing"
)

// A core is the device without its goroutines: all its rooms. Every method must be
// called from the one loop that owns it, and none waits for a peer.
type core struct {
	*desk.Counter

	awake    time.Duration // this device has been running
	ticked   time.Time     // of the last tick; zero before the first
	admitted *admission    // what the link was told last
	lastHave time.Time
}

// newCore reads everything durable. It starts nothing.
func newCore(cfg standing.Config) (*core, error) {
	c, err := wired(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.LoadCircle(); err != nil {
		return nil, err
	}
	if err := c.Dead.Load(c.Config.Journal); err != nil {
		return nil, err
	}
	if err := errors.Join(c.LoadAlarms(), c.LoadRequests()); err != nil {
		return nil, err
	}
	if err := c.Begun.Load(c.Config.Journal, c.Now); err != nil {
		return nil, err
	}
	return c, nil
}

// start gives the core its link and goes on with what was interrupted.
func (c *core) start(l standing.Link) error {
	c.Link = l
	if err := c.ResumeFounding(); err != nil {
		return err
	}
	if err := c.StartJudge(); err != nil {
		return err
	}
	if err := c.Dead.Destroy(c.Config.Keeper); err != nil {
		return err
	}
	if err := c.ResumeRedeal(); err != nil {
		// The device comes up and says so, and does nothing that its part in
		// the re-deal could contradict. It may be that a disk is slow.
		c.ResumeLater(err)
	}
	for _, r := range c.ByAge() {
		c.TellReleased(r)
	}
	if err := c.DestroyUnusedKeys(c.Keys()); err != nil {
		c.Log.Warn("keys not cleaned up", "err", err)
	}
	c.settle()
	return nil
}

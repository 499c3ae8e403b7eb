package node

import (
	"errors"
	"time"
)

// A core is the device without its goroutines: all its rooms. Every method must be
// called from the one loop that owns it, and none waits for a peer.
type core struct {
	*counter

	awake    time.Duration // this device has been running
	ticked   time.Time     // of the last tick; zero before the first
	admitted *admission    // what the link was told last
	lastHave time.Time
}

// newCore reads everything durable. It starts nothing.
func newCore(cfg Config) (*core, error) {
	me, err := loadSelf(cfg.Journal)
	if err != nil {
		return nil, err
	}
	if cfg.Rand, err = newHedgedSource(cfg.Rand, cfg.Now, cfg.Boot); err != nil {
		return nil, err
	}
	watch := &disk{now: cfg.Now}
	cfg.Journal, cfg.Keeper = watch.watched(cfg.Journal, cfg.Keeper)
	c := wired(cfg, watch, me)
	if err := c.loadCircle(); err != nil {
		return nil, err
	}
	if err := c.dead.load(c.cfg.Journal); err != nil {
		return nil, err
	}
	if err := errors.Join(c.loadAlarms(), c.loadRequests()); err != nil {
		return nil, err
	}
	if err := c.begun.load(c.cfg.Journal, c.now); err != nil {
		return nil, err
	}
	return c, nil
}

// start gives the core its link and goes on with what was interrupted.
func (c *core) start(l Link) error {
	c.link = l
	if err := c.resumeFounding(); err != nil {
		return err
	}
	if err := c.startJudge(); err != nil {
		return err
	}
	if err := c.dead.destroy(c.cfg.Keeper); err != nil {
		return err
	}
	if err := c.resumeRedeal(); err != nil {
		// The device comes up and says so, and does nothing that its part in
		// the re-deal could contradict. It may be that a disk is slow.
		c.resumeLater(err)
	}
	for _, r := range c.byAge() {
		c.tellReleased(r)
	}
	if err := c.destroyUnusedKeys(c.keys()); err != nil {
		c.log.Warn("keys not cleaned up", "err", err)
	}
	c.settle()
	return nil
}

package meet

import (
	"context"

	"github.com/warifu/warifu/node/api"
)

const noMoreCodes = "codes were tried too often, by somebody on the network or by you; none is shown any more: use the invitation"

// keepCode takes note of the code of the window, which wipes its own.
func (d *door) keepCode() {
	d.shown = nil
	if d.window.HasCode() {
		c := d.window.Code()
		d.shown = &c
	}
}

// renew shows the next code, if there is to be one, in place of one that was
// tried too often. The invitation stays as it is. The caller holds mu.
func (d *door) renew() {
	if err := d.window.Renew(d.greeter.cfg.Rand); err != nil {
		d.greeter.cfg.Log.Error("no new code", "err", err)
		return
	}
	d.keepCode()
	close(d.renewed)
	d.renewed = make(chan struct{})
	e := api.Event{Event: api.EventCode, Text: noMoreCodes}
	if d.shown != nil {
		e.Code, e.Text = d.shown.Text(), "the code was tried too often: here is another; the invitation stays as it is"
	}
	d.greeter.cfg.Log.Warn("a code was tried too often", "guesses_left", d.window.Guesses())
	d.pending = append(d.pending, e)
}

// announce shows a beacon for the code of this door, until ctx ends. That of a
// code that has been used stays, so that who comes too late hears why.
func (d *door) announce(ctx context.Context, host Host) {
	for ctx.Err() == nil {
		d.mu.Lock()
		code, renewed := d.shown, d.renewed
		d.mu.Unlock()
		this, stop := context.WithCancel(ctx)
		go func() {
			select {
			case <-renewed:
			case <-this.Done():
			}
			stop()
		}()
		if code != nil {
			if err := host.Announce(this, *code); err != nil && this.Err() == nil {
				d.greeter.cfg.Log.Warn("the code is not shown on the local network", "err", err)
			}
		}
		<-this.Done()
	}
}

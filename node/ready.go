package node

import "github.com/warifu/warifu/node/api"

// ready says why this device cannot take part in signing now, or nil.
func (me *standing) ready() error {
	if me.circle == nil {
		if me.company.founding() {
			return api.Errorf(api.CodeFounding, "the founding of the circle is not finished").
				WithHint("warifu status says whom it waits for")
		}
		return api.Errorf(api.CodeNoCircle, "this device is in no circle").
			WithHint("found one with \"warifu found\", or join one with \"warifu join\"")
	}
	if me.cfg.Keeper.Locked() {
		return api.Errorf(api.CodeLocked, "this device is locked").WithHint("warifu unlock")
	}
	return me.out()
}

// out says that this device was taken out of the circle, or returns nil.
func (me *standing) out() error {
	if f := me.circle.evicted; f != nil {
		return api.Errorf(api.CodeEvicted, "this device is no longer in the circle: it was taken out as %v in epoch %d", f.State, f.Epoch).
			WithHint("make it a new device in a new home and join again: warifu init, warifu join")
	}
	return nil
}

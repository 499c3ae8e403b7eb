package standing

import "github.com/warifu/warifu/node/api"

// Ready says why this device cannot take part in signing now, or nil.
func (me *Standing) Ready() error {
	if me.Circle == nil {
		if me.company.Founding() {
			return api.Errorf(api.CodeFounding, "the founding of the circle is not finished").
				WithHint("warifu status says whom it waits for")
		}
		return api.Errorf(api.CodeNoCircle, "this device is in no circle").
			WithHint("found one with \"warifu found\", or join one with \"warifu join\"")
	}
	if me.Config.Keeper.Locked() {
		return api.Errorf(api.CodeLocked, "this device is locked").WithHint("warifu unlock")
	}
	return me.Out()
}

// Out says that this device was taken out of the circle, or returns nil.
func (me *Standing) Out() error {
	if f := me.Circle.Evicted; f != nil {
		return api.Errorf(api.CodeEvicted, "this device is no longer in the circle: it was taken out as %v in epoch %d", f.State, f.Epoch).
			WithHint("make it a new device in a new home and join again: warifu init, warifu join")
	}
	return nil
}

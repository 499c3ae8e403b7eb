package standing

import "github.com/warifu/warifu/node/say"

// Ready says why this device cannot take part in signing now, or nil.
func (me *Standing) Ready() error {
	if me.Circle == nil {
		if me.company.Founding() {
			return say.New(say.FoundingNotFinished)
		}
		return say.New(say.NoCircle)
	}
	if me.Config.Keeper.Locked() {
		return say.New(say.Locked)
	}
	return me.Out()
}

// Out says that this device was taken out of the circle, or returns nil.
func (me *Standing) Out() error {
	if f := me.Circle.Evicted; f != nil {
		return say.New(say.Evicted, f.State, f.Epoch)
	}
	return nil
}

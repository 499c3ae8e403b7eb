package ledger

import (
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// circleFacts are what a change depends on, as this device sees its circle.
type circleFacts struct {
	c *Ledger
	r *Request
}

func (f circleFacts) Record() roster.Record       { return f.c.me.Circle.Record }
func (f circleFacts) Heard() uint64               { return f.r.Meta.Epoch }
func (f circleFacts) Self() wire.Slot             { return f.c.me.Circle.Slot }
func (f circleFacts) Asker() wire.Slot            { return f.r.From() }
func (f circleFacts) Subject() wire.Slot          { return f.c.Subject(f.r) }
func (f circleFacts) Present() []wire.Slot        { return f.c.Present(f.r) }
func (f circleFacts) Accused(slot wire.Slot) bool { return f.c.judging.Accused(slot) }
func (f circleFacts) Frozen() bool                { return f.c.judging.Frozen() != "" }
func (f circleFacts) Interrupted() bool           { return f.c.sequel.Interrupted() }

func (f circleFacts) MayRemove(slot wire.Slot, as roster.FormerState) bool {
	return f.c.judging.ObjectionToEviction(refresh.Proposal{Removed: []refresh.Removal{{Slot: slot, State: as}}}) == ""
}

func (f circleFacts) Confirmed(slot wire.Slot) bool {
	return f.c.judging.Vigil.Judge != nil && f.c.judging.Vigil.Judge.Confirmed(slot)
}

func (f circleFacts) TakenBack(by, about wire.Slot) bool {
	return f.c.judging.Vigil.Judge != nil && f.c.judging.Vigil.Judge.TakenBack(recovery.Word{ID: f.r.ID, By: by}, about)
}

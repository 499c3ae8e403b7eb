package node

import (
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// circleFacts are what a change depends on, as this device sees its circle.
type circleFacts struct {
	c *ledger
	r *openRequest
}

func (f circleFacts) Record() roster.Record       { return f.c.me.circle.record }
func (f circleFacts) Heard() uint64               { return f.r.meta.Epoch }
func (f circleFacts) Self() wire.Slot             { return f.c.me.circle.slot }
func (f circleFacts) Asker() wire.Slot            { return f.r.from() }
func (f circleFacts) Subject() wire.Slot          { return f.c.subject(f.r) }
func (f circleFacts) Present() []wire.Slot        { return f.c.present(f.r) }
func (f circleFacts) Accused(slot wire.Slot) bool { return f.c.judging.accused(slot) }
func (f circleFacts) Frozen() bool                { return f.c.judging.frozen() != "" }
func (f circleFacts) Interrupted() bool           { return f.c.sequel.interrupted() }

func (f circleFacts) MayRemove(slot wire.Slot, as roster.FormerState) bool {
	return f.c.judging.objectionToEviction(refresh.Proposal{Removed: []refresh.Removal{{Slot: slot, State: as}}}) == ""
}

func (f circleFacts) Confirmed(slot wire.Slot) bool {
	return f.c.judging.vigil.Judge != nil && f.c.judging.vigil.Judge.Confirmed(slot)
}

func (f circleFacts) TakenBack(by, about wire.Slot) bool {
	return f.c.judging.vigil.Judge != nil && f.c.judging.vigil.Judge.TakenBack(recovery.Word{ID: f.r.id, By: by}, about)
}

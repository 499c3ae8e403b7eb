package recovery

// A budget bounds how often a device is removed without a person's word.
type budget struct {
	Removed   bool   // somebody was removed without a person's word,
	RemovedAt uint64 // the last time then
}

func (b *budget) spend(now uint64) { b.Removed, b.RemovedAt = true, now }

// wait returns the seconds until the next such removal, if there is a pause of
// so many between two.
func (b *budget) wait(now, pause uint64) uint64 {
	if !b.Removed {
		return 0
	}
	return sub(add(b.RemovedAt, pause), now)
}

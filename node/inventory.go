package node

import (
	"slices"

	"github.com/warifu/warifu/wire"
)

// A stock is the items that are kept, by their ids. Whatever another device says
// about items is answered by looking into it: what that costs grows with what was
// said, and not with what is kept.
type stock struct {
	items  map[wire.Hash]item
	of     map[wire.RequestID][]wire.Hash // the request itself comes first
	listed []wire.Hash                    // what inventory lists, nil if that has changed
	made   int                            // how often it was made
}

func (s *stock) has(id wire.Hash) bool { _, ok := s.items[id]; return ok }

// add notes that an item is kept that makes or belongs to a request.
func (s *stock) add(r wire.RequestID, it item) {
	if s.items == nil {
		s.items, s.of = map[wire.Hash]item{}, map[wire.RequestID][]wire.Hash{}
	}
	id := it.id()
	if s.has(id) {
		return
	}
	s.items[id] = it
	s.of[r] = append(s.of[r], id)
	s.listed = nil
}

// remove notes that an item of a request is kept no longer, and returns its id.
func (s *stock) remove(r wire.RequestID, it item) wire.Hash {
	id := it.id()
	delete(s.items, id)
	s.of[r] = slices.DeleteFunc(s.of[r], func(x wire.Hash) bool { return x == id })
	s.listed = nil
	return id
}

// forget notes that nothing of a request is kept any longer, and returns the ids
// of what was.
func (s *stock) forget(r wire.RequestID) []wire.Hash {
	ids := s.of[r]
	for _, id := range ids {
		delete(s.items, id)
	}
	delete(s.of, r)
	s.listed = nil
	return ids
}

// openByAge lists the requests that are open, the newest first. There are few of
// them, however many are kept: see [maxOpenPerDevice].
func (lg *ledger) openByAge() []*openRequest {
	var out []*openRequest
	for id, r := range lg.unclosed {
		if r.open() {
			out = append(out, r)
		} else {
			delete(lg.unclosed, id) // no request is opened again
		}
	}
	return sortByAge(out)
}

// enlist makes a request one of those that this device knows.
func (lg *ledger) enlist(r *openRequest) {
	lg.requests[r.id] = r
	lg.unclosed[r.id] = r
	lg.stock.add(r.id, r.item)
}

// inventory lists the ids of what is kept, the newest request first, as far as a
// message has room. It is made anew when what is kept has changed.
func (lg *ledger) inventory() []wire.Hash {
	s := &lg.stock
	if s.listed != nil {
		return s.listed
	}
	s.made++
	out := make([]wire.Hash, 0, min(len(s.items), maxInventory))
	for _, r := range lg.byAge() {
		ids := s.of[r.id]
		out = append(out, ids[:min(len(ids), maxInventory-len(out))]...)
	}
	s.listed = out
	return out
}

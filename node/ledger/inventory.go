package ledger

import (
	"slices"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/wire"
)

// A stock is the items that are kept, by their ids. Whatever another device says
// about items is answered by looking into it: what that costs grows with what was
// said, and not with what is kept.
type stock struct {
	Items  map[wire.Hash]message.Item
	of     map[wire.RequestID][]wire.Hash // the request itself comes first
	listed []wire.Hash                    // what inventory lists, nil if that has changed
	Made   int                            // how often it was made
}

// Has reports whether an item is kept.
func (s *stock) Has(id wire.Hash) bool { _, ok := s.Items[id]; return ok }

// add notes that an item is kept that makes or belongs to a request.
func (s *stock) add(r wire.RequestID, it message.Item) {
	if s.Items == nil {
		s.Items, s.of = map[wire.Hash]message.Item{}, map[wire.RequestID][]wire.Hash{}
	}
	id := it.ID()
	if s.Has(id) {
		return
	}
	s.Items[id] = it
	s.of[r] = append(s.of[r], id)
	s.listed = nil
}

// remove notes that an item of a request is kept no longer, and returns its id.
func (s *stock) remove(r wire.RequestID, it message.Item) wire.Hash {
	id := it.ID()
	delete(s.Items, id)
	s.of[r] = slices.DeleteFunc(s.of[r], func(x wire.Hash) bool { return x == id })
	s.listed = nil
	return id
}

// forget notes that nothing of a request is kept any longer, and returns the ids
// of what was.
func (s *stock) forget(r wire.RequestID) []wire.Hash {
	ids := s.of[r]
	for _, id := range ids {
		delete(s.Items, id)
	}
	delete(s.of, r)
	s.listed = nil
	return ids
}

// OpenByAge lists the requests that are open, the newest first. There are few of
// them, however many are kept: see [MaxOpenPerDevice].
func (lg *Ledger) OpenByAge() []*Request {
	var out []*Request
	for id, r := range lg.Unclosed {
		if r.Open() {
			out = append(out, r)
		} else {
			delete(lg.Unclosed, id) // no request is opened again
		}
	}
	return sortByAge(out)
}

// enlist makes a request one of those that this device knows.
func (lg *Ledger) enlist(r *Request) {
	lg.Requests[r.ID] = r
	lg.Unclosed[r.ID] = r
	lg.Stock.add(r.ID, r.Item)
}

// Inventory lists the ids of what is kept, the newest request first, as far as a
// message has room. It is made anew when what is kept has changed.
func (lg *Ledger) Inventory() []wire.Hash {
	s := &lg.Stock
	if s.listed != nil {
		return s.listed
	}
	s.Made++
	out := make([]wire.Hash, 0, min(len(s.Items), message.MaxInventory))
	for _, r := range lg.ByAge() {
		ids := s.of[r.ID]
		out = append(out, ids[:min(len(ids), message.MaxInventory-len(out))]...)
	}
	s.listed = out
	return out
}

package node

import (
	"github.com/warifu/warifu/wire"
)

// A sealedItem is an item that is kept, as where its bytes lie: nobody changes
// them, and a key of a map keeps them from being used for something else.
type sealedItem struct {
	typ       uint8
	from      wire.Slot
	body, sig *byte
	size, end int
}

// A named item is one that is kept, with its id.
type named struct {
	id   wire.Hash
	item item
}

// everyItem lists what is kept of every request, the newest first. Any member
// has this done with a message of a few bytes, as often as it likes, so that the
// ids, for which all bytes must be hashed, are remembered from one time to the next.
func (c *core) everyItem() []named {
	out := make([]named, 0, len(c.ids))
	ids := make(map[sealedItem]wire.Hash, len(c.ids))
	for _, r := range c.byAge() {
		for _, it := range c.itemsOf(r) {
			if len(it.Body) == 0 || len(it.Sig) == 0 {
				continue // nothing that a device signed
			}
			key := sealedItem{it.Type, it.From, &it.Body[0], &it.Sig[0], len(it.Body), len(it.Sig)}
			id, ok := c.ids[key]
			if !ok {
				id = it.id()
			}
			ids[key] = id
			out = append(out, named{id, it})
		}
	}
	c.ids = ids // without what was let go since
	return out
}

// inventory lists the ids of what is kept, as far as a message has room.
func (c *core) inventory() []wire.Hash {
	all := c.everyItem()
	out := make([]wire.Hash, 0, min(len(all), maxInventory))
	for _, n := range all[:min(len(all), maxInventory)] {
		out = append(out, n.id)
	}
	return out
}

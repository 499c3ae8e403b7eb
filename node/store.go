package node

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/journal"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

func putItem(tx journal.Tx, it item) error {
	return tx.Put(bucketItems, it.id().Hex(), wire.Marshal(it))
}

func putMeta(tx journal.Tx, r *openRequest) error {
	return tx.Put(bucketMeta, r.id.Hex(), wire.Marshal(r.meta))
}

// deleteRequest removes a request and everything that refers to it.
func deleteRequest(tx journal.Tx, r *openRequest) error {
	err := errors.Join(tx.Delete(bucketMeta, r.id.Hex()), tx.Delete(bucketItems, r.item.id().Hex()))
	for _, m := range []map[wire.Slot]item{r.approved, r.denied, r.receipts} {
		for _, it := range m {
			err = errors.Join(err, tx.Delete(bucketItems, it.id().Hex()))
		}
	}
	return err
}

func parseRequestID(key string) (id wire.RequestID, err error) {
	b, err := hex.DecodeString(key)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("node: bad request id: %w", wire.ErrMalformed)
	}
	return wire.RequestID(b), nil
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// storeError turns a failed write into what a person can act on.
func storeError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return api.Errorf(api.CodeDiskFull, "nothing was stored or sent: %v", err).
			WithHint("free some space on the disk of this device and try again")
	}
	return fmt.Errorf("node: write journal: %w", err)
}

// storedAddrs is where members were last known to be.
type storedAddrs struct {
	_     struct{} `cbor:",toarray"`
	Slots []wire.Slot
	Addrs [][]string
}

// loadCircle reads the head of the roster, verifying its certificate.
func (c *core) loadCircle() error {
	var raw, discovery, addrs, shareKey []byte
	err := c.cfg.Journal.View(func(tx journal.Tx) error {
		var errs [4]error
		raw, errs[0] = tx.Get(bucketCircle, entryKey)
		discovery, errs[1] = tx.Get(bucketCircle, discoveryKey)
		addrs, errs[2] = tx.Get(bucketCircle, addrsKey)
		shareKey, errs[3] = tx.Get(bucketCircle, shareKeyKey)
		return errors.Join(errs[:]...)
	})
	if err != nil {
		return fmt.Errorf("node: read circle: %w", err)
	}
	if raw == nil {
		return nil
	}
	e, err := roster.ParseEntry(raw)
	if err != nil {
		return fmt.Errorf("node: stored epoch: %w", err)
	}
	if err := e.Verify(); err != nil {
		return fmt.Errorf("node: stored epoch: %w", err)
	}
	var a storedAddrs
	if err := wire.Unmarshal(addrs, &a); err != nil || len(a.Slots) != len(a.Addrs) || len(discovery) != 32 {
		return errors.New("node: the stored circle is damaged")
	}
	return c.enter(e, [32]byte(discovery), a, string(shareKey))
}

// enter makes e the head in memory.
func (c *core) enter(e roster.Entry, discovery [32]byte, a storedAddrs, shareKey string) error {
	me, ok := e.Record.ByIdentity(c.self.public)
	if !ok {
		return errors.New("node: the stored circle does not list this device")
	}
	known := map[wire.Slot][]string{}
	for i, s := range a.Slots {
		known[s] = a.Addrs[i]
	}
	c.circle = &circle{
		entry: e, record: e.Record, hash: e.Record.Hash(), slot: me.Slot,
		shareKey: shareKey, discovery: discovery, addrs: known,
	}
	return nil
}

func packAddrs(m map[wire.Slot][]string) []byte {
	a := storedAddrs{Slots: []wire.Slot{}, Addrs: [][]string{}}
	for _, s := range slices.Sorted(maps.Keys(m)) {
		a.Slots = append(a.Slots, s)
		a.Addrs = append(a.Addrs, m[s])
	}
	return wire.Marshal(a)
}

// rememberAddrs keeps where a member says it can be dialled.
func (c *core) rememberAddrs(from wire.Slot, addrs []string) error {
	if len(addrs) == 0 || slices.Equal(c.circle.addrs[from], addrs) {
		return nil
	}
	c.circle.addrs[from] = addrs
	c.admit()
	packed := packAddrs(c.circle.addrs)
	return c.cfg.Journal.Update(func(tx journal.Tx) error {
		return tx.Put(bucketCircle, addrsKey, packed)
	})
}

func sortedSlots[V any](m map[wire.Slot]V) []wire.Slot { return slices.Sorted(maps.Keys(m)) }

// list joins names as a sentence does.
func list(names []string) string {
	switch len(names) {
	case 0:
		return "nobody"
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

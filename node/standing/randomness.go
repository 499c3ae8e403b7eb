package standing

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/warifu/warifu/wire"
)

const tagRandomness wire.Tag = "node/randomness"

// A HedgedSource is the source of randomness of this device mixed with what does
// not repeat when the source does. A virtual machine that is resumed twice from one
// snapshot, or a home that is started twice from one image, may draw the same bytes
// in both lives: whoever has it run the same session in each, and says something
// else the second time, has two equations about its share. The clock of the wall is
// another in the second life, the boot id is another after a start, and the number
// of the draw tells two of one moment apart.
//
// What is mixed in is known or guessed easily. All secrecy is that of the source.
// It is safe for concurrent use if the source is.
type HedgedSource struct {
	source io.Reader
	now    func() time.Time
	Boot   [16]byte

	mu    sync.Mutex
	Drawn uint64
}

// newHedgedSource draws a boot id if there is none.
func newHedgedSource(source io.Reader, now func() time.Time, boot [16]byte) (*HedgedSource, error) {
	if boot == [16]byte{} {
		if _, err := io.ReadFull(source, boot[:]); err != nil {
			return nil, fmt.Errorf("node: draw boot id: %w", err)
		}
	}
	return &HedgedSource{source: source, now: now, Boot: boot}, nil
}

// Read fills b. It draws 32 bytes of the source for it, whatever the length of b.
func (h *HedgedSource) Read(b []byte) (int, error) {
	var fresh [32]byte
	defer clear(fresh[:])
	if _, err := io.ReadFull(h.source, fresh[:]); err != nil {
		return 0, fmt.Errorf("node: read randomness: %w", err)
	}
	h.mu.Lock()
	h.Drawn++
	n := h.Drawn
	h.mu.Unlock()
	x := wire.XOF(tagRandomness, fresh[:], h.Boot[:], wire.U64(uint64(h.now().UnixNano())), wire.U64(n))
	defer wire.Wipe(x)
	return x.Read(b)
}

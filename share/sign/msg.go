package sign

import (
	"github.com/warifu/warifu/share/internal/ot"
	"github.com/warifu/warifu/share/internal/rvole"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

// Kinds of frames, one per round; every frame goes to one other signer.
const (
	kindOpen     wire.Kind = 1
	kindChoose   wire.Kind = 2
	kindExtend   wire.Kind = 3
	kindMultiply wire.Kind = 4
	kindFinish   wire.Kind = 5

	// Rounds is the number of rounds, and of the last kind of frame.
	Rounds = 5
)

const hashSize = len(wire.Hash{})

// bodySize is the exact length in bytes of the body of each kind.
var bodySize = [Rounds + 1]int{
	kindOpen:     openPublic + ot.PointMessage + hashSize,
	kindChoose:   hashSize + ot.BaseMessage,
	kindExtend:   extendPublic + hashSize + ot.ExtendMessage,
	kindMultiply: multiplyPublic + hashSize + rvole.MessageSize + 2*secp.PointSize + secp.ScalarSize,
	kindFinish:   2*secp.ScalarSize + hashSize,
}

// publicSize is the length of the leading part of each body that is the same
// for all receivers and that the view hashes of later rounds cover.
var publicSize = [Rounds + 1]int{
	kindOpen:     openPublic,
	kindExtend:   extendPublic,
	kindMultiply: multiplyPublic,
}

// saidSize is the length of the leading part of each body that is the same for
// all receivers: what is public, and the view.
var saidSize = [Rounds + 1]int{
	kindOpen:     openPublic,
	kindChoose:   hashSize,
	kindExtend:   extendPublic + hashSize,
	kindMultiply: multiplyPublic + hashSize,
	kindFinish:   2*secp.ScalarSize + hashSize,
}

const (
	openPublic     = 2 * hashSize
	extendPublic   = hashSize
	multiplyPublic = secp.PointSize + hashSize + secp.PointSize
)

// The bodies, field by field in the order in which they travel. Fields are
// slices of the body: lengths were checked at the door.

type openBody struct {
	nonce, proposal []byte // public
	point           []byte // A of this pair and direction
	zero            []byte // z, half of a pairwise zero share
}

type chooseBody struct {
	view []byte
	base []byte
}

type extendBody struct {
	commitment []byte // public
	view       []byte
	extension  []byte
}

type multiplyBody struct {
	nonce, salt, key []byte // public: R_i, its salt, pk_i
	view             []byte
	rvole            []byte
	gammaU, gammaV   []byte
	psi              []byte
}

type finishBody struct {
	u, w []byte
	view []byte
}

// A cutter takes fixed pieces off the front of a body.
type cutter []byte

func (c *cutter) take(n int) []byte {
	piece := (*c)[:n:n]
	*c = (*c)[n:]
	return piece
}

func parseOpen(b []byte) openBody {
	c := cutter(b)
	return openBody{
		nonce:    c.take(hashSize),
		proposal: c.take(hashSize),
		point:    c.take(ot.PointMessage),
		zero:     c.take(hashSize),
	}
}

func (m openBody) bytes() []byte { return join(kindOpen, m.nonce, m.proposal, m.point, m.zero) }

func parseChoose(b []byte) chooseBody {
	c := cutter(b)
	return chooseBody{view: c.take(hashSize), base: c.take(ot.BaseMessage)}
}

func (m chooseBody) bytes() []byte { return join(kindChoose, m.view, m.base) }

func parseExtend(b []byte) extendBody {
	c := cutter(b)
	return extendBody{
		commitment: c.take(hashSize),
		view:       c.take(hashSize),
		extension:  c.take(ot.ExtendMessage),
	}
}

func (m extendBody) bytes() []byte { return join(kindExtend, m.commitment, m.view, m.extension) }

func parseMultiply(b []byte) multiplyBody {
	c := cutter(b)
	return multiplyBody{
		nonce:  c.take(secp.PointSize),
		salt:   c.take(hashSize),
		key:    c.take(secp.PointSize),
		view:   c.take(hashSize),
		rvole:  c.take(rvole.MessageSize),
		gammaU: c.take(secp.PointSize),
		gammaV: c.take(secp.PointSize),
		psi:    c.take(secp.ScalarSize),
	}
}

func (m multiplyBody) bytes() []byte {
	return join(kindMultiply, m.nonce, m.salt, m.key, m.view, m.rvole, m.gammaU, m.gammaV, m.psi)
}

func parseFinish(b []byte) finishBody {
	c := cutter(b)
	return finishBody{u: c.take(secp.ScalarSize), w: c.take(secp.ScalarSize), view: c.take(hashSize)}
}

func (m finishBody) bytes() []byte { return join(kindFinish, m.u, m.w, m.view) }

func join(k wire.Kind, parts ...[]byte) []byte {
	b := make([]byte, 0, bodySize[k])
	for _, p := range parts {
		b = append(b, p...)
	}
	if len(b) != bodySize[k] {
		panic("sign: internal error: body of a wrong length")
	}
	return b
}

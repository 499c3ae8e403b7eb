package ot

import (
	"errors"
	"fmt"
	"io"

	"filippo.io/edwards25519"

	"github.com/warifu/warifu/share/internal/ot/ristretto"
	"github.com/warifu/warifu/wire"
)

// Encoding twice a point is much cheaper than encoding a point, if there are
// many (see ristretto.EncodeDoubles). So both sides keep half their exponents: a
// is twice Bob's secret and b_i is twice Alice's. Doubling permutes a group of
// odd order, which makes this a choice of representation and nothing else.

// A baseSender is Bob in the base transfers: he learns both keys of each.
type baseSender struct {
	half   hidden[edwards25519.Scalar] // a/2
	public [PointMessage]byte          // A = a·G
}

// baseKeys are the keys k_{i,0} and k_{i,1}.
type baseKeys [Lambda][2][keySize]byte

// A baseReceiver is Alice after the base transfers.
type baseReceiver struct {
	delta hidden[[Lambda / 8]byte]
	keys  hidden[[Lambda][keySize]byte] // k_{i,Δ_i}
}

func (b baseReceiver) wipe() {
	b.delta.wipe()
	b.keys.wipe()
}

func newBaseSender(r io.Reader) (*baseSender, error) {
	half, err := randomScalar(r)
	if err != nil {
		return nil, err
	}
	var p [1]edwards25519.Point
	p[0].ScalarBaseMult(half)
	encoded, err := ristretto.EncodeDoubles(p[:])
	if err != nil {
		return nil, fmt.Errorf("ot: base point: %w", err)
	}
	return &baseSender{half: hide(half), public: encoded[0]}, nil
}

// oracle is HC(psid, i, c, P) of the programmable once-public function, up to
// the map into the group: 64 uniform bytes.
func oracle(out *[64]byte, popf *wire.Prefix, i, c int, point []byte) {
	popf.Read(out[:], wire.U32(uint32(2*i+c)), point)
}

// receive runs Alice's half against the other side's A, and returns her message.
func receive(psid, public []byte, r io.Reader) (baseReceiver, []byte, error) {
	out := baseReceiver{hide(new([Lambda / 8]byte)), hide(new([Lambda][keySize]byte))}
	fail := func(err error) (baseReceiver, []byte, error) {
		out.wipe()
		return baseReceiver{}, nil, err
	}
	var a edwards25519.Point
	if err := parseElement(&a, public); err != nil {
		return fail(fmt.Errorf("ot: base point: %w", err))
	}
	delta := out.delta.get()
	if _, err := io.ReadFull(r, delta[:]); err != nil {
		return fail(fmt.Errorf("ot: read randomness: %w", err))
	}
	var (
		halves = make([]edwards25519.Scalar, Lambda) // b_i/2
		others = make([]edwards25519.Point, Lambda)
		u      [64]byte
	)
	defer func() { clear(halves); clear(others); clear(u[:]) }()
	for i := range Lambda {
		half, err := randomScalar(r)
		if err != nil {
			return fail(err)
		}
		halves[i].Set(half)
		half.Set(edwards25519.NewScalar())
		// The point of the slot that Alice cannot open is a random group
		// element. Random bytes would not do: most decode to no element, which
		// would show which slot they are in.
		if _, err := io.ReadFull(r, u[:]); err != nil {
			return fail(fmt.Errorf("ot: read randomness: %w", err))
		}
		ristretto.Uniform(&others[i], &u)
	}
	// Which of two points that Alice sends is in this list is Δ.
	encoded, err := ristretto.EncodeDoubles(others)
	if err != nil {
		return fail(fmt.Errorf("ot: random point: %w", err))
	}
	msg := program(psid, delta[:], halves, encoded)
	clear(encoded)

	table, bot := ristretto.NewTable(&a), wire.NewPrefix(tagBase, psid)
	for i := range halves {
		table.Mul(&others[i], &halves[i])
	}
	products, err := ristretto.EncodeDoubles(others) // b_i·A
	if err != nil {
		return fail(fmt.Errorf("ot: base transfer: %w", err))
	}
	defer clear(products)
	for i := range products {
		bot.Read(out.keys.get()[i][:], wire.U32(uint32(i)), public, products[i][:])
	}
	return out, msg, nil
}

// program fills, for every i, the slot of delta's bit with b_i·G - HC(other
// point) and the other slot with that other point.
func program(psid, delta []byte, halves []edwards25519.Scalar, others [][ristretto.Size]byte) []byte {
	popf := wire.NewPrefix(tagPOPF, psid)
	msg := make([]byte, BaseMessage)
	var (
		h0, h1    [64]byte
		chosen, h edwards25519.Point
	)
	defer func() { clear(h0[:]); clear(h1[:]) }()
	for i := range halves {
		c, other := bitOf(delta, i), others[i][:]
		oracle(&h0, popf, i, 0, other)
		oracle(&h1, popf, i, 1, other)
		choose(h0[:], h0[:], h1[:], c)
		ristretto.Uniform(&h, &h0)
		chosen.ScalarBaseMult(&halves[i])
		chosen.Double(&chosen)
		chosen.Subtract(&chosen, &h)
		mine := ristretto.Encode(&chosen)

		slots := msg[i*2*ristretto.Size:]
		choose(slots[:ristretto.Size], mine[:], other, c)
		choose(slots[ristretto.Size:2*ristretto.Size], other, mine[:], c)
	}
	return msg
}

// finish runs Bob's second half: both keys of every transfer. Index i and A are
// part of what is hashed, or a receiver that repeats points would get repeated
// keys.
func (s *baseSender) finish(psid, msg []byte) (hidden[baseKeys], error) {
	fail := func(err error) (hidden[baseKeys], error) { return hidden[baseKeys]{}, err }
	if len(msg) != BaseMessage {
		return fail(fmt.Errorf("ot: base message of %d bytes: %w", len(msg), ErrEncoding))
	}
	popf := wire.NewPrefix(tagPOPF, psid)
	products := make([]edwards25519.Point, 2*Lambda) // a/2·B_{i,c}
	defer clear(products)
	var (
		u [64]byte
		p [2]edwards25519.Point
		h edwards25519.Point
	)
	for i := range Lambda {
		slots := [2][]byte{msg[i*64:][:32], msg[i*64+32:][:32]}
		for c := range 2 {
			if err := parseElement(&p[c], slots[c]); err != nil {
				return fail(fmt.Errorf("ot: base message, point %d: %w", 2*i+c, err))
			}
		}
		// Both slots are always opened: a sender that opened one of them only
		// under some condition would tell by its aborts which.
		for c := range 2 {
			oracle(&u, popf, i, c, slots[1-c])
			ristretto.Uniform(&h, &u)
			b := &products[2*i+c]
			if b.Add(&p[c], &h); ristretto.IsIdentity(b) {
				return fail(fmt.Errorf("ot: base message, key %d is the identity: %w", 2*i+c, ErrCheck))
			}
			b.ScalarMult(s.half.get(), b)
		}
	}
	encoded, err := ristretto.EncodeDoubles(products) // a·B_{i,c}
	if err != nil {
		return fail(fmt.Errorf("ot: base transfer: %w", err))
	}
	keys, bot := hide(new(baseKeys)), wire.NewPrefix(tagBase, psid)
	defer clear(encoded)
	for k := range encoded {
		bot.Read(keys.get()[k/2][k%2][:], wire.U32(uint32(k/2)), s.public[:], encoded[k][:])
	}
	return keys, nil
}

// parseElement decodes the canonical form of an element other than the identity.
func parseElement(e *edwards25519.Point, b []byte) error {
	if !ristretto.Decode(e, b) || ristretto.IsIdentity(e) {
		return ErrEncoding
	}
	return nil
}

// randomScalar returns a uniform non-zero scalar made of 64 bytes of r.
func randomScalar(r io.Reader) (*edwards25519.Scalar, error) {
	var b [64]byte
	defer clear(b[:])
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, fmt.Errorf("ot: read randomness: %w", err)
	}
	s, err := edwards25519.NewScalar().SetUniformBytes(b[:])
	if err != nil {
		return nil, fmt.Errorf("ot: scalar: %w", err)
	}
	if s.Equal(edwards25519.NewScalar()) == 1 {
		return nil, errZero
	}
	return s, nil
}

// errZero is one in 2²⁵² for a working source of randomness: this one is
// broken, and asking it again might never end.
var errZero = errors.New("ot: randomness reduced to zero")

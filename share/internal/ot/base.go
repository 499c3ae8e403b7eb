package ot

import (
	"fmt"
	"io"

	"github.com/gtank/ristretto255"

	"github.com/warifu/warifu/wire"
)

// A baseSender is Bob in the base transfers: he learns both keys of each.
type baseSender struct {
	secret hidden[ristretto255.Scalar] // a
	public [PointMessage]byte          // A
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
	a, err := randomScalar(r)
	if err != nil {
		return nil, err
	}
	s := &baseSender{secret: hide(a)}
	copy(s.public[:], new(ristretto255.Element).ScalarBaseMult(a).Bytes())
	return s, nil
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
	var a ristretto255.Element
	if err := parseElement(&a, public); err != nil {
		return fail(fmt.Errorf("ot: base point: %w", err))
	}
	delta, keys := out.delta.get(), out.keys.get()
	if _, err := io.ReadFull(r, delta[:]); err != nil {
		return fail(fmt.Errorf("ot: read randomness: %w", err))
	}
	popf, bot := wire.NewPrefix(tagPOPF, psid), wire.NewPrefix(tagBase, psid)
	msg := make([]byte, BaseMessage)
	var (
		uniform, h0, h1 [64]byte
		chosen, other   ristretto255.Element
	)
	defer func() { clear(uniform[:]); clear(h0[:]); clear(h1[:]) }()
	for i := range Lambda {
		c := bitOf(delta[:], i)
		b, err := randomScalar(r)
		if err != nil {
			return fail(err)
		}
		// The point of the slot that Alice cannot open is a random group
		// element. Random bytes would not do: about half of them decode to
		// no point, which would show which slot they are in.
		if _, err := io.ReadFull(r, uniform[:]); err != nil {
			return fail(fmt.Errorf("ot: read randomness: %w", err))
		}
		other.FromUniformBytes(uniform[:])
		otherBytes := other.Bytes()
		oracle(&h0, popf, i, 0, otherBytes)
		oracle(&h1, popf, i, 1, otherBytes)
		choose(uniform[:], h0[:], h1[:], c)
		other.FromUniformBytes(uniform[:])
		chosen.ScalarBaseMult(b)
		chosen.Subtract(&chosen, &other)
		chosenBytes := chosen.Bytes()

		slots := msg[i*64:]
		choose(slots[:32], chosenBytes, otherBytes, c)
		choose(slots[32:64], otherBytes, chosenBytes, c)

		chosen.ScalarMult(b, &a)
		bot.Read(keys[i][:], wire.U32(uint32(i)), public, chosen.Bytes())
		b.Zero()
	}
	return out, msg, nil
}

// finish runs Bob's second half: both keys of every transfer. Index i and A are
// part of what is hashed, or a receiver that repeats points would get repeated
// keys.
func (s *baseSender) finish(psid, msg []byte) (hidden[baseKeys], error) {
	fail := func(err error) (hidden[baseKeys], error) { return hidden[baseKeys]{}, err }
	if len(msg) != BaseMessage {
		return fail(fmt.Errorf("ot: base message of %d bytes: %w", len(msg), ErrEncoding))
	}
	popf, bot := wire.NewPrefix(tagPOPF, psid), wire.NewPrefix(tagBase, psid)
	keys := hide(new(baseKeys))
	var (
		uniform [64]byte
		p       [2]ristretto255.Element
		b, h    ristretto255.Element
	)
	for i := range Lambda {
		slots := [2][]byte{msg[i*64:][:32], msg[i*64+32:][:32]}
		for c := range 2 {
			if err := parseElement(&p[c], slots[c]); err != nil {
				keys.wipe()
				return fail(fmt.Errorf("ot: base message, point %d: %w", 2*i+c, err))
			}
		}
		// Both slots are always opened: a sender that opened one of them only
		// under some condition would tell by its aborts which.
		for c := range 2 {
			oracle(&uniform, popf, i, c, slots[1-c])
			b.Add(&p[c], h.FromUniformBytes(uniform[:]))
			if isIdentity(&b) {
				keys.wipe()
				return fail(fmt.Errorf("ot: base message, key %d is the identity: %w", 2*i+c, ErrCheck))
			}
			b.ScalarMult(s.secret.get(), &b)
			bot.Read(keys.get()[i][c][:], wire.U32(uint32(i)), s.public[:], b.Bytes())
		}
	}
	return keys, nil
}

var identity = ristretto255.NewIdentityElement()

func isIdentity(e *ristretto255.Element) bool { return e.Equal(identity) == 1 }

// parseElement decodes the canonical form of an element other than the identity.
func parseElement(e *ristretto255.Element, b []byte) error {
	if _, err := e.SetCanonicalBytes(b); err != nil || isIdentity(e) {
		return ErrEncoding
	}
	return nil
}

// randomScalar returns a uniform non-zero scalar made of 64 bytes of r.
func randomScalar(r io.Reader) (*ristretto255.Scalar, error) {
	var b [64]byte
	defer clear(b[:])
	zero := ristretto255.NewScalar()
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, fmt.Errorf("ot: read randomness: %w", err)
		}
		if s := ristretto255.NewScalar().FromUniformBytes(b[:]); s.Equal(zero) == 0 {
			return s, nil
		}
	}
}

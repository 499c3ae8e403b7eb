package ot

import (
	"crypto/subtle"
	"fmt"
	"io"

	"github.com/warifu/warifu/wire"
)

// A Receiver is Bob: he chooses β and learns, of each row, the pad that his bit
// selects.
type Receiver struct {
	base *baseSender
	beta hidden[[Xi / 8]byte]
	cols hidden[columns] // t_j
	row  *wire.Prefix
}

// A Sender is Alice: she chooses Δ and learns both pads of each row.
type Sender struct {
	psid []byte
	base baseReceiver
	cols hidden[columns] // q_j
	row  *wire.Prefix
}

// NewReceiver starts Bob's side with 64 bytes of r, before the session has an
// identifier. A Receiver serves one other party in one session.
func NewReceiver(r io.Reader) (*Receiver, error) {
	base, err := newBaseSender(r)
	if err != nil {
		return nil, err
	}
	return &Receiver{base: base}, nil
}

// Point returns Bob's first message, [PointMessage] bytes.
func (b *Receiver) Point() []byte { return b.base.public[:] }

// NewSender runs Alice's side of the base transfers against Bob's point, with a
// fresh Δ, and returns her message of [BaseMessage] bytes. psid names the ordered
// pair within the session.
func NewSender(psid, point []byte, r io.Reader) (*Sender, []byte, error) {
	base, msg, err := receive(psid, point, r)
	if err != nil {
		return nil, nil, err
	}
	return &Sender{psid: psid, base: base, row: wire.NewPrefix(tagRow, psid)}, msg, nil
}

// Extend answers Alice's base message with [ExtendMessage] bytes, after which
// Bob has his β and pads. The secret of his point is wiped.
func (b *Receiver) Extend(psid, baseMsg []byte, r io.Reader) ([]byte, error) {
	keys, err := b.base.finish(psid, baseMsg)
	b.base.half.wipe()
	if err != nil {
		return nil, err
	}
	defer keys.wipe()

	// x' is β and σ random bits that blind the check.
	choice := hide(new([rowBytes]byte))
	defer choice.wipe()
	x := choice.get()
	if _, err := io.ReadFull(r, x[:]); err != nil {
		return nil, fmt.Errorf("ot: read randomness: %w", err)
	}
	b.beta = hide(new([Xi / 8]byte))
	copy(b.beta.get()[:], x[:])

	m0 := hide(new(matrix))
	defer m0.wipe()
	t0 := m0.get()
	var t1 [rowBytes]byte
	defer clear(t1[:])
	prg := wire.NewPrefix(tagPRG, psid)
	msg := make([]byte, ExtendMessage)
	for i := range Lambda {
		prg.Read(t0[i][:], wire.U32(uint32(i)), keys.get()[i][0][:])
		prg.Read(t1[:], wire.U32(uint32(i)), keys.get()[i][1][:])
		u := msg[i*rowBytes:][:rowBytes]
		subtle.XORBytes(u, t0[i][:], t1[:])
		subtle.XORBytes(u, u, x[:])
	}
	chi := challenge(psid, msg[:Lambda*rowBytes])
	rest := msg[Lambda*rowBytes:]
	fold(x[:], &chi).put(rest)
	for i := range Lambda {
		fold(t0[i][:], &chi).put(rest[16+16*i:])
	}
	b.cols = hide(new(columns))
	transpose(b.cols.get(), t0)
	b.row = wire.NewPrefix(tagRow, psid)
	return msg, nil
}

// Extend checks Bob's message and gives Alice her pads. After an error nothing
// may be sent to anybody in this session: whether the check failed depends on Δ.
func (a *Sender) Extend(msg []byte) error {
	defer a.base.keys.wipe()
	if len(msg) != ExtendMessage {
		return fmt.Errorf("ot: extension message of %d bytes: %w", len(msg), ErrEncoding)
	}
	delta, keys := a.base.delta.get(), a.base.keys.get()
	hq := hide(new(matrix))
	defer hq.wipe()
	q := hq.get()
	prg := wire.NewPrefix(tagPRG, a.psid)
	chi := challenge(a.psid, msg[:Lambda*rowBytes])
	rest := msg[Lambda*rowBytes:]
	xHat := elementOf(rest)
	// All rows are looked at before anything is decided, so that time does not
	// tell which row failed.
	var bad element
	for i := range Lambda {
		bit := bitOf(delta[:], i)
		prg.Read(q[i][:], wire.U32(uint32(i)), keys[i][:])
		mask := maskOf(bit)
		for k, u := range msg[i*rowBytes:][:rowBytes] {
			q[i][k] ^= u & mask
		}
		want := elementOf(rest[16+16*i:]).add(xHat.and(-uint64(bit)))
		diff := fold(q[i][:], &chi).add(want)
		bad.lo |= diff.lo
		bad.hi |= diff.hi
	}
	if bad.lo|bad.hi != 0 {
		return fmt.Errorf("ot: correlation of the extension: %w", ErrCheck)
	}
	a.cols = hide(new(columns))
	transpose(a.cols.get(), q)
	return nil
}

// challenge is χ_1..χ_m, bound to all of U.
func challenge(psid, u []byte) (chi [blocks]element) {
	var b [blocks * 16]byte
	wire.XOF(tagChi, psid, u).Read(b[:])
	for k := range chi {
		chi[k] = elementOf(b[k*16:])
	}
	return chi
}

// Beta returns β, bit j of which chose the pad of row j. It is the Receiver's
// own buffer.
func (b *Receiver) Beta() []byte { return b.beta.get()[:] }

// Pads fills out with the ξ chosen pads, row after row.
func (b *Receiver) Pads(out []byte) {
	cols := b.cols.get()
	for j := range Xi {
		b.row.Read(out[j*PadSize:][:PadSize], wire.U32(uint32(j)), cols[j][:])
	}
}

// Pads fills out0 and out1 with the ξ pads for bit 0 and bit 1, row after row.
func (a *Sender) Pads(out0, out1 []byte) {
	cols, delta := a.cols.get(), a.base.delta.get()
	var other [Lambda / 8]byte
	defer clear(other[:])
	for j := range Xi {
		subtle.XORBytes(other[:], cols[j][:], delta[:])
		a.row.Read(out0[j*PadSize:][:PadSize], wire.U32(uint32(j)), cols[j][:])
		a.row.Read(out1[j*PadSize:][:PadSize], wire.U32(uint32(j)), other[:])
	}
}

// Wipe clears everything secret.
func (b *Receiver) Wipe() {
	b.base.half.wipe()
	b.beta.wipe()
	b.cols.wipe()
}

// Wipe clears everything secret.
func (a *Sender) Wipe() {
	a.base.wipe()
	a.cols.wipe()
}
